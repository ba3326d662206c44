"""Answers in sentences, and cells in words."""

import numpy as np
import pandas as pd

from sklearn_ct._result.status import Status


def sentence(one):
    """Say what has to change for a single answer.

    Parameters
    ----------
    one : Counterfactuals
        Of one row.

    Returns
    -------
    str
    """
    label, share = one.target.tolist()[0], one.probability[0]
    if one.status[0] == Status.ALREADY:
        return f"Nothing to change: already predicted {label!r} ({share:.2f})."
    if one.status[0] == Status.INFEASIBLE:
        return f"None under these constraints: {one.reason[0]}."
    changes = one.changes()
    steps = [
        _step(feature, old, new, feature in one.blocks)
        for feature, old, new in zip(
            changes["feature"], changes["from"], changes["to"], strict=True
        )
    ]
    text = " and ".join(filter(None, [", ".join(steps[:-1]), steps[-1]]))
    weak = f" ({one.reason[0]})" if one.reason[0] else ""
    text = f"{text[0].upper()}{text[1:]}; the model would then predict {label!r}"
    if one.threshold is None:
        return f"{text} with probability {share:.2f}{weak}."
    enough = f"its probability {share:.2f} where {one.threshold[0]:.2f} is enough"
    return f"{text}, {enough}{weak}."


def _step(feature, old, new, is_block):
    if is_block:
        return f"change {old} to {new}"
    if isinstance(feature, int):
        feature = f"column {feature}"
    if pd.isna(old):
        return f"set {feature}, which is missing, to {exact(new)}"
    if is_number(old) and is_number(new):
        verb = "raise" if new > old else "lower"
        return f"{verb} {feature} from {exact(old)} to {exact(new)}"
    return f"change {feature} from {exact(old)!r} to {exact(new)!r}"


def is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def exact(value):
    """Give all digits: what was checked is the number, not one near it."""
    if not is_number(value) or np.isnan(value):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    digits = np.format_float_positional(abs(value), trim="-")
    whole, point, rest = digits.partition(".")
    return f"{'-' if value < 0 else ''}{int(whole):,}{point}{rest}"


def short(value):
    """Give a few digits, for cells that nobody is asked to change."""
    if not is_number(value) or float(value).is_integer():
        return exact(value)
    return f"{float(value):,.4g}" if abs(value) < 1000 else f"{float(value):,.2f}"
