"""What was asked, beside what was measured."""

from typing import NamedTuple

from speed import explaining, floor, importing, training
from speed.measuring import Ratio, median, ratio

BASELINE = importing.STATEMENTS[0]
ADULT_128 = "Adult, batch 128"
ENDED = "all searches ended in every epoch"
# Largest ratio of a step of the walk over the products, by the hidden units.
STEP = {"64-64": 1.5, "32": 2.5}


class Aim(NamedTuple):
    """One line of the table.

    ``late`` belongs to the last epochs of the training; ``bare`` is what it comes to
    without any search, with nothing but the passes over the rows that searches bring.
    """

    name: str
    limit: float
    measured: Ratio | None
    late: Ratio | None = None
    bare: Ratio | None = None
    note: str = ""
    at_least: bool = False
    unit: str = ""

    @property
    def asked(self):
        """The limit, as text."""
        word = "at least" if self.at_least else "at most"
        return f"{word} {self.limit:,g}{self.unit}"

    @property
    def met(self):
        """Whether the medians reach the limit, both where there are two."""
        known = [r.median for r in (self.measured, self.late) if r is not None]
        if not known:
            return None
        if self.at_least:
            return min(known) >= self.limit
        return max(known) <= self.limit


def aims(parts):
    """All aims; what was not measured has None.

    Parameters
    ----------
    parts : dict
        Measured parts by name.
    """
    return [
        *training_aims(parts.get("training", {}).get("tasks")),
        *floor_aims(parts.get("floor")),
        *explaining_aims(parts.get("explaining")),
        import_aim(parts.get("import")),
    ]


def training_aims(tasks):
    paper, every = training.PAPER, training.EVERY
    carried = training.CARRIED
    plain, skorch = training.REFERENCE, training.SKORCH
    single = [
        ("CT epoch / plain, Adult, batch 1000, n_ce 5000", 1.5, "Adult", carried),
        (f"CT epoch / plain, Adult, {ENDED}", 1.5, "Adult", paper),
        ("CT epoch / plain, Adult, batch 128, every row", 2.0, ADULT_128, every),
        ("CT epoch / plain, Moons, batch 30, n_ce 1000", 1.3, "Moons", carried),
        (f"CT epoch / plain, Moons, {ENDED}", 1.3, "Moons", paper),
    ]
    lines = [
        Aim(name, limit, *compare(tasks, task, candidate, plain))
        for name, limit, task, candidate in single
    ]
    for name, limit, candidate, reference in (
        ("CT epoch / skorch's own epoch", 1.0, carried, skorch),
        (f"CT epoch / skorch's own epoch, {ENDED}", 1.0, paper, skorch),
        ("CT epoch, every row / PGD-10 epoch", 0.4, every, training.PGD),
        ("CT epoch, every row / ART's epoch", 0.12, every, training.ART),
    ):
        lines.append(largest(tasks, name, limit, candidate, reference))
    return lines


def compare(tasks, task, candidate, reference):
    """Ratios of early and late epochs, and of passes alone; None if not measured."""
    if tasks is None or reference not in tasks[task]["seconds"]:
        return None, None, None
    of = tasks[task]["seconds"]
    late = tasks[task]["late"].get(candidate, [])
    every = candidate == training.EVERY
    bare = of.get(training.BARE_EVERY if every else training.BARE, [])
    return tuple(
        ratio(seconds, of[reference]) for seconds in (of[candidate], late, bare)
    )


def largest(tasks, name, limit, candidate, reference):
    """Aim that holds on all tasks: that with the largest median counts."""
    known = {}
    for task in tasks or ():
        measured = compare(tasks, task, candidate, reference)
        if measured[0] is not None:
            known[task] = measured
    name = f"{name}, largest of all tasks"
    if not known:
        return Aim(name, limit, None)
    worst = max(
        known, key=lambda t: max(r.median for r in known[t][:2] if r is not None)
    )
    return Aim(name, limit, *known[worst], note=worst)


def floor_aims(measured):
    lines = []
    for columns in floor.COLUMNS:
        for sizes, limit in STEP.items():
            name = f"step of the walk / bare products, {sizes}, {columns}"
            known, n = {}, floor.ROWS[-1]
            if measured is not None:
                n = measured["rows"][-1]
                seconds = measured["seconds"][f"{columns}; {sizes}; {n}"]
                for generator in floor.GENERATORS:
                    step = seconds[f"{generator}, {floor.WRITTEN}"]
                    known[generator] = ratio(step, seconds["products"])
            worst = max(known, key=lambda g: known[g].median, default="")
            name = f"{name}, {n:,} rows"
            lines.append(Aim(name, limit, known.get(worst), note=worst))
    return lines


def explaining_aims(measured):
    speed = one = peak = None
    n, note, sizes = 10_000, "", (1_000, explaining.SIZES[-1])
    if measured is not None:
        n = min(n, measured["sizes"][-1])
        key = explaining.key_of(n, 2)
        per_second = sorted(n / s for s in measured["seconds"][key])
        speed = Ratio(median(per_second), per_second[0], per_second[-1])
        note = f"{100 * measured['valid'][key]:.1f} % valid"
        ms = sorted(1000 * s for s in measured["seconds"][explaining.key_of(1, 1)])
        one = Ratio(median(ms), ms[0], ms[-1])
        sizes = [int(size) for size in measured["memory"]]
        few, many = (m["peak"] for m in measured["memory"].values())
        peak = Ratio(many / few, many / few, many / few)
    return [
        Aim(
            f"explaining {n:,} Adult rows, two processes",
            5_000,
            speed,
            note=note,
            at_least=True,
            unit=" rows/s",
        ),
        Aim("explaining one row", 20, one, unit=" ms"),
        Aim(f"peak memory, {sizes[1]:,} rows / {sizes[0]:,} rows", 1.5, peak),
    ]


def import_aim(measured):
    name = "`import sklearn_ct` / `import torch, sklearn`"
    if measured is None:
        return Aim(name, 1.1, None)
    seconds = measured["seconds"]
    loaded = ", ".join(measured["unwanted"]) or "no plotting"
    found = ratio(seconds["import sklearn_ct"], seconds[BASELINE])
    return Aim(name, 1.1, found, note=f"{loaded} imported")
