"""Answers as an HTML table."""

from html import escape

import numpy as np

from sklearn_ct._result.describe import exact, short
from sklearn_ct._tables.containers import as_pandas

SHOWN = 50  # rows
OUTCOME = ("target", "status", "reason", "probability", "plausibility")
TABLE = '<table style="border-collapse: collapse">'
BORDER = ' style="border-top: 1px solid #888"'


def table_of(result, every_column=False, limit=SHOWN):
    """Table of the first answers, with what changed struck out and in bold.

    What became of a row stands first, then the columns that any answer changes; answers
    to the same row stand together, under a line.

    Parameters
    ----------
    result : Counterfactuals
    every_column : bool
        Whether to show the columns that no answer changes, too.
    limit : int or None
        Rows shown at most.

    Returns
    -------
    str
    """
    order = np.lexsort((result.alternative, result.query))
    shown = result[order[:limit]]
    after, before = as_pandas(shown.counterfactuals), as_pandas(shown.factuals)
    changed = np.zeros(after.shape, dtype=bool)
    for j, (_, columns) in enumerate(result._features):
        changed[:, list(columns)] |= shown._changed[:, [j]]
    columns = range(after.shape[1]) if every_column else np.flatnonzero(changed.any(0))
    names = ["", *OUTCOME, *(after.columns[j] for j in columns)]
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    lines = []
    for i in range(len(shown)):
        first = i == 0 or shown.query[i] != shown.query[i - 1]
        label = escape(str(after.index[i])) if first else ""
        cells = [f"<th>{label}</th>"]
        cells += [f"<td>{escape(text)}</td>" for text in _outcome(shown, i)]
        for j in columns:
            old, new = before.iat[i, j], after.iat[i, j]
            cells.append(
                f"<td><del>{escape(exact(old))}</del> <b>{escape(exact(new))}</b></td>"
                if changed[i, j]
                else f"<td>{escape(short(new))}</td>"
            )
        line = BORDER if first else ""
        lines.append(f"<tr{line}>{''.join(cells)}</tr>")
    notes = []
    if more := len(result) - len(shown):
        notes.append(f"{more:,} more rows")
    if alike := after.shape[1] - len(columns):
        notes.append(
            f"{alike:,} columns that no answer changes: to_html(columns='all')"
        )
    foot = f"<p>{'; '.join(notes)}</p>" if notes else ""
    return f"{TABLE}<tr>{head}</tr>{''.join(lines)}</table>{foot}"


def _outcome(shown, i):
    shares = shown.probability[i], shown.plausibility[i]
    texts = ("" if np.isnan(share) else f"{share:.2f}" for share in shares)
    return str(shown.target[i]), str(shown.status[i]), shown.reason[i], *texts
