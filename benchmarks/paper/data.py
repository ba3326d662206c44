"""The nine data sets: one line of the paper's table of settings each."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sklearn.model_selection import train_test_split

from sklearn_ct.datasets import (
    fetch_adult,
    fetch_california_housing,
    fetch_credit_default,
    fetch_gmsc,
    fetch_mnist,
    make_circles,
    make_linearly_separable,
    make_moons,
    make_overlapping,
)

REAL = ("Adult", "CH", "Cred", "GMSC", "MNIST")
TABULAR = REAL[:-1]


@dataclass(frozen=True)
class DataSet:
    """One line of the paper's table of settings, and how it is measured.

    ``rows`` are those that a bootstrap round asks for at each energy weight. They are
    drawn from ``candidates`` test rows predicted as the factual class (None: all), and
    of ``n_pairs`` pairs of factual and target class (None: all).
    """

    load: Callable  # seed -> X, y
    n_train: int
    n_test: int
    batch_size: int
    protected: list
    tau: float
    lambda_reg: float
    n_ce: int
    rows: int
    candidates: int | None = None
    n_pairs: int | None = None
    scaling: str | None = None
    domain: str | dict = "three_sigma"
    known: dict = field(default_factory=dict)  # what a user of any settings must say

    def split(self, seed):
        """Training and test part, ``(X, X_test, y, y_test)``."""
        X, y = self.load(seed)
        n_train = min(self.n_train, len(X) - self.n_test)
        return train_test_split(
            X,
            y,
            train_size=n_train,
            test_size=self.n_test,
            stratify=y,
            random_state=seed,
        )

    @property
    def rule(self):
        """Mutability with the protected features frozen."""
        return dict.fromkeys(self.protected, "none")


def _synthetic(make, tau, reg):
    def load(seed):
        return make(random_state=seed)

    return DataSet(load, 3600, 600, 30, [0], tau, reg, n_ce=1000, rows=250)


def _tabular(fetch, n_train, n_test, protected, tau, reg, balanced=False):
    def load(seed):
        drawn = {"balanced": True, "random_state": seed} if balanced else {}
        return fetch(return_X_y=True, **drawn)

    sizes = {"n_ce": 5000, "rows": 100, "candidates": 500, "scaling": "standard"}
    return DataSet(load, n_train, n_test, 1000, [protected], tau, reg, **sizes)


DATA = {
    "LS": _synthetic(make_linearly_separable, 0.5, 0.01),
    "Circ": _synthetic(make_circles, 0.5, 0.5),
    "Moon": _synthetic(make_moons, 0.9, 0.25),
    "OL": _synthetic(make_overlapping, 0.5, 0.25),
    "Adult": _tabular(fetch_adult, 26049, 5010, "age", 0.75, 0.25),
    "CH": _tabular(fetch_california_housing, 16504, 3101, "HouseAge", 0.5, 0.25),
    "Cred": _tabular(fetch_credit_default, 10617, 1923, "AGE", 0.5, 0.25, True),
    "GMSC": _tabular(fetch_gmsc, 13371, 2474, "age", 0.5, 0.5, True),
    "MNIST": DataSet(
        lambda seed: fetch_mnist(return_X_y=True, as_frame=False),
        n_train=11000,
        n_test=2000,
        batch_size=1000,
        protected=[*range(5 * 28), *range(23 * 28, 28 * 28)],
        tau=0.5,
        lambda_reg=0.01,
        n_ce=5000,
        rows=25,
        candidates=30,
        n_pairs=20,
        domain=dict.fromkeys(range(784), (-1, 1)),
        known={"numeric_scaling": None},  # pixels have a common unit
    ),
}
