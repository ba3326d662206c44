"""Classifiers trained for plausible, actionable and cheap counterfactuals."""

from sklearn_ct._classifier import CounterfactualTrainedClassifier
from sklearn_ct._counterfactuals import Counterfactuals
from sklearn_ct._pipeline import explain

__all__ = ["CounterfactualTrainedClassifier", "Counterfactuals", "explain"]
__version__ = "0.1.0"
