"""Figures of the page; matplotlib is imported inside."""

import numpy as np

from paper.aggregate import Results
from paper.pictures import DIGITS
from paper.protocol import EPSILONS
from paper.settings import WORDS

DPI = 110
MODELS = {"BL": "conventional", "CT": "counterfactual training"}
COLOURS = {"BL": "#8c510a", "CT": "#01665e", "AR": "#80b1d3", "CD": "#bebada"}


def draw_all(results, output):
    """Draw the figures that the results allow beside ``output``.

    Returns
    -------
    list of tuple
        File name and caption.
    """
    results = Results(results)
    drawn = []
    for config, words in WORDS.items():
        if not results.names(config):
            continue
        for name, draw in DRAWERS.items():
            made = draw(results, config)
            if made is not None:
                figure, caption = made
                ending = "" if config == "paper" else f"_{config}"
                path = output.parent / f"{output.stem}_{name}{ending}.png"
                figure.savefig(path, dpi=DPI, bbox_inches="tight")
                drawn.append((path.name, f"{caption} {words.capitalize()}."))
    return drawn


def pictures(results, config, name):
    """Take the pictures of both models of the first seed; None where one is missing."""
    found = {}
    for variant in MODELS:
        if not results.has(config, variant, name, "picture"):
            return None
        found[variant] = results.all(config, variant, name)[0]["picture"]
    return found


