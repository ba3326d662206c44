"""How answers stand among real rows of their class."""

import numpy as np

from sklearn_ct.plotting._answers import moved
from sklearn_ct.plotting._figure import COLOURS, axes_of

REAL = "real rows"


class PlausibilityDisplay:
    """How many answers stand how low among real rows, beside the real rows themselves.

    Parameters
    ----------
    standings : ndarray of shape (n,)
        `sklearn_ct.Counterfactuals.plausibility` of answers, without NaN.
    name : str, default=None
        Label of the line.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    line_, chance_ : matplotlib Line2D
        The share of answers that stand at most so high, and that of real rows, which
        are spread evenly: answers above that line are rarer than real rows.

    See Also
    --------
    sklearn_ct.metrics.plausibility_score : The standing, on arrays.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> from sklearn_ct.plotting import PlausibilityDisplay
    >>> X, y = make_loan_applications(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> answers = clf.explain(X[clf.predict(X) == "rejected"], "approved")
    >>> display = PlausibilityDisplay.from_counterfactuals(answers, name="CT")
    >>> len(display.standings) == len(answers)
    True
    """

    def __init__(self, standings, *, name=None):
        self.standings = standings
        self.name = name

    @classmethod
    def from_counterfactuals(cls, counterfactuals, *, name=None, ax=None, **kwargs):
        """Draw the standings of the answers that change something.

        Parameters
        ----------
        counterfactuals : Counterfactuals
            What `explain` gave.
        name : str, default=None
            Label of the line.
        ax : matplotlib Axes, default=None
            Where to draw; that of another display, to compare. None: in a new figure.
        **kwargs
            Of matplotlib's ``step``.

        Returns
        -------
        PlausibilityDisplay
        """
        standings = counterfactuals.plausibility[moved(counterfactuals)]
        display = cls(standings[~np.isnan(standings)], name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, **kwargs):
        """Draw the share of answers that stand at most so high.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        name : str, default=None
            Label of the line. None: that of the display.
        **kwargs
            Of matplotlib's ``step``.

        Returns
        -------
        PlausibilityDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        drawn = [line for line in self.ax_.lines if line.get_label() == REAL]
        style = {"color": COLOURS["switched"], "ls": ":", "label": REAL}
        self.chance_ = drawn[0] if drawn else self.ax_.plot([0, 1], [0, 1], **style)[0]
        x = np.r_[0.0, np.sort(self.standings), 1.0]
        share = np.r_[np.arange(len(x) - 1), len(x) - 2] / max(len(x) - 2, 1)
        style = {"label": self.name if name is None else name, "where": "post"} | kwargs
        (self.line_,) = self.ax_.step(x, share, **style)
        self.ax_.set_xlabel("standing among real rows of the class")
        self.ax_.set_ylabel("share that stands at most so high")
        self.ax_.legend(frameon=False)
        return self
