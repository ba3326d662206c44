"""Decision thresholds: a classifier that decides at another probability than a half."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from sklearn_ct._compat import positive_label_of
from sklearn_ct._pipeline.calibration import Calibration

THRESHOLDED = (FixedThresholdClassifier, TunedThresholdClassifierCV)


@dataclass(frozen=True)
class Cutoff:
    """Decide for a class at a probability of ``threshold``.

    That is to decide at a half after the odds were multiplied by
    ``(1 - threshold) / threshold``, and so their logarithm, the logits, shifted.

    Attributes
    ----------
    index : int
        Of the class, 0 or 1.
    threshold : float
        Of its probability, between 0 and 1.
    """

    index: int
    threshold: float

    @classmethod
    def of(cls, estimator):
        """Cutoff of scikit-learn's two estimators that have one; None at a half."""
        if isinstance(estimator, FixedThresholdClassifier):
            threshold, positive = estimator.threshold, estimator.pos_label
        else:
            threshold, positive = (
                estimator.best_threshold_,
                positive_label_of(estimator),
            )
        index = 1
        if positive is not None:
            index = int(np.flatnonzero(estimator.classes_ == positive)[0])
        if threshold == "auto":
            threshold = 0.5
        elif estimator.response_method == "decision_function":
            threshold = expit(threshold)  # of the logit
        if not 0 < threshold < 1:
            raise ValueError(
                f"The threshold of the {type(estimator).__name__} must be in the range "
                f"(0, 1): at {threshold} all rows are of one class, or it is none of a "
                "probability."
            )
        return None if threshold == 0.5 else cls(index, float(threshold))

    @property
    def weights(self):
        """What the probabilities of the two classes are multiplied by, (2,)."""
        weights = np.array([self.threshold, self.threshold])
        weights[self.index] = 1 - self.threshold
        return weights

    def apply(self, classifier):
        """Copy of a fitted classifier that decides at a half where it did here."""
        return Calibration(1.0, np.log(self.weights)).apply(classifier)

    def shift(self, predict_proba):
        """Make the probabilities those after the shift."""

        def shifted(table):
            probability = predict_proba(table) * self.weights
            return probability / probability.sum(axis=1, keepdims=True)

        return shifted

    def unshift(self, result, classes):
        """Answers with their probabilities before the shift, and their thresholds."""
        own = self.weights[(result.target == classes[1]).astype(int)]
        target = result.probability * (1 - own)
        other = (1 - result.probability) * own
        probability = target / (target + other)
        return replace(result, probability=probability, threshold=1 - own)
