"""The operators as on paper: slow, obvious, differentiable; the ground truth of every kernel."""
