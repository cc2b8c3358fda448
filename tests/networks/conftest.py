"""Small tensors: a second thread costs more than it gives."""

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    return one_thread
