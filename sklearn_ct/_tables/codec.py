"""What rules and recourse ask of an encoder, or of a whole pipeline."""

from typing import Protocol, runtime_checkable

import numpy as np

from sklearn_ct._tables.feature import Variable


@runtime_checkable
class Codec(Protocol):
    """Between tables, values (one number a variable) and codes (the network's input).

    `TabularEncoder` and `PipelineCodec` are codecs. A category's value is the place of
    its label; a number's value is the number.

    Attributes
    ----------
    names_ : list
        Names of the input columns, or their positions.
    variables_ : list of Variable
    numbers_ : boolean ndarray of shape (n_variables,)
        Which variables are numbers.
    lower_, upper_, mean_, scale_ : ndarray of shape (n_variables,)
        Statistics of the numbers among the training rows; NaN for categories.
    observed_ : boolean ndarray of shape (n_category_codes,)
        Which categories occur, at the slots of the variables.
    n_codes_ : int
        Of the variables' own slots.
    groups_ : ndarray of shape (d,)
        Number of the one-hot group of each code, -1 for numbers.
    """

    names_: list
    variables_: list[Variable]
    numbers_: np.ndarray
    lower_: np.ndarray
    upper_: np.ndarray
    mean_: np.ndarray
    scale_: np.ndarray
    observed_: np.ndarray
    n_codes_: int
    groups_: np.ndarray

    def position(self, column):
        """Position of an input column given by name or position."""

    def variable_of(self, column):
        """Index of the variable that an input column belongs to."""

    def is_dropped(self, j):
        """Whether a variable is dropped before the network sees it."""

    def read(self, X):
        """Values of a table, float64 of shape (n, n_variables)."""

    def write(self, values, X, rows, factual):
        """Table of values; cells that did not change are copied from ``X[rows]``."""

    def embed(self, values):
        """Codes of values, shape (n, d)."""

    def values(self, codes):
        """Values nearest to codes, shape (n, n_variables)."""

    def spread(self, by_variable):
        """Repeat what is given for each variable for its codes, shape (..., d)."""

    def collect(self, by_code):
        """Sum what is given for each code over its variable, (..., n_variables)."""

    def slots_of(self, j):
        """Which codes a variable alone acts on, boolean of shape (d,)."""

    def constraint_arrays(self, lower, upper, allowed, rise, fall):
        """Rules on the variables as rules on codes, a dict of arrays."""
