"""A base and an adapter as one model: a fresh float32 sum for every version of the adapter."""

from pathlib import Path


class Sums:
    """Holds a base and the shape of an adapter; writes their sum, and never changes the base."""

    def __init__(self, base: Path | str, adapter: Path) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
        self.model = PeftModel.from_pretrained(model, str(adapter))
        self.config = model.config

    def write(self, adapter: Path, target: Path) -> Path:
        """Write base + `adapter`, which has the shape of the first, to `target` as a model."""
        import torch
        from peft import set_peft_model_state_dict
        from peft.tuners.lora import LoraLayer
        from safetensors.torch import load_file, save_file

        set_peft_model_state_dict(self.model, load_file(adapter / "adapter_model.safetensors"))
        whole = self.model.get_base_model()
        tensors: dict[str, torch.Tensor] = {}
        with torch.no_grad():
            for name, tensor in whole.state_dict().items():
                if "lora_" not in name:
                    tensors[name.replace(".base_layer.", ".")] = tensor
            for name, layer in whole.named_modules():
                if isinstance(layer, LoraLayer):
                    change = layer.get_delta_weight("default")
                    tensors[f"{name}.weight"] = tensors[f"{name}.weight"] + change
        tied = getattr(self.config, "tie_word_embeddings", False)
        target.mkdir(exist_ok=True)
        kept = {
            name: tensor.contiguous()
            for name, tensor in tensors.items()
            if not (tied and name == "lm_head.weight")
        }
        save_file(kept, target / "model.safetensors", metadata={"format": "pt"})
        self.config.save_pretrained(target)
        return target
