"""Between the user's columns and the model's input space, and back."""

import warnings
from difflib import get_close_matches

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from sklearn_ct._tables.containers import (
    NONE_OF_THEM,
    column_names,
    is_frame,
    put_cells,
    take_column,
    widened,
)
from sklearn_ct._tables.discover import (
    block_codes,
    check_finite,
    check_present,
    describe,
    layout,
    special_codes,
    take_block,
    to_numbers,
    with_left_out,
)
from sklearn_ct._tables.feature import ABSENT, MISSING, UNKNOWN, cut
from sklearn_ct._tables.scaling import Scaling, median

# A column whose farthest value lies more than this many standard deviations from its
# mean is heavy-tailed; "auto" bends it by an inverse hyperbolic sine.
HEAVY_TAIL = 10.0
# The variance of larger numbers may be none.
LARGEST = 1e150
# What to write where columns are named that have no names.
NAMELESS = (
    "The classifier was given an array, whose columns have numbers alone. In front of "
    "it, what a pipeline makes of a frame keeps its names with\n"
    "    OneHotEncoder(sparse_output=False)\n"
    "    ColumnTransformer([...], verbose_feature_names_out=False)"
    ".set_output(transform='pandas')"
)

TRUTH_VALUES = (
    "Column {!r} has truth values, but numbers other than 0 and 1 in the training rows."
    " Give it in the unit of the training rows."
)


