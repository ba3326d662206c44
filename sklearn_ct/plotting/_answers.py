"""What answers ask for, of whom, and the answer to one person."""

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from sklearn_ct._pipeline.explain import explain
from sklearn_ct._result.describe import is_number, short
from sklearn_ct._result.groups import groups_of
from sklearn_ct._result.status import Status
from sklearn_ct._tables.containers import as_pandas
from sklearn_ct.plotting._figure import COLOURS, axes_of

MEASURES = ("cost", "implausibility", "plausibility", "probability", "n_changes")


class ChangesDisplay:
    """Which features answers change, how often, in which direction and by how much.

    Parameters
    ----------
    shares : DataFrame of shape (n_features, 3)
        For each feature that any answer changes the share of answers in which it is
        ``raised``, ``lowered`` or, as a category or from missing, ``switched``; the
        most frequent first.
    n_answers : int
        Answers counted: the rows for which a way was found.
    sizes : Series of float, default=None
        For each feature the median size of its changes, in its own units; NaN for
        categories.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    bars_ : dict of str to BarContainer
        The bars of each direction that occurs.

    See Also
    --------
    sklearn_ct.Counterfactuals.changes : Each change by itself.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> from sklearn_ct.plotting import ChangesDisplay
    >>> X, y = make_loan_applications(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> display = ChangesDisplay.from_estimator(clf, X, "approved")
    >>> display.shares.columns.tolist()
    ['raised', 'lowered', 'switched']
    """

    def __init__(self, shares, *, n_answers, sizes=None):
        self.shares = shares
        self.sizes = sizes
        self.n_answers = n_answers

    @classmethod
    def from_estimator(cls, estimator, X, target=None, *, ax=None, **options):
        """Explain rows, and draw what the answers change.

        Parameters
        ----------
        estimator : estimator
            As `sklearn_ct.explain` takes it.
        X : DataFrame or array-like of shape (n_samples, n_features)
            The rows asked about.
        target : label or array-like of shape (n_samples,), default=None
            Class asked for.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **options
            Of `sklearn_ct.explain`.

        Returns
        -------
        ChangesDisplay
        """
        return cls.from_counterfactuals(explain(estimator, X, target, **options), ax=ax)

    @classmethod
    def from_counterfactuals(cls, counterfactuals, *, ax=None):
        """Draw what answers change.

        Parameters
        ----------
        counterfactuals : Counterfactuals
            What `explain` gave.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        ChangesDisplay
        """
        found = moved(counterfactuals)
        counts, sizes = {}, []
        for feature, part in counterfactuals.changes().groupby("feature", sort=False):
            differences = _differences(part["from"], part["to"])
            raised, lowered = (differences > 0).sum(), (differences < 0).sum()
            counts[feature] = raised, lowered, len(part) - raised - lowered
            numbers = differences.dropna().abs()
            sizes.append(numbers.median() if len(numbers) else np.nan)
        shares = pd.DataFrame(
            list(counts.values()),
            index=pd.Index(list(counts), dtype=object, tupleize_cols=False),
            columns=list(COLOURS),
            dtype=float,
        )
        shares /= max(found.sum(), 1)
        order = shares.sum(axis=1).argsort(kind="stable").to_numpy()[::-1]
        sizes = pd.Series(sizes, shares.index, dtype=float).iloc[order]
        shares, n_answers = shares.iloc[order], int(found.sum())
        return cls(shares, n_answers=n_answers, sizes=sizes).plot(ax=ax)

    def plot(self, ax=None, *, max_features=20, **kwargs):
        """Draw a bar for each feature, with the median size of its changes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        max_features : int or None, default=20
            Features shown, the most frequent ones. None: all.
        **kwargs
            Of matplotlib's ``barh``.

        Returns
        -------
        ChangesDisplay
            Itself.
        """
        shown = self.shares.iloc[:max_features]
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        places, ends = np.arange(len(shown)), np.zeros(len(shown))
        self.bars_ = {}
        for direction in shown.columns[shown.any()]:
            share = shown[direction].to_numpy()
            style = {"color": COLOURS[direction], "label": direction} | kwargs
            self.bars_[direction] = self.ax_.barh(places, share, left=ends, **style)
            ends = ends + share
        sizes = np.full(len(shown), np.nan) if self.sizes is None else self.sizes
        for place, end, size in zip(places, ends, sizes, strict=False):
            if not np.isnan(size):
                words = f" by {short(_three_digits(size))}"
                self.ax_.text(end, place, words, va="center", fontsize="small")
        self.ax_.set_yticks(places, [_name(feature) for feature in shown.index])
        self.ax_.invert_yaxis()
        self.ax_.set_xlabel(f"share of {self.n_answers:,} answers")
        if self.bars_:
            self.ax_.set_xlim(0, 1.4 * ends.max())  # room for words
            self.ax_.legend(frameon=False, loc="lower right")  # the shortest bars
        return self


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
        found = moved(counterfactuals)
        labels, rows = groups_of(counterfactuals, by)
        values = {
            label: every[own[found[own]]]
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
            f"{_name(label)}\n{len(values):,} answers\n{share:.0%}"
            for (label, values), share in zip(
                self.values.items(), self.answered.values(), strict=True
            )
        ]
        places = np.arange(1, len(names) + 1)
        self.ax_.set_xticks(places, names, fontsize="small")
        self.ax_.set_xlabel("share: people who have an answer")
        self.ax_.set_ylabel(f"{self.measure} of the answers".replace("_", " "))
        return self


