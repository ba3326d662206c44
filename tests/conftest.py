"""Shared by all tests."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Keep torch on one thread: small networks on several are slow on busy machines."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_collection_modifyitems(items):
    """What stands in the folder of slow tests is slow."""
    for item in items:
        if "slow" in item.path.parts:
            item.add_marker("slow")
