"""Where the time of an epoch goes: functions are wrapped, and each has its own time."""

import time
from collections import defaultdict
from contextlib import ExitStack
from unittest.mock import patch

import torch
from skorch import NeuralNet

from sklearn_ct._core import walk as _walk
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.objective import Bank
from sklearn_ct._training import net as _net
from sklearn_ct._training.net import CounterfactualNet
from sklearn_ct.generators import _base
from speed.measuring import interleave, progress
from speed.tasks import make_task

NETWORK = "search: products of the network, with bias and activation"
PROJECTION = "search: projection to what is allowed"
CHECK = "search: maturity, whole categories predicted again"
SEARCH = "search: all else"
DRAWS = "rows, targets and real rows drawn, nearest and protected"
CHUNKS = "counterfactuals cut into batches, terms recorded"
ATTACK = "nascent rows of the mini-batches"
PASS = "training pass: forward, objective, backward"
OPTIMISER = "optimiser"
REST = "skorch, shuffling and the rest"

# What is wrapped; its own time is what is left without that of others called by it.
WRAPPED = (
    (Constraints, "project", PROJECTION),
    (_walk._Walk, "reached", CHECK),
    (_base, "walk", SEARCH),
    (_net, "generate", DRAWS),
    (Bank, "chunks", CHUNKS),
    (Bank, "terms", CHUNKS),
    (CounterfactualNet, "_attack", ATTACK),
    (CounterfactualNet, "train_step_single", PASS),
    (CounterfactualNet, "_step_optimizer", OPTIMISER),
    (NeuralNet, "fit_loop", REST),
)


class Clock:
    """Own seconds of wrapped functions."""

    def __init__(self):
        self.seconds = defaultdict(float)
        self.inner = []  # of each open call the seconds of the calls inside it

    def wrap(self, function, name):
        """Wrap a function so that its own time counts for ``name``."""

        def wrapped(*args, **kwargs):
            self.inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds = time.perf_counter() - start
                self.seconds[name] += seconds - self.inner.pop()
                if self.inner:
                    self.inner[-1] += seconds

        return wrapped

    def wrap_walks(self, prepare):
        """Wrap `logits_and_back`: both of the functions that it gives."""

        def prepared(module):
            ask = self.wrap(prepare(module), NETWORK)

            def asked(x):
                logits, back = ask(x)
                return logits, self.wrap(back, NETWORK)

            return asked

        return prepared


def shares_of(fit):
    """Share of the training loop's time of each part, and its seconds."""
    clock = Clock()
    with ExitStack() as stack:
        for owner, name, part in WRAPPED:
            wrapped = clock.wrap(getattr(owner, name), part)
            stack.enter_context(patch.object(owner, name, wrapped))
        prepared = clock.wrap_walks(_walk.logits_and_back)
        stack.enter_context(patch.object(_walk, "logits_and_back", prepared))
        fit()
    total = sum(clock.seconds.values())
    return {name: seconds / total for name, seconds in clock.seconds.items()}


def measure(rounds, quick):
    """Shares on Adult, with the defaults and with the paper's settings."""
    task = make_task("Adult", "cpu", 3000 if quick else None)
    n_epochs = 3 if quick else 11
    fits = {
        "defaults": task.default_classifier(max_epochs=n_epochs, batch_size="auto"),
        "paper's settings": task.classifier(max_epochs=n_epochs),
    }
    runs = {
        name: lambda i, clf=clf: shares_of(lambda: clf.fit(task.table, task.labels))
        for name, clf in fits.items()
    }
    with torch.random.fork_rng():
        shares = interleave(runs, rounds, progress("profile", rounds))
    return {"epochs": n_epochs, "shares": shares}
