import pytest
import torch


@pytest.fixture
def poisoned_memory(monkeypatch):
    """Memory that nobody wrote to is NaN."""
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
