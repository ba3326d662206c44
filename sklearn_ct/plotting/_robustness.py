"""How a model stands up to attacks."""

from sklearn_ct._pipeline.unwrap import to_classifier
from sklearn_ct.metrics import robust_accuracy_curve
from sklearn_ct.plotting._figure import axes_of


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

        Raises
        ------
        TypeError
            On a classifier of another kind, which has no gradient to follow.
        """
        classifier, X = to_classifier(estimator, X)
        if not hasattr(classifier, "encode"):
            raise TypeError(
                "RobustAccuracyDisplay follows the gradient of a "
                "CounterfactualTrainedClassifier, in units that it scales itself. Got "
                f"{type(classifier).__name__} instead. Trained networks are taken over "
                "by CounterfactualTrainedClassifier.from_pretrained; for anything else "
                "give robust_accuracy_curve a callable that gives logits."
            )
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
