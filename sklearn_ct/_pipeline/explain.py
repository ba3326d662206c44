"""`explain` through Pipelines and search objects, back to their input columns."""

from dataclasses import fields

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ct._estimator.classifier import CounterfactualTrainedClassifier
from sklearn_ct._estimator.explaining import subject_of
from sklearn_ct._pipeline.codec import PipelineCodec
from sklearn_ct._pipeline.invert import type_name
from sklearn_ct._pipeline.rules import refuse_moving, refuse_text_alone, warn_of_held
from sklearn_ct._pipeline.unwrap import split_parts
from sklearn_ct._recourse.call import explain_table
from sklearn_ct._recourse.options import ExplainOptions
from sklearn_ct._tables.containers import (
    dense,
    from_polars,
    is_frame,
    is_polars,
    refuse_row,
    to_polars,
)

__all__ = ["explain"]


def explain(estimator, X, target=None, **options):
    """Find counterfactuals of a classifier, a pipeline or a search object.

    Parameters
    ----------
    estimator : estimator
        A fitted `CounterfactualTrainedClassifier`, a `Pipeline` that ends in one, a
        fitted search object (`GridSearchCV`, ...) of either, or one of these with
        another threshold (`FixedThresholdClassifier`, `TunedThresholdClassifierCV`) or
        calibrated (`CalibratedClassifierCV` of one classifier, by temperature, or, with
        two classes, a sigmoid).
    X : DataFrame or array-like of shape (n_samples, n_features)
        The rows asked about, as the estimator's `predict` takes them.
    target : label or array-like of shape (n_samples,), default=None
        Class asked for. None: the most probable class that is not predicted.
    **options
        As in `CounterfactualTrainedClassifier.explain`. Behind a pipeline the
        constraints are in its input columns and units, and hold in addition to those
        of the classifier.

    Returns
    -------
    Counterfactuals
        In the input columns and units of the estimator. Every row is predicted again
        through the whole pipeline.

    Raises
    ------
    ValueError
        Where a step of the pipeline cannot be inverted; it names the step. Where a
        calibration is that of several classifiers, or of another method.
    TypeError
        Where the estimator is none of the above.

    Notes
    -----
    Transformations are inverted column by column: scalers, `ColumnTransformer`,
    `OneHotEncoder`, `OrdinalEncoder`, `TargetEncoder`, imputers, ``"passthrough"``,
    `FunctionTransformer` with an inverse, PCA, selectors, and whatever else has an
    ``inverse_transform``. Columns that a step drops stay as they are.

    With another threshold ``t`` than a half, the odds that ``tau`` asks for count from
    there: ``tau=0.5`` is the threshold itself. ``probability`` is that of
    `predict_proba`.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklearn_ct.datasets import make_moons
    >>> X, y = make_moons(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> pipeline = make_pipeline(MinMaxScaler(), clf).fit(X, y)
    >>> explain(pipeline, X[:3], 1 - pipeline.predict(X[:3]))
    <Counterfactuals of 3 rows: 3 valid>
    """
    steps, last, cutoff = split_parts(estimator)
    if not isinstance(last, CounterfactualTrainedClassifier):
        raise TypeError(
            "explain takes a fitted CounterfactualTrainedClassifier, a Pipeline that "
            "ends in one, or a search object that was refitted to one of them, also "
            "with another threshold or calibrated. Got "
            f"{type_name(estimator)} instead.{_hint(estimator)}"
        )
    check_is_fitted(last)
    predict_proba = estimator.predict_proba
    if cutoff is not None:
        last, predict_proba = cutoff.apply(last), cutoff.shift(predict_proba)
    explained = _explain(steps, last, predict_proba, X, target, options)
    return explained if cutoff is None else cutoff.unshift(explained, last.classes_)


def _hint(estimator):
    """Tell what to do where several models decide, or chance."""
    if not type(estimator).__module__.startswith("fairlearn."):
        return ""
    if hasattr(estimator, "predictors_"):
        return " It decides by several models: explain one of its predictors_."
    return " It decides by chance, or by group: explain the estimator inside."


def _explain(steps, last, predict_proba, X, target, options):
    """Explain the rows of a classifier and the steps in front of it."""
    if not steps:
        return last.explain(X, target, **options)
    if unknown := options.keys() - {field.name for field in fields(ExplainOptions)}:
        raise TypeError(
            f"explain() got an unexpected keyword argument {sorted(unknown)[0]!r}"
        )
    refuse_row(X)
    options = ExplainOptions(target=target, **options)
    table = from_polars(X) if is_polars(X) else dense(X)
    table = table if is_frame(table) else np.asarray(table)
    refuse_text_alone(steps, table)
    if len(table):
        predict_proba(table[:1])  # the pipeline's own checks of its input
    codec = PipelineCodec(steps, last, table)
    refuse_moving(codec, table, options.mutability)
    subject = subject_of(last, codec=codec, predict_proba=predict_proba)
    result = explain_table(table, subject, options)
    warn_of_held(codec, table, options, result)
    if is_polars(X):
        return result.map_tables(lambda table: to_polars(table, X))
    return result
