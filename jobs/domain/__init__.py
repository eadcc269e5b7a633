"""What copy is. Pure Python: no Ray, no torch, no network."""
