"""What is trained: rows encoded once, and settings that all candidates share."""

from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.utils import resample

from benchmarks.paper.data import DATA
from benchmarks.paper.settings import paper_settings
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_gmsc

SIZES = (32,)  # hidden units of every net
LR = 1e-3
CONVENTIONAL = {"lambda_div": 0.0, "lambda_adv": 0.0}


@dataclass
class Task:
    """Rows, and how they are cut into batches.

    ``table`` is what our classifier is given, ``codes`` what its encoder makes of it
    and all others are given.
    """

    name: str
    table: object
    labels: np.ndarray
    settings: dict = field(repr=False)  # the paper's, with the batch size of the task
    device: str = "cpu"

    def __post_init__(self):
        clf = self.classifier(max_epochs=1, **CONVENTIONAL).fit(self.table, self.labels)
        self.codes = np.asarray(clf.encode(self.table), dtype=np.float32)
        self.n_parameters = sum(p.numel() for p in clf.net_.module_.parameters())
        self.X = torch.as_tensor(self.codes).to(self.device)
        self.y = torch.as_tensor(self.labels).to(self.device)

    @property
    def batch_size(self):
        """Rows of a mini-batch."""
        return self.settings["batch_size"]

    @property
    def n_batches(self):
        """Optimiser steps of an epoch; the last batch may be smaller."""
        return -(-len(self.labels) // self.batch_size)

    @property
    def n_classes(self):
        """Classes of the labels, which are 0, 1, ..."""
        return int(self.labels.max()) + 1

    def classifier(self, **changes):
        """Our classifier with the paper's settings and some changes."""
        settings = {**self.settings, "random_state": 0, "device": self.device}
        return CounterfactualTrainedClassifier(**settings | changes)

    def default_classifier(self, **changes):
        """Our classifier with its defaults, the same rows and batches."""
        kept = ("batch_size", "numeric_scaling")
        settings = {name: self.settings[name] for name in kept}
        settings |= {"random_state": 0, "device": self.device}
        return CounterfactualTrainedClassifier(**settings | changes)

    def check(self, n_steps, n_epochs, n_parameters=None):
        """Refuse a candidate that took other steps or trained another net."""
        if n_steps != n_epochs * self.n_batches:
            raise RuntimeError(
                f"{self.name}: {n_steps} steps in {n_epochs} epochs of "
                f"{self.n_batches} batches"
            )
        if n_parameters not in (None, self.n_parameters):
            raise RuntimeError(
                f"{self.name}: a net of {n_parameters} parameters beside nets of "
                f"{self.n_parameters}"
            )


def split(name, seed):
    """Training rows of a line of the paper's table of settings."""
    X, _, y, _ = DATA[name].split(seed)
    return X, y


def gmsc(seed):
    """All rows, with medians for missing values; drawn again where there are fewer."""
    X, y = fetch_gmsc(return_X_y=True)
    X = X.fillna(X.median())
    more = 150_000 - len(X)
    if more > 0:
        extra = resample(np.arange(len(X)), n_samples=more, random_state=seed)
        rows = np.concatenate([np.arange(len(X)), extra])
        X, y = X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)
    return X, y


# Name: line of the paper's table of settings, batch size (None: the paper's).
TASKS = {
    "Moons": ("Moon", None),
    "Adult": ("Adult", None),
    "Adult, batch 128": ("Adult", 128),
    "GMSC": ("GMSC", None),
}


def make_task(name, device, n_rows=None, seed=0):
    """Load a task; ``n_rows``: no more than so many rows."""
    line, batch_size = TASKS[name]
    X, y = gmsc(seed) if name == "GMSC" else split(line, seed)
    X, y = X[:n_rows], y[:n_rows]
    _, labels = np.unique(np.asarray(y), return_inverse=True)
    settings = {**paper_settings(line), "max_epochs": 1}
    if batch_size is not None:
        settings["batch_size"] = batch_size
    return Task(name, X, labels, settings, device)
