"""A fitted classifier as a call of `explain` sees it."""

from functools import partial

import numpy as np
import torch

from sklearn_ct._core.frozen import FrozenNetwork
from sklearn_ct._core.torch_state import one_thread
from sklearn_ct._estimator.fitting import make_generator
from sklearn_ct._recourse.subject import Subject
from sklearn_ct._rules.relations import Relations

# Answers aim at this much at least: those at a half hardly survive the next training.
LASTING = 0.7


def subject_of(estimator, *, codec=None, predict_proba=None):
    """Make the subject of a fitted classifier.

    Parameters
    ----------
    estimator : CounterfactualTrainedClassifier
        Fitted.
    codec : PipelineCodec, optional
        Of the pipeline that it ends; rules and references are then the codec's.
    predict_proba : callable, optional
        That of the pipeline.

    Returns
    -------
    Subject
    """
    network = FrozenNetwork.of(estimator.net_.module_)
    encoder = estimator.encoder_

    def own(table):
        return network.probabilities(encoder.transform(table)).numpy()

    return Subject(
        network=network,
        codec=encoder if codec is None else codec,
        classes=estimator.classes_,
        rules=estimator.rules_ if codec is None else codec.rules,
        relations=relations_of(estimator) if codec is None else codec.relations,
        references=estimator.references_ if codec is None else codec.references,
        missing=estimator.missing,
        tau=max(estimator.tau, LASTING),
        predict_proba=predict_proba or own,
        generator=partial(call_generator, estimator),
    )


def relations_of(estimator):
    """Relations of a fitted classifier, compiled anew only where they are others."""
    kept, words = getattr(estimator, "_relations", None), tuple(estimator.relations_)
    if kept is None or kept.codec is not estimator.encoder_ or kept.words != words:
        kept = estimator._relations = Relations.of(words, estimator.encoder_)
    return kept


def call_generator(estimator, generator):
    """Fit the generator of a call of explain to the rows kept; None: that of fit."""
    if generator is None:
        return estimator.net_.generator
    generator = make_generator(generator)
    real = np.vstack([real.codes for real in estimator.references_.values()])
    like = next(estimator.net_.module_.parameters())
    with one_thread():
        return generator.fit(
            torch.as_tensor(real).to(like), constraints=estimator.net_.constraints
        )
