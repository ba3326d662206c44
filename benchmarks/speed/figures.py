"""Figures of the page; matplotlib is imported inside."""

from speed import explaining, growth
from speed.measuring import exponent, median

DPI = 110
COLOURS = ("#01665e", "#8c510a")


def draw_all(parts, output):
    """Draw the figures of the parts there beside ``output``.

    Returns
    -------
    dict
        Of file names, by part.
    """
    drawn = {}
    for name, draw in DRAWERS.items():
        if name in parts:
            path = output.parent / f"{output.stem}_{name}.png"
            draw(parts[name]).savefig(path, dpi=DPI, bbox_inches="tight")
            drawn[name] = path.name
    return drawn


def draw_explaining(measured):
    """Seconds and rows per second over the number of rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    sizes = measured["sizes"]
    for jobs, colour in zip(explaining.JOBS, COLOURS, strict=True):
        keys = [explaining.key_of(n, jobs) for n in sizes]
        seconds = [median(measured["seconds"][key]) for key in keys]
        speed = [n / s for n, s in zip(sizes, seconds, strict=True)]
        label = "one process" if jobs == 1 else f"n_jobs={jobs}"
        for ax, values in zip(panels, (seconds, speed), strict=True):
            ax.loglog(sizes, values, "o-", color=colour, ms=4, label=label)
    for ax, word in zip(panels, ("seconds", "rows per second"), strict=True):
        ax.set_xlabel("rows explained", fontsize=9)
        ax.set_ylabel(word, fontsize=9)
        ax.grid(alpha=0.3)
        ax.tick_params(labelsize=8)
        name_sizes(ax, sizes)
    panels[0].legend(fontsize=8)
    return figure


def name_sizes(ax, sizes):
    """Write the sizes themselves below a logarithmic axis."""
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes], rotation=40, ha="right")
    ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)


def draw_growth(measured):
    """Seconds and memory over each size; dotted, the line fitted to the upper half."""
    import numpy as np
    from matplotlib.figure import Figure

    names = list(measured["sizes"])
    figure = Figure(figsize=(2.7 * len(names), 4.6), layout="constrained")
    axes = figure.subplots(2, len(names), sharex="col", sharey="row")
    words = {"seconds": "seconds an epoch", "memory": "peak memory, MiB"}
    for column, name in zip(axes.T, names, strict=True):
        sizes = measured["sizes"][name]
        for ax, (what, word), colour in zip(
            column, words.items(), COLOURS, strict=True
        ):
            values = growth.values_of(measured, name, what)
            ax.loglog(sizes, values, "o-", color=colour, ms=4)
            power = exponent(sizes, values)
            if power is not None:
                upper = np.array(sizes[len(sizes) // 2 :], dtype=float)
                there = np.array(values[len(sizes) // 2 :])
                level = np.exp(np.log(there[there > 0]).mean())
                centre = np.exp(np.log(upper[there > 0]).mean())
                line = level * (upper / centre) ** power
                ax.loglog(upper, line, ":", color="0.3")
                ax.set_title(f"exponent {power:.2f}", fontsize=9)
            ax.grid(alpha=0.3)
            ax.tick_params(labelsize=8)
            name_sizes(ax, sizes)
            if name == names[0]:
                ax.set_ylabel(word, fontsize=9)
        column[-1].set_xlabel(growth.WORDS[name], fontsize=9)
    return figure


DRAWERS = {"explaining": draw_explaining, "growth": draw_growth}
