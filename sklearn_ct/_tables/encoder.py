"""Between the user's columns and the model's input space, and back."""

from difflib import get_close_matches

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from sklearn_ct._tables.containers import (
    column_names,
    is_frame,
    put_cells,
    take_column,
    widened,
)
from sklearn_ct._tables.discover import (
    block_codes,
    check_missing,
    describe,
    layout,
    take_block,
    to_numbers,
)
from sklearn_ct._tables.feature import cut
from sklearn_ct._tables.scaling import Scaling

# A column whose farthest value lies more than this many standard deviations from its
# mean is heavy-tailed; "auto" scales it by quantiles.
HEAVY_TAIL = 10.0
# The variance of larger numbers may be none.
LARGEST = 1e150


class TabularEncoder(BaseEstimator):
    """Scale numbers and one-hot encode categories, invertibly.

    Three representations: the user's *table*; *values*, one float64 per variable
    (numbers in the user's units, categories as codes, -1 for none of them); and
    *codes*, the model's input space of shape (n, d).

    Parameters
    ----------
    categorical_features : "auto", list or None
        See `CounterfactualTrainedClassifier`.
    numeric_scaling : {"auto", "standard", "quantile"} or None
        See `CounterfactualTrainedClassifier`.

    Attributes
    ----------
    variables_ : list of Variable
    n_codes_ : int
        Width ``d`` of the model's input space.
    lower_, upper_, mean_, scale_ : ndarray of shape (n_variables,)
        Observed bounds, mean and standard deviation of the numbers; NaN for the rest.
    observed_ : boolean ndarray of shape (d,)
        Categories that occur in the training rows; True for numbers.
    numbers_ : boolean ndarray of shape (n_variables,)
        Which variables are numbers.
    groups_ : ndarray of shape (d,)
        Number of the one-hot group of each code, -1 for numbers.
    ranks_ : ndarray of shape (d,)
        Place of each category in its order; 0 for numbers and unordered ones.
    """

    def __init__(self, categorical_features="auto", numeric_scaling="auto"):
        self.categorical_features = categorical_features
        self.numeric_scaling = numeric_scaling

    def fit(self, X, sample_weight=None):
        """Learn variables, scales and categories from a table."""
        self.names_ = column_names(X)
        self._types = dict(X.dtypes) if is_frame(X) else None
        self.variables_ = []
        self._labels = {}
        start = 0
        for columns, categorical in layout(X, self.categorical_features, self.position):
            variable = describe(X, self.names_, columns, categorical, start)
            self.variables_.append(variable)
            start = variable.slots.stop
            if categorical and not variable.is_block:
                labels = variable.categories.astype(object)
                self._labels[columns[0]] = pd.Index(labels, dtype=object)
        self.n_codes_ = start
        self._lay_out()
        values = self.read(X)
        numbers = self.numbers_
        self._fit_numbers(values, numbers, sample_weight)
        self.observed_ = np.ones(self.n_codes_, dtype=bool)
        for j in np.flatnonzero(~numbers):
            size = len(self.variables_[j].categories)
            counts = np.bincount(values[:, j].astype(int), minlength=size)
            self.observed_[self.variables_[j].slots] = counts > 0
        return self

    def _fit_numbers(self, values, numbers, sample_weight):
        statistics = np.full((4, len(numbers)), np.nan)
        if numbers.any():
            columns = values[:, numbers]
            if (far := np.abs(columns).max(axis=0) > LARGEST).any():
                j = np.flatnonzero(numbers)[np.argmax(far)]
                raise ValueError(
                    f"Column {self.variables_[j].name!r} has values beyond "
                    f"{LARGEST:g}, which cannot be scaled. Give it in another unit."
                )
            scaler = StandardScaler().fit(columns, sample_weight=sample_weight)
            statistics[:, numbers] = (
                columns.min(axis=0),
                columns.max(axis=0),
                scaler.mean_,
                np.sqrt(scaler.var_),
            )
        self.lower_, self.upper_, self.mean_, self.scale_ = statistics
        reach = np.maximum(self.upper_ - self.mean_, self.mean_ - self.lower_)
        # A constant column has no tail, whatever the rounding error of its mean.
        varies = self.upper_ > self.lower_
        heavy = varies & (reach > HEAVY_TAIL * self.scale_)
        by_quantile = {"quantile": numbers, "auto": heavy}.get(
            self.numeric_scaling, np.zeros_like(numbers)
        )
        standard = "identity" if self.numeric_scaling is None else "standard"
        self._scalers = []
        for kind, chosen in (
            (standard, numbers & ~by_quantile),
            ("quantile", by_quantile),
        ):
            index = np.flatnonzero(chosen)
            if len(index):
                scaler = Scaling(kind).fit(values[:, index], sample_weight)
                slots = np.array([self.variables_[j].slots.start for j in index])
                self._scalers.append((index, slots, scaler))

    def position(self, column):
        """Position of a column given by name or position.

        Raises
        ------
        ValueError
            Where there is no such column; it suggests the nearest name.
        """
        n = len(self.names_)
        if not isinstance(column, bool | np.bool_):
            if column in self.names_:
                return self.names_.index(column)
            # Where the names are numbers themselves, a number is a name.
            named = self._types and not all(isinstance(c, str) for c in self.names_)
            whole = isinstance(column, int | np.integer)
            if whole and -n <= column < n and not named:
                return int(column) % n
        close = get_close_matches(str(column), [str(name) for name in self.names_], 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        known = ", ".join(repr(name) for name in self.names_[:5])
        more = ", ..." if n > 5 else ""
        raise ValueError(f"Unknown column {column!r}.{hint} Columns: {known}{more}.")

    def variable_of(self, column):
        """Index of the variable that a column (name or position) belongs to."""
        position = self.position(column)
        for j, variable in enumerate(self.variables_):
            if position in variable.columns:
                return j
        raise AssertionError(position)  # every column has its variable

    def is_dropped(self, j):
        """Whether a variable is dropped before the network sees it: none is here."""
        return False

    # -- table -> values -> codes -----------------------------------------------

    def read(self, X):
        """Values of a table, float64 of shape (n, n_variables).

        Raises
        ------
        ValueError
            On missing or infinite cells and on unknown categories; it names the
            column.
        """
        values = np.empty((len(X), len(self.variables_)))
        plain = isinstance(X, np.ndarray) and X.dtype.kind in "fiub"
        if plain:
            finite = np.isfinite(X).all(axis=0)
            if not finite.all():
                first = int(np.argmin(finite))
                check_missing(X[:, first], self.names_[first])
            numbers = [j for j, v in enumerate(self.variables_) if v.is_number]
            where = [self.variables_[j].columns[0] for j in numbers]
            values[:, numbers] = X[:, where]
        for j, variable in enumerate(self.variables_):
            if variable.is_block:
                block = take_block(X, variable.columns)
                for cells, position in zip(block.T, variable.columns, strict=True):
                    check_missing(cells, self.names_[position])
                values[:, j] = block_codes(block)
            elif not variable.is_number:
                values[:, j] = self._category_codes(X, variable)
            elif not plain:
                column = take_column(X, variable.columns[0])
                values[:, j] = to_numbers(column, variable.name)
                check_missing(values[:, j], variable.name)
        return values

    def _category_codes(self, X, variable):
        column = take_column(X, variable.columns[0])
        dtypes = column.dtype, variable.dtype
        if all(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes):
            codes = column.array.codes
            # Unordered types are equal whatever their order; codes are not.
            same = dtypes[0].categories.equals(dtypes[1].categories)
            if same and (codes >= 0).all():
                return codes
        check_missing(column, variable.name)
        if not len(column):
            return np.empty(0)
        cells = np.asarray(column, dtype=object)
        codes = self._labels[variable.columns[0]].get_indexer(cells)
        if (codes < 0).any():
            unknown = pd.unique(np.asarray(column)[codes < 0])
            raise ValueError(
                f"Found unknown categories {cut(unknown)} in column "
                f"{variable.name!r}; fit saw {cut(variable.categories)}."
            )
        return codes

    def embed(self, values):
        """Codes of values, float64 of shape (n, n_codes)."""
        codes = np.zeros((len(values), self.n_codes_))
        for index, slots, scaler in self._scalers if len(values) else ():
            codes[:, slots] = scaler.transform(values[:, index])
        chosen = values[:, ~self.numbers_].astype(int)
        rows, which = np.nonzero(chosen >= 0)
        codes[rows, self._starts[~self.numbers_][which] + chosen[rows, which]] = 1.0
        return codes

    def transform(self, X):
        """Codes of a table; one-hot blocks are taken as they are."""
        codes = self.embed(self.read(X))
        for variable in self.variables_:
            if variable.is_block:
                codes[:, variable.slots] = take_block(X, variable.columns)
        return codes

    # -- codes -> values -> table -----------------------------------------------

    def values(self, codes):
        """Values nearest to codes: numbers unscaled, the largest category chosen."""
        values = np.empty((len(codes), len(self.variables_)))
        for index, slots, scaler in self._scalers if len(codes) else ():
            values[:, index] = scaler.inverse_transform(codes[:, slots])
        for j, variable in enumerate(self.variables_):
            if not variable.is_number:
                values[:, j] = codes[:, variable.slots].argmax(axis=1)
        return values

    def table(self, values):
        """Table of values alone, in the container and the types that `fit` saw."""
        columns = {}
        for j, variable in enumerate(self.variables_):
            if variable.is_block:
                one_hot = values[:, [j]] == np.arange(len(variable.columns))
                for k, position in enumerate(variable.columns):
                    columns[position] = one_hot[:, k].astype(float)
            else:
                new = values[:, j]
                new = variable.round(new) if variable.is_number else new
                columns[variable.columns[0]] = variable.cells(new)
        frame = pd.DataFrame({j: columns[j] for j in range(len(self.names_))})
        if not self._types:
            return frame.to_numpy()
        frame.columns = self.names_
        return frame.astype(self._types)

    def write(self, values, X, rows, factual=None):
        """Table of values with the container, names, types and index of ``X[rows]``.

        Numbers of a type that does not hold those that `fit` saw, such as ``int16``
        after ``int64``, get one that does.

        Parameters
        ----------
        values : ndarray of shape (m, n_variables)
        X : table of shape (n, n_columns)
            Cells whose value did not change are copied from here.
        rows : ndarray of shape (m,)
            The row of ``X`` that each row of ``values`` belongs to.
        factual : ndarray of shape (m, n_variables), optional
            Values of ``X[rows]``.
        """
        factual = self.read(X)[rows] if factual is None else factual
        # Picking rows has copied them; a frame is still told that it is its own.
        table = X.iloc[rows].copy(deep=False) if is_frame(X) else np.array(X[rows])
        numbers = [v for v in self.variables_ if v.is_number]
        table = widened(table, {v.columns[0]: v.dtype for v in numbers})
        for j, variable in enumerate(self.variables_):
            changed = np.flatnonzero(values[:, j] != factual[:, j])
            if not len(changed):
                continue
            new = values[changed, j]
            if variable.is_block:
                cells = np.eye(len(variable.columns))[new.astype(int)]
                for k, position in enumerate(variable.columns):
                    put_cells(table, changed, position, cells[:, k])
            else:
                cells = variable.cells(new)
                put_cells(table, changed, variable.columns[0], cells)
        return table

    # -- layout of the codes ----------------------------------------------------

    def spread(self, by_variable):
        """Repeat what is given for each variable over its codes, (.., n_codes)."""
        return np.repeat(by_variable, self._sizes, axis=-1)

    def slots_of(self, j):
        """Which codes are those of a variable, boolean of shape (n_codes,)."""
        own = np.zeros(self.n_codes_, dtype=bool)
        own[self.variables_[j].slots] = True
        return own

    def collect(self, by_code):
        """Sum what is given for each code over its variable, (n, n_variables)."""
        return np.add.reduceat(by_code, self._starts, axis=1)

    def _lay_out(self):
        variables = self.variables_
        self._sizes = np.array([v.slots.stop - v.slots.start for v in variables])
        self._starts = np.cumsum(self._sizes) - self._sizes
        self.numbers_ = np.array([v.is_number for v in variables], dtype=bool)
        number = np.where(self.numbers_, -1, np.cumsum(~self.numbers_) - 1)
        self.groups_ = self.spread(number)
        self.ranks_ = np.concatenate(
            [
                np.arange(len(v.categories)) if v.ordered else np.zeros(size)
                for v, size in zip(variables, self._sizes, strict=True)
            ]
        ).astype(float)

    def constraint_arrays(self, lower, upper, allowed, rise, fall):
        """Rules on the variables as the arrays of `Constraints` on the codes."""
        return {
            "lower": self._embed_bounds(lower, 0.0),
            "upper": self._embed_bounds(upper, allowed),
            "rise": self.spread(rise),
            "fall": self.spread(fall),
            "group": self.groups_,
            "rank": self.ranks_,
        }

    def _embed_bounds(self, bounds, categories):
        finite = np.where(np.isfinite(bounds), bounds, 0.0)
        codes = self.embed(np.where(self.numbers_, finite, -1.0))
        infinite = self.spread(~np.isfinite(bounds) & self.numbers_)
        codes[infinite] = self.spread(bounds)[infinite]
        return np.where(self.groups_ >= 0, categories, codes)
