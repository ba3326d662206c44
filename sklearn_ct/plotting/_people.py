"""Answers by group, and the answer to one person."""

import numpy as np
import pandas as pd

from sklearn_ct._result.describe import is_number, short
from sklearn_ct._result.groups import groups_of
from sklearn_ct._tables.containers import as_pandas
from sklearn_ct.plotting._figure import COLOURS, axes_of

MEASURES = ("cost", "implausibility", "plausibility", "probability", "n_changes")


class GroupsDisplay:
    """A measure of the answers, group by group.

    Parameters
    ----------
    values : dict of label to ndarray
        Of each group the measure of its answers that change something.
    answered : dict of label to float
        The share of each group's people with an answer at least.
    measure : str
        What is measured.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    boxes_ : dict
        What matplotlib's ``boxplot`` drew.

    See Also
    --------
    sklearn_ct.Counterfactuals.evaluate : The means.
    sklearn_ct.audit.audit_recourse : Whether groups differ by more than chance.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> from sklearn_ct.plotting import GroupsDisplay
    >>> X, y = make_loan_applications(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> answers = clf.explain(X, "approved")
    >>> GroupsDisplay.from_counterfactuals(answers, "housing").measure
    'cost'
    """

    def __init__(self, values, answered, *, measure):
        self.values = values
        self.answered = answered
        self.measure = measure

    @classmethod
    def from_counterfactuals(cls, counterfactuals, by, measure="cost", *, ax=None):
        """Draw a measure of answers by group.

        Parameters
        ----------
        counterfactuals : Counterfactuals
            What `explain` gave.
        by : column name, list of them, Series or array-like
            As in `sklearn_ct.Counterfactuals.evaluate`.
        measure : str, default="cost"
            ``"cost"``, ``"implausibility"``, ``"plausibility"``, ``"probability"`` or
            ``"n_changes"``.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        GroupsDisplay

        Raises
        ------
        ValueError
            On another measure, or groups that do not fit the rows.
        """
        if measure not in MEASURES or not hasattr(counterfactuals, measure):
            raise ValueError(
                "The 'measure' parameter of GroupsDisplay must be one of "
                f"{', '.join(map(repr, MEASURES))}. Got {measure!r} instead."
            )
        every = np.asarray(getattr(counterfactuals, measure), dtype=float)
        moved = np.isin(counterfactuals.status, ("valid", "fallback"))
        labels, rows = groups_of(counterfactuals, by)
        values = {
            label: every[own[moved[own]]]
            for label, own in zip(labels, rows, strict=True)
        }
        answered = {
            label: counterfactuals[own].evaluate()["answered"]
            for label, own in zip(labels, rows, strict=True)
        }
        return cls(values, answered, measure=measure).plot(ax=ax)

    def plot(self, ax=None, **kwargs):
        """Draw a box for each group.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs
            Of matplotlib's ``boxplot``.

        Returns
        -------
        GroupsDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        style = {"showfliers": False, "widths": 0.6} | kwargs
        self.boxes_ = self.ax_.boxplot(list(self.values.values()), **style)
        names = [
            f"{_name(label)}\n{len(values):,} answers\n{share:.0%} have one"
            for (label, values), share in zip(
                self.values.items(), self.answered.values(), strict=True
            )
        ]
        self.ax_.set_xticks(np.arange(1, len(names) + 1), names)
        self.ax_.set_ylabel(f"{self.measure} of the answers".replace("_", " "))
        return self


class AnswerDisplay:
    """One answer in a picture: each change between the ends of its column.

    Parameters
    ----------
    changes : DataFrame of shape (n_changes, 4)
        Of each change ``before`` and ``after``, the cells in words, and ``start`` and
        ``end``, their places between the least (0) and the greatest (1) value that the
        answers' tables have; NaN for categories and missing cells.
    title : str
        What became of the person.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> from sklearn_ct.plotting import AnswerDisplay
    >>> X, y = make_loan_applications(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> answers = clf.explain(X[clf.predict(X) == "rejected"], "approved")
    >>> len(AnswerDisplay.from_counterfactuals(answers, 0).changes) > 0
    True
    """

    def __init__(self, changes, *, title):
        self.changes = changes
        self.title = title

    @classmethod
    def from_counterfactuals(cls, counterfactuals, i, *, ax=None):
        """Draw the ``i``-th answer.

        Parameters
        ----------
        counterfactuals : Counterfactuals
            What `explain` gave; the ends of the columns are those of all its rows.
        i : int
            Number of the row.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        AnswerDisplay
        """
        one = counterfactuals[i]
        if len(one) != 1:
            raise ValueError("AnswerDisplay takes the number of a single row.")
        tables = [counterfactuals.factuals, counterfactuals.counterfactuals]
        every = pd.concat([as_pandas(table) for table in tables])
        rows, found = [], one.changes()
        for feature, old, new in zip(
            found["feature"], found["from"], found["to"], strict=True
        ):
            places = np.nan, np.nan
            if feature not in one.blocks and is_number(old) and is_number(new):
                column = every.iloc[:, list(every.columns).index(feature)]
                low, high = column.min(), column.max()
                places = (old - low) / (high - low), (new - low) / (high - low)
            rows.append((short(old), short(new), *places))
        changes = pd.DataFrame(
            rows,
            index=pd.Index(list(found["feature"]), dtype=object, tupleize_cols=False),
            columns=["before", "after", "start", "end"],
        )
        label = as_pandas(one.factuals).index[0]
        title = f"{label}: {one.target[0]}, {one.status[0]}"
        return cls(changes, title=title).plot(ax=ax)

    def plot(self, ax=None, **kwargs):
        """Draw an arrow for each number that changes, and the words of the rest.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs
            Of the arrows, as matplotlib's ``annotate`` takes them in ``arrowprops``.

        Returns
        -------
        AnswerDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        for place, change in enumerate(self.changes.itertuples()):
            words = f"{change.before} → {change.after}"
            if np.isnan(change.start + change.end):
                style = {"ha": "center", "va": "center", "color": COLOURS["switched"]}
                self.ax_.text(0.5, place, words, **style)
                continue
            colour = COLOURS["raised" if change.end > change.start else "lowered"]
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2} | kwargs
            ends = (change.end, place), (change.start, place)
            self.ax_.annotate("", *ends, arrowprops=arrow)
            middle = (change.start + change.end) / 2
            self.ax_.text(middle, place - 0.15, words, ha="center", color=colour)
        names = [_name(feature) for feature in self.changes.index]
        self.ax_.set_yticks(range(len(names)), names)
        self.ax_.set_ylim(max(len(names), 1) - 0.5, -0.5)
        self.ax_.set_xlim(-0.15, 1.15)  # room for words
        self.ax_.set_xticks([0, 1], ["least", "greatest"])
        self.ax_.set_title(self.title)
        return self


def _name(label):
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
