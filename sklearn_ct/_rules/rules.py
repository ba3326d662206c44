"""Mutability and domain in the user's words, checked and turned into bounds."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from sklearn_ct._rules.bounds import constraints_of
from sklearn_ct._rules.language import (
    DIRECTIONS,
    by_column,
    chosen,
    ends,
    is_blank,
    listed,
)
from sklearn_ct._rules.names import traced
from sklearn_ct._tables.containers import from_polars, is_polars
from sklearn_ct._tables.feature import cut

# Attributes of rules that are no arrays.
NESTED = ("choices", "judges")


@dataclass(frozen=True)
class Rules:
    """What holds for every row (first dimension 1) or for each row of a call.

    Attributes
    ----------
    rise, fall : boolean ndarray of shape (1 or n, n_variables)
        Directions allowed.
    follows : boolean ndarray of shape (1 or n, n_variables)
        Columns that the search may not move, but ``project`` may.
    lower, upper : ndarray of shape (1 or n, n_variables)
        Bounds of the numbers, in the user's units.
    given : boolean ndarray of shape (1 or n, n_variables)
        Bounds that somebody asked for, rather than inferred ones: a value outside
        inferred bounds may stay where it is.
    allowed : boolean ndarray of shape (1 or n, n_codes)
        Categories allowed, at the slots of their one-hot columns.
    choices : dict of ndarray of shape (1 or n, k)
        For each number that has them, the values allowed, at the front in rising order
        and NaN behind; a row of NaN alone has no such list.
    judges : list of Rules
        The rules that these were narrowed from: a row's own value is judged by each of
        them alone, so that what somebody asked for does not make inferred bounds bind.
    """

    rise: np.ndarray
    fall: np.ndarray
    follows: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    given: np.ndarray
    allowed: np.ndarray
    choices: dict = field(default_factory=dict)
    judges: list = field(default_factory=list)

    @classmethod
    def free(cls, codec):
        """No rule at all."""
        n = len(codec.variables_)
        return cls(
            rise=np.ones((1, n), dtype=bool),
            fall=np.ones((1, n), dtype=bool),
            follows=np.zeros((1, n), dtype=bool),
            lower=np.full((1, n), -np.inf),
            upper=np.full((1, n), np.inf),
            given=np.zeros((1, n), dtype=bool),
            allowed=np.ones((1, codec.n_slots_), dtype=bool),
        )

    @classmethod
    def parse(cls, codec, mutability, domain, n_rows=None, index=None):
        """Rules of the parameters ``mutability`` and ``domain``.

        Parameters
        ----------
        codec : Codec
            Fitted; it knows the columns.
        mutability, domain
            As in `CounterfactualTrainedClassifier`; with ``n_rows`` also a list of
            dicts or a DataFrame with one entry for each row.
        n_rows : int, optional
            Number of rows of the call.
        index : Index, optional
            Labels of the rows of the call, which a DataFrame is matched by.

        Raises
        ------
        ValueError
            On unknown columns, wrong words, low > high, empty sets; it names the
            column.
        """
        rows = n_rows, index
        rules = cls.free(codec)
        if mutability is not None:
            by_variable = _by_variable(mutability, codec, "mutability", *rows)
            rules = _parse_mutability(rules, codec, by_variable)
        inferred = domain if isinstance(domain, str) else "observed"
        if isinstance(domain, str) or (domain is not None and n_rows is None):
            rules = _infer_domain(rules, codec, inferred)
        if domain is not None and not isinstance(domain, str):
            by_variable = _by_variable(domain, codec, "domain", *rows)
            rules = _parse_domain(rules, codec, by_variable)
        return rules._check(codec)

    def take(self, rows):
        """Restrict to some rows of the call."""

        def taken(value):
            return value[rows] if len(value) > 1 else value

        arrays = {k: taken(v) for k, v in vars(self).items() if k not in NESTED}
        choices = {j: taken(values) for j, values in self.choices.items()}
        judges = [judge.take(rows) for judge in self.judges]
        return Rules(**arrays, choices=choices, judges=judges)

    def copy(self):
        """Copy the arrays."""
        return Rules(**{name: value.copy() for name, value in vars(self).items()})

    def narrow(self, other, codec):
        """Both sets of rules at once; neither loosens the other."""
        choices = self.choices | other.choices
        for j in self.choices.keys() & other.choices.keys():
            choices[j] = _common(self.choices[j], other.choices[j])
        rise, fall = self.rise & other.rise, self.fall & other.fall
        follows = self.follows | other.follows
        for rules in (self, other):
            follows = follows & (rules.follows | rules.rise | rules.fall)
        return Rules(
            rise=rise,
            fall=fall,
            follows=follows & ~rise & ~fall,
            lower=np.maximum(self.lower, other.lower),
            upper=np.minimum(self.upper, other.upper),
            given=self.given | other.given,
            allowed=self.allowed & other.allowed,
            choices=choices,
            judges=[*(self.judges or [self]), *(other.judges or [other])],
        )._check(codec)

    def _check(self, codec):
        for j, variable in enumerate(codec.variables_):
            if variable.is_number:
                empty = self.lower[:, j] > self.upper[:, j]
                if j in self.choices:
                    empty = empty | self._without_choice(j)
                if empty.any():
                    row = int(np.argmax(empty))
                    at = f" of row {row}" if len(empty) > 1 else ""
                    raise ValueError(
                        f"The 'domain' of column {variable.name!r}{at} is empty: "
                        f"from {self.lower[row, j]:g} to {self.upper[row, j]:g} "
                        "there is no value. Widen it (call and classifier together "
                        "make the bounds)."
                    )
            elif not (allowed := self.allowed[:, variable.slots]).any(axis=1).all():
                row = int(np.argmin(allowed.any(axis=1)))
                at = f" of row {row}" if len(allowed) > 1 else ""
                raise ValueError(
                    f"The 'domain' of column {variable.name!r}{at} allows no category."
                )
        return self

    def _without_choice(self, j):
        """Whether a row has a list of values, none of them within its bounds."""
        values = self.choices[j]
        inside = (values >= self.lower[:, [j]]) & (values <= self.upper[:, [j]])
        return ~inside.any(axis=1) & ~np.isnan(values).all(axis=1)

    def constraints(self, codec):
        """Constraints on the model's input space, for training."""
        return constraints_of(
            codec, self.lower, self.upper, self.allowed, self.rise, self.fall
        )


