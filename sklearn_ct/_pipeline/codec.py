"""Between the input columns of a pipeline and its classifier's input space."""

from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from sklearn_ct._estimator.validation import check_X
from sklearn_ct._pipeline.background import codes_of, learn, without_stand_ins
from sklearn_ct._pipeline.dependence import Dependence
from sklearn_ct._pipeline.held import HeldCells
from sklearn_ct._pipeline.invert import (
    Sample,
    input_columns,
    invert_all,
    transforming,
)
from sklearn_ct._pipeline.memo import memo_of
from sklearn_ct._pipeline.relations import outer_relations
from sklearn_ct._pipeline.rules import outer_rules
from sklearn_ct._recourse.references import References
from sklearn_ct._tables.containers import (
    column_names,
    dense,
    is_frame,
    take_column,
    take_rows,
)
from sklearn_ct._tables.discover import with_left_out
from sklearn_ct._tables.encoder import TabularEncoder

# Rows that show what a step does.
FEW_ROWS = 8
# For each trained net what the last call made of its real rows.
_KNOWN = WeakKeyDictionary()


class PipelineCodec:
    """Between the input columns of a pipeline and its classifier's input space.

    It speaks to the search as `TabularEncoder` does. Which codes a column acts on is
    found by moving it and looking, so that any transformation is covered; where a code
    depends on several columns (PCA), the search walks freely in it, and the rules are
    enforced on the inverted row.

    Parameters
    ----------
    steps : list of (str, transformer)
        The fitted steps before the classifier.
    classifier : CounterfactualTrainedClassifier
        Fitted.
    X : DataFrame or ndarray of shape (n, n_columns)
        The rows asked about; only their columns and types matter.
    """

    def __init__(self, steps, classifier, X):
        self.steps = transforming(steps)
        self.inner = classifier.encoder_
        self.classifier = classifier
        self.like = X.iloc[:0] if is_frame(X) else X[:0]
        self.names = column_names(self.like)
        # A step finds the columns of a frame by their names, wherever they stand.
        fitted = getattr(self.steps[0][1], "feature_names_in_", None)
        by_name = fitted is not None and is_frame(X)
        self.takes = [*fitted] if by_name else self.names
        self._inputs = input_columns(self.steps, self.takes)
        self._sample = self.few = None
        if len(X):
            self.few = few = take_rows(X, slice(FEW_ROWS))
            self._sample = Sample(few.reindex(columns=self.takes) if by_name else few)
        real = np.vstack([kept.values for kept in classifier.references_.values()])
        background, held, blocked = learn(self, real)
        if not is_frame(X) and X.dtype.kind in "biuf":
            # Whole numbers of a pipeline that takes any become any.
            numbers = background.select_dtypes("number").dtypes
            self.like = self.like.astype(np.result_type(X.dtype, *numbers))
        codes = codes_of(self, real[:1], background)
        self.outer = TabularEncoder(numeric_scaling=None, special_values=codes)
        self.outer.fit(background)
        self.variables_ = self.outer.variables_
        self.n_slots_ = self.outer.n_slots_
        self.names_ = self.outer.names_
        self.scale_ = self.outer.scale_
        self.numbers_ = self.outer.numbers_
        self.mean_ = self.outer.mean_
        self.lower_, self.upper_ = self.outer.lower_, self.outer.upper_
        self.observed_ = self.outer.observed_
        self.groups_ = self.inner.groups_
        every = self.outer.read(background)
        self.held = HeldCells(self, X, held, blocked, len(real))
        self._labels, self._index = {}, {}
        for j, variable in enumerate(self.variables_):
            if variable.is_number or variable.is_block or self.is_dropped(j):
                continue
            labels = pd.Series(variable.categories, dtype=object)
            self._labels[j] = labels.astype(self._label_dtype(variable)).array
            self._index[j] = pd.Index(labels)
        values = self.held.number(every[: len(real)], self.held.of_real)
        self._memo = None
        self.dependence, seen = Dependence.look(self, values)
        self.held.look(real)
        self.lower_, self.upper_, self.observed_ = without_stand_ins(self, every)
        sizes = {k: len(kept) for k, kept in classifier.references_.items()}
        ends = np.cumsum(list(sizes.values()))[:-1]
        self.references = {
            k: References(self, part)
            for k, part in zip(sizes, np.split(values, ends), strict=True)
        }
        self._memo = memo_of(self, *seen)
        self._reuse()
        self.rules = outer_rules(self, classifier.rules_)
        self.relations = outer_relations(self, classifier)

    def _reuse(self):
        """Use what an earlier call has made of the same rows, behind the same steps."""
        known = self.dependence
        now = [self.lower_, self.upper_, known.ladder, known.depends]
        before, made = _KNOWN.get(self.classifier.net_, (None, {}))
        if before is not None and all(map(np.array_equal, before, now)):
            for k in self.references.keys() & made.keys():
                self.references[k].reuse(made[k])
        made = {k: real.made for k, real in self.references.items()}
        _KNOWN[self.classifier.net_] = now, made

    def position(self, column):
        """Position of an input column."""
        return self.outer.position(column)

    def variable_of(self, column):
        """Index of the variable of an input column."""
        return self.outer.variable_of(column)

    # -- values <-> codes ---------------------------------------------------------

    def read(self, X):
        """Values of a table; a missing or unknown cell has what the pipeline makes."""
        plain = self.held.without(X)
        unread = np.array(pd.isna(plain))
        for j in self._labels:
            k = self.variables_[j].columns[0]
            unread[:, k] |= self._label_codes(j, take_column(plain, k)) < 0
        if not unread.any():
            return self.held.number(self.outer.read(plain))
        codes = self.encode(X)
        made = self.values(codes)
        by_variable = np.column_stack(
            [unread[:, list(v.columns)].any(axis=1) for v in self.variables_]
        )
        if self._memo is not None:
            made = self._memo.name(self.held.number(made), codes, by_variable)
        stand_in = self.outer.table(np.where(self.numbers_, made, np.maximum(made, 0)))
        filled = plain.copy()
        for k in np.flatnonzero(unread.any(axis=0)):
            rows, cells = unread[:, k], stand_in.iloc[:, k].to_numpy()
            if is_frame(X):
                column = plain.iloc[:, k].astype(object)
                filled.isetitem(k, column.where(~rows, cells).infer_objects())
            else:
                filled[rows, k] = cells[rows]
        values = np.where(by_variable, made, self.outer.read(filled))
        return self.held.number(values)

    def special(self, values):
        """Which values are special: something stands for each missing cell."""
        return self.outer.special(values) & self.numbers_

    def ordinary(self, values):
        """Values with the median in place of special ones."""
        return np.where(self.special(values), self.outer.middle_, values)

    def missing(self, X, values):
        """Which variables have a missing cell in a table, whatever stands in for it."""
        cells = pd.isna(pd.DataFrame(X)).to_numpy()
        columns = [list(variable.columns) for variable in self.variables_]
        return np.column_stack([cells[:, own].any(axis=1) for own in columns])

    def embed(self, values):
        """Codes of values, through the whole pipeline."""
        if not len(values):
            return np.empty((0, self.inner.n_codes_))
        if self._memo is None:
            return self.held.put(self.encode(self.input(values)), values)
        return self._memo.embed(values)

    def values(self, codes):
        """Values nearest to codes, through the inverted pipeline."""
        if not len(codes):
            return np.empty((0, len(self.variables_)))
        if self._memo is not None and self._memo.inverts:
            return self._memo.values(codes)
        inner = self.inner.values(codes)
        for j, variable in enumerate(self.inner.variables_):
            if variable.is_number and variable.decimals == 0:
                inner[:, j] = np.clip(
                    inner[:, j], self.inner.lower_[j], self.inner.upper_[j]
                )
        frame, _ = self.invert(self.inner.table(inner))
        values = np.empty((len(codes), len(self.variables_)))
        for j, variable in enumerate(self.variables_):
            if self.is_dropped(j):
                values[:, j] = 0.0
            elif variable.is_number:
                cells = frame.iloc[:, variable.columns[0]].to_numpy(dtype=float)
                values[:, j] = variable.round(np.nan_to_num(cells))
            elif self.dependence.slots_of(j).any():
                values[:, j] = self.nearest(j, codes)
            elif variable.is_block:
                values[:, j] = nearest_level(frame, variable)
            else:
                values[:, j] = self._label_codes(j, frame.iloc[:, variable.columns[0]])
        return values

    def nearest(self, j, codes):
        """Categories of a variable whose codes are nearest."""
        known = self.dependence
        own = known.slots_of(j)
        rungs = known.ladder[: known.heights[j], own]
        return cdist(codes[:, own], rungs, "cityblock").argmin(axis=1)

    def write(self, values, X, rows, factual):
        """Table of values; cells that did not change are copied from ``X[rows]``."""
        return self.outer.write(values, X, rows, factual)

    def encode(self, X):
        """Codes of a table, through the whole pipeline."""
        return self.inner.transform(self.passed(X))

    def passed(self, X):
        """Table that the classifier takes of a table."""
        return check_X(self.classifier, self.transformed(X), reset=False)

    def transformed(self, X):
        """Give what the steps make of a table."""
        for _, step in self.steps:
            X = dense(step.transform(X)) if hasattr(step, "transform") else X
        return X

    def invert(self, table):
        """Input columns of a table that the classifier takes, as objects.

        Returns
        -------
        DataFrame
            With missing values where a column cannot be had back.
        dict
            ``{column: sentence}`` of those that go through a step without an inverse.
        """
        frame, blocked = invert_all(self.steps, self._inputs, table, None, self._sample)
        if self.takes is not self.names:
            frame = frame.reindex(columns=self.names)
        return frame, blocked

    def filled(self, X):
        """Input columns that come back of a table: missing cells are filled in."""
        table = self.transformed(X)
        frame, _ = invert_all(self.steps, self._inputs, table, None, self._sample)
        return frame.reindex(columns=self.names)

    def place_of(self, j, label):
        """Place of a label among a variable's categories, -1 if it is none of them."""
        return int(self._index[j].get_indexer([label])[0])

    def input(self, values):
        """Table of values, in the container and the types that the pipeline takes."""
        columns = self.held.cells(values)
        for j, variable in enumerate(self.variables_):
            if self.is_dropped(j):
                continue
            if variable.is_block:
                one_hot = values[:, [j]] == np.arange(len(variable.columns))
                columns |= dict(zip(variable.columns, one_hot.T, strict=True))
            elif variable.is_number:
                columns[variable.columns[0]] = variable.round(values[:, j])
            else:
                # Code -1, none of the categories, is a missing cell.
                codes = values[:, j].astype(int)
                labels = self._labels[j].take(codes, allow_fill=True)
                columns[variable.columns[0]] = labels
        if not is_frame(self.like):
            table = np.empty((len(values), len(self.names)), dtype=self.like.dtype)
            for k, cells in columns.items():
                table[:, k] = cells
            return table
        for k, dtype in enumerate(self.like.dtypes):
            if isinstance(columns[k], np.ndarray) and columns[k].dtype != dtype:
                columns[k] = pd.Series(columns[k]).astype(dtype)
        frame = pd.DataFrame({k: columns[k] for k in range(len(self.names))})
        frame.columns = self.names
        return frame

    def _label_dtype(self, variable):
        """Type of a category column as the pipeline is to see it."""
        if not is_frame(self.like):
            return object
        dtype = self.like.dtypes.iloc[variable.columns[0]]
        return variable.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype

    def _label_codes(self, j, column):
        """Codes of the labels in a column; -1 for others and for missing cells."""
        return self._index[j].get_indexer(np.asarray(column, dtype=object))

    def is_dropped(self, j):
        """Whether a variable is held as it is, as those that the pipeline drops are."""
        return self.variables_[j].columns[0] in self.held.columns

    # -- what depends on what -----------------------------------------------------

    def spread(self, by_variable):
        """Repeat what is given for each variable for the codes that it acts on."""
        return self.dependence.spread(by_variable)

    def measured(self, codes):
        """Which codes are those of numbers, of the same shape."""
        return self.inner.measured(codes)

    def slots_of(self, j):
        """Which codes a variable alone acts on; none if it shares any."""
        return self.dependence.slots_of(j)

    def collect(self, by_code):
        """Sum what is given for each code over the variable that owns it."""
        return self.dependence.collect(by_code)

    def constraint_arrays(self, lower, upper, allowed, rise, fall):
        """Rules on the variables as far as they are rules on single codes."""
        inner, known = self.classifier.rules_, self.dependence
        n = len(lower)
        arrays = {
            name: np.repeat(value, n, axis=0)
            for name, value in self.inner.constraint_arrays(
                inner.lower, inner.upper, inner.allowed, inner.rise, inner.fall
            ).items()
            if name in ("lower", "upper", "rise", "fall")
        }
        groups = self.groups_
        free = known.moves(rise | fall)
        arrays["rise"], arrays["fall"] = free.copy(), free.copy()
        # Row by row: what another one is bounded by is nothing to it.
        finite = self.numbers_ & np.isfinite(lower) & np.isfinite(upper)
        ends = np.where(
            np.vstack([finite] * 2), np.vstack([lower, upper]), known.template
        )
        codes = self.embed(ends)
        low, high = np.sort([codes[:n], codes[n:]], axis=0)
        box = known.alone & (groups < 0) & finite[:, known.owner]
        arrays["lower"] = np.where(box, low, arrays["lower"])
        arrays["upper"] = np.where(box, high, arrays["upper"])
        for j, variable in enumerate(self.variables_):
            if variable.is_number:
                continue
            slots = np.flatnonzero(known.alone & known.depends[j] & (groups >= 0))
            for c, codes in enumerate(known.ladder[: known.heights[j]]):
                own = slots[codes[slots] > 0.5]
                arrays["upper"][:, own] = allowed[:, [variable.slots.start + c]]
        return arrays | {
            "group": groups,
            "rank": self.inner.ranks_,
            "states": self.inner.states_,
        }


def nearest_level(frame, variable):
    """Places of the columns of a one-hot block that are nearest to 1."""
    block = frame.iloc[:, list(variable.columns)].to_numpy(dtype=float)
    return with_left_out(block, variable.left_out).argmax(axis=1)
