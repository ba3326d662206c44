"""The page: tables of all parts that are there."""

import pandas as pd
from _common import to_markdown

from speed import explaining, growth, importing, training
from speed.aims import BASELINE, aims
from speed.measuring import exponent, median, ratio

NOTES = """\
- In each round every candidate is run once, one after the other. Seconds are medians
  over the rounds. A ratio is taken within each round; its median stands first, its
  smallest and largest in brackets.
- Seconds depend on what else the machine does; what counts is the ratio within a
  round.
- torch runs on one thread, and so do the libraries beneath numpy.
- All candidates train a net of the same size on the same encoded rows, with Adam
  (learning rate 0.001), the same batch size and the same number of steps, which is
  checked. `MLPClassifier` has one output for two classes, all others have two. skorch
  has its own data loader and callbacks, and no validation part. Both adversarial loops
  train on attacked rows alone (10 steps of 0.025 within 0.1 in the maximum norm).
- Our own epochs are those of `history_["dur"]`: their median over epochs 2 to 11, and
  over the last five of 30, because searches end earlier as training goes on. All other
  loops leave out their first epoch, too.
- "CT, paper's settings" starts and ends all its searches in every epoch. "Searches
  carried on" has the paper's settings, but a search takes five of its 30 steps in an
  epoch and goes on in the next, as by default; so does "every row searched". "CT,
  defaults" has those of the class, apart from batch size and scaling, which are those
  of the task.
- "Without any search" is what an aim would come to if counterfactuals cost nothing to
  find: the plain loop with fused Adam that passes, beside its own rows, three more for
  each search (counterfactual, real row, nascent counterfactual), with nothing else.
"""

WHY = """\
- Adult, and every row searched: were counterfactuals free to find, the passes over the
  rows that they bring would leave room in these aims ("without any search"). The search
  does not fit into it. A step takes two products of each row with the network and,
  around them, the projection of the one-hot groups to their simplex: some twenty small
  operations, each of which reads and writes all rows, and together the largest part of
  a step (see the floor and the profile). Ended in every epoch, most searches take all
  of their 30 steps while the network is young; carried on they take two to five.
- Moons: the mini-batches decide, with two to four rows in each for one of the plain
  loop.
- The walk on free numbers, the import and ten thousand rows stand at the edge of their
  aims: on which side differs from run to run, as their spreads show.
- One row: what remains is the fixed price of the small operations, some hundred in each
  step of the walk, and of the frames; the price of a row falls with their number.
"""

FLOOR_NOTES = """\
The walk has 30 steps, with a threshold that no row reaches, so that none is dropped. A
round takes the best of several walks. The products are those of the same pass, forwards
to the logits and back to the input, without bias and activation. "Autograd" is the same
walk with the gradient that autograd finds.
"""

GROWTH_NOTES = """\
Generated rows, all else as in the base case and by default. So the batches grow with
the rows up to 1,000 (32 batches before, more behind), and the rows searched in an epoch
are a quarter, between 1,000 and 2,000. Seconds are those of an epoch, the first left
out. Memory is the peak of a fresh process above what it held before the rows were made.
Exponents are least-squares fits of the logarithms over the upper half of the sizes.
"""

EXPLAINING_NOTES = """\
`explain` with the default effort for rows of the Adult test part that are not predicted
as the favourable class, drawn with replacement; up to 20 rows: the mean of calls about
20 rows in turn. Peak memory is that of a fresh process,
with Python, the packages, the classifier and the rows. Other packages on the same
network: [recourse side by side](peers.md).
"""


def write_page(parts, figures, output):
    """Write the page of the parts there.

    Parameters
    ----------
    parts : dict
        ``{name: result}``; a result has ``rounds``, ``quick``, ``minutes`` and
        ``machine`` beside what was measured.
    figures : dict
        File names by part.
    output : Path
    """
    blocks = ["# Speed", "Made by `python benchmarks/speed.py`."]
    if any(part["quick"] for part in parts.values()):
        blocks.append("**A quick run on small sizes: no figures to rely on.**")
    blocks += [to_markdown(aims_table(parts)), "## What falls short, and why"]
    blocks += [WHY.strip(), "## How it is measured", NOTES.strip()]
    blocks += [devices(parts), to_markdown(provenance(parts)), versions(parts)]
    for name, section in SECTIONS.items():
        if name in parts:
            blocks += section(parts[name])
        if name in figures:
            blocks.append(f"![{name}]({figures[name]})")
    output.write_text("\n\n".join(blocks) + "\n")


