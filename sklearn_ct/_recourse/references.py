"""Real rows of a class, and what is made of them once for all calls."""

from functools import cached_property

import numpy as np

from sklearn_ct._recourse.edits import Edits, Real
from sklearn_ct.metrics._standing import Standing


class References:
    """Real rows of a class: answers fall back on them, edits take their values.

    Parameters
    ----------
    codec : Codec
    values : ndarray of shape (k, n_variables)
    """

    def __init__(self, codec, values):
        self.codec = codec
        self.values = values
        self._edits = {}

    def __len__(self):
        return len(self.values)

    def __getstate__(self):
        """Leave what is made of the rows behind: it is large, and made quickly."""
        return {"codec": self.codec, "values": self.values, "_edits": {}}

    @cached_property
    def codes(self):
        """Codes of the rows, of shape (k, n_codes)."""
        return self.codec.embed(self.values)

    @cached_property
    def standing(self):
        """Where other rows stand among these, told by their codes."""
        return Standing(self.codes)

    @cached_property
    def columns(self):
        """The codes column by column, to tell the mean distance to the rows."""
        return Real.of(self.codes)

    def edits(self, effort, choices=None):
        """List the edits to values of the rows, and to others that a call allows."""
        if choices:
            return Edits.of(self.codec, self.values, effort, choices)
        if effort not in self._edits:
            self._edits[effort] = Edits.of(self.codec, self.values, effort)
        return self._edits[effort]

    @property
    def made(self):
        """What a later call of the same rows may `reuse`."""
        return self.values, self.codes, self._edits

    def reuse(self, made):
        """Take over what was made of other rows, if they and their codes are the same.

        Their codec must round alike, and have the same ends.
        """
        values, codes, edits = made
        if np.array_equal(self.values, values) and np.array_equal(self.codes, codes):
            self._edits = edits

    def under(self, codec):
        """Make the same rows those of a codec that differs in its steps alone."""
        same = References(codec, self.values)
        vars(same).update(codes=self.codes, standing=self.standing)
        return same

    def extended(self, values, limit):
        """Add rows, as many as make ``limit`` of them."""
        return References(self.codec, np.vstack([self.values, values])[:limit])