class AnswerDisplay:
    """One answer in a picture: each change by its places among the people asked.

    Parameters
    ----------
    changes : DataFrame of shape (n_changes, 4)
        Of each change ``before`` and ``after``, the cells in words, and ``start`` and
        ``end``, their places between the lowest (0) and the highest (1) of the rows
        asked about, as shares of these; NaN for categories and missing cells.
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
            What `explain` gave; places are those among all its factuals.
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
        every = as_pandas(counterfactuals.factuals)
        rows, found = [], one.changes()
        for feature, old, new in zip(
            found["feature"], found["from"], found["to"], strict=True
        ):
            places = np.nan, np.nan
            if feature not in one.blocks and is_number(old) and is_number(new):
                column = every.iloc[:, list(every.columns).index(feature)].dropna()
                places = _place(old, column), _place(new, column)
            rows.append((short(old), short(new), *places))
        changes = pd.DataFrame(
            rows,
            index=pd.Index(list(found["feature"]), dtype=object, tupleize_cols=False),
            columns=["before", "after", "start", "end"],
        )
        label = as_pandas(one.factuals).index[0]
        title = f"{label}: {one.target[0]}, {one.status[0]}"
        if one.valid[0]:
            title += f" ({one.probability[0]:.2f})"
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
        self.ax_.hlines(range(len(self.changes)), 0, 1, color="0.9", zorder=0)
        for place, change in enumerate(self.changes.itertuples()):
            words = f"{change.before} → {change.after}"
            if np.isnan(change.start + change.end):
                style = {"ha": "center", "va": "center", "color": "0.3"}
                self.ax_.text(0.5, place, words, **style, backgroundcolor="white")
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
        self.ax_.set_xticks([0, 0.5, 1], ["lowest", "middle", "highest"])
        self.ax_.set_xlabel("place among the rows asked about")
        self.ax_.set_title(self.title)
        return self


def moved(counterfactuals):
    """Which rows have an answer that changes something, (m,)."""
    return np.isin(counterfactuals.status, (Status.VALID, Status.FALLBACK))


def _three_digits(number):
    """Round to three digits, as a middle of many is no exact number."""
    return float(f"{number:.3g}")


def _place(value, column):
    """Share of a column that is below a value; half of what is equal."""
    return ((column < value).mean() + (column <= value).mean()) / 2


def _differences(before, after):
    """By how much numbers change; NaN for categories, and where one is missing."""
    columns = [column.infer_objects() for column in (before, after)]
    if not all(is_numeric_dtype(c) and not is_bool_dtype(c) for c in columns):
        return pd.Series(np.nan, before.index)
    return columns[1] - columns[0]


def _name(label):
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
