"""Classifiers trained for plausible, actionable and cheap counterfactuals."""

from sklearn_ct._estimator.classifier import CounterfactualTrainedClassifier
from sklearn_ct._pipeline.explain import explain
from sklearn_ct._result.counterfactuals import Counterfactuals

__all__ = ["CounterfactualTrainedClassifier", "Counterfactuals", "explain"]
__version__ = "0.1.0"
