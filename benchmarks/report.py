"""Pages from results: tables, bullets and figures.

A benchmark hands its tables to `publish`, which keeps them as
``docs/benchmarks/results/NAME.json`` and makes of them what stands on the page
``docs/benchmarks/NAME.md`` between markers, ``<!-- table:NAME -->`` and
``<!-- end -->``, and the figures beside it; in the README between markers such as
``<!-- table:NAME.TABLE -->``. All else on a page is written by hand.
All pages from the results there are::

    python -m benchmarks.report
"""

import json
import re
from functools import partial

import numpy as np
import pandas as pd

from benchmarks._common import CACHE, ROOT, commit, to_markdown

DOCS = ROOT / "docs" / "benchmarks"
RESULTS = DOCS / "results"
README = ROOT / "README.md"
QUICK = CACHE / "quick"
COLOURS = ("#8c510a", "#01665e", "#80b1d3", "#bebada")
DPI = 110


# -- text -----------------------------------------------------------------------


def cell(value):
    """Text of a value: three digits are enough.

    A list is a pair ``a / b``, a dict of ``value``, ``low`` and ``high`` a value with
    its interval; what is not there is empty.
    """
    if isinstance(value, dict):
        middle, low, high = (cell(value[key]) for key in ("value", "low", "high"))
        return f"{middle} ({low} to {high})" if middle and low != high else middle
    if isinstance(value, list | tuple):
        texts = [cell(one) for one in value]
        return " / ".join(texts) if any(texts) else ""
    if isinstance(value, str):
        return value.replace("|", "/")
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def markdown(table):
    """Table of a list of dicts, bullets of a list of texts, a text as it is."""
    if not table:
        return "Not measured."
    if isinstance(table, str):
        return table
    if isinstance(table[0], str):
        return "\n".join(f"- {line}" for line in table)
    columns = list(dict.fromkeys(name for line in table for name in line))
    lines = [[cell(line.get(name)) for name in columns] for line in table]
    return to_markdown(pd.DataFrame(lines, columns=columns))


def sources(result):
    """Table of where and when the parts of a result were measured."""
    lines = [{"part": part, **source} for part, source in result["sources"].items()]
    return markdown(lines)


def fill(page, result, prefix=""):
    """Replace what stands between the markers of a page; no table goes without.

    With a prefix, which a page of several results has before the tables' names, only
    some have a place there.
    """
    blocks = {name: markdown(table) for name, table in result["tables"].items()}
    blocks["sources"] = sources(result)
    for name, text in blocks.items():
        begin, end = f"<!-- table:{prefix}{name} -->\n", "\n<!-- end -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        new = f"{begin}\n{text}\n{end}"
        page, n = re.subn(pattern, lambda _, new=new: new, page, flags=re.DOTALL)
        if not n and not prefix:
            raise ValueError(f"The page has no place for the table {name!r}.")
    return page


# -- results --------------------------------------------------------------------


