"""The classifier at the end of an estimator, and rows as it sees them."""

from sklearn_ct._pipeline.explain import split_parts


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