def _by_variable(given, codec, parameter, n_rows, index):
    """Entries as {variable: list of one entry, or of one for each row}."""
    if is_polars(given):
        given, index = from_polars(given), None  # its rows have no labels
    trace = partial(traced, codec, parameter=parameter)
    columns = by_column(given, codec.names_, parameter, n_rows, index, trace)
    return _merge_blocks(columns, codec, parameter)


def _merge_blocks(columns, codec, parameter):
    merged, seen = {}, {}
    for key, entries in columns.items():
        whole = isinstance(key, tuple) and key not in codec.names_
        try:
            positions = [codec.position(part) for part in (key if whole else (key,))]
        except ValueError as error:
            raise ValueError(f"In the {parameter!r} parameter: {error}") from None
        j = next(j for j, v in enumerate(codec.variables_) if positions[0] in v.columns)
        seen.setdefault(j, set()).update(positions)
        variable = codec.variables_[j]
        if variable.is_block and not whole and parameter == "domain":
            _refuse_part(variable, key, parameter)
        if j in merged and list(merged[j]) != list(entries):
            _refuse_part(variable, key, parameter)
        if not codec.is_dropped(j):
            merged[j] = entries
    for j, positions in seen.items():
        variable = codec.variables_[j]
        if not positions <= set(variable.columns):
            names = tuple(codec.names_[position] for position in sorted(positions))
            raise ValueError(
                f"The {parameter!r} parameter has the key {names!r}, but these columns "
                "are no one-hot block. Give each column its own entry."
            )
        if positions != set(variable.columns):
            name = codec.names_[min(positions)]
            _refuse_part(variable, name, parameter)
    return merged


def _refuse_part(variable, key, parameter):
    raise ValueError(
        f"The 'mutability' and 'domain' of column {key!r} cannot be set alone: it is "
        f"part of the one-hot block {variable.name!r}. Give {parameter!r} with the "
        "tuple of all its columns as the key."
    )


def _parse_mutability(rules, codec, by_variable):
    n_rows = max((len(words) for words in by_variable.values()), default=1)
    shape = (n_rows, rules.rise.shape[1])
    rise, fall = np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    follows = np.zeros(shape, dtype=bool)
    for j, words in by_variable.items():
        variable = codec.variables_[j]
        words = ["both" if is_blank(word) else word for word in words]
        for word in dict.fromkeys(str(word) for word in words):
            if word not in DIRECTIONS:
                raise ValueError(
                    f"The 'mutability' of column {variable.name!r} must be one of "
                    "'both', 'increase', 'decrease', 'none', 'follows'. "
                    f"Got {word!r} instead."
                )
            one_way = word in ("increase", "decrease")
            if one_way and not (variable.is_number or variable.ordered):
                raise ValueError(
                    f"The 'mutability' {word!r} of column {variable.name!r} needs an "
                    "order: make the column an ordered pandas category, or use 'both' "
                    "or 'none'."
                )
        ways = np.array([DIRECTIONS[word] for word in words], dtype=bool)
        rise[:, j], fall[:, j] = ways.reshape(-1, 2).T
        follows[:, j] = [word == "follows" for word in words]
    return replace(rules, rise=rise, fall=fall, follows=follows)


def _infer_domain(rules, codec, rule):
    lower, upper = codec.lower_, codec.upper_
    if rule == "three_sigma":
        lower = np.minimum(codec.mean_ - 3 * codec.scale_, lower)
        upper = np.maximum(codec.mean_ + 3 * codec.scale_, upper)
    elif rule != "observed":
        raise ValueError(
            "The 'domain' parameter must be 'observed', 'three_sigma', None or a dict. "
            f"Got {rule!r} instead."
        )
    numbers = np.isfinite(lower)
    lower, upper = _round_inwards(codec, lower[None], upper[None])
    return replace(
        rules,
        lower=np.where(numbers, lower, -np.inf),
        upper=np.where(numbers, upper, np.inf),
        allowed=codec.observed_[None].copy(),
    )


