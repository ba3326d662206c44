"""Answers for the people they are about: letters, by a glossary."""

import re
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from sklearn_ct._result.describe import exact, is_number
from sklearn_ct._result.status import Status
from sklearn_ct._tables.feature import decimals_of

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
KINDS = ("action", "waiting", "history")  # from what is open to what is not
DETERMINERS = ("your", "the", "a", "an")


@dataclass(frozen=True)
class Change:
    """One change of a way, in words.

    Attributes
    ----------
    feature : str, int or tuple
        Name of the feature.
    label : str
        What people call it.
    kind : {"action", "waiting", "history"}
        What the change is to the person.
    before, after : str
        The cells, with their units.
    sentence : str
        What the built-in letter says.
    """

    feature: object
    label: str
    kind: str
    before: str
    after: str
    sentence: str


@dataclass(frozen=True)
class Letter:
    """What a letter is written from; a ``template`` is given it.

    Attributes
    ----------
    row : label
        Of the person, in the index of the factuals.
    target : label
        Class asked for.
    outcome : str or None
        Words for it; None where it has none.
    already : bool
        Whether the person has it already.
    ways : tuple of tuple of Change
        Each by itself is enough, with all of its changes. Those that only ask to act
        stand before those that ask to wait.
    past : tuple of tuple of Change
        More ways, of which a part lies in the past: they explain the decision and
        cannot be gone.
    reason : str
        In plain words, why there is none; otherwise empty.
    """

    row: object
    target: object
    outcome: str | None
    already: bool
    ways: tuple
    past: tuple
    reason: str


def letter_of(part, outcome):
    """Parts of the letter to a person.

    Parameters
    ----------
    part : Counterfactuals
        All answers to one row.
    outcome : str, dict or None
        Words for the target, or for each.
    """
    words = Words(part)
    target = part.target.tolist()[0]
    if isinstance(outcome, dict):
        outcome = outcome.get(target)
    if outcome is None and isinstance(target, str):
        outcome = _worded(target)
    changes = part.changes()
    already = bool((part.status == Status.ALREADY).any())
    by_kind = {kind: [] for kind in KINDS}
    for _, own in changes.groupby("alternative"):
        cells = zip(own["feature"], own["from"], own["to"], strict=True)
        way = tuple(words.change(*cell) for cell in cells)
        if not already:
            by_kind[max((change.kind for change in way), key=KINDS.index)].append(way)
    ways = tuple(by_kind["action"] + by_kind["waiting"])
    none = not already and not any(by_kind.values())
    return Letter(
        row=part.to_frame().index[0],
        target=target,
        outcome=outcome,
        already=already,
        ways=ways,
        past=tuple(by_kind["history"]),
        reason=words.reason(part.reason[0]) if none else "",
    )


def text_of(letter):
    """Write a letter as plain text."""
    paragraphs = []
    for title, changes in _parts(letter):
        lines = [f"- {change.sentence}" for change in changes]
        paragraphs.append("\n".join([title, *lines]))
    return "\n\n".join(paragraphs)


def html_of(letter):
    """Write a letter as a piece of HTML."""
    parts = []
    for title, changes in _parts(letter):
        parts.append(f"<p>{escape(title)}</p>")
        if changes:
            lines = "".join(f"<li>{escape(change.sentence)}</li>" for change in changes)
            parts.append(f"<ul>{lines}</ul>")
    return f'<div class="letter">{"".join(parts)}</div>'


FORMATS = {"text": text_of, "html": html_of}


def readable(name):
    """Name of a column or category as words.

    Examples
    --------
    >>> readable("employment_years"), readable("NumberOfTimes90DaysLate")
    ('employment years', 'number of times 90 days late')
    """
    if isinstance(name, tuple):
        return " ".join(map(readable, name))
    text = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])", " ", str(name))
    words = re.sub(r"[\W_]+", " ", text).strip().split(" ")
    camel = text != str(name)
    return " ".join(w.lower() if camel and not w.isupper() else w for w in words)


class Words:
    """Words for the features of answers, by their glossary.

    Parameters
    ----------
    part : Counterfactuals
    """

    def __init__(self, part):
        self.glossary = part.glossary or {}
        self.blocks = part.blocks
        self.features = [name for name, _ in part._features]

    def label(self, feature):
        """Say what people call a feature."""
        given = self._said(feature, "label")
        if given:
            return given
        if isinstance(feature, int | np.integer):
            return f"column {feature}"
        return readable(self._stem(feature) or feature)

    def change(self, feature, old, new):
        """Put a change into words."""
        label, kind = self.label(feature), self._said(feature, "kind") or "action"
        numbers = is_number(old) and is_number(new) and not pd.isna([old, new]).any()
        before, after = self._cells(feature, old, new, numbers)
        way = 0 if not numbers else int(np.sign(new - old))
        sentence = _sentence(kind, _yours(label), before, after, way, pd.isna(old))
        return Change(feature, label, kind, before, after, sentence)

    def reason(self, reason):
        """Why there is no answer, in plain words."""
        start = "We have found no change that would lead to another decision"
        if "no feature may change" in reason:
            return (
                "We know of nothing that you could change: what the decision rests on "
                "cannot be changed."
            )
        if "would have to change" in reason:
            named = self._list(self._named(reason))
            return f"{start}: {named} would have to be different, and cannot be."
        if names := self._named(reason):
            more = " and others" if ", ..." in reason else ""
            return f"{start}. We looked at {self._list(names)}{more}."
        return f"{start}."

    def _said(self, feature, key):
        return (self.glossary.get(feature) or {}).get(key)

    def _stem(self, feature):
        """Find what the names of a one-hot block have in common."""
        if feature not in self.blocks or not all(isinstance(n, str) for n in feature):
            return ""
        first, last = min(feature), max(feature)
        same = [a == b for a, b in zip(first, last, strict=False)]
        size = same.index(False) if False in same else len(same)
        stem = first[:size]
        return stem[: max(stem.rfind(mark) for mark in "_-= .") + 1]

    def _cells(self, feature, old, new, numbers):
        unit = self._said(feature, "unit")
        if not numbers:
            return tuple(self._word(feature, value, unit) for value in (old, new))
        before, after = figures(float(old), float(new), self._said(feature, "step"))
        about = "" if f"{float(old):.3g}" == _plain(before) else "about "
        return about + _with_unit(before, unit), _with_unit(after, unit)

    def _word(self, feature, value, unit):
        """Word for a category, or for a number beside a missing one."""
        if not isinstance(value, str | bool | np.bool_) and pd.isna(value):
            return "missing"
        if is_number(value) and not self._said(feature, "values"):
            step = self._said(feature, "step")
            return _with_unit(figures(float(value), float(value), step)[1], unit)
        given = self._said(feature, "values") or {}
        if value in given:
            return f"“{given[value]}”"
        stem = self._stem(feature)
        if stem and isinstance(value, str):
            value = value.removeprefix(stem)
        return f"“{_worded(value)}”"

    def _named(self, reason):
        """Features that a reason lists, in their order."""
        found = []
        for name in self.features:
            if re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", reason):
                found.append(name)
        return found

    def _list(self, names):
        labels = [_yours(self.label(name)) for name in names] or ["something"]
        return " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))


