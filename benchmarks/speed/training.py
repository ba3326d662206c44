"""Seconds of an epoch beside plain loops on the same encoded rows."""

from dataclasses import dataclass

import numpy as np
import torch
from skorch.callbacks import Callback

from benchmarks._common import CONVENTIONAL
from benchmarks.paper.data import DATA
from benchmarks.speed.loops import LR, plain, projected_gradient
from benchmarks.speed.measuring import (
    aim,
    clock,
    device,
    interleave,
    ratio,
    spread,
)
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_gmsc

N_EPOCHS = 8  # the first is left out
BATCH = {"Moons": 30, "Adult": 1000, "GMSC": 1000, "Adult, batch 128": 128}
# Largest ratio asked for, of the defaults to the plain loop with the same rows.
ASKED = {"Adult": 1.8, "GMSC": 1.4, "Moons": 1.3}

PLAIN, SAME = "plain loop", "plain loop with the rows of the searches"
PGD = "PGD-10 adversarial loop"
CONVENTIONALLY, DEFAULTS = "ours, conventional", "CT, defaults"
EVERY = "CT, every row searched"


class Epochs(Callback):
    """Seconds of each epoch."""

    def on_train_begin(self, net, **kwargs):
        """Have none yet."""
        self.seconds = []

    def on_epoch_begin(self, net, **kwargs):
        """Start the clock."""
        self.start = clock()

    def on_epoch_end(self, net, **kwargs):
        """Stop it."""
        self.seconds.append(clock() - self.start)


@dataclass
class Task:
    """Rows encoded once, and how they are cut into batches."""

    table: object
    labels: np.ndarray
    batch_size: int
    sizes: tuple = (32,)

    def __post_init__(self):
        _, labels = np.unique(np.asarray(self.labels), return_inverse=True)
        clf = self.classifier(**CONVENTIONAL).fit(self.table, self.labels)
        self.X = torch.as_tensor(clf.encode(self.table)).float().to(device())
        self.y = torch.as_tensor(labels).to(device())
        self.n_classes = len(clf.classes_)

    @property
    def n_batches(self):
        """Optimiser steps of an epoch; the last batch may be smaller."""
        return -(-len(self.labels) // self.batch_size)

    def classifier(self, max_epochs=1, **changes):
        """Our classifier with defaults but for the batches and some changes."""
        return CounterfactualTrainedClassifier(
            hidden_layer_sizes=self.sizes,
            batch_size=self.batch_size,
            lr=LR,
            max_epochs=max_epochs,
            random_state=0,
            device=device(),
            **changes,
        )

    def ours(self, n_epochs, **changes):
        """Seconds of an epoch of ours, and rows searched in it."""
        epochs = Epochs()
        clf = self.classifier(n_epochs, callbacks=[("epochs", epochs)], **changes)
        net = clf.fit(self.table, self.labels).net_
        searched = min(net.n_counterfactuals, len(self.labels))
        return float(np.median(epochs.seconds[1:])), searched


def make_task(name, n_rows=None):
    """Load the training rows of a task; ``n_rows``: no more than so many."""
    if name == "GMSC":
        X, y = fetch_gmsc(return_X_y=True)
        X = X.fillna(X.median())
    else:
        X, _, y, _ = DATA["Moon" if name == "Moons" else "Adult"].split(0)
    return Task(X[:n_rows], np.asarray(y)[:n_rows], BATCH[name])


def measure(rounds, quick):
    """Time all candidates of all tasks."""
    n_rows, n_epochs = (500, 2) if quick else (None, N_EPOCHS)
    timed, tables = {}, {}
    for name in BATCH:
        task = make_task(name, n_rows)
        timed[name] = found = interleave(candidates(task, name, n_epochs), rounds)
        tables[f"training_{slug(name)}"] = [
            {
                "training": way,
                "ms an epoch": 1000 * spread(seconds)["value"],
                f"over the {PLAIN}": ratio(seconds, found[PLAIN]),
            }
            for way, seconds in found.items()
        ]
        tables[f"rows_{slug(name)}"] = (
            f"{len(task.labels):,} rows of {task.X.shape[1]} columns, batches of "
            f"{task.batch_size:,} ({task.n_batches:,} an epoch)."
        )
    return tables | {"training_aims": aims_of(timed)}


def slug(name):
    """Name of a table of a task."""
    return name.lower().replace(", batch ", "_")


def candidates(task, name, n_epochs):
    """Functions ``round -> seconds of an epoch``."""
    _, searched = task.ours(2)
    few = max(2, n_epochs // 2)  # of what takes long
    return {
        PLAIN: lambda i: plain(task, n_epochs),
        SAME: lambda i: plain(task, n_epochs, n_searched=searched),
        CONVENTIONALLY: lambda i: task.ours(n_epochs, **CONVENTIONAL)[0],
        DEFAULTS: lambda i: task.ours(n_epochs)[0],
        EVERY: lambda i: task.ours(few, n_counterfactuals=1.0)[0],
        PGD: lambda i: plain(task, few, attack=projected_gradient),
    }


def aims_of(timed):
    """Lines of what was asked of training."""
    lines = [
        aim(
            f"epoch with defaults / {SAME}, {name}",
            limit,
            ratio(timed[name][DEFAULTS], timed[name][SAME]),
        )
        for name, limit in ASKED.items()
    ]
    conventional = {
        name: ratio(found[CONVENTIONALLY], found[PLAIN])
        for name, found in timed.items()
    }
    worst = max(conventional, key=lambda name: conventional[name]["value"])
    title = f"conventional epoch / {PLAIN}, largest of all tasks ({worst})"
    lines.append(aim(title, 0.9, conventional[worst]))
    small = timed["Adult, batch 128"]
    title = "every row searched / PGD-10's epoch, Adult, batch 128"
    return [*lines, aim(title, 1.0, ratio(small[EVERY], small[PGD]))]
