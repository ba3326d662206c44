"""The answer to `explain`: one row for each query and counterfactual, always."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from sklearn_ct._result.describe import sentence
from sklearn_ct._result.groups import first_of_each, groups_of
from sklearn_ct._result.html import table_of
from sklearn_ct._result.letter import FORMATS, letter_of
from sklearn_ct._result.pareto import unbeaten
from sklearn_ct._result.serialize import OPTIONAL, PER_ROW, dump, load
from sklearn_ct._result.status import Status
from sklearn_ct._tables.containers import as_pandas, cells_of, take_rows
from sklearn_ct.metrics import implausibility_distance

# Of a standing: as rare as the rarest of twenty real rows.
RARE = 0.05
# Measures that are computed when first asked for.
LAZY = ("implausibility", "plausibility")
# Columns of the table of changes.
CHANGES = ["row", "query", "alternative", "feature", "from", "to"]


@dataclass(frozen=True, eq=False, repr=False)
class Counterfactuals:
    """Counterfactuals of some rows, with what became of each search.

    Made by `CounterfactualTrainedClassifier.explain` and `sklearn_ct.explain`.
    Iterating, indexing and slicing give parts of the same type. Measures of rows
    without an answer are NaN, so that no mean takes them for cheap.

    Attributes
    ----------
    factuals, counterfactuals : DataFrame or ndarray of shape (m, n_features)
        The rows asked about, repeated for each of their counterfactuals, and the
        answers; containers, columns, types and index as `fit` and `explain` saw them.
    query : ndarray of shape (m,)
        Number of the row of the call that each row answers.
    alternative : ndarray of shape (m,)
        Number of the answer among those to the same row, from 0 on.
    target : ndarray of shape (m,)
        Class label asked for.
    status : ndarray of shape (m,)
        ``"valid"``: found by the search. ``"fallback"``: a training row of the class
        made actionable. ``"already"``: predicted as the target from the start.
        ``"infeasible"``: none found under these constraints; the row is the factual.
    reason : ndarray of shape (m,)
        For infeasible rows, what stood in the way; for answers that do not reach
        ``tau``, that they do not; otherwise empty.
    probability : ndarray of shape (m,)
        Predicted probability of the target for the counterfactual; NaN for infeasible
        rows.
    cost : ndarray of shape (m,)
        Distance (l1) from the factual in the model's standardised input space, where a
        switched category counts 2; each feature by its weight in ``feature_costs``. NaN
        for infeasible rows, 0 for those there already.
    diversity : ndarray of shape (m,)
        Mean distance (l1, all features alike) to the other valid answers for the same
        row; NaN where there is no other.
    invalidation_rate : ndarray of shape (m,) or None
        Share of noisy copies of the answer that are not predicted as the target; NaN
        for infeasible rows. None unless ``explain`` was given ``noise``.
    threshold : ndarray of shape (m,) or None
        Probability from which on the estimator predicts the target. None unless it
        decides by a threshold of its own.
    glossary : dict or None
        What `explain` was told of the columns, by the names of the features.
    """

    factuals: object
    counterfactuals: object
    query: np.ndarray
    target: np.ndarray
    status: np.ndarray
    reason: np.ndarray
    probability: np.ndarray
    cost: np.ndarray
    diversity: np.ndarray
    invalidation_rate: np.ndarray | None = None
    threshold: np.ndarray | None = None
    alternative: np.ndarray | None = None
    glossary: dict | None = None
    # For each variable: its name, the positions of its columns, whether changed.
    _features: list = field(default_factory=list)
    _changed: np.ndarray = None  # (m, n_variables)
    _codes: np.ndarray = None  # (m, d)
    _standings: dict = field(default_factory=dict)  # label -> Standing of real rows

    def __post_init__(self):
        """Complete the parts, and freeze the arrays."""
        if self.alternative is None:
            place = pd.Series(self.query).groupby(self.query).cumcount()
            object.__setattr__(self, "alternative", place.to_numpy())
        for name in ("probability", "cost"):
            measure = np.where(self.valid, getattr(self, name), np.nan)
            object.__setattr__(self, name, measure)
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def valid(self):
        """Whether the counterfactual is predicted as its target, boolean (m,)."""
        return self.status != Status.INFEASIBLE

    @property
    def n_changes(self):
        """Number of features changed, (m,); a one-hot block counts once.

        0 for infeasible rows, whose answer is the factual; `to_frame` has NaN.
        """
        return self._changed.sum(axis=1)

    @cached_property
    def implausibility(self):
        """Mean l1 distance to real rows of the target class, (m,).

        NaN for infeasible rows. Computed when first asked for; see
        `sklearn_ct.metrics.implausibility_distance`.
        """
        return self._among_real_rows(
            lambda codes, standing: implausibility_distance(
                codes, standing.rows, average=False
            )
        )

    @cached_property
    def plausibility(self):
        """Standing among real rows of the target class, 0 to 1, (m,).

        The share of the real training rows that `fit` kept of the class which stand no
        nearer to the others of them: real rows that nobody has seen are spread evenly
        from 0 to 1, and below 0.05 an answer is rarer than 95 % of them. NaN for
        infeasible rows, and where fewer than two rows of the class are known. Computed
        when first asked for; see `sklearn_ct.metrics.plausibility_score`.
        """
        return self._among_real_rows(lambda codes, standing: standing.of(codes))

    def _among_real_rows(self, measure):
        """Measure the answers to each target against real rows of it, (m,)."""
        result = np.full(len(self), np.nan)
        for label, standing in self._standings.items():
            rows = (self.target == label) & self.valid
            if rows.any() and len(standing.rows):
                result[rows] = measure(self._codes[rows], standing)
        return result

    @property
    def blocks(self):
        """Names of the features that are one-hot blocks."""
        return {name for name, columns in self._features if len(columns) > 1}

    def __len__(self):
        return len(self.query)

    def __getitem__(self, rows):
        """Rows by number, slice, list or boolean mask."""
        rows = np.arange(len(self))[rows]
        rows = np.atleast_1d(rows)
        per_row = {*PER_ROW, *OPTIONAL, "_changed", "_codes"}
        per_row -= {*LAZY}
        part = replace(
            self,
            factuals=take_rows(self.factuals, rows),
            counterfactuals=take_rows(self.counterfactuals, rows),
            **{
                name: value[rows]
                for name in per_row
                if (value := getattr(self, name)) is not None
            },
        )
        for name in vars(self).keys() & {*LAZY}:
            vars(part)[name] = getattr(self, name)[rows]
        return part

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def map_tables(self, function):
        """Return the same with both tables replaced by ``function(table)``."""
        mapped = replace(
            self,
            factuals=function(self.factuals),
            counterfactuals=function(self.counterfactuals),
        )
        for name in vars(self).keys() & {*LAZY}:
            vars(mapped)[name] = getattr(self, name)
        return mapped

    def to_frame(self):
        """Counterfactuals, one row each, with the columns of the outcome behind them.

        Returns
        -------
        DataFrame
            Columns of the input, then ``query``, ``alternative``, ``target``,
            ``status``, ``reason``, ``probability``, ``cost``, ``implausibility``,
            ``plausibility``, ``diversity``, ``n_changes`` and, where there are such,
            ``invalidation_rate`` and ``threshold``, each with ``_`` behind it where the
            input has a column of that name; the index is that of the factuals. Measures
            of rows without an answer are NaN.
        """
        frame = as_pandas(self.counterfactuals).copy()
        given = [name for name in OPTIONAL if getattr(self, name) is not None]
        for name in (*PER_ROW, "n_changes", *given):
            free = name
            while free in frame:
                free += "_"
            value = getattr(self, name)
            if name == "n_changes":  # as all measures
                value = np.where(self.valid, value, np.nan)
            # Texts have one type, with rows and without, as a Dask `meta` needs.
            dtype = None if value.dtype.kind in "biuf" else object
            frame[free] = pd.Series(value, frame.index, dtype=dtype)
        return frame

    def changes(self):
        """Every change as a row of its own.

        Returns
        -------
        DataFrame
            Columns ``row`` (label of the factual's index), ``query``, ``alternative``,
            ``feature``, ``from`` and ``to``; for a one-hot block the names of its
            columns.
        """
        before, after = as_pandas(self.factuals), as_pandas(self.counterfactuals)
        parts = []
        for j, (name, columns) in enumerate(self._features):
            rows = np.flatnonzero(self._changed[:, j])
            part = pd.DataFrame(
                {
                    "order": rows,
                    "row": before.index[rows],
                    "query": self.query[rows],
                    "alternative": self.alternative[rows],
                    "feature": [name] * len(rows),
                    "from": cells_of(before, columns)[rows],
                    "to": cells_of(after, columns)[rows],
                }
            ).astype({"feature": object, "from": object, "to": object})
            if len(rows):
                parts.append(part)
        if not parts:
            return pd.DataFrame(columns=CHANGES)
        every = pd.concat(parts).sort_values("order", kind="stable")
        return every.drop(columns="order").reset_index(drop=True)

    def describe(self, i):
        """Say the ``i``-th row in a sentence.

        Parameters
        ----------
        i : int
            Number of the row.

        Returns
        -------
        str
        """
        one = self[i]
        if len(one) != 1:
            raise ValueError("describe takes the number of a single row.")
        return sentence(one)

    def letter(self, i, *, format="text", outcome=None, template=None):
        """Write the letter to the ``i``-th person, with all answers to their row.

        For the person rather than the analyst: with the labels, units, steps and kinds
        of the ``glossary`` that `explain` was given, names made readable where it says
        nothing; no probability. Alternatives are options, those first that only ask to
        act; what lies in the past is told apart, for information; and why there is
        none, where there is none. A number without a step is shown with three digits
        if it is a fraction: what was checked is then near what is read.

        Parameters
        ----------
        i : int
            Number of the person, in the order of the rows that were explained.
        format : {"text", "html"}, default="text"
            Plain text, or a ``<div class="letter">`` of HTML.
        outcome : str or dict, default=None
            Words for the target, or ``{target: words}``. None: the label, if it is
            text.
        template : callable, default=None
            ``template(letter) -> str`` in place of the built-in words: ``letter`` has
            ``row``, ``target``, ``outcome``, ``already``, ``reason``, ``ways`` and
            ``past`` (ways with a part that lies in the past), each way a tuple of
            changes with ``feature``, ``label``, ``kind``, ``before``, ``after`` and
            ``sentence``.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            On another format.
        """
        people = np.unique(self.query)
        if not -len(people) <= i < len(people):
            raise IndexError(f"letter {i} is out of range: there are {len(people)}.")
        part = self[self.query == people[i]]
        return _written(part, format, outcome, template)

    def letters(self, *, format="text", outcome=None, template=None):
        """Write the letters to all people.

        Parameters
        ----------
        format, outcome, template
            As in `letter`.

        Returns
        -------
        list of str
            One for each person, in the order of the rows that were explained.
        """
        order = np.argsort(self.query, kind="stable")
        ends = np.unique(self.query[order], return_index=True)[1][1:]
        parts = np.split(order, ends) if len(order) else []
        return [_written(self[rows], format, outcome, template) for rows in parts]

    def pareto(self):
        """Keep of each row's answers those that no other one beats.

        An answer is beaten by one that is at least as good in everything and better in
        something: lower ``cost``, fewer changes, greater ``probability``, lower
        ``implausibility``, greater ``plausibility``.

        Returns
        -------
        Counterfactuals
            Of every row one answer at least; rows without any keep their first.
        """
        smaller = (self.cost, self.n_changes, self.implausibility)
        smaller += (-self.probability, -self.plausibility)
        # What is not known is no reason to prefer one.
        losses = np.nan_to_num(np.column_stack(smaller))
        return self[unbeaten(self.query, self.valid, losses)]

    def evaluate(self, by=None):
        """Summary of all rows, or of each group of them.

        Parameters
        ----------
        by : column name, list of them, Series or array-like, default=None
            Groups: columns of the input; or labels, one for each row or for each
            person (row of the call). A Series is matched by the index of the factuals.

        Returns
        -------
        Series, or DataFrame with a row for each group
            ``n``, people (rows of the call); ``answered``, the share of them with an
            answer at least, and the shares of the statuses of their first answers;
            ``validity``, the share of the answers asked for that were found. Of the
            answers that change something means of ``cost``, ``n_changes``,
            ``implausibility``, ``plausibility`` and ``probability``, and ``rare``, the
            share of them that stand below 0.05; of ``diversity`` where a row has
            several answers, and of ``invalidation_rate`` where asked for.

        Raises
        ------
        ValueError
            Where the groups do not fit the rows.
        """
        if by is None:
            return self._summary()
        for name in LAZY:  # once, rather than for each group
            getattr(self, name)
        labels, rows = groups_of(self, by)
        summaries = [self[own]._summary() for own in rows]
        columns = self[:0]._summary().index if not summaries else None
        return pd.DataFrame(summaries, columns=columns).set_axis(labels)

    def _summary(self):
        first = self.status[first_of_each(self.query, self.alternative)]
        shares = {
            f"share_{name}": float(np.mean(first == name)) if len(first) else np.nan
            for name in map(str, Status)
        }
        moved = np.isin(self.status, (Status.VALID, Status.FALLBACK))
        means = {
            name: float(getattr(self, name)[moved].mean()) if moved.any() else np.nan
            for name in ("cost", "n_changes", *LAZY, "probability")
        }
        standing = self.plausibility[moved]
        standing = standing[~np.isnan(standing)]
        means["rare"] = float(np.mean(standing < RARE)) if len(standing) else np.nan
        if not np.isnan(self.diversity).all():
            means["diversity"] = float(np.nanmean(self.diversity))
        if self.invalidation_rate is not None:
            rate = self.invalidation_rate[moved]
            means["invalidation_rate"] = float(rate.mean()) if moved.any() else np.nan
        summary = {
            "n": len(first),
            "answered": 1 - shares[f"share_{Status.INFEASIBLE}"],
            "validity": float(self.valid.mean()) if len(self) else np.nan,
        }
        return pd.Series(summary | shares | means, dtype=float)

    def to_json(self):
        """All rows as JSON text, which `from_json` reads back.

        Returns
        -------
        str
            An object with ``columns`` (names and types), ``features`` and ``rows``; a
            row has its ``index``, ``factual``, ``counterfactual``, the features
            ``changed`` and its outcome. Missing numbers are null.
        """
        outcome = {
            name: value
            for name in (*PER_ROW, "n_changes", *OPTIONAL)
            if (value := getattr(self, name)) is not None
        }
        return dump(
            as_pandas(self.factuals),
            as_pandas(self.counterfactuals),
            isinstance(self.factuals, np.ndarray),
            self._features,
            self._changed,
            outcome,
            self.glossary,
        )

    @classmethod
    def from_json(cls, text):
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str

        Returns
        -------
        Counterfactuals
            Equal cells, types and outcomes, in pandas frames or arrays; labels other
            than strings, numbers and booleans come back as strings.
        """
        fields = load(text)
        measured = {name: fields.pop(name, np.nan) for name in LAZY}
        result = cls(**fields)
        for name, value in measured.items():
            vars(result)[name] = np.where(result.valid, value, np.nan)
        return result

    def __repr__(self):
        counts = pd.Series(self.status).value_counts()
        text = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"<Counterfactuals of {len(np.unique(self.query))} rows: {text or 0}>"

    def to_html(self, columns="changed", limit=50):
        """Table of the answers: what became of each row, and what changes.

        Target, status, reason, probability and plausibility stand first, then the
        columns: the old cell struck out and the new one in bold where it changes.
        Answers to the same row stand together. A notebook shows it.

        Parameters
        ----------
        columns : {"changed", "all"}, default="changed"
            Whether to leave out the columns that no answer shown changes.
        limit : int or None, default=50
            Rows shown at most. None: all.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            On another word for the columns.
        """
        if columns not in ("changed", "all"):
            raise ValueError(
                "The 'columns' parameter of to_html must be 'changed' or 'all'. "
                f"Got {columns!r} instead."
            )
        return table_of(self, columns == "all", limit)

    def _repr_html_(self):
        return self.to_html()


def _written(part, format, outcome, template):
    """Letter to the person that all rows are about."""
    if format not in FORMATS:
        raise ValueError(
            f"The 'format' parameter of a letter must be one of {list(FORMATS)}. "
            f"Got {format!r} instead."
        )
    return (template or FORMATS[format])(letter_of(part, outcome))