def figures(old, new, step=None):
    """Two numbers as people write them, without digits that say nothing.

    With a step its decimals are shown. Otherwise whole numbers have all digits, and of
    fractions three count. What is left out never makes a change look smaller.

    Examples
    --------
    >>> figures(41_894.41, 44_000, 500), figures(0.7661, 0.30123)
    (('41,894', '44,000'), ('0.767', '0.301'))
    """
    if step is not None:
        decimals = decimals_of(step)
    elif float(old).is_integer() and float(new).is_integer():
        decimals = 0
    else:
        size = max(abs(old), abs(new))
        decimals = int(np.clip(2 - np.floor(np.log10(size)), 0, 12))
    way = np.sign(new - old)
    texts = []
    for value, outwards in ((old, -way), (new, way)):
        scaled = value * 10.0**decimals
        near = np.round(scaled)
        if abs(scaled - near) > 1e-6 + 1e-9 * abs(scaled):
            near = np.ceil(scaled) if outwards > 0 else np.floor(scaled)
            near = near if outwards else np.round(scaled)
        shown = near / 10.0**decimals + 0.0  # no negative zero
        texts.append(exact(float(f"{shown:.{decimals}f}")))
    return tuple(texts)


def _plain(text):
    """Figures with no more than three digits that count."""
    return f"{float(text.replace(',', '')):.3g}"


def _worded(value):
    """Category as words; signs in it may mean something."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(value).replace("_", " ").strip()


def _with_unit(text, unit):
    if not unit:
        return text
    if "{}" in unit:
        return unit.replace("{}", text)
    if unit.startswith("%"):
        return f"{text}{unit}"
    one = text == "1" and unit.endswith("s") and len(unit) > 3
    return f"{text} {unit[:-1] if one else unit}"


def _yours(label):
    return label if label.split(" ")[0].lower() in DETERMINERS else f"your {label}"


def _sentence(kind, label, before, after, way, missing):
    """Say a change as what it is to the person."""
    if kind == "history":
        return f"Your record shows {before} for {label}; it would have to show {after}."
    if kind == "waiting":
        done = {1: "has reached", -1: "has come down to", 0: "is"}[way]
        return (
            f"Wait until the entry for {label} {done} {after}; at present it is "
            f"{before}."
        )
    if missing:
        return f"State {label}, which is missing so far: {after}."
    verb = {1: "Raise", -1: "Lower", 0: "Change"}[way]
    return f"{verb} {label} from {before} to {after}."


def _parts(letter):
    """Sentences of a letter, each with the changes that it is about."""
    decision = "a different one" if letter.outcome is None else f"“{letter.outcome}”"
    several = len(letter.ways) > 1
    if letter.already:
        here = "" if letter.outcome is None else f": it is {decision} already"
        yield f"Nothing has to change for the decision{here}.", ()
        return
    if letter.reason:
        yield letter.reason, ()
        return
    if several:
        yield f"The decision would be {decision} with any one of these options.", ()
    elif not letter.ways:
        yield (
            "We have found nothing that you could change now for the decision to be "
            f"{decision}.",
            (),
        )
    for k, changes in enumerate(letter.ways):
        together = _together(len(changes))
        if several:
            yield f"Option {k + 1}, {together}:", changes
        else:
            yield f"The decision would be {decision} with {together}:", changes
    for changes in letter.past:
        yield (
            f"For your information: the decision would {'also ' * bool(letter.ways)}be "
            f"{decision} with {_together(len(changes))}. {PAST}",
            changes,
        )
    yield CLOSING, ()


PAST = (
    "You cannot bring that about now: it lies in the past, at least in part. If an "
    "entry is wrong, ask us to correct it."
)
CLOSING = (
    "This says how we would decide by the details that we hold, with everything else "
    "as it is. It is no promise for a later application."
)


def _together(n):
    """Say that all of the changes are needed."""
    if n == 1:
        return "this change alone"
    number = NUMBERS[n - 2] if n - 2 < len(NUMBERS) else n
    return "both of these changes" if n == 2 else f"all {number} of these changes"
