"""What rules and recourse ask of an encoder, or of a whole pipeline."""

from typing import Protocol, runtime_checkable

import numpy as np

from sklearn_ct._tables.feature import Variable


@runtime_checkable
class Codec(Protocol):
    """Between tables, values (one number a variable) and codes (the network's input).

    `TabularEncoder` and `PipelineCodec` are codecs. A category's value is the place of
    its label, -1 or less where it is none of them; a number's value is the number.

    There are two widths: ``s`` slots, one for a number and one for each category, where
    rules are kept, and ``d`` codes, which the network takes. Of an encoder these are
    the slots and behind them the indicators of cells that hold neither a number nor a
    category: special values, and missing cells. A pipeline may make any codes of its
    columns.

    Attributes
    ----------
    names_ : list
        Names of the input columns, or their positions.
    variables_ : list of Variable
    numbers_ : boolean ndarray of shape (n_variables,)
        Which variables are numbers.
    lower_, upper_, mean_, scale_ : ndarray of shape (n_variables,)
        Statistics of the numbers among the training rows; NaN for categories.
    observed_ : boolean ndarray of shape (s,)
        Which categories occur among the training rows; True for numbers.
    n_slots_ : int
        The width ``s``.
    groups_ : ndarray of shape (d,)
        Number of the one-hot group of each code, -1 for numbers and indicators.
    """

    names_: list
    variables_: list[Variable]
    numbers_: np.ndarray
    lower_: np.ndarray
    upper_: np.ndarray
    mean_: np.ndarray
    scale_: np.ndarray
    observed_: np.ndarray
    n_slots_: int
    groups_: np.ndarray

    def position(self, column):
        """Position of an input column given by name or position.

        Raises
        ------
        ValueError
            Where there is no such column; it names one that is meant, perhaps.
        """

    def variable_of(self, column):
        """Index of the variable that an input column, as in `position`, belongs to."""

    def is_dropped(self, j):
        """Whether a variable is dropped before the network sees it."""

    def read(self, X):
        """Values of a table, float64 of shape (n, n_variables).

        Raises
        ------
        ValueError
            Where cells are no numbers or of an unknown category and the codec has no
            value for them; it names the column.
        """

    def special(self, values):
        """Which values are no number or category, boolean of shape (n, n_variables).

        These are special values, and those of missing cells.
        """

    def missing(self, X, values):
        """Which variables of a table with these values are missing, (n, n_variables).

        A pipeline may have put values in the place of missing cells.
        """

    def write(self, values, X, rows, factual):
        """Table of values; cells that did not change are copied from ``X[rows]``.

        Parameters
        ----------
        values : ndarray of shape (m, n_variables)
        X : table of shape (n, n_columns)
            Gives the container, names, types and index as well.
        rows : ndarray of shape (m,)
            The row of ``X`` that each row of ``values`` belongs to.
        factual : ndarray of shape (m, n_variables)
            Values of ``X[rows]``.
        """

    def embed(self, values):
        """Codes of values (n, n_variables), of shape (n, d)."""

    def values(self, codes):
        """Values nearest to codes (n, d), of shape (n, n_variables)."""

    def spread(self, by_variable):
        """Repeat what is given for each variable, (..., n_variables), to (..., d)."""

    def collect(self, by_code):
        """Sum what is given for each code, (n, d), by variable, (n, n_variables)."""

    def measured(self, codes):
        """Which codes, (n, d), are those of numbers, boolean of the same shape.

        None of special or missing cells are.
        """

    def slots_of(self, j):
        """Which codes a variable alone acts on, boolean of shape (d,).

        None of them where it shares any with another variable.
        """

    def constraint_arrays(self, lower, upper, allowed, rise, fall):
        """Rules on the variables as the arrays of `Constraints`, on codes.

        Parameters
        ----------
        lower, upper : ndarray of shape (n, n_variables)
            Bounds of the numbers, infinite where there are none.
        allowed : boolean ndarray of shape (n, s)
            Categories allowed.
        rise, fall : boolean ndarray of shape (n, n_variables)

        Returns
        -------
        dict of ndarray
            "lower", "upper", "rise" and "fall" of shape (n, d); "group" and "rank" of
            shape (d,); "states" of shape (p, 2).
        """
