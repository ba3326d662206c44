"""What is explained: a network, its columns and its rules, whoever made them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_ct._core.frozen import FrozenNetwork
from sklearn_ct._recourse.references import References


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
    relations : Relations
        What must hold between columns.
    references : dict
        Of `References`: for each class index, real rows of it.
    missing : {"keep", "free"}
        Whether a missing cell stays one, or may be set.
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
    relations: object
    references: dict
    missing: str
    tau: float
    predict_proba: Callable | None = None
    generator: Callable | None = None

    def for_search(self):
        """Leave behind what only the call itself needs, and no process can be sent."""
        return replace(self, predict_proba=None, generator=None)

    @cached_property
    def mixes(self):
        """Whether codes depend on several variables, which no edit has to itself."""
        codec = self.codec
        free = [j for j in range(len(codec.variables_)) if not codec.is_dropped(j)]
        return not all(codec.slots_of(j).any() for j in free)

    @cached_property
    def taken_for(self):
        """Real rows of other labels that are predicted as a class, by class index."""
        labels = np.repeat(list(self.references), [*map(len, self.references.values())])
        values = np.vstack([real.values for real in self.references.values()])
        codes = np.vstack([real.codes for real in self.references.values()])
        best = self.logits(codes).argmax(axis=1)
        return {
            k: References(self.codec, values[(best == k) & (labels != k)])
            for k in range(len(self.classes))
        }

    def under(self, codec):
        """Make the same subject of a codec that differs in its steps alone."""
        references = {k: real.under(codec) for k, real in self.references.items()}
        relations = replace(self.relations, codec=codec)
        return replace(self, codec=codec, references=references, relations=relations)

    def stands(self, codes, target, share):
        """Whether codes stand at least so high among real rows of targets, (n,)."""
        stands = np.zeros(len(codes), dtype=bool)
        for k in map(int, np.unique(target)):
            if k in self.references:
                rows = target == k
                stands[rows] = self.references[k].standing.reach(codes[rows], share)
        return stands

    def logits(self, codes):
        """Logits of codes, ndarray of shape (n, K)."""
        return self.network.logits(codes).numpy()
