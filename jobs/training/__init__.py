"""How weights change: the embedded base's pretraining, LoRA SFT, merging."""