def _parse_domain(rules, codec, by_variable):
    n_rows = max((len(entries) for entries in by_variable.values()), default=1)
    lower, upper, given, allowed = (
        np.repeat(value, n_rows, axis=0)
        for value in (rules.lower, rules.upper, rules.given, rules.allowed)
    )
    choices = dict(rules.choices)
    for j, entries in by_variable.items():
        variable = codec.variables_[j]
        present = np.array([not is_blank(entry) for entry in entries], dtype=bool)
        given[present, j] = True
        if variable.is_number:
            values = [
                _values(variable, entry) if there else None
                for entry, there in zip(entries, present, strict=True)
            ]
            pairs = [
                (-np.inf, np.inf) if own is None else (own[0], own[-1])
                for own in values
            ]
            low, high = np.array(pairs, dtype=float).reshape(-1, 2).T
            listed_ = [isinstance(own, np.ndarray) for own in values]
            if any(listed_):
                choices[j] = _padded(values, listed_)
            lower[:, j] = np.where(present, low, lower[:, j])
            upper[:, j] = np.where(present, high, upper[:, j])
        else:
            slots = allowed[:, variable.slots]
            masks = [
                _allowed(variable, entry) if there else slots[0]
                for entry, there in zip(entries, present, strict=True)
            ]
            masks = np.reshape(masks, slots.shape)
            allowed[:, variable.slots] = np.where(present[:, None], masks, slots)
    lower, upper = _round_inwards(codec, lower, upper)
    return replace(
        rules, lower=lower, upper=upper, given=given, allowed=allowed, choices=choices
    )


def _padded(values, has_list):
    """Stack lists of values, NaN where a row has none or a shorter one."""
    width = max(len(own) for own, has in zip(values, has_list, strict=True) if has)
    padded = np.full((len(values), width), np.nan)
    for row, own, has in zip(padded, values, has_list, strict=True):
        if has:
            row[: len(own)] = own
    return padded


def _common(one, other):
    """Values that both lists have; those of the one where a row has the one alone."""
    n = max(len(one), len(other))
    one, other = (np.broadcast_to(v, (n, v.shape[1])) for v in (one, other))
    in_both = (one[:, :, None] == other[:, None, :]).any(axis=2)
    neither = np.isnan(one).all(axis=1, keepdims=True)
    alone = np.isnan(other).all(axis=1, keepdims=True)
    padded = np.full((n, max(one.shape[1], other.shape[1])), np.nan)
    padded[:, : one.shape[1]] = np.where(in_both | alone, one, np.nan)
    padded[:, : other.shape[1]] = np.where(neither, other, padded[:, : other.shape[1]])
    none = np.isnan(padded).all(axis=1, keepdims=True) & ~neither & ~alone
    # What lies outside every bound is no value either, and is told as such.
    return np.where(none, np.inf, np.sort(padded, axis=1))


def _values(variable, entry):
    """Range of a number, (low, high), or an array of the values allowed."""
    values = listed(entry)
    if values is not None and len(values):
        held = variable.round(values)
        held = held[np.isclose(held, values, rtol=1e-6, atol=0)]
        if not len(held):
            raise ValueError(
                f"The 'domain' of column {variable.name!r} lists no value that the "
                f"column can hold. Got {entry!r}."
            )
        return np.unique(held)
    pair = ends(entry)
    if pair is None:
        raise ValueError(
            f"The 'domain' of column {variable.name!r}, a number, must be a range "
            "(low, high), a tuple, or a list of the values allowed. "
            f"Got {entry!r} instead."
        )
    low, high = pair
    if not low <= high or low == np.inf or high == -np.inf:
        raise ValueError(
            f"The 'domain' of column {variable.name!r} must have low <= high. "
            f"Got {entry!r} instead."
        )
    return pair


def _allowed(variable, entry):
    known = list(variable.categories)
    words = chosen(entry, known)
    if words is None:
        raise ValueError(
            f"The 'domain' of column {variable.name!r}, a category, must be a list of "
            f"allowed values. Got {entry!r} instead."
        )
    allowed, unknown = words
    if unknown:
        raise ValueError(
            f"The 'domain' of column {variable.name!r} has the unknown category "
            f"{unknown[0]!r}. Categories: {cut(known)}."
        )
    return allowed


def _round_inwards(codec, lower, upper):
    lower, upper = lower.copy(), upper.copy()
    for j, variable in enumerate(codec.variables_):
        if variable.is_number:
            for bound, inward in ((lower[:, j], 1.0), (upper[:, j], -1.0)):
                finite = np.isfinite(bound)
                bound[finite] = variable.round_bound(bound[finite], inward)
    return lower, upper
