"""What became of a row."""

from enum import StrEnum


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


_SENTENCES = {
    Status.VALID: "Found by the search.",
    Status.FALLBACK: "A training row of the class made actionable.",
    Status.ALREADY: "Predicted as the target from the start.",
    Status.INFEASIBLE: "None found under these constraints; the row is the factual.",
}
