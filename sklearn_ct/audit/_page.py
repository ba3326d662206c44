"""Reports in HTML: tables for notebooks, and a page of its own with figures."""

from functools import partial
from html import escape
from pathlib import Path

import numpy as np

from sklearn_ct import plotting
from sklearn_ct.plotting._figure import as_svg

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
  padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-size: 14px; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
th { font-weight: 600; } svg { max-width: 100%; height: auto; }
h2 { margin-top: 2.5rem; } figcaption { color: #555; font-size: 14px; }
"""
READ = {
    "rejection rate": "share of the group that is not predicted as the class wanted",
    "false negative rate": "that share among those who are labelled as it",
    "infeasible rate": "share of the rejected for whom no answer was found",
    "fallback rate": "share of the rejected whose answer is a real row made possible",
    "below tau rate": "share of the rejected whose answer is weaker than was asked for",
    "cost median": "median of the costs, without an answer counting as infinite",
    "cost": "mean cost of the rejected, at most the cap",
    "beyond budget": "share of the rejected whose cost is above the budget",
    "n changes": "columns changed in an answer, on average",
    "burden": "cost spread over the whole group: rejection and cost together",
    "false negative burden": "the burden of those who are labelled as the class wanted",
    "small": "too few rejected for a test",
}


def of_audit(audit):
    """HTML of a `RecourseAudit`, for notebooks."""
    return _text(audit.summary()) + _table(audit.by_group.reset_index())


def of_proxies(report):
    """HTML of a `ProxyReport`, for notebooks."""
    return _text(report.summary()) + _table(report.told.reset_index())


def write(path, audit, proxies, survival):
    """Write the report as one file."""
    parts = [
        "<h1>Who is asked for what</h1>",
        _text(audit.summary()),
        "<h2>Compared</h2>",
        _figure(
            partial(plotting.RecourseRatioDisplay.from_audit, audit),
            "The burden of each group over that of the reference, with its interval.",
            height=1.2 + 0.35 * (audit.comparisons["measure"] == "burden").sum(),
        )
        if (audit.comparisons["measure"] == "burden").any()
        else "",
        _table(audit.comparisons),
        "<h2>What a cost reaches</h2>",
        *(
            _figure(
                partial(
                    plotting.RecourseReachDisplay.from_audit, audit, feature=feature
                ),
                "Share of the rejected that a cost helps; what a curve lacks of 1 has "
                "no answer.",
            )
            for feature in audit.references
            if feature in audit.rows and audit.rows["rejected"].any()
        ),
        "<h2>By group</h2>",
        _table(audit.by_group.reset_index()),
        "<dl>",
        *(f"<dt><b>{k}</b></dt><dd>{v}</dd>" for k, v in READ.items()),
        "</dl>",
        "<h2>What is asked</h2><p>Share of each group's rejected rows asked to change "
        "a column:</p>",
        _table(_used(audit.asked).reset_index()),
        "<p>Share of what the answers cost:</p>",
        _table(_used(audit.cost_share).reset_index()),
    ]
    if proxies is not None:
        parts += ["<h2>Proxies</h2>", _text(proxies.summary())]
        parts += [
            _figure(
                partial(
                    plotting.ProxiesDisplay.from_report, proxies, protected=protected
                ),
                "To the right: columns that tell the protected feature; upwards: "
                "columns that the advice runs through.",
            )
            for protected in proxies.told.index
        ]
        parts += [_table(proxies.carriers), _table(proxies.gaps)]
    if survival is not None:
        parts += [
            "<h2>Does it last</h2>",
            _figure(
                partial(plotting.SurvivalDisplay.from_frame, survival),
                "Share of the answers that models trained again still accept.",
            ),
            _table(survival),
        ]
    title = "Who is asked for what"
    page = (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>{title}</title><style>{STYLE}</style></head><body>\n"
        f"{chr(10).join(parts)}\n</body></html>\n"
    )
    Path(path).write_text(page, encoding="utf-8")


def _used(frame):
    """Columns that any answer changes."""
    return frame.loc[:, frame.fillna(0.0).any()]


def _text(summary):
    return "".join(f"<p>{escape(line)}</p>" for line in summary.split("\n"))


def _figure(draw, caption, height=4.0):
    svg = as_svg(draw, height=height)
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(frame):
    head = "".join(f"<th>{escape(str(c).replace('_', ' '))}</th>" for c in frame)
    lines = [
        "<tr>" + "".join(f"<td>{escape(_cell(v))}</td>" for v in row) + "</tr>"
        for row in frame.itertuples(index=False)
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _cell(value):
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)