class TabularEncoder(BaseEstimator):
    """Scale numbers and one-hot encode categories, invertibly.

    Three representations: the user's *table*; *values*, one float64 per variable
    (numbers in the user's units, categories as their places); and *codes*, the model's
    input space of shape (n, d): a slot for each number and each category, behind them
    the indicators of special values and of missing cells.

    A special cell holds no number: its value is its own, its slot has the code of the
    median, and its indicator is 1. So has a missing one. Of an unknown category, and of
    a missing one, all slots are 0.

    Parameters
    ----------
    categorical_features : "auto", list or None
        See `CounterfactualTrainedClassifier`.
    numeric_scaling : {"auto", "standard", "asinh", "quantile"} or None
        See `CounterfactualTrainedClassifier`.
    special_values : dict or None
        See `CounterfactualTrainedClassifier`.
    handle_unknown : {"error", "ignore"}
        See `CounterfactualTrainedClassifier`.

    Attributes
    ----------
    variables_ : list of Variable
    n_slots_, n_codes_ : int
        Slots of numbers and categories, and all codes ``d`` of the model's input space.
    lower_, upper_, mean_, scale_ : ndarray of shape (n_variables,)
        Observed bounds, mean and standard deviation of the numbers; NaN for the rest.
    middle_ : ndarray of shape (n_variables,)
        Median of the numbers; 0 for the rest.
    observed_ : boolean ndarray of shape (n_slots_,)
        Categories that occur in the training rows; True for numbers.
    numbers_ : boolean ndarray of shape (n_variables,)
        Which variables are numbers.
    groups_ : ndarray of shape (d,)
        Number of the one-hot group of each code, -1 for numbers and indicators.
    ranks_ : ndarray of shape (d,)
        Place of each category in its order; 0 for numbers and unordered ones.
    """

    def __init__(
        self,
        categorical_features="auto",
        numeric_scaling="auto",
        special_values=None,
        handle_unknown="error",
    ):
        self.categorical_features = categorical_features
        self.numeric_scaling = numeric_scaling
        self.special_values = special_values
        self.handle_unknown = handle_unknown

    def fit(self, X, sample_weight=None):
        """Learn variables, scales and categories from a table."""
        self.names_ = column_names(X)
        self._types = dict(X.dtypes) if is_frame(X) else None
        self.variables_ = []
        self._labels = {}
        start = 0
        laid_out = layout(X, self.categorical_features, self.position)
        words = {k for columns, categorical in laid_out for k in columns if categorical}
        special = special_codes(self.special_values, self.position, self.names_, words)
        for columns, categorical in laid_out:
            codes = special.get(columns[0], ())
            variable = describe(X, self.names_, columns, categorical, start, codes)
            self.variables_.append(variable)
            start = variable.slots.stop
            if categorical and not variable.is_block:
                labels = variable.categories.astype(object)
                self._labels[columns[0]] = pd.Index(labels, dtype=object)
        self._lay_out()
        values = self.read(X)
        numbers = self.numbers_
        plain = np.where(self.special(values), np.nan, values)
        # A column without any number is one of zeros.
        plain[:, np.isnan(plain).all(axis=0)] = 0.0
        self._fit_numbers(plain, numbers, sample_weight)
        self.observed_ = np.ones(self.n_slots_, dtype=bool)
        for j in np.flatnonzero(~numbers):
            known = values[values[:, j] >= 0, j].astype(int)
            size = len(self.variables_[j].categories)
            counts = np.bincount(known, minlength=size)
            self.observed_[self.variables_[j].slots] = counts > 0
        return self

    def _fit_numbers(self, values, numbers, sample_weight):
        """Learn from values, NaN where they are no numbers."""
        statistics = np.full((4, len(numbers)), np.nan)
        self.middle_ = np.zeros(len(numbers))
        if numbers.any():
            columns = values[:, numbers]
            if (far := np.nanmax(np.abs(columns), axis=0) > LARGEST).any():
                j = np.flatnonzero(numbers)[np.argmax(far)]
                raise ValueError(
                    f"Column {self.variables_[j].name!r} has values beyond "
                    f"{LARGEST:g}, which cannot be scaled. Give it in another unit."
                )
            scaler = StandardScaler().fit(columns, sample_weight=sample_weight)
            statistics[:, numbers] = (
                np.nanmin(columns, axis=0),
                np.nanmax(columns, axis=0),
                scaler.mean_,
                np.sqrt(scaler.var_),
            )
            self.middle_[numbers] = [median(x, sample_weight) for x in columns.T]
        self.lower_, self.upper_, self.mean_, self.scale_ = statistics
        reach = np.maximum(self.upper_ - self.mean_, self.mean_ - self.lower_)
        # A constant column has no tail, whatever the rounding error of its mean.
        varies = self.upper_ > self.lower_
        heavy = varies & (reach > HEAVY_TAIL * self.scale_)
        kinds = np.full(len(numbers), self.numeric_scaling or "identity", dtype=object)
        if self.numeric_scaling == "auto":
            kinds[:] = np.where(heavy, "asinh", "standard")
        self._scalers = []
        for kind in dict.fromkeys(kinds[numbers]):
            index = np.flatnonzero(numbers & (kinds == kind))
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
        if isinstance(column, str) and not self._types:
            raise ValueError(f"Unknown column {column!r}. {NAMELESS}")
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
            On infinite cells and, unless they are ignored, on unknown categories; it
            names the column.
        """
        values = np.empty((len(X), len(self.variables_)))
        plain = isinstance(X, np.ndarray) and X.dtype.kind in "fiub"
        self._refuse_truth_values(X)
        if plain:
            numbers = [j for j, v in enumerate(self.variables_) if v.is_number]
            where = [self.variables_[j].columns[0] for j in numbers]
            values[:, numbers] = X[:, where]
            for j in numbers if not np.isfinite(X).all() else ():
                values[:, j] = self._numbers(values[:, j], j)
        for j, variable in enumerate(self.variables_):
            if variable.is_block:
                block = take_block(X, variable.columns)
                for cells, position in zip(block.T, variable.columns, strict=True):
                    check_present(cells, self.names_[position])
                values[:, j] = block_codes(block, variable.left_out)
            elif not variable.is_number:
                values[:, j] = self._category_codes(X, variable)
            elif not plain:
                column = take_column(X, variable.columns[0])
                values[:, j] = self._numbers(to_numbers(column, variable.name), j)
        return values

    def _refuse_truth_values(self, X):
        """Raise where a column of truth values was one of other numbers in `fit`."""
        dtypes = X.dtypes.to_list() if is_frame(X) else [X.dtype] * len(self.names_)
        asked = [pd.api.types.is_bool_dtype(dtype) for dtype in dtypes]
        for j, variable in enumerate(self.variables_) if any(asked) else ():
            fitted = pd.api.types.is_bool_dtype(variable.dtype)
            other = variable.is_number and not fitted and asked[variable.columns[0]]
            if other and (self.lower_[j] < 0 or self.upper_[j] > 1):
                raise ValueError(TRUTH_VALUES.format(variable.name))

    def _numbers(self, cells, j):
        if np.isfinite(cells).all():
            return cells
        check_finite(cells, self.variables_[j].name)
        return np.where(np.isnan(cells), MISSING, cells)

    def _category_codes(self, X, variable):
        column = take_column(X, variable.columns[0])
        dtypes = column.dtype, variable.dtype
        if all(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes):
            codes = column.array.codes
            # Unordered types are equal whatever their order; codes are not.
            same = dtypes[0].categories.equals(dtypes[1].categories)
            if same and (codes >= 0).all():
                return codes
        if not len(column):
            return np.empty(0)
        cells, missing = np.asarray(column, dtype=object), np.asarray(pd.isna(column))
        try:
            codes = self._labels[variable.columns[0]].get_indexer(cells).astype(float)
        except TypeError:  # no label: it has no hash
            raise ValueError(
                f"Column {variable.name!r} has cells that are no labels, but lists or "
                "other containers."
            ) from None
        unknown = (codes < 0) & ~missing
        if unknown.any():
            check_finite(np.asarray(column), variable.name)
            found = (
                f"Found unknown categories {cut(pd.unique(cells[unknown]))} in column "
                f"{variable.name!r}; fit saw {cut(variable.categories)}."
            )
            if self.handle_unknown == "error":
                raise ValueError(
                    f"{found} (handle_unknown='ignore' takes them as none of these.)"
                )
            warnings.warn(
                f"{found} They are encoded as none of these.", UserWarning, stacklevel=2
            )
        codes[unknown], codes[missing] = UNKNOWN, ABSENT
        return codes

    def special(self, values):
        """Which values are no number or category: special ones, and missing cells.

        Of the same shape (n, n_variables).
        """
        found = self.missing(None, values)
        for j, state in self._states:
            found[:, j] |= values[:, j] == state
        return found

    def missing(self, X, values):
        """Which variables of a table with these values are missing."""
        return values == self._missing

    def ordinary(self, values):
        """Values with the median, or the first category, in place of special ones."""
        if not self._states and values.min(initial=0.0) > MISSING:
            return values
        return np.where(self.special(values), self.middle_, values)

    def embed(self, values):
        """Codes of values, float64 of shape (n, n_codes)."""
        codes = self._embed_numbers(self.ordinary(values))
        chosen = values[:, ~self.numbers_].astype(int)
        rows, which = np.nonzero(chosen >= 0)
        codes[rows, self._starts[~self.numbers_][which] + chosen[rows, which]] = 1.0
        for slot, (j, state) in enumerate(self._states, self.n_slots_):
            codes[:, slot] = values[:, j] == state
        return codes

    def _embed_numbers(self, values):
        codes = np.zeros((len(values), self.n_codes_))
        for index, slots, scaler in self._scalers if len(values) else ():
            codes[:, slots] = scaler.transform(values[:, index])
        return codes

    def transform(self, X):
        """Codes of a table; one-hot blocks are taken as they are."""
        codes = self.embed(self.read(X))
        for variable in self.variables_:
            if variable.is_block:
                block = take_block(X, variable.columns)
                codes[:, variable.slots] = with_left_out(block, variable.left_out)
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
        for slot, (j, state) in enumerate(self._states, self.n_slots_):
            values[codes[:, slot] > 0.5, j] = state
        return values

    def table(self, values):
        """Table of values alone, in the container and the types that `fit` saw."""
        columns, special = {}, self.special(values)
        for j, variable in enumerate(self.variables_):
            if variable.is_block:
                one_hot = values[:, [j]] == np.arange(len(variable.columns))
                for k, position in enumerate(variable.columns):
                    columns[position] = one_hot[:, k].astype(float)
            else:
                new = values[:, j]
                if variable.is_number:
                    new = np.where(special[:, j], new, variable.round(new))
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
                cells = np.eye(len(variable.categories))[new.astype(int)]
                for k, position in enumerate(variable.columns):
                    put_cells(table, changed, position, cells[:, k])
            else:
                cells = variable.cells(new)
                put_cells(table, changed, variable.columns[0], cells)
        return table

    # -- layout of the codes ----------------------------------------------------

    def spread(self, by_variable):
        """Repeat what is given for each variable over its codes, (.., n_codes)."""
        return np.take(by_variable, self._owner, axis=-1)

    def slots_of(self, j):
        """Which codes are those of a variable, boolean of shape (n_codes,)."""
        return self._owner == j

    def collect(self, by_code):
        """Sum what is given for each code over its variable, (n, n_variables)."""
        total = np.add.reduceat(by_code[:, : self.n_slots_], self._starts, axis=1)
        for slot, (j, _) in enumerate(self._states, self.n_slots_):
            total[:, j] += by_code[:, slot]
        return total

    def measured(self, codes):
        """Which codes are those of numbers, of the same shape: no special cells'."""
        measured = np.broadcast_to(self.numbers_[self._owner], codes.shape).copy()
        measured[:, self.n_slots_ :] = False
        for slot, indicator in self.states_:
            measured[:, slot] &= codes[:, indicator] < 0.5
        return measured

    def _lay_out(self):
        variables = self.variables_
        sizes = np.array([v.slots.stop - v.slots.start for v in variables])
        self._starts = np.cumsum(sizes) - sizes
        self.numbers_ = np.array([v.is_number for v in variables], dtype=bool)
        self._missing = np.where(self.numbers_, MISSING, ABSENT)
        self._states = [(j, s) for j, v in enumerate(variables) for s in v.states]
        of_state = np.array([j for j, _ in self._states], dtype=int)
        self._owner = np.r_[np.repeat(np.arange(len(sizes)), sizes), of_state]
        self.n_slots_, self.n_codes_ = sizes.sum(), len(self._owner)
        pairs = [
            (slot, indicator)
            for indicator, (j, _) in enumerate(self._states, self.n_slots_)
            for slot in range(variables[j].slots.start, variables[j].slots.stop)
        ]
        self.states_ = np.array(pairs, dtype=int).reshape(-1, 2)
        number = np.where(self.numbers_, -1, np.cumsum(~self.numbers_) - 1)
        self.groups_, self.ranks_ = self.spread(number), np.zeros(self.n_codes_)
        self.groups_[self.n_slots_ :] = -1
        for v in variables:
            if v.ordered:
                self.ranks_[v.slots] = np.arange(len(v.categories))

    def get_feature_names_out(self, input_features=None):
        """Names of the codes, ndarray of str."""
        names = []
        for variable in self.variables_:
            own = self._column_name(variable.columns[0])
            if variable.is_block:
                names += map(self._column_name, variable.columns)
                names += [f"{own}_{NONE_OF_THEM}"] * variable.left_out
            elif variable.is_number:
                names.append(own)
            else:
                names += [f"{own}_{label}" for label in variable.categories]
        for j, state in self._states:
            variable = self.variables_[j]
            what = "missing" if state == variable.missing else f"{state:g}"
            names.append(f"{self._column_name(variable.columns[0])}_{what}")
        return np.array(names, dtype=object)

    def _column_name(self, position):
        """Name of a column as text, as scikit-learn has it where there is none."""
        return str(self.names_[position]) if self._types else f"x{position}"

    def constraint_arrays(self, lower, upper, allowed, rise, fall):
        """Rules on the variables as the arrays of `Constraints` on the codes."""
        return {
            "lower": self._embed_bounds(lower, 0.0, 0.0),
            "upper": self._embed_bounds(upper, allowed, 1.0),
            "rise": self.spread(rise),
            "fall": self.spread(fall),
            "group": self.groups_,
            "rank": self.ranks_,
            "states": self.states_,
        }

    def _embed_bounds(self, bounds, categories, indicators):
        codes = self._embed_numbers(np.where(np.isfinite(bounds), bounds, 0.0))
        infinite = self.spread(~np.isfinite(bounds) & self.numbers_)
        codes[infinite] = self.spread(bounds)[infinite]
        slots = codes[:, : self.n_slots_]
        slots[:] = np.where(self.groups_[: self.n_slots_] >= 0, categories, slots)
        codes[:, self.n_slots_ :] = indicators
        return codes
