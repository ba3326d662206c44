"""Calibrated probabilities: a classifier's logits scaled and shifted."""

from copy import copy
from dataclasses import dataclass

import numpy as np
import torch

from sklearn_ct._core.network import Affine


@dataclass(frozen=True)
class Calibration:
    """What a calibrator has learnt to make of the logits.

    Attributes
    ----------
    scale : float
        What they are multiplied by.
    shift : ndarray of shape (n_classes,)
        What is then added.
    """

    scale: float
    shift: np.ndarray

    @classmethod
    def of(cls, estimator):
        """Calibration of a fitted `CalibratedClassifierCV` of one classifier."""
        parts, n_classes = estimator.calibrated_classifiers_, len(estimator.classes_)
        if len(parts) > 1:
            raise ValueError(
                f"The CalibratedClassifierCV is the mean of {len(parts)} classifiers, "
                "and only one can be explained: calibrate one that is fitted, "
                "CalibratedClassifierCV(FrozenEstimator(clf)), or set ensemble=False."
            )
        if not hasattr(parts[0].estimator, "decision_function"):
            raise ValueError(
                "The CalibratedClassifierCV calibrates probabilities that are "
                "calibrated already; to explain it calibrate the logits, once."
            )
        calibrator = parts[0].calibrators[0]
        if estimator.method == "temperature":
            # The logits of two classes are to scikit-learn what separates them, and
            # the same with the other sign.
            scale = calibrator.beta_ * (2 if n_classes == 2 else 1)
            return cls(float(scale), np.zeros(n_classes))
        if estimator.method == "sigmoid" and n_classes == 2:
            return cls(float(-calibrator.a_), np.array([0.0, -calibrator.b_]))
        raise ValueError(
            "A CalibratedClassifierCV that is explained must have the method "
            "'temperature', or 'sigmoid' with two classes. Got "
            f"{estimator.method!r} with {n_classes} classes instead."
        )

    def apply(self, classifier):
        """Copy of a fitted classifier with these logits."""
        moved = copy(classifier)
        moved.net_ = copy(classifier.net_)
        network = classifier.net_.module_
        layer = Affine(self.scale, torch.from_numpy(self.shift))
        layer.to(next(network.parameters()).device)
        moved.net_.module_ = torch.nn.Sequential(network, layer)
        return moved


def calibrated_part(estimator):
    """Fitted classifier that an estimator calibrates; None where it calibrates none."""
    parts = getattr(estimator, "calibrated_classifiers_", None)
    return None if parts is None else parts[0].estimator
