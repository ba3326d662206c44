"""Edits: each sets one feature to a category or to a value seen in the data."""

from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import torch

# Weight of a row's distance to real rows of the target class beside its cost.
PLAUSIBILITY = 0.25


@dataclass(frozen=True)
class Effort:
    """How far to look."""

    levels: int  # of a number
    rarest: float  # categories with a smaller share of the class are not tried
    tried: int  # edits of a state that the network is asked about
    width: int  # states of a row
    depth: int  # edits of a state, one after the other
    ends: bool = False  # whether the ends of the observed range are levels, too


QUICK = Effort(levels=9, rarest=0.01, tried=8, width=2, depth=4)
THOROUGH = Effort(levels=33, rarest=0.0, tried=32, width=8, depth=8, ends=True)


@dataclass(frozen=True)
class Levels:
    """What single features may be set to.

    Attributes
    ----------
    variable : ndarray of shape (m,)
        Index of the variable.
    value : ndarray of shape (m,)
        The value it is set to.
    listed : boolean ndarray of shape (m,)
        Whether it is one for the sake of rows alone that have it in a list.
    """

    variable: np.ndarray
    value: np.ndarray
    listed: np.ndarray

    @classmethod
    def of(cls, codec, references, effort, choices=None):
        """List the categories, and quantiles of real rows.

        Parameters
        ----------
        codec : Codec
        references : ndarray of shape (k, n_variables)
            Values of real rows of the target class.
        effort : Effort
        choices : dict, optional
            For a variable further values, as `Bounds` has them.
        """
        variable, value, listed = [], [], []
        special = codec.special(references)
        for j, feature in enumerate(codec.variables_):
            if codec.is_dropped(j):
                continue
            if feature.is_number:
                share = np.linspace(0, 1, effort.levels)
                levels = references[~special[:, j], j]
                if len(levels):
                    levels = np.quantile(levels, share, method="nearest")
                if effort.ends:
                    levels = np.append(levels, [codec.lower_[j], codec.upper_[j]])
                rounded = feature.round if feature.step is None else feature.snap
                common = rounded(levels)
                levels = common
                if choices and j in choices:
                    levels = np.append(levels, choices[j][np.isfinite(choices[j])])
                levels = np.setdiff1d(levels, feature.states)
                listed += (~np.isin(levels, common)).tolist()
            else:
                size = len(feature.categories)
                codes = references[:, j].astype(int)
                share = np.bincount(codes[codes >= 0], minlength=size) / len(references)
                levels = np.flatnonzero(share >= effort.rarest).astype(float)
                listed += [False] * len(levels)
            variable += [j] * len(levels)
            value += levels.tolist()
        return cls(
            np.array(variable, dtype=int),
            np.array(value, dtype=float),
            np.array(listed, dtype=bool),
        )

    @cached_property
    def by_variable(self):
        """Index of each variable, and the numbers of its levels."""
        numbers = np.unique(self.variable)
        return [(j, np.flatnonzero(self.variable == j)) for j in numbers]

    def among(self, bounds, j, mine):
        """Which of some levels of a number each row may choose, by its list of them."""
        choices = bounds.choices[j][:, None]
        among = (choices == self.value[mine][:, None]).any(axis=2)
        return among | (np.isnan(choices).all(axis=2) & ~self.listed[mine])

    def allowed(self, bounds, codec):
        """Which of them the rules allow each row, boolean of shape (n, m)."""
        n = len(bounds.factual)
        allowed = np.empty((n, len(self.value)), dtype=bool)
        for j, mine in self.by_variable:
            values = self.value[mine]
            if codec.variables_[j].is_number:
                inside = (values >= bounds.lower[:, [j]]) & (
                    values <= bounds.upper[:, [j]]
                )
                if j in bounds.choices:
                    inside &= self.among(bounds, j, mine)
                if codec.variables_[j].is_stepped:
                    inside &= codec.variables_[j].is_answer(
                        values, bounds.factual[:, [j]]
                    )
            else:
                slot = codec.variables_[j].slots
                inside = bounds.allowed[:, slot][:, values.astype(int)]
            # Back to where it was is always possible, unless it must move.
            inside |= (values == bounds.factual[:, [j]]) & ~bounds.must[:, [j]]
            allowed[:, mine] = inside & ~bounds.frozen[:, [j]]
        return allowed

    def apply(self, values, edit):
        """Values with an edit each, of shape (s, n_variables)."""
        edited = values.copy()
        edited[np.arange(len(edit)), self.variable[edit]] = self.value[edit]
        return edited


