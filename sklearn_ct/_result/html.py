"""Answers as an HTML table."""

from html import escape

import numpy as np

from sklearn_ct._result.describe import exact, short
from sklearn_ct._tables.containers import as_pandas

SHOWN = 50  # rows


def table_of(result):
    """Table of the first answers, with what changed struck out and in bold.

    Parameters
    ----------
    result : Counterfactuals

    Returns
    -------
    str
    """
    shown = result[:SHOWN]
    after = as_pandas(shown.counterfactuals)
    before = as_pandas(shown.factuals)
    changed = np.zeros(after.shape, dtype=bool)
    for j, (_, columns) in enumerate(result._features):
        changed[:, list(columns)] |= shown._changed[:, [j]]
    head = "".join(f"<th>{escape(str(c))}</th>" for c in ("", *after.columns))
    head += "<th>target</th><th>status</th><th>probability</th>"
    lines = []
    for i in range(len(shown)):
        cells = [f"<th>{escape(str(after.index[i]))}</th>"]
        for j in range(after.shape[1]):
            old, new = before.iat[i, j], after.iat[i, j]
            cells.append(
                f"<td><del>{escape(exact(old))}</del> <b>{escape(exact(new))}</b></td>"
                if changed[i, j]
                else f"<td>{escape(short(new))}</td>"
            )
        outcome = (shown.target[i], shown.status[i], f"{shown.probability[i]:.2f}")
        cells += [f"<td>{escape(str(value))}</td>" for value in outcome]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    more = len(result) - len(shown)
    foot = f"<p>{more} more rows</p>" if more else ""
    body = "".join(lines)
    return f"<table><tr>{head}</tr>{body}</table>{foot}"
