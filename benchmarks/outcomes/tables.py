"""The tables: rows, labels, what may not change, the favourable class, the judge."""

from dataclasses import dataclass
from functools import cache

import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.outcomes.judges import fit_judges
from sklearn_ct import datasets

MOST = 16_000  # rows of a table


@dataclass(frozen=True)
class Table:
    """A data set with the shares of its classes as they are."""

    fetch: object
    favourable: str
    immutable: tuple
    group: object  # whose mean score is compared with the others'
    drop: tuple = ()
    truth: object = None  # probability of the favourable class, where it is known

    @property
    def mutability(self):
        """Rules of training and of the advice."""
        return dict.fromkeys(self.immutable, "none")


def loans(return_X_y=True):
    return datasets.make_loan_applications(MOST, random_state=0)


def younger(X):
    return X["age"] < X["age"].median()


TABLES = {
    "Adult": Table(
        datasets.fetch_adult,
        ">50K",
        ("age", "sex", "race", "native-country"),
        lambda X: X["sex"] == "Female",
        drop=("education",),  # education-num says the same
    ),
    "GMSC": Table(datasets.fetch_gmsc, "0", ("age",), younger),
    "Credit default": Table(
        datasets.fetch_credit_default, "0", ("AGE", "SEX"), lambda X: X["SEX"] == 2
    ),
    "German": Table(
        datasets.fetch_german_credit,
        "good",
        ("age", "personal_status", "foreign_worker"),
        lambda X: X["personal_status"].astype(str).str.startswith("female"),
    ),
    "COMPAS": Table(
        datasets.fetch_compas,
        "0",
        ("age", "sex", "race"),
        lambda X: X["race"] == "African-American",
    ),
    "Loans": Table(
        loans, "approved", ("age",), younger, truth=datasets.loan_approval_probability
    ),
}


@cache
def rows_of(name):
    """Rows without missing cells and labels as text, `MOST` at most."""
    table = TABLES[name]
    X, y = table.fetch(return_X_y=True)
    X = X.reset_index(drop=True).drop(columns=list(table.drop)).dropna()
    y = pd.Series(y).reset_index(drop=True)[X.index].astype(str)
    if len(X) > MOST:
        X = X.sample(MOST, random_state=0)
    return X.reset_index(drop=True), y[X.index].reset_index(drop=True)


@dataclass(frozen=True)
class Split:
    """Rows that train the networks, rows that test them, and the judge."""

    X: pd.DataFrame
    y: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series
    good: pd.DataFrame  # rows of the judges, of the favourable class
    judge: object

    @property
    def rare(self):
        """Label of the rarest class."""
        return self.y.value_counts().idxmin()


def split_of(name, seed, n_rows=None):
    """Make a split of a table; half of its rows train the networks."""
    table = TABLES[name]
    X, y = rows_of(name)
    X, y = X[:n_rows], y[:n_rows]
    X, rest, y, rest_y = train_test_split(
        X, y, test_size=0.5, random_state=seed, stratify=y
    )
    own, X_test, own_y, y_test = train_test_split(
        rest, rest_y, test_size=0.4, random_state=seed, stratify=rest_y
    )
    judge = table.truth or fit_judges(own, own_y, table.favourable)
    return Split(X, y, X_test, y_test, own[own_y == table.favourable], judge)