def plain(value):
    """Take what JSON can hold: numbers of five digits, None for NaN, keys as text."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value


def publish(name, part, tables, *, figures=None, quick=False, **source):
    """Keep the tables and figures of a part of a benchmark, and make its page.

    ``tables`` are lists of dicts (see `cell`), lists of texts or texts, ``figures``
    what `DRAWERS` draw; other parts of the benchmark stay. What a ``quick`` run
    gives says nothing and goes to the folder of partial results, page and figures too.
    ``source`` is told about where the part was measured, beside the commit.
    """
    path = (QUICK if quick else RESULTS) / f"{name}.json"
    result = {"sources": {}, "tables": {}, "figures": {}}
    if path.exists():
        result = json.loads(path.read_text())
    result["sources"][part] = plain({"commit": commit(), **source})
    result["tables"] |= plain(tables)
    result["figures"] |= plain(figures or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(result), encoding="utf-8")
    print(make_page(name, quick, figures or {}))


def to_json(result):
    """Write a result; a line for each cell, so that changes can be read."""
    parts = [f'"{k}": {json.dumps(result[k], indent=1)}' for k in ("sources", "tables")]
    parts.append(f'"figures": {json.dumps(result["figures"])}')
    return "{" + ",\n".join(parts) + "}\n"


def make_page(name, quick=False, drawn=None):
    """Fill a page from its results and draw its figures; gives the path.

    ``drawn``: the figures to draw, all by default.
    """
    folder = QUICK if quick else DOCS
    result = json.loads(((QUICK if quick else RESULTS) / f"{name}.json").read_text())
    for figure, data in result["figures"].items():
        if drawn is None or figure in drawn:
            made = DRAWERS[data["kind"]](**data["data"])
            made.savefig(folder / f"{name}_{figure}.png", dpi=DPI, bbox_inches="tight")
    page = fill((DOCS / f"{name}.md").read_text(encoding="utf-8"), result)
    (folder / f"{name}.md").write_text(page, encoding="utf-8")
    if not quick:
        text = fill(README.read_text(encoding="utf-8"), result, f"{name}.")
        README.write_text(text, encoding="utf-8")
    return folder / f"{name}.md"


# -- figures --------------------------------------------------------------------


def panels(n, columns, size):
    """Figure and its first ``n`` axes."""
    from matplotlib.figure import Figure

    columns = min(columns, n)
    rows = -(-n // columns)
    shape = (size[0] * columns, size[1] * rows)
    figure = Figure(figsize=shape, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[n:]:
        ax.set_axis_off()
    return figure, axes[:n]


def legend(figure, ax):
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)


def curves(panes, log=False):
    """Lines over a number: ``{title: {"x", "label", "lines": {name: values}}}``."""
    figure, axes = panels(len(panes), 5, (2.7, 2.7))
    for ax, (title, pane) in zip(axes, panes.items(), strict=True):
        for k, (name, values) in enumerate(pane["lines"].items()):
            style = {"color": COLOURS[k // 2 % 4], "label": name, "ms": 4}
            ax.plot(pane["x"], values, "o-" if k % 2 == 0 else "o:", **style)
        if log:
            ax.set(xscale="log", yscale="log")
        ax.set_title(title, fontsize=9)
        ax.set_xlabel(pane["label"], fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.3)
    legend(figure, axes[0])
    return figure


def ways(panes):
    """Points joined in order: ``{title: {"label", "lines": {name: (x, y)}}}``."""
    figure, axes = panels(len(panes), 3, (3.2, 2.8))
    for ax, (title, pane) in zip(axes, panes.items(), strict=True):
        for k, (name, (x, y)) in enumerate(pane["lines"].items()):
            ax.plot(x, y, "o-", color=COLOURS[k], label=name, ms=4)
        if pane["diagonal"]:
            ax.axline((0.5, 0.5), slope=1, color="0.7", lw=0.8)
        ax.set_title(title, fontsize=9)
        ax.set_xlabel(pane["label"], fontsize=9)
        ax.set_ylabel("judged", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.3)
    legend(figure, axes[0])
    return figure


def bars(panes, names):
    """Bars for each name: ``{title: {series: values}}``."""
    figure, axes = panels(len(panes), 1, (1.3 * len(names) + 3, 2.3))
    for ax, (title, series) in zip(axes, panes.items(), strict=True):
        width = 0.8 / len(series)
        for k, (label, values) in enumerate(series.items()):
            places = np.arange(len(names)) + (k - (len(series) - 1) / 2) * width
            heights = np.array(values, dtype=float)
            ax.bar(places, heights, width, color=COLOURS[k], label=label)
        ax.axhline(0, color="black", lw=0.8)
        ax.set_title(title, fontsize=10)
        ax.grid(axis="y", alpha=0.3)
        ax.set_xticks(range(len(names)), names)
    legend(figure, axes[0])
    return figure


def planes(panes):
    """Probabilities, rows and walks in the plane: ``{title: plane}``."""
    figure, axes = panels(len(panes), 4, (3.25, 3.3))
    for ax, (title, plane) in zip(axes, panes.items(), strict=True):
        probability = np.array(plane["probability"])
        left, right, low, high = plane["extent"]
        x = np.linspace(left, right, probability.shape[1])
        y = np.linspace(low, high, probability.shape[0])
        levels = np.linspace(0, 1, 9)
        ax.contourf(x, y, probability, levels, cmap="RdBu", vmin=-0.3, vmax=1.3)
        points, labels = np.array(plane["points"]), np.array(plane["labels"])
        for k, colour in enumerate(("#b2182b", "#2166ac")):
            ax.plot(*points[labels == k].T, ".", color=colour, ms=3, alpha=0.6)
        for path, valid in zip(np.array(plane["paths"]), plane["valid"], strict=True):
            ax.plot(*path.T, "-", color="black" if valid else "0.6", lw=0.8)
            ax.plot(*path[0], "o", color="white", mec="black", ms=4.5)
            mark = {"color": "gold", "mec": "black", "ms": 10} if valid else {}
            ax.plot(*path[-1], "*" if valid else "x", **({"color": "0.2"} | mark))
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[])
    return figure


def images(rows, titles):
    """Rows of digits: ``{word: {"images", "status"}}``."""
    figure, axes = panels(len(rows) * len(titles), len(titles), (1.5, 1.55))
    lines = axes.reshape(len(rows), len(titles))
    for line, (word, row) in zip(lines, rows.items(), strict=True):
        for i, (ax, image) in enumerate(zip(line, row["images"], strict=True)):
            ax.imshow(np.reshape(image, (28, 28)), cmap="gray", vmin=-1, vmax=1)
            ax.set(xticks=[], yticks=[])
            status = row["status"][i] if row["status"] else "valid"
            ax.set_xlabel("" if status == "valid" else status, fontsize=8)
        line[0].set_ylabel(word.replace(" ", "\n"), fontsize=9)
    for ax, title in zip(lines[0], titles, strict=True):
        ax.set_title(title, fontsize=9)
    return figure


DRAWERS = {
    "curves": curves,
    "log curves": partial(curves, log=True),
    "ways": ways,
    "bars": bars,
    "planes": planes,
    "images": images,
}


def main():
    for path in sorted(RESULTS.glob("*.json")):
        print(make_page(path.stem))


if __name__ == "__main__":
    main()
