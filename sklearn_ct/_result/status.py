"""What became of a row."""

from enum import StrEnum

import numpy as np


class Status(StrEnum):
    """Outcome of the search for an answer; users see the plain words."""

    VALID = "valid"
    FALLBACK = "fallback"
    ALREADY = "already"
    INFEASIBLE = "infeasible"

    @property
    def sentence(self):
        """What it means."""
        return _SENTENCES[self]


# Begins the reason of an answer that is weaker than was asked for.
BELOW_TAU = "tau={:g} was not reached"

# Why a row has no answer where some are too rare.
TOO_RARE = (
    "the answers found are rarer than min_plausibility={:g} of the real rows of the "
    "class"
)

TOO_FEW = "too few rows of the class are known to tell how rare an answer is"


def below_tau(reason):
    """Whether reasons, (n,), say that an answer is weaker than was asked for."""
    begin = BELOW_TAU.partition("{")[0]
    return np.array([str(text).startswith(begin) for text in reason], dtype=bool)


_SENTENCES = {
    Status.VALID: "Found by the search.",
    Status.FALLBACK: "A training row of the class made actionable.",
    Status.ALREADY: "Predicted as the target from the start.",
    Status.INFEASIBLE: "None found under these constraints; the row is the factual.",
}
