"""The answer to `explain`: one row for each query and counterfactual, always."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape

import numpy as np
import pandas as pd

from sklearn_ct._result.serialize import PER_ROW, dump, load
from sklearn_ct._tables.containers import from_polars, is_polars, take_rows


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
        For infeasible rows, what stood in the way; otherwise empty.
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
        return self.status != "infeasible"

    @property
    def n_changes(self):
        """Number of features changed, (m,); a one-hot block counts once."""
        return self._changed.sum(axis=1)

    @cached_property
    def implausibility(self):
        """Mean l1 distance to real rows of the target class, (m,).

        Computed when first asked for; see `sklearn_ct.metrics.implausibility_distance`.
        """
        # Imported here: the metrics use the classifier.
        from sklearn_ct.metrics import implausibility_distance

        result = np.full(len(self), np.nan)
        for label, real in self._references.items():
            rows = self.target == label
            if rows.any() and len(real):
                result[rows] = implausibility_distance(
                    self._codes[rows], real, average=False
                )
        return result

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
        frame = _as_pandas(self.counterfactuals).copy()
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
        before, after = _as_pandas(self.factuals), _as_pandas(self.counterfactuals)
        parts = []
        for j, (name, columns) in enumerate(self._features):
            rows = np.flatnonzero(self._changed[:, j])
            part = pd.DataFrame(
                {
                    "order": rows,
                    "row": before.index[rows],
                    "feature": [name] * len(rows),
                    "from": _cells(before, columns)[rows],
                    "to": _cells(after, columns)[rows],
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
        label, share = one.target.tolist()[0], one.probability[0]
        if one.status[0] == "already":
            return f"Nothing to change: already predicted {label!r} ({share:.2f})."
        if one.status[0] == "infeasible":
            return f"None under these constraints: {one.reason[0]}."
        changes = one.changes()
        blocks = {name for name, columns in self._features if len(columns) > 1}
        steps = [
            _step(feature, old, new, feature in blocks)
            for feature, old, new in zip(
                changes["feature"], changes["from"], changes["to"], strict=True
            )
        ]
        text = " and ".join(filter(None, [", ".join(steps[:-1]), steps[-1]]))
        return (
            f"{text[0].upper()}{text[1:]}; the model would then predict {label!r} with "
            f"probability {share:.2f}."
        )

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
            for name in ("valid", "fallback", "already", "infeasible")
        }
        moved = np.isin(self.status, ("valid", "fallback"))
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
            _as_pandas(self.factuals),
            _as_pandas(self.counterfactuals),
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
        limit = 50
        shown = self[:limit]
        after = _as_pandas(shown.counterfactuals)
        before = _as_pandas(shown.factuals)
        changed = np.zeros(after.shape, dtype=bool)
        for j, (_, columns) in enumerate(self._features):
            changed[:, list(columns)] |= shown._changed[:, [j]]
        head = "".join(f"<th>{escape(str(c))}</th>" for c in ("", *after.columns))
        head += "<th>target</th><th>status</th><th>probability</th>"
        lines = []
        for i in range(len(shown)):
            cells = [f"<th>{escape(str(after.index[i]))}</th>"]
            for j in range(after.shape[1]):
                old, new = before.iat[i, j], after.iat[i, j]
                cells.append(
                    f"<td><del>{escape(_exact(old))}</del> "
                    f"<b>{escape(_exact(new))}</b></td>"
                    if changed[i, j]
                    else f"<td>{escape(_short(new))}</td>"
                )
            outcome = (shown.target[i], shown.status[i], f"{shown.probability[i]:.2f}")
            cells += [f"<td>{escape(str(value))}</td>" for value in outcome]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        more = len(self) - len(shown)
        foot = f"<p>{more} more rows</p>" if more else ""
        body = "".join(lines)
        return f"<table><tr>{head}</tr>{body}</table>{foot}"


def _as_pandas(table):
    if is_polars(table):
        return from_polars(table)
    return table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)


def _cells(frame, columns):
    """Cells of a variable; of a one-hot block the name of the column that is 1."""
    if len(columns) == 1:
        column = frame.iloc[:, columns[0]]
        if column.dtype in (np.float16, np.float32):  # astype would show all digits
            return np.array([*column.to_numpy()], dtype=object)
        return column.astype(object).to_numpy()
    block = frame.iloc[:, list(columns)].to_numpy(dtype=float)
    names = np.asarray(frame.columns[list(columns)], dtype=object)
    return names[block.argmax(axis=1)]


def _step(feature, old, new, is_block):
    if is_block:
        return f"change {old} to {new}"
    if isinstance(feature, int):
        feature = f"column {feature}"
    if pd.isna(old):
        return f"set {feature}, which is missing, to {_exact(new)}"
    if _is_number(old) and _is_number(new):
        verb = "raise" if new > old else "lower"
        return f"{verb} {feature} from {_exact(old)} to {_exact(new)}"
    return f"change {feature} from {_exact(old)!r} to {_exact(new)!r}"


def _is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _exact(value):
    """Give all digits: what was checked is the number, not one near it."""
    if not _is_number(value) or np.isnan(value):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    digits = np.format_float_positional(abs(value), trim="-")
    whole, point, rest = digits.partition(".")
    return f"{'-' if value < 0 else ''}{int(whole):,}{point}{rest}"


def _short(value):
    """Give a few digits, for cells that nobody is asked to change."""
    if not _is_number(value) or float(value).is_integer():
        return _exact(value)
    return f"{float(value):,.4g}" if abs(value) < 1000 else f"{float(value):,.2f}"