@dataclass(frozen=True)
class Edits(Levels):
    """Every single-feature edit: set a variable to a value.

    Attributes
    ----------
    codes : ndarray of shape (m, d)
        Codes of the value at the variable's slots, 0 elsewhere.
    slots : boolean ndarray of shape (m, d)
        The variable's slots.
    real : Real
        The rows that the levels are from.
    """

    codes: np.ndarray
    slots: np.ndarray
    real: "Real"
    _inputs: WeakKeyDictionary = field(default_factory=WeakKeyDictionary, repr=False)

    @classmethod
    def of(cls, codec, references, effort, choices=None):
        """List those of the variables that have slots of their own, as `Levels` are."""
        levels = Levels.of(codec, references, effort, choices)
        own = [codec.slots_of(j) for j in range(len(codec.variables_))]
        alone = np.array([slots.any() for slots in own], dtype=bool)[levels.variable]
        variable, value = levels.variable[alone], levels.value[alone]
        listed = levels.listed[alone]
        slots = np.array([own[j] for j in variable], dtype=bool)
        slots = slots.reshape(len(value), len(own[0]))
        rows = np.repeat(references[:1], len(value), axis=0)
        rows[np.arange(len(value)), variable] = value
        codes = np.where(slots, codec.embed(rows), 0.0)
        real = Real.of(codec.embed(references))
        return cls(variable, value, listed, codes, slots, real)

    @cached_property
    def own(self):
        """Slots of each variable of `by_variable`."""
        return [np.flatnonzero(self.slots[mine[0]]) for _, mine in self.by_variable]

    def inputs(self, network):
        """Give the edits as a network takes them, made once for each network."""
        if network not in self._inputs:
            self._inputs[network] = Inputs.of(self, network)
        return self._inputs[network]

    def edited(self, codes, edit):
        """Codes with an edit each, of shape (s, d)."""
        return np.where(self.slots[edit], self.codes[edit], codes)

    def costs(self, codes, weights):
        """Cost of each edit, of a row at its factual's ``codes``, of shape (n, m)."""
        cost = np.empty((len(codes), len(self.value)))
        for (j, mine), own in zip(self.by_variable, self.own, strict=True):
            distance = codes[:, None, own] - self.codes[None, mine][:, :, own]
            cost[:, mine] = np.abs(distance).sum(axis=2) * weights[j]
        return cost

    @cached_property
    def distances(self):
        """Distance of each edited variable to the real rows, of shape (m,)."""
        return (self.real.distances(self.codes) * self.slots).sum(axis=1)


@dataclass(frozen=True)
class Inputs:
    """Edits as the first layer of a network takes them.

    Attributes
    ----------
    codes, slots : Tensor of shape (m, d)
        Of the edits.
    weight : Tensor of shape (d, h) or None
        Of the layer, where it is linear.
    added : Tensor of shape (m, h) or None
        What the codes of each edit add to its output.
    place : ndarray of shape (m,)
        Place of the edit's variable among those that have edits.
    """

    codes: torch.Tensor
    slots: torch.Tensor
    weight: torch.Tensor | None
    added: torch.Tensor | None
    place: np.ndarray

    @classmethod
    def of(cls, edits, network):
        """Make them for a network."""
        codes = network.tensor(edits.codes)
        slots = torch.from_numpy(edits.slots).to(codes.device)
        first, _ = network.parts
        weight = None if first is None else first.weight.detach().T
        place = np.unique(edits.variable, return_inverse=True)[1]
        added = None if weight is None else codes @ weight
        return cls(codes, slots, weight, added, place)


@dataclass(frozen=True)
class Real:
    """Codes of real rows, ready to tell the mean l1 distance to them column by column.

    Attributes
    ----------
    codes : ndarray of shape (k, d)
        Each column sorted.
    sums : ndarray of shape (k + 1, d)
        Sums of the smallest 0, 1, ..., k of each column.
    binary : boolean ndarray of shape (d,)
        Columns of zeros and ones, as categories have.
    """

    codes: np.ndarray
    sums: np.ndarray
    binary: np.ndarray

    @classmethod
    def of(cls, codes):
        """Sort the columns."""
        ordered = np.sort(codes, axis=0)
        sums = np.vstack([np.zeros(codes.shape[1]), ordered.cumsum(0)])
        return cls(ordered, sums, ((codes == 0) | (codes == 1)).all(axis=0))

    def distances(self, codes):
        """Mean of ``|x_d - r_d|`` over the real rows ``r``, of shape (n, d)."""
        k = len(self.codes)
        ones = self.sums[k]
        mean = np.abs(codes) * (k - ones) + np.abs(codes - 1) * ones
        for d in np.flatnonzero(~self.binary):
            below = np.searchsorted(self.codes[:, d], codes[:, d])
            sums = self.sums[:, d]
            mean[:, d] = codes[:, d] * (2 * below - k) + sums[k] - 2 * sums[below]
        return mean / k