def draw_paths(results, config):
    """Draw walks in the plane, both models, with and without protection."""
    from matplotlib.figure import Figure

    shown = {name: pictures(results, config, name) for name in ("Circ", "Moon")}
    shown = {name: both for name, both in shown.items() if both}
    if not shown:
        return None
    figure = Figure(figsize=(13, 3.3 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 4, squeeze=False)
    panels = [(case, v) for case in ("free", "protected") for v in MODELS]
    for row, (name, both) in zip(axes, shown.items(), strict=True):
        for ax, (case, variant) in zip(row, panels, strict=True):
            draw_plane(ax, both[variant][case])
            word = "horizontal axis protected" if case == "protected" else "free"
            ax.set_title(f"{name}: {MODELS[variant]},\n{word}", fontsize=9)
    return figure, (
        "Walks of the evaluation (50 steps, energy weight 1, tau 0.95) in the model's "
        "input space, from circles to stars; grey, to a cross, where the target class "
        "was not reached. Background: probability of the blue class; dots: test rows. "
        "The frame lies just outside of the domain."
    )


def draw_plane(ax, plane):
    """Draw one model's probability, rows and walks."""
    left, right, low, high = plane["extent"]
    probability = np.array(plane["probability"])
    x = np.linspace(left, right, probability.shape[1])
    y = np.linspace(low, high, probability.shape[0])
    levels = np.linspace(0, 1, 9)
    ax.contourf(x, y, probability, levels, cmap="RdBu", vmin=-0.3, vmax=1.3)
    points, labels = np.array(plane["points"]), np.array(plane["labels"])
    for k, colour in enumerate(("#b2182b", "#2166ac")):
        ax.plot(*points[labels == k].T, ".", color=colour, ms=3, alpha=0.6)
    paths, valid = np.array(plane["paths"]), np.array(plane["valid"])
    for path in paths[~valid]:
        ax.plot(*path.T, "-", color="0.35", lw=0.5, alpha=0.3)
        ax.plot(*path[-1], "x", color="0.2", ms=7, mew=1.5)
    for path in paths[valid]:
        ax.plot(*path.T, "-", color="black", lw=0.9)
        ax.plot(*path[-1], "*", color="gold", mec="black", ms=10)
    ax.plot(*paths[:, 0].T, "o", color="white", mec="black", ms=4.5)
    ax.set(xticks=[], yticks=[])


def draw_robustness(results, config):
    """Draw accuracy over the size of the attack."""
    from matplotlib.figure import Figure

    names = results.names(config)
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(2.4 * columns + 0.4, 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, name in zip(axes, names, strict=False):
        for variant, word in MODELS.items():
            for attack, line in (("fgsm", "-"), ("pgd", ":")):
                values = results.numbers(config, variant, name, attack).mean(axis=0)
                label = f"{word}, {attack.upper()}"
                ax.plot(EPSILONS, values, line, color=COLOURS[variant], label=label)
        ax.set_title(name, fontsize=9)
        ax.tick_params(labelsize=8)
        low = ax.get_ylim()[0]
        ax.set_ylim(min(low, 0.9), 1.01)
        ax.grid(alpha=0.3)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    figure.supxlabel("size of the attack (epsilon)", fontsize=9)
    figure.supylabel("accuracy", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    return figure, "Accuracy under attack, mean over seeds."


def draw_digits(results, config):
    """Draw digits turned into other digits by both models."""
    from matplotlib.figure import Figure

    both = pictures(results, config, "MNIST")
    if both is None:
        return None
    figure = Figure(figsize=(1.35 * len(DIGITS) + 1.2, 4.6), layout="constrained")
    axes = figure.subplots(3, len(DIGITS))
    rows = [("factual", both["CT"]["factuals"], None)]
    rows += [
        (word, both[variant]["counterfactuals"], both[variant]["status"])
        for variant, word in MODELS.items()
    ]
    for line, (word, images, status) in zip(axes, rows, strict=True):
        for i, (ax, image) in enumerate(zip(line, images, strict=True)):
            ax.imshow(np.reshape(image, (28, 28)), cmap="gray", vmin=-1, vmax=1)
            ax.set(xticks=[], yticks=[])
            if status is None:
                ax.set_title("{} to {}".format(*DIGITS[i]), fontsize=9)
            elif status[i] != "valid":
                ax.set_xlabel(status[i], fontsize=8)
        line[0].set_ylabel(word.replace(" ", "\n"), fontsize=9)
    return figure, (
        "Digits turned into other digits (walks of 50 steps, energy weight 1, tau "
        '0.95); "already": the model sees the target from the start.'
    )


def draw_ablation(results, config):
    """Draw bars of what each part of the objective gives."""
    from matplotlib.figure import Figure

    names = results.names(config, "AR")
    if not names:
        return None
    chosen = [v for v in ("AR", "CD", "CT") if results.has(config, v, names[0])]
    twin = {n: 100 * results.mean(config, "BL", n, "fgsm", -1) for n in names}
    panels = {
        "IP reduced, %": lambda n, v: (
            results.compare("paper", n, "free", "ip", v).reduction
        ),
        "protected cost reduced, %": lambda n, v: (
            results.compare("paper", n, "protected", "cost", v).reduction
        ),
        "accuracy under FGSM 0.1 gained, points": lambda n, v: (
            100 * results.mean(config, v, n, "fgsm", -1) - twin[n]
        ),
    }
    figure = Figure(figsize=(1.3 * len(names) + 3, 7), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True)
    width = 0.8 / len(chosen)
    for ax, (title, value) in zip(axes, panels.items(), strict=True):
        for k, variant in enumerate(chosen):
            heights = [value(name, variant) for name in names]
            places = np.arange(len(names)) + (k - (len(chosen) - 1) / 2) * width
            ax.bar(places, heights, width, color=COLOURS[variant], label=variant)
        ax.axhline(0, color="black", lw=0.8)
        ax.set_title(title, fontsize=10)
        ax.grid(axis="y", alpha=0.3)
        ax.set_axisbelow(True)
    axes[-1].set_xticks(range(len(names)), names)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=9)
    return figure, (
        "Against conventional training (BL): AR adversarial loss, CD divergence and "
        "ridge, CT all of them."
    )


DRAWERS = {
    "paths": draw_paths,
    "robustness": draw_robustness,
    "mnist": draw_digits,
    "ablation": draw_ablation,
}
