"""What an estimator is made of: steps, a classifier at the end, its cutoff."""

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_ct._estimator.classifier import CounterfactualTrainedClassifier
from sklearn_ct._pipeline.calibration import Calibration, calibrated_part
from sklearn_ct._pipeline.threshold import THRESHOLDED, Cutoff


def split_parts(estimator):
    """Split into the steps that do something, the estimator at the end, its cutoff."""
    if isinstance(estimator, FrozenEstimator):
        return split_parts(estimator.estimator)
    if isinstance(estimator, THRESHOLDED):
        check_is_fitted(estimator)
        # What is outside decides, whatever is inside.
        return *split_parts(estimator.estimator_)[:2], Cutoff.of(estimator)
    if (part := calibrated_part(estimator)) is not None:
        steps, last, _ = split_parts(part)
        if isinstance(last, CounterfactualTrainedClassifier):
            last = Calibration.of(estimator).apply(last)
            last.classes_ = estimator.classes_  # scikit-learn may have fitted codes
        return steps, last, None
    if hasattr(estimator, "best_estimator_"):
        return split_parts(estimator.best_estimator_)
    if hasattr(estimator, "refit"):
        check_is_fitted(estimator)
    if not isinstance(estimator, Pipeline):
        return [], estimator, None
    steps = [
        (name, step)
        for name, step in estimator.steps[:-1]
        if hasattr(step, "transform")  # a sampler does nothing to rows asked about
    ]
    more, last, cutoff = split_parts(estimator.steps[-1][1])
    return steps + more, last, cutoff


def to_classifier(estimator, X):
    """Return the last classifier of an estimator, and X as that classifier sees it."""
    steps, classifier, cutoff = split_parts(estimator)
    for _, step in steps:
        X = step.transform(X)
    return (classifier if cutoff is None else cutoff.apply(classifier)), X


def encode(estimator, X):
    """Rows in the standardised input space of an estimator's classifier."""
    classifier, X = to_classifier(estimator, X)
    return classifier.encode(X)
