"""torch.library operators and the public functions over them."""
