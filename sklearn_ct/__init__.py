"""Classifiers trained for plausible, actionable and cheap counterfactuals."""

from sklearn_ct._classifier import CounterfactualTrainedClassifier
from sklearn_ct._counterfactuals import Counterfactuals

__all__ = ["Counterfactuals", "CounterfactualTrainedClassifier"]
__version__ = "0.1.0"
