"""Threads of a process train and explain side by side; a caller's settings are his."""

import os
import warnings
from multiprocessing import get_context
from threading import Event, Thread

import numpy as np
import pytest
import torch

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._core.torch_state import seeded
from sklearn_ct.datasets import make_moons
from sklearn_ct.generators import Generic

X, Y = make_moons(200, random_state=0)


def make(**changes):
    settings = {"max_epochs": 3, "lr": 0.02, "random_state": 0} | changes
    return CounterfactualTrainedClassifier(**settings)


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, Y)


@pytest.fixture
def somebody_draws():
    """Another thread that has torch's generator for as long as the test takes."""
    held, done = Event(), Event()

    def hold():
        with seeded(0):
            held.set()
            done.wait()

    thread = Thread(target=hold)
    thread.start()
    held.wait()
    yield
    done.set()
    thread.join()


def run_beside(function):
    """Run in a thread, with patience; say whether it came to an end."""
    thread = Thread(target=function, daemon=True)
    thread.start()
    thread.join(timeout=60)
    return not thread.is_alive()


def test_explain_waits_for_nobody(fitted, somebody_draws):
    assert run_beside(lambda: fitted.explain(X[:2], n_counterfactuals=2, margin=0.1))


def test_a_plain_training_lets_go_of_the_generator(monkeypatch):
    from sklearn_ct._training.net import CounterfactualNet

    train, free = CounterfactualNet.train, []

    def watched(net, *args, **kwargs):
        def ask():
            with seeded(1):
                free.append(True)

        run_beside(ask) if not free else None
        return train(net, *args, **kwargs)

    monkeypatch.setattr(CounterfactualNet, "train", watched)
    make().fit(X, Y)
    assert free == [True]


class Jumping(Generic):
    """A generator that draws."""

    def penalty(self, logits, target, step):
        return logits.sum(1) * 0 + torch.rand(len(logits)) * logits[:, 0]


def test_what_others_wrote_draws_as_of_the_seed(fitted):
    state = torch.random.get_rng_state()
    first, again = (
        fitted.explain(X[:9], generator=Jumping(), random_state=3).counterfactuals
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
    one, other = (make(module=network).fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def _explain(fitted):
    fitted.explain(X[:2])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_process_forked_beside_a_training_explains(fitted, somebody_draws):
    child = get_context("fork").Process(target=_explain, args=(fitted,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads: it is the point
        child.start()
    child.join(timeout=60)
    stuck = child.is_alive()
    child.kill()
    assert not stuck
    assert child.exitcode == 0


@pytest.mark.parametrize("generator", ["eccco", "revise"])
def test_the_callers_default_type_does_not_show(generator):
    def answers():
        clf = make(generator=generator, swap_immutable=0.5, mutability={0: "increase"})
        clf.fit(X, Y)
        return clf.predict_proba(X), clf.explain(X[:20], margin=0.1).counterfactuals

    single = answers()
    torch.set_default_dtype(torch.float64)
    try:
        double = answers()
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(single, double, strict=True):
        np.testing.assert_array_equal(one, other)
