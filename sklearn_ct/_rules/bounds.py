"""The rules of a call applied to its rows."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from sklearn_ct._core.constraints import Constraints


def constraints_of(codec, *rules):
    """Constraints on the codes, from rules on the variables."""
    arrays = codec.constraint_arrays(*rules)
    return Constraints(**{k: torch.from_numpy(v) for k, v in arrays.items()})


@dataclass(frozen=True)
class Bounds:
    """The rules of a call applied to its rows: what each row's answer may be.

    Attributes
    ----------
    factual : ndarray of shape (n, n_variables)
        Values of the rows.
    lower, upper : ndarray of shape (n, n_variables)
        Bounds of a number that changes, direction included.
    allowed : boolean ndarray of shape (n, n_codes)
        Categories, direction included.
    rise, fall : boolean ndarray of shape (n, n_variables)
        Directions; both are False for variables that cannot change.
    follows : boolean ndarray of shape (n, n_variables)
        Variables that cannot change but by ``project``, within their bounds.
    must : boolean ndarray of shape (n, n_variables)
        Variables whose present value is not allowed.
    choices : dict of ndarray of shape (n, k)
        For numbers that have them the values allowed, NaN where a row has fewer.
    """

    factual: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    allowed: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    follows: np.ndarray
    must: np.ndarray
    choices: dict = field(default_factory=dict)

    @classmethod
    def of(cls, rules, codec, factual):
        """Apply rules to the values of rows."""
        shape, n = factual.shape, len(factual)
        rise, fall, follows = (
            np.broadcast_to(value, shape).copy()
            for value in (rules.rise, rules.fall, rules.follows)
        )
        frozen = ~rise & ~fall
        rise, fall = rise | follows, fall | follows
        lower = np.where(fall, rules.lower, np.maximum(rules.lower, factual))
        upper = np.where(rise, rules.upper, np.minimum(rules.upper, factual))
        must = np.zeros(shape, dtype=bool)
        for judge in rules.judges or [rules]:
            must |= judge.given & _outside(judge, codec, factual)
        allowed = np.broadcast_to(rules.allowed, (n, rules.allowed.shape[1])).copy()
        choices = {
            j: np.broadcast_to(values, (n, values.shape[1]))
            for j, values in rules.choices.items()
        }
        for j, variable in enumerate(codec.variables_):
            if variable.is_number:
                own = factual[:, [j]]
                if variable.step is not None:
                    lower[:, j] = variable.snap(lower[:, j], 1.0)
                    upper[:, j] = variable.snap(upper[:, j], -1.0)
                frozen[:, j] |= lower[:, j] > upper[:, j]
                if variable.smallest:
                    reach = np.maximum(own - lower[:, [j]], upper[:, [j]] - own)[:, 0]
                    frozen[:, j] |= reach < variable.smallest * (1 - 1e-9)
                frozen[:, j] |= (lower[:, j] == upper[:, j]) & (
                    lower[:, j] == own[:, 0]
                )
                if j in choices:
                    if variable.is_stepped:
                        fits = variable.is_answer(choices[j], own)
                        fits |= np.isnan(choices[j])
                        # In place of the others its own or, if it must move, one that
                        # fits.
                        most = np.where(
                            fits, np.nan_to_num(choices[j], nan=-np.inf), -np.inf
                        )
                        most = most.max(axis=1, keepdims=True)
                        moves = must[:, [j]] & np.isfinite(most)
                        choices[j] = np.where(
                            fits, choices[j], np.where(moves, most, own)
                        )
                    inside = _within(choices[j], lower[:, [j]], upper[:, [j]])
                    anywhere = np.isnan(choices[j]).all(axis=1)
                    frozen[:, j] |= ~(inside & (choices[j] != own)).any(1) & ~anywhere
                continue
            code = factual[:, j].astype(int)
            choice = np.arange(len(variable.categories))
            here = choice == code[:, None]
            if variable.ordered:
                open_ = rise[:, [j]] & (choice > code[:, None])
                open_ |= fall[:, [j]] & (choice < code[:, None])
                open_ |= here
            else:
                open_ = here | (rise & fall)[:, [j]]
            slot = allowed[:, variable.slots]
            slot &= open_
            frozen[:, j] |= ~(slot & ~here).any(axis=1)
        rise, fall = rise & ~frozen, fall & ~frozen
        return cls(factual, lower, upper, allowed, rise, fall, follows, must, choices)

    def take(self, rows):
        """Restrict to some of the rows."""
        arrays = {k: v[rows] for k, v in vars(self).items() if k != "choices"}
        choices = {j: values[rows] for j, values in self.choices.items()}
        return Bounds(**arrays, choices=choices)

    def freeze(self, more):
        """With further variables frozen, boolean of shape (n, n_variables)."""
        return replace(self, rise=self.rise & ~more, fall=self.fall & ~more)

    def hold(self, special, held):
        """With cells that hold neither a number nor a category left alone.

        Parameters
        ----------
        special : boolean ndarray of shape (n, n_variables)
            Such cells. They keep every rule as they are, and have no direction.
        held : boolean ndarray of shape (n, n_variables)
            Those that may not be left.
        """
        closed = held | (special & (self.rise != self.fall))
        return replace(self.freeze(closed), must=self.must & ~special & ~held)

    @property
    def frozen(self):
        """Variables that cannot change, of shape (n, n_variables)."""
        return ~self.rise & ~self.fall

    @property
    def conflict(self):
        """Variables that would have to change and cannot, of shape (n, n_variables)."""
        return self.must & self.frozen

    def constraints(self, codec):
        """Constraints on the model's input space, for the search of these rows."""
        stays = ~self.must
        return constraints_of(
            codec,
            np.where(stays, np.minimum(self.lower, self.factual), self.lower),
            np.where(stays, np.maximum(self.upper, self.factual), self.upper),
            self.allowed,
            self.rise,
            self.fall,
        )

    def holds(self, values, codec):
        """Whether values of the rows keep the rules, boolean of shape (n,)."""
        kept = ~self.must | (values != self.factual)
        special = codec.special(values)
        for j, variable in enumerate(codec.variables_):
            new = values[:, j]
            if variable.is_number:
                inside = _within(new, self.lower[:, j], self.upper[:, j])
                if j in self.choices:
                    inside &= new == self._nearest_choice(j, new)
            else:
                inside = self._is_allowed(variable, new)
            inside &= (~self.frozen[:, j] | self.follows[:, j]) & ~special[:, j]
            kept[:, j] &= inside | (new == self.factual[:, j])
        return kept.all(axis=1)

    def settle(self, values, codec, tolerance):
        """Nearest values that are real and allowed.

        Numbers are rounded away from the factual, as their columns are, and clipped.
        A category that is not allowed, what would become special or missing, and
        whatever is frozen, goes back to the factual's.

        Parameters
        ----------
        values : ndarray of shape (n, n_variables)
        codec : Codec
        tolerance : ndarray of shape (n_variables,)
            Changes of numbers smaller than this are none.
        """
        # What would become special or missing goes back, and on from there if it must.
        values = np.where(codec.special(values), self.factual, values)
        settled = values.copy()
        change = values - self.factual
        # What nobody changed, and need not, stays.
        for j in np.flatnonzero(((change != 0) | self.must).any(axis=0)):
            variable = codec.variables_[j]
            if variable.is_number:
                new = variable.snap(values[:, j], change[:, j])
                new = np.clip(new, self.lower[:, j], self.upper[:, j])
                if variable.smallest:
                    new = self._no_token(j, variable, new, change[:, j])
                if j in self.choices:
                    new = self._nearest_choice(j, new)
                least = np.minimum(
                    np.abs(change[:, j]), np.abs(new - self.factual[:, j])
                )
                still = (least <= tolerance[j]) & ~self.must[:, j]
                settled[:, j] = np.where(still, self.factual[:, j], new)
            else:
                first = self.allowed[:, variable.slots].argmax(axis=1)
                back = np.where(self.must[:, j], first, self.factual[:, j])
                good = self._is_allowed(variable, values[:, j])
                settled[:, j] = np.where(good, values[:, j], back)
        entered = codec.special(settled)
        return np.where(self.frozen | entered, self.factual, settled)

    def _nearest_choice(self, j, new):
        """Nearest of the values that a number is allowed, where it has a list."""
        values = self.choices[j]
        inside = _within(values, self.lower[:, [j]], self.upper[:, [j]])
        away = np.where(inside, np.abs(values - new[:, None]), np.inf)
        nearest = values[np.arange(len(new)), away.argmin(axis=1)]
        return np.where(inside.any(axis=1), nearest, new)

    def in_steps(self, values, codec):
        """Whether all changes of numbers are such as answers may have, (n,).

        A number that must change and has not is none of them.
        """
        kept = np.ones(len(values), dtype=bool)
        for j, variable in enumerate(codec.variables_):
            if variable.is_stepped:
                kept &= variable.is_answer(values[:, j], self.factual[:, j])
                kept &= ~self.must[:, j] | (values[:, j] != self.factual[:, j])
        return kept

    def _no_token(self, j, variable, new, change):
        """Make of changes that are too small the smallest, or none, what is nearer."""
        here, least = self.factual[:, j], variable.smallest
        way = np.sign(new - here)
        out = np.clip(
            variable.snap(here + way * least, way), self.lower[:, j], self.upper[:, j]
        )
        meant = self.must[:, j] | (np.abs(change) >= least / 2)
        out = np.where(meant & variable.is_answer(out, here), out, here)
        return np.where(variable.is_answer(new, here), new, out)

    def _is_allowed(self, variable, code):
        """Whether a category is allowed in each row; none of them, below 0, is not."""
        slot = self.allowed[:, variable.slots]
        known = np.maximum(code, 0).astype(int)
        return np.take_along_axis(slot, known[:, None], axis=1)[:, 0] & (code >= 0)


def _within(values, lower, upper):
    return (values >= lower) & (values <= upper)


def _outside(rules, codec, factual):
    """Whether rules do not allow the values that rows have, (n, n_variables)."""
    outside = ~_within(factual, rules.lower, rules.upper)
    for j, values in rules.choices.items():
        among = (values == factual[:, [j]]).any(axis=1) | np.isnan(values).all(axis=1)
        outside[:, j] |= ~among
    for j in np.flatnonzero(~codec.numbers_):
        slot = rules.allowed[:, codec.variables_[j].slots]
        slot = np.broadcast_to(slot, (len(factual), slot.shape[1]))
        code = factual[:, j].astype(int)
        here = np.take_along_axis(slot, np.maximum(code, 0)[:, None], axis=1)[:, 0]
        outside[:, j] = ~here & (code >= 0)
    return outside