# -- cells ----------------------------------------------------------------------


def short(value):
    """Three digits; nothing for what is not there."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(value):
    """Median of a ratio with the smallest and largest of the rounds."""
    if value is None:
        return ""
    if value.low == value.high:
        return short(value.median)
    return f"{short(value.median)} ({short(value.low)} to {short(value.high)})"


def share(value):
    """Write a share in per cent."""
    return "" if value is None else f"{100 * value:.0f} %"


def aims_table(parts):
    lines = []
    for aim in aims(parts):
        measured = spread(aim.measured) or "not measured"
        if aim.note:
            measured += f", {aim.note}"
        verdict = {True: "met", False: "**missed**", None: ""}[aim.met]
        lines.append(
            {
                "aim": aim.name,
                "asked": aim.asked,
                "measured": measured,
                "last five epochs": spread(aim.late),
                "without any search": spread(aim.bare),
                "": verdict,
            }
        )
    return pd.DataFrame(lines)


def devices(parts):
    """Say where nets were trained."""
    gpus = {part["machine"]["gpu"] for part in parts.values()}
    if gpus == {None}:
        return (
            "No GPU was there (`torch.cuda.is_available()` is False): everything was "
            "measured on the CPU."
        )
    named = ", ".join(sorted(gpu for gpu in gpus if gpu))
    return (
        f"Training and growth ran on a GPU where one was there ({named}); explaining, "
        "the floor and the profile on the CPU."
    )


def provenance(parts):
    """Where and how long each part was measured."""
    return pd.DataFrame(
        [
            {
                "part": name,
                "rounds": part["rounds"],
                "minutes": short(part["minutes"]),
                "processor": f"{part['machine']['processor']}, "
                f"{part['machine']['cores']} cores",
                "GPU": part["machine"]["gpu"] or "none",
                "load before": short(part["machine"]["load"]),
            }
            for name, part in parts.items()
        ]
    )


def versions(parts):
    """Name all versions; more than one of a package where parts differ."""
    found = {}
    for part in parts.values():
        for package, text in part["machine"]["versions"].items():
            found.setdefault(package, {})[text] = None
    return ", ".join(f"{name} {' and '.join(many)}" for name, many in found.items())


# -- sections -------------------------------------------------------------------


def training_section(part):
    blocks = ["## Training"]
    for name, task in part["tasks"].items():
        blocks += [
            f"### {name}",
            f"{task['rows']:,} rows of {task['columns']} columns, batches of "
            f"{task['batch_size']:,} ({task['batches']:,} an epoch), "
            f"{task['n_ce']:,} rows searched with the paper's settings.",
            to_markdown(training_table(task)),
        ]
    return blocks


def training_table(task):
    seconds, late = task["seconds"], task["late"]
    reference = seconds[training.REFERENCE]
    lines = []
    for name in (*training.OTHERS, *late):
        if name not in seconds:
            lines.append({"training": name, "seconds an epoch": "not installed"})
            continue
        found = task["search"].get(name, {})
        lines.append(
            {
                "training": name,
                "seconds an epoch": short(median(seconds[name])),
                "over the plain loop": spread(ratio(seconds[name], reference)),
                "last five epochs": spread(ratio(late.get(name, []), reference)),
                "search, seconds": both(found, "search_seconds", short),
                "mean steps": both(found, "search_steps", short),
                "mature": both(found, "mature_share", share),
            }
        )
    return pd.DataFrame(lines).fillna("")


def both(found, key, text):
    """Text of epochs 2 to 11, and of the last five."""
    values = [found.get(key), found.get(f"{key}_late")]
    return " / ".join(text(value) for value in values if value is not None)


def explaining_section(part):
    lines = []
    for n in part["sizes"]:
        for jobs in explaining.JOBS:
            key = explaining.key_of(n, jobs)
            seconds = part["seconds"][key]
            middle = median(seconds)
            lines.append(
                {
                    "rows": f"{n:,}",
                    "processes": jobs,
                    "seconds": short(middle),
                    "smallest and largest": f"{short(min(seconds))} to "
                    f"{short(max(seconds))}",
                    "rows/s": short(n / middle),
                    "valid": f"{part['valid'][key]:.3f}",
                }
            )
    memory = pd.DataFrame(
        [
            {
                "rows": f"{int(n):,}",
                "before the call, MiB": short(found["before"]),
                "peak, MiB": short(found["peak"]),
            }
            for n, found in part["memory"].items()
        ]
    )
    settings = ", ".join(f"{key}={value}" for key, value in part["settings"].items())
    return [
        "## Explaining",
        EXPLAINING_NOTES.strip()
        + f" The classifier: `{settings}`, otherwise the defaults; "
        f"{part['available']:,} rows to draw from.",
        to_markdown(pd.DataFrame(lines)),
        to_markdown(memory),
    ]


def floor_section(part):
    lines = []
    for key, seconds in part["seconds"].items():
        columns, sizes, n = key.split("; ")
        line = {
            "columns": f"{columns} ({part['columns'][columns]})",
            "hidden units": sizes,
            "rows": f"{int(n):,}",
            "products, ms": short(1000 * median(seconds["products"])),
        }
        for name in seconds:
            if name != "products":
                line[name] = spread(ratio(seconds[name], seconds["products"]))
        lines.append(line)
    return [
        "## The floor: a step of the walk over its matrix products",
        FLOOR_NOTES.strip(),
        to_markdown(pd.DataFrame(lines)),
        "### Where the time of an epoch goes",
        f"Share of the training loop on Adult, {part['profile']['epochs']} epochs, "
        "median of the rounds. Each function counts without those called by it.",
        to_markdown(profile_table(part["profile"])),
    ]


def profile_table(profile):
    names = {
        name
        for runs in profile["shares"].values()
        for shares in runs
        for name in shares
    }
    table = {
        settings: {name: median([run.get(name, 0) for run in runs]) for name in names}
        for settings, runs in profile["shares"].items()
    }
    frame = pd.DataFrame(table)
    frame = frame.sort_values(frame.columns[0], ascending=False)
    return frame.map(share).reset_index(names="part")


def growth_section(part):
    lines, powers = [], []
    for name, sizes in part["sizes"].items():
        values = {
            what: growth.values_of(part, name, what)
            for what in ("seconds", "search", "memory")
        }
        powers.append(
            {
                "against": growth.WORDS[name],
                "sizes fitted": f"{sizes[len(sizes) // 2]:,} to {sizes[-1]:,}",
                **{
                    f"exponent of {what}": short(exponent(sizes, many))
                    for what, many in values.items()
                },
            }
        )
        for i, n in enumerate(sizes):
            lines.append(
                {
                    "against": growth.WORDS[name],
                    "size": f"{n:,}",
                    "seconds an epoch": short(values["seconds"][i]),
                    "of these search": short(values["search"][i]),
                    "peak memory, MiB": short(values["memory"][i]),
                }
            )
    base = ", ".join(f"{growth.WORDS[k]} {n:,}" for k, n in part["base"].items())
    return [
        "## Growth",
        f"{GROWTH_NOTES.strip()} Base case: {base}.",
        to_markdown(pd.DataFrame(powers)),
        to_markdown(pd.DataFrame(lines)),
    ]


def import_section(part):
    seconds = part["seconds"]
    lines = [
        {
            "statement": f"`{statement}`",
            "seconds": short(median(seconds[statement])),
            f"over `{BASELINE}`": spread(ratio(seconds[statement], seconds[BASELINE])),
        }
        for statement in importing.STATEMENTS
    ]
    return [
        "## Import",
        "Each in a fresh process, in turn; the start of Python does not count.",
        to_markdown(pd.DataFrame(lines)),
    ]


SECTIONS = {
    "training": training_section,
    "explaining": explaining_section,
    "floor": floor_section,
    "growth": growth_section,
    "import": import_section,
}
