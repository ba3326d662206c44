"""Why a row has no answer, in words."""

import numpy as np


def why(codec, bounds, max_changes):
    """Give a sentence for each row, should no answer be found.

    Parameters
    ----------
    codec : Codec
    bounds : Bounds
        Of the rows.
    max_changes : int or None
        What the call asks for.

    Returns
    -------
    ndarray of str, shape (n,)
    """
    names = np.array([str(v.name) for v in codec.variables_], dtype=object)
    reasons = np.empty(len(bounds.factual), dtype=object)
    if not len(reasons):
        return reasons
    conflict, frozen = bounds.conflict, bounds.frozen
    # Few patterns occur among many rows: one sentence for each pattern.
    patterns, which = np.unique(
        np.hstack([conflict, frozen]), axis=0, return_inverse=True
    )
    v = len(names)
    for k, pattern in enumerate(patterns):
        if pattern[:v].any():
            text = (
                f"{', '.join(names[pattern[:v]])} would have to change to lie in its "
                "domain, but may not"
            )
        elif pattern[v:].all():
            text = "no feature may change"
        else:
            free = names[~pattern[v:]]
            shown = ", ".join(free[:5]) + (", ..." if len(free) > 5 else "")
            text = f"no valid change of {shown} was found within the constraints"
            if max_changes is not None:
                text += f" and max_changes={max_changes}"
        reasons[which.ravel() == k] = text
    return reasons
