"""`explain` through Pipelines and search objects, back to their input columns."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_ct._classifier import CounterfactualTrainedClassifier
from sklearn_ct._encoding import TabularEncoder
from sklearn_ct._explain import explain_table
from sklearn_ct._inversion import categories_of, invert, output_columns, type_name
from sklearn_ct._recourse import Model
from sklearn_ct._rules import Rules
from sklearn_ct._table import column_names, from_polars, is_frame, is_polars, to_polars

__all__ = ["explain"]

# Stands for every category of a column that the pipeline drops.
DROPPED = "-"


def explain(estimator, X, target=None, **options):
    """Find counterfactuals of a classifier, a pipeline or a search object.

    Parameters
    ----------
    estimator : estimator
        A fitted `CounterfactualTrainedClassifier`, a `Pipeline` that ends in one, or a
        fitted search object (`GridSearchCV`, ...) of either.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The rows asked about, as the estimator's `predict` takes them.
    target : label or array-like of shape (n_samples,), default=None
        Class asked for. None: the most probable class that is not predicted.
    **options
        As in `CounterfactualTrainedClassifier.explain`. Behind a pipeline the
        constraints are in its input columns and units, and hold in addition to those
        of the classifier.

    Returns
    -------
    Counterfactuals
        In the input columns and units of the estimator. Every row is predicted again
        through the whole pipeline.

    Raises
    ------
    ValueError
        Where a step of the pipeline cannot be inverted; it names the step.
    TypeError
        Where the estimator is none of the above.

    Notes
    -----
    Transformations are inverted column by column: scalers, `ColumnTransformer`,
    `OneHotEncoder`, `OrdinalEncoder`, `SimpleImputer`, ``"passthrough"``,
    `FunctionTransformer` with an inverse, PCA, selectors, and whatever else has an
    ``inverse_transform``. Columns that a step drops stay as they are.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklearn_ct.datasets import make_moons
    >>> X, y = make_moons(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> pipeline = make_pipeline(MinMaxScaler(), clf).fit(X, y)
    >>> explain(pipeline, X[:3], 1 - pipeline.predict(X[:3]))
    <Counterfactuals of 3 rows: 3 valid>
    """
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if isinstance(estimator, CounterfactualTrainedClassifier):
        return estimator.explain(X, target, **options)
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else None
    if not isinstance(last, CounterfactualTrainedClassifier):
        raise TypeError(
            "explain takes a fitted CounterfactualTrainedClassifier, a Pipeline that "
            "ends in one, or a search object that was refitted to one of them. "
            f"Got {type_name(estimator)} instead."
        )
    check_is_fitted(last)
    steps = [
        (name, step)
        for name, step in estimator.steps[:-1]
        if step is not None and not isinstance(step, str)
    ]
    if not steps:
        return last.explain(X, target, **options)
    table = from_polars(X) if is_polars(X) else X
    table = table if is_frame(table) else np.asarray(table)
    if table.ndim != 2:
        raise ValueError(f"Expected 2D array, got {table.ndim}D array instead.")
    if len(table):
        estimator.predict_proba(table[:1])  # the pipeline's own checks of its input
    codec = PipelineCodec(steps, last, table)
    arguments = {
        "mutability": None,
        "domain": None,
        "n_counterfactuals": 1,
        "max_changes": None,
        "tau": None,
        "generator": None,
        "feature_costs": None,
        "effort": "full",
        "random_state": None,
        "n_jobs": None,
        "verbose": 0,
    }
    unknown = set(options) - set(arguments)
    if unknown:
        raise TypeError(f"explain() got an unexpected argument {unknown.pop()!r}.")
    arguments |= options
    if arguments["tau"] is None:
        arguments["tau"] = last.tau
    generator = arguments.pop("generator")
    result = explain_table(
        table,
        model=Model.of(last.net_.module_, codec),
        predict_proba=estimator.predict_proba,
        classes=last.classes_,
        rules=codec.rules,
        references=codec.references,
        generator=last._make_generator(generator) if generator else last.net_.generator,
        target=target,
        **arguments,
    )
    if is_polars(X):
        return result.map_tables(lambda table: to_polars(table, X))
    return result


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
        self.steps = steps
        self.inner = classifier.encoder_
        self.classifier = classifier
        self.like = X.iloc[:0] if is_frame(X) else X[:0]
        sizes = {k: len(real) for k, real in classifier._references.items()}
        stacked = np.vstack(list(classifier._references.values()))
        background = self._background(stacked)
        self.outer = TabularEncoder(numeric_scaling=None).fit(background)
        values = self.outer.read(background)
        ends = np.cumsum(list(sizes.values()))[:-1]
        self.references = dict(zip(sizes, np.split(values, ends), strict=True))
        self.variables_ = self.outer.variables_
        self.n_codes_ = self.outer.n_codes_
        self.names_ = self.outer.names_
        self.scale_ = self.outer.scale_
        self.numbers_ = self.outer.numbers_
        self.mean_, self.lower_, self.upper_ = (
            self.outer.mean_,
            self.outer.lower_,
            self.outer.upper_,
        )
        self.observed_ = self.outer.observed_
        self._look(values)
        self.rules = self._outer_rules(classifier._rules)

    def position(self, column):
        """Position of an input column."""
        return self.outer.position(column)

    def variable_of(self, column):
        """Index of the variable of an input column."""
        return self.outer.variable_of(column)

    # -- values <-> codes ---------------------------------------------------------

    def read(self, X):
        """Values of a table; a missing cell has what the pipeline imputes."""
        dropped = [
            v.columns[0]
            for v in self.variables_
            if not v.is_number and list(v.categories) == [DROPPED]
        ]
        if dropped:
            X = X.copy()
            for j in dropped:
                X.isetitem(j, DROPPED)
        missing = pd.isna(pd.DataFrame(X)).to_numpy()
        if not missing.any() or not len(X):
            return self.outer.read(X)
        imputed = self.outer.table(self.values(self._encode(X)))
        filled = X.copy()
        for j in np.flatnonzero(missing.any(axis=0)):
            rows = missing[:, j]
            if is_frame(X):
                column = X.iloc[:, j].astype(imputed.dtypes.iloc[j], errors="ignore")
                filled.isetitem(j, column.where(~rows, imputed.iloc[:, j].to_numpy()))
            else:
                filled[rows, j] = imputed.iloc[:, j].to_numpy()[rows]
        return self.outer.read(filled)

    def embed(self, values):
        """Codes of values, through the whole pipeline."""
        if not len(values):
            return np.empty((0, self.inner.n_codes_))
        return self._encode(self._input(self.outer.table(values)))

    def values(self, codes):
        """Values nearest to codes, through the inverted pipeline."""
        inner = self.inner.values(codes)
        for j, variable in enumerate(self.inner.variables_):
            if variable.is_number and variable.decimals is not None:
                inner[:, j] = np.clip(
                    inner[:, j], self.inner.lower_[j], self.inner.upper_[j]
                )
        return self.outer.read(self._invert(self.inner.table(inner)))

    def write(self, values, X, rows):
        """Table of values; cells that did not change are copied from ``X[rows]``."""
        return self.outer.write(values, X, rows, factual=self.read(X)[rows])

    def _encode(self, X):
        for _, step in self.steps:
            X = step.transform(X)
        return self.classifier.encode(X)

    def _input(self, frame):
        """Give the pipeline's container and types to a frame of the outer encoder."""
        if not is_frame(self.like):
            return frame.to_numpy(dtype=self.like.dtype)
        return frame.astype(
            {
                name: dtype
                for name, dtype in self.like.dtypes.items()
                if not isinstance(dtype, pd.CategoricalDtype)
            }
        )

    def _invert(self, table):
        columns = column_names(self.like)
        inputs = [columns]
        for _, step in self.steps[:-1]:
            inputs.append(output_columns(step, inputs[-1]))
        for (name, step), names in zip(self.steps[::-1], inputs[::-1], strict=True):
            table = invert(name, step, table, names)
        return self._typed(table)

    def _background(self, inner_values):
        return self._invert(self.inner.table(inner_values))

    def _typed(self, frame):
        """Columns with the types that the outer encoder is to see."""
        categories = {}
        categories_of(self.steps, column_names(self.like), categories)
        for variable in self.inner.variables_:
            if not variable.is_number and not variable.is_block:
                name = variable.name
                if name in frame.columns:
                    known = (variable.categories, variable.ordered)
                    categories.setdefault(name, known)
        columns = {}
        for j, name in enumerate(column_names(self.like)):
            column = frame[name]
            dtype = self.like.dtypes.iloc[j] if is_frame(self.like) else None
            if name in categories:
                labels, ordered = categories[name]
                if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
                    inside = [c for c in dtype.categories if c in set(labels)]
                    labels, ordered = inside, True
                dtype = pd.CategoricalDtype(labels, ordered=ordered)
                column = pd.Series(pd.Categorical(column, dtype=dtype), frame.index)
            elif dtype is not None and not pd.api.types.is_numeric_dtype(dtype):
                # Dropped on the way: no value of it was kept.
                column = pd.Series(pd.Categorical([DROPPED] * len(frame)), frame.index)
            else:
                column = column.astype(float).fillna(0.0)
                if dtype is not None and dtype.kind in "iu":
                    column = column.round()
                column = column.astype(dtype or float)
            columns[name] = column
        return pd.DataFrame(columns)

    # -- what depends on what -----------------------------------------------------

    def _look(self, values):
        """Which codes each variable acts on, from moving it in a few rows."""
        rows = values[:: max(1, len(values) // 64)][:64]
        here = self.embed(rows)
        depends = np.zeros((len(self.variables_), self.inner.n_codes_), dtype=bool)
        for j, variable in enumerate(self.variables_):
            moved = rows.copy()
            if variable.is_number:
                moved[:, j] = np.roll(rows[:, j], 1)
                moved[:1, j] = self.lower_[j]
                moved[1:2, j] = self.upper_[j]
            else:
                k = len(variable.categories)
                moved[:, j] = (rows[:, j] + 1 + np.arange(len(rows)) % (k - 1 or 1)) % k
            depends[j] = (np.abs(self.embed(moved) - here) > 1e-9).any(axis=0)
        self.depends = depends
        self.alone = depends.sum(axis=0) == 1
        self.owner = depends.argmax(axis=0)
        self.template = rows[:1]

    def spread(self, by_variable):
        """Repeat what is given for each variable for the codes that it acts on."""
        return np.asarray(by_variable)[..., self.owner]

    def collect(self, by_code):
        """Sum what is given for each code over the variable that owns it."""
        owners = (
            np.eye(len(self.variables_))[self.owner] * self.depends.any(axis=0)[:, None]
        )
        return by_code @ owners

    def _outer_rules(self, inner):
        """Translate the classifier's rules to the input columns."""
        rules = Rules.parse(self.outer, None, "observed")
        fields = {name: value.copy() for name, value in vars(rules).items()}
        ends = self._ends(inner)
        starts = np.array([v.slots.start for v in self.inner.variables_])
        for j, variable in enumerate(self.variables_):
            acts = self.depends[j]
            touched = self.inner.collect(acts[None].astype(float))[0] > 0
            if not touched.any():
                fields["rise"][:, j] = fields["fall"][:, j] = False
                continue
            frozen = touched & ~inner.rise[0] & ~inner.fall[0]
            if frozen.any():
                fields["rise"][:, j] = fields["fall"][:, j] = False
            single = np.flatnonzero(touched)
            if not variable.is_number or len(single) != 1:
                continue
            k = single[0]
            if not (self.inner.variables_[k].is_number and self.alone[starts[k]]):
                continue
            low, high = ends[:, j]
            if low > high:
                low, high = high, low
                fields["rise"][:, j] &= inner.fall[0, k]
                fields["fall"][:, j] &= inner.rise[0, k]
            else:
                fields["rise"][:, j] &= inner.rise[0, k]
                fields["fall"][:, j] &= inner.fall[0, k]
            if not np.isfinite(inner.lower[0, k]) and not np.isfinite(
                inner.upper[0, k]
            ):
                low, high = -np.inf, np.inf
            fields["lower"][:, j] = variable.round_bound(np.array(low), 1.0)
            fields["upper"][:, j] = variable.round_bound(np.array(high), -1.0)
            fields["given"][:, j] = inner.given[0, k]
        return Rules(**fields)

    def _ends(self, inner):
        """Values of two rows at the lower and the upper ends of the inner domain."""
        numbers = self.inner.numbers_
        template = self.inner.values(self.embed(self.template))
        ends = np.repeat(template, 2, axis=0)
        for row, given, observed in (
            (0, inner.lower[0], self.inner.lower_),
            (1, inner.upper[0], self.inner.upper_),
        ):
            finite = np.where(np.isfinite(given), given, observed)
            ends[row, numbers] = finite[numbers]
        return self.outer.read(self._invert(self.inner.table(ends)))

    def constraint_arrays(self, lower, upper, allowed, rise, fall):
        """Rules on the variables as far as they are rules on single codes."""
        inner = self.classifier._rules
        n = len(lower)
        arrays = {
            name: np.repeat(value, n, axis=0)
            for name, value in self.inner.constraint_arrays(
                inner.lower, inner.upper, inner.allowed, inner.rise, inner.fall
            ).items()
            if name in ("lower", "upper", "rise", "fall")
        }
        groups = self.inner.groups_
        free = self.depends.T.astype(float) @ (rise | fall).T.astype(float) > 0
        arrays["rise"], arrays["fall"] = free.T.copy(), free.T.copy()
        numbers = self.numbers_ & np.isfinite(lower).all(0) & np.isfinite(upper).all(0)
        template = np.repeat(self.template, n, axis=0)
        ends = [
            self.embed(np.where(numbers, bound, template)) for bound in (lower, upper)
        ]
        low, high = np.minimum(*ends), np.maximum(*ends)
        box = self.alone & numbers[self.owner] & (groups < 0)
        arrays["lower"][:, box], arrays["upper"][:, box] = low[:, box], high[:, box]
        for j, variable in enumerate(self.variables_):
            if variable.is_number:
                continue
            k = len(variable.categories)
            each = np.repeat(self.template, k, axis=0)
            each[:, j] = np.arange(k)
            codes = self.embed(each)
            slots = np.flatnonzero(self.alone & self.depends[j] & (groups >= 0))
            for c in range(k):
                own = slots[codes[c, slots] > 0.5]
                arrays["upper"][:, own] = allowed[:, [variable.slots.start + c]]
        return arrays | {"group": groups, "rank": self.inner.ranks_}
