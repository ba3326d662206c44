"""What torch keeps for the whole process is put back."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from threading import Barrier, Event

import pytest
import torch

from sklearn_ct._core.torch_state import one_thread, seeded, threads


def test_the_number_of_threads_is_put_back_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_can_be_had(mode):
    with mode():
        with threads(2):
            assert torch.get_num_threads() == 2
            x = torch.ones(3, requires_grad=True)
            (slope,) = torch.autograd.grad((x**2).sum(), x)
        assert not torch.is_grad_enabled()
    assert slope.tolist() == [2.0, 2.0, 2.0]


def test_seeded_draws_and_the_callers_go_on():
    state = torch.random.get_rng_state()
    with seeded(3):
        drawn = torch.rand(5)
        with seeded(3):  # a part of the work may ask again
            assert torch.equal(torch.rand(5), drawn)
    assert torch.equal(drawn, torch.rand(5, generator=torch.Generator().manual_seed(3)))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_threads_draw_as_one_would():
    state, n = torch.random.get_rng_state(), 4
    together = Barrier(n)

    def draw(seed):
        together.wait()
        with seeded(seed):
            return [torch.rand(1).item() for _ in range(2000)]

    with ThreadPoolExecutor(n) as pool:
        drawn = list(pool.map(draw, range(n)))
    assert drawn == [draw_alone(seed) for seed in range(n)]
    assert torch.equal(torch.random.get_rng_state(), state)


def draw_alone(seed):
    own = torch.Generator().manual_seed(seed)
    return [torch.rand(1, generator=own).item() for _ in range(2000)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_fork_does_not_inherit_a_lock_that_nobody_gives_back():
    held, done = Event(), Event()

    def hold():
        with seeded(0):
            held.set()
            done.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        held.wait()
        child = get_context("fork").Process(target=draw_alone_in, args=(1,))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of forks beside threads: it is the point
            child.start()
        child.join(timeout=60)
        stuck = child.is_alive()
        child.kill()
        done.set()
    assert not stuck
    assert child.exitcode == 0


def draw_alone_in(seed):
    with seeded(seed):
        torch.rand(1)
