"""Which codes depend on which input columns of a pipeline."""

from dataclasses import dataclass

import numpy as np

# Rows that are moved to see which codes depend on which variables.
LOOK_ROWS = 64


@dataclass(frozen=True)
class Dependence:
    """What was seen when each variable was moved.

    Attributes
    ----------
    depends : boolean ndarray of shape (n_variables, n_codes)
        Whether a variable acts on a code.
    alone : boolean ndarray of shape (n_codes,)
        Whether a single variable acts on it.
    owner : ndarray of shape (n_codes,)
        The first variable that acts on it.
    template : ndarray of shape (1, n_variables)
        Values of a real row.
    ladders : list of ndarray of shape (k, n_codes)
        For each variable the codes of the template with the ends of the number, or with
        each category.
    """

    depends: np.ndarray
    alone: np.ndarray
    owner: np.ndarray
    template: np.ndarray
    ladders: list

    @classmethod
    def look(cls, codec, values):
        """Move each variable in a few rows; what was asked and seen comes with it."""
        rows = values[:: max(1, len(values) // LOOK_ROWS)][:LOOK_ROWS]
        template = rows[:1]
        tables = [rows]
        for j, variable in enumerate(codec.variables_):
            moved = rows.copy()
            if variable.is_number:
                moved[:, j] = np.roll(rows[:, j], 1)
                moved[:1, j] = codec.lower_[j]
                moved[1:2, j] = codec.upper_[j]
            else:
                k = len(variable.categories)
                moved[:, j] = (rows[:, j] + 1 + np.arange(len(rows)) % (k - 1 or 1)) % k
            tables.append(moved)
        ladders = [_ladder(codec, template, j) for j in range(len(codec.variables_))]
        # One call of the pipeline for all of them.
        stacked = np.vstack(tables + ladders)
        passed = codec.passed(codec.input(stacked))
        every = codec.inner.transform(passed)
        here, *moved = np.split(every[: len(rows) * len(tables)], len(tables))
        ends = np.cumsum([len(ladder) for ladder in ladders])[:-1]
        # Codes of the ends of a number, and of each category.
        ladders = np.split(every[len(rows) * len(tables) :], ends)
        pairs = [(m, here) for m in moved] + [(x, x[:1]) for x in ladders]
        acts = [(np.abs(a - b) > 1e-9).any(axis=0) for a, b in pairs]
        depends = np.logical_or(*np.split(np.array(acts), 2))
        alone = depends.sum(axis=0) == 1
        found = cls(depends, alone, depends.argmax(axis=0), template, ladders)
        return found, (rows, here, stacked, passed)

    def spread(self, by_variable):
        """Repeat what is given for each variable for the codes that it acts on."""
        return np.asarray(by_variable)[..., self.owner]

    def slots_of(self, j):
        """Which codes a variable alone acts on; none if it shares any."""
        return self.depends[j] & self.alone[self.depends[j]].all()

    def collect(self, by_code):
        """Sum what is given for each code over the variable that owns it."""
        owners = (
            np.eye(len(self.depends))[self.owner] * self.depends.any(axis=0)[:, None]
        )
        return by_code @ owners


def _ladder(codec, template, j):
    """Rows that differ in one variable only, in its rising order."""
    variable = codec.variables_[j]
    steps = (
        [codec.lower_[j], codec.upper_[j]]
        if variable.is_number
        else np.arange(len(variable.categories))
    )
    rows = np.repeat(template, len(steps), axis=0)
    rows[:, j] = steps
    return rows
