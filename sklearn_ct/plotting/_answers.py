"""What answers ask for, and how a model stands up to attacks."""

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from sklearn_ct._pipeline.explain import explain
from sklearn_ct._pipeline.unwrap import to_classifier
from sklearn_ct._result.describe import short
from sklearn_ct._result.status import Status
from sklearn_ct.metrics import robust_accuracy_curve
from sklearn_ct.plotting._figure import COLOURS, axes_of


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
        found = np.isin(counterfactuals.status, (Status.VALID, Status.FALLBACK))
        counts, sizes = {}, []
        for feature, part in counterfactuals.changes().groupby("feature", sort=False):
            counts[feature] = _directions(part["from"], part["to"])
            sizes.append(_size(part["from"], part["to"]))
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
                words = f" by {short(float(size))}"
                self.ax_.text(end, place, words, va="center", fontsize="small")
        self.ax_.set_yticks(places, [str(feature) for feature in shown.index])
        self.ax_.invert_yaxis()
        self.ax_.set_xlabel(f"share of the {self.n_answers:,} answers that change it")
        if self.bars_:
            self.ax_.set_xlim(0, 1.15 * ends.max())
            self.ax_.legend(frameon=False)
        return self


class RobustAccuracyDisplay:
    """Accuracy of a classifier under attacks of growing size.

    Parameters
    ----------
    epsilons : ndarray of shape (n_sizes,)
        Sizes of the attack in the units that the network sees.
    accuracy : ndarray of shape (n_sizes,)
        Accuracy under each.
    attack : {"fgsm", "pgd"}
        The attack.
    estimator_name : str, default=None
        Label of the line.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    line_ : matplotlib Line2D
        The curve.

    See Also
    --------
    sklearn_ct.metrics.robust_accuracy_curve : The numbers.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_moons
    >>> from sklearn_ct.plotting import RobustAccuracyDisplay
    >>> X, y = make_moons(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=20, lr=0.01).fit(X, y)
    >>> display = RobustAccuracyDisplay.from_estimator(clf, X, y, name="CT")
    >>> bool(display.accuracy[0] == clf.score(X, y))
    True
    """

    def __init__(self, epsilons, accuracy, *, attack, estimator_name=None):
        self.epsilons = epsilons
        self.accuracy = accuracy
        self.attack = attack
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        epsilons=None,
        attack="fgsm",
        random_state=None,
        name=None,
        ax=None,
        **kwargs,
    ):
        """Attack a classifier, and draw its accuracy.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, a pipeline that ends in one, or a search object.
        X, y : array-like
            Rows and labels.
        epsilons, attack, random_state
            Of `sklearn_ct.metrics.robust_accuracy_curve`.
        name : str, default=None
            Label of the line. None: the name of the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw; that of another display, to compare. None: in a new figure.
        **kwargs
            Of matplotlib's ``plot``.

        Returns
        -------
        RobustAccuracyDisplay
        """
        classifier, X = to_classifier(estimator, X)
        accuracy, epsilons = robust_accuracy_curve(
            classifier,
            X,
            y,
            epsilons=epsilons,
            attack=attack,
            random_state=random_state,
        )
        name = type(estimator).__name__ if name is None else name
        display = cls(epsilons, accuracy, attack=attack, estimator_name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, **kwargs):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        name : str, default=None
            Label of the line. None: that of the display.
        **kwargs
            Of matplotlib's ``plot``.

        Returns
        -------
        RobustAccuracyDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        style = {"label": self.estimator_name if name is None else name} | kwargs
        (self.line_,) = self.ax_.plot(self.epsilons, self.accuracy, **style)
        self.ax_.set_xlabel("size of the attack (epsilon, standardised units)")
        self.ax_.set_ylabel(f"accuracy under {self.attack.upper()}")
        if style["label"] is not None:
            self.ax_.legend(frameon=False)
        return self


def _directions(before, after):
    """How many changes raise a feature, lower it, or do neither."""
    columns = [column.infer_objects() for column in (before, after)]
    if not all(is_numeric_dtype(c) and not is_bool_dtype(c) for c in columns):
        return 0, 0, len(before)
    raised, lowered = (columns[1] > columns[0]).sum(), (columns[1] < columns[0]).sum()
    return raised, lowered, len(before) - raised - lowered


def _size(before, after):
    """Median size of the changes of a number; NaN for categories."""
    columns = [column.infer_objects() for column in (before, after)]
    if not all(is_numeric_dtype(c) and not is_bool_dtype(c) for c in columns):
        return np.nan
    return float((columns[1] - columns[0]).abs().median())
