"""What torch keeps for the whole process: borrowed for our work, and put back."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

# Of the threads of a process one at a time may borrow its random generator.
_borrowed = threading.RLock()


def _forget() -> None:
    """Make the lock anew: a forked process lacks the thread that may have held it."""
    global _borrowed
    _borrowed = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Run torch on ``n`` threads, and put their number back.

    Inside, gradients can be had whatever mode of autograd the caller is in.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Run torch on one thread, the fastest for small networks, as `threads` does."""
    return threads(1)


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Draw from torch's generators, those of the CPU and a device, as of a seed.

    Afterwards they go on where the caller's draws were; those of other devices, which
    `torch.manual_seed` would reseed, are left alone throughout. Threads wait for each
    other: what draws nothing, or from generators of its own, has no need of it.

    Parameters
    ----------
    seed : int
    device : str, default="cpu"
    """
    devices = [torch.device(device)] if "cuda" in device else []
    with _borrowed, torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for each in devices:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield
