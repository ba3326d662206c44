"""What is explained: a network, its columns and its rules, whoever made them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sklearn_ct._core.frozen import FrozenNetwork


@dataclass(frozen=True)
class Subject:
    """A fitted classifier, alone or behind a pipeline, as a call of `explain` sees it.

    Attributes
    ----------
    network : FrozenNetwork
        From codes to logits.
    codec : Codec
        Between tables, values and codes.
    classes : ndarray of shape (n_classes,)
        Class labels.
    rules : Rules
        Those of the classifier; a call may narrow them.
    references : dict
        Of `References`: for each class index, real rows of it.
    tau : float
        Probability that answers aim at unless the call says otherwise.
    predict_proba : callable or None
        ``table -> (n, n_classes)``, what users would call; it has the last word.
    generator : callable or None
        From the ``generator`` of a call to a fitted generator.
    """

    network: FrozenNetwork
    codec: object
    classes: np.ndarray
    rules: object
    references: dict
    tau: float
    predict_proba: Callable | None = None
    generator: Callable | None = None

    def for_search(self):
        """Leave behind what only the call itself needs, and no process can be sent."""
        return replace(self, predict_proba=None, generator=None)

    def logits(self, codes):
        """Logits of codes, ndarray of shape (n, K)."""
        return self.network.logits(codes).numpy()
