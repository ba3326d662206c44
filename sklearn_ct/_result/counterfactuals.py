"""The answer to `explain`: one row for each query and counterfactual, always."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from sklearn_ct._result.describe import sentence
from sklearn_ct._result.html import table_of
from sklearn_ct._result.serialize import PER_ROW, dump, load
from sklearn_ct._result.status import Status
from sklearn_ct._tables.containers import as_pandas, cells_of, take_rows
from sklearn_ct.metrics import implausibility_distance


@dataclass(frozen=True, eq=False, repr=False)
class Counterfactuals:
    """Counterfactuals of some rows, with what became of each search.

    Made by `CounterfactualTrainedClassifier.explain` and `sklearn_ct.explain`.
    Iterating, indexing and slicing give parts of the same type.

    Attributes
    ----------
    factuals, counterfactuals : DataFrame or ndarray of shape (m, n_features)
        The rows asked about, repeated for each of their counterfactuals, and the
        answers; containers, columns, types and index as `fit` and `explain` saw them.
    query : ndarray of shape (m,)
        Number of the row of the call that each row answers.
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
        Predicted probability of the target for the counterfactual.
    cost : ndarray of shape (m,)
        Distance (l1) from the factual in the model's standardised input space, where a
        switched category counts 2; each feature by its weight in ``feature_costs``.
    diversity : ndarray of shape (m,)
        Mean distance (l1, all features alike) to the other valid answers for the same
        row; NaN where there is no other.
    invalidation_rate : ndarray of shape (m,) or None
        Share of noisy copies of the answer that are not predicted as the target; NaN
        for infeasible rows. None unless ``explain`` was given ``noise``.
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
    # For each variable: its name, the positions of its columns, whether changed.
    _features: list = field(default_factory=list)
    _changed: np.ndarray = None  # (m, n_variables)
    _codes: np.ndarray = None  # (m, d)
    _references: dict = field(default_factory=dict)  # label -> codes of real rows

    def __post_init__(self):
        """Freeze the arrays."""
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def valid(self):
        """Whether the counterfactual is predicted as its target, boolean (m,)."""
        return self.status != Status.INFEASIBLE

    @property
    def n_changes(self):
        """Number of features changed, (m,); a one-hot block counts once."""
        return self._changed.sum(axis=1)

    @cached_property
    def implausibility(self):
        """Mean l1 distance to real rows of the target class, (m,).

        Computed when first asked for; see `sklearn_ct.metrics.implausibility_distance`.
        """
        result = np.full(len(self), np.nan)
        for label, real in self._references.items():
            rows = self.target == label
            if rows.any() and len(real):
                result[rows] = implausibility_distance(
                    self._codes[rows], real, average=False
                )
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
        per_row = {*PER_ROW, "invalidation_rate", "_changed", "_codes"}
        per_row -= {"implausibility"}  # computed when first asked for
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
        if "implausibility" in vars(self):
            vars(part)["implausibility"] = self.implausibility[rows]
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
        if "implausibility" in vars(self):
            vars(mapped)["implausibility"] = self.implausibility
        return mapped

    def to_frame(self):
        """Counterfactuals, one row each, with the columns of the outcome behind them.

        Returns
        -------
        DataFrame
            Columns of the input, then ``target``, ``status``, ``probability``,
            ``cost``, ``n_changes``, ``reason`` and, where asked for,
            ``invalidation_rate``, each with ``_`` behind it where the input has a
            column of that name; the index is that of the factuals.
        """
        frame = as_pandas(self.counterfactuals).copy()
        outcome = ("target", "status", "probability", "cost", "n_changes", "reason")
        if self.invalidation_rate is not None:
            outcome += ("invalidation_rate",)
        for name in outcome:
            free = name
            while free in frame:
                free += "_"
            value = getattr(self, name)
            # Texts have one type, with rows and without, as a Dask `meta` needs.
            dtype = None if value.dtype.kind in "biuf" else object
            frame[free] = pd.Series(value, frame.index, dtype=dtype)
        return frame

    def changes(self):
        """Every change as a row of its own.

        Returns
        -------
        DataFrame
            Columns ``row`` (label of the factual's index), ``feature``, ``from`` and
            ``to``; for a one-hot block the names of its columns.
        """
        before, after = as_pandas(self.factuals), as_pandas(self.counterfactuals)
        parts = []
        for j, (name, columns) in enumerate(self._features):
            rows = np.flatnonzero(self._changed[:, j])
            part = pd.DataFrame(
                {
                    "order": rows,
                    "row": before.index[rows],
                    "feature": [name] * len(rows),
                    "from": cells_of(before, columns)[rows],
                    "to": cells_of(after, columns)[rows],
                }
            ).astype({"feature": object, "from": object, "to": object})
            if len(rows):
                parts.append(part)
        if not parts:
            return pd.DataFrame(columns=["row", "feature", "from", "to"])
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

    def evaluate(self):
        """Summary of all rows.

        Returns
        -------
        Series
            ``n``; shares of the statuses; ``validity``; of the valid rows that were
            not there from the start, means of ``cost``, ``n_changes``,
            ``implausibility`` and ``probability``, of ``diversity`` where a row has
            several answers, and of ``invalidation_rate`` where asked for.
        """
        shares = {
            name: float(np.mean(self.status == name)) if len(self) else np.nan
            for name in map(str, Status)
        }
        moved = np.isin(self.status, (Status.VALID, Status.FALLBACK))
        means = {
            name: float(getattr(self, name)[moved].mean()) if moved.any() else np.nan
            for name in ("cost", "n_changes", "implausibility", "probability")
        }
        if not np.isnan(self.diversity).all():
            means["diversity"] = float(np.nanmean(self.diversity))
        if self.invalidation_rate is not None:
            rate = self.invalidation_rate[moved]
            means["invalidation_rate"] = float(rate.mean()) if moved.any() else np.nan
        validity = float(self.valid.mean()) if len(self) else np.nan
        summary = {"n": len(self), "validity": validity}
        summary |= {f"share_{name}": share for name, share in shares.items()}
        return pd.Series(summary | means, dtype=float)

    def to_json(self):
        """All rows as JSON text, which `from_json` reads back.

        Returns
        -------
        str
            An object with ``columns`` (names and types), ``features`` and ``rows``; a
            row has its ``index``, ``factual``, ``counterfactual``, the features
            ``changed`` and its outcome. Missing numbers are null.
        """
        outcome = {name: getattr(self, name) for name in PER_ROW}
        if self.invalidation_rate is not None:
            outcome["invalidation_rate"] = self.invalidation_rate
        return dump(
            as_pandas(self.factuals),
            as_pandas(self.counterfactuals),
            isinstance(self.factuals, np.ndarray),
            self._features,
            self._changed,
            outcome,
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
        implausibility = fields.pop("implausibility")
        result = cls(**fields)
        vars(result)["implausibility"] = implausibility
        return result

    def __repr__(self):
        counts = pd.Series(self.status).value_counts()
        text = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"<Counterfactuals of {len(np.unique(self.query))} rows: {text or 0}>"

    def _repr_html_(self):
        return table_of(self)
