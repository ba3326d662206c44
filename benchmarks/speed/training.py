"""Seconds per epoch of every way to train the same net."""

import numpy as np
from sklearn.base import clone

from benchmarks.speed.loops import (
    accompanied,
    adversarial,
    all_accompanied,
    fused,
    has_art,
    plain,
    scikit_learn,
    skorch,
    toolbox,
)
from benchmarks.speed.measuring import aim, device, interleave, median, ratio
from benchmarks.speed.tasks import CONVENTIONAL, TASKS, make_task
from sklearn_ct.generators import ECCCo

EARLY = slice(1, 11)  # epochs 2 to 11
N_EPOCHS = 30
N_LATE = 5
SHORT = 11  # epochs where every row of many is searched: the late ones are left out
ART_ROUNDS = 2
SHORTENED = ("Adult", "Adult, batch 128", "GMSC")

REFERENCE = "plain torch loop"
SKORCH = "skorch, its DataLoader"
PGD = "PGD-10 adversarial loop"
ART = "ART AdversarialTrainer, PGD-10"
BARE = "plain loop with the rows of the searches, fused Adam"
BARE_EVERY = "the same, of a search of every row"
PAPER = "CT, paper's settings"
CARRIED = "CT, searches carried on"
EVERY = "CT, every row searched"
DEFAULTS = "CT, defaults"

CONVENTIONALLY = "ours, conventional"
ENDED = "all searches ended in every epoch"
SEARCH = {  # of an epoch
    "search_seconds": "search, seconds",
    "search_steps": "mean steps",
    "mature_share": "mature",
}

# Others: function and epochs of a round, of which the first is left out.
OTHERS = {
    REFERENCE: (plain, 11),
    "plain torch loop, fused Adam": (fused, 11),
    BARE: (accompanied, 11),
    BARE_EVERY: (all_accompanied, 4),
    SKORCH: (skorch, 4),
    "scikit-learn MLPClassifier": (scikit_learn, 6),
    PGD: (adversarial, 4),
    ART: (toolbox, 2),
}


def measure(rounds, quick):
    """Time all candidates of all tasks."""
    n_rows, n_epochs = (500, 12) if quick else (None, N_EPOCHS)
    tables, timed = {}, {}
    for name in TASKS:
        task = make_task(name, device(), n_rows)
        timed[name] = measure_task(task, rounds, n_epochs)
        slug = name.lower().replace(", batch ", "_")
        tables[f"training_{slug}"] = lines_of(timed[name])
        n_ce = min(task.settings["n_counterfactuals"], len(task.codes))
        tables[f"rows_{slug}"] = (
            f"{len(task.codes):,} rows of {task.codes.shape[1]} columns, batches of "
            f"{task.batch_size:,} ({task.n_batches:,} an epoch), {n_ce:,} rows "
            "searched with the paper's settings."
        )
    return tables | {"training_aims": aims_of(timed)}, {}


def measure_task(task, rounds, n_epochs=N_EPOCHS):
    """Time all candidates of a task, in turn; a list of dicts for each."""
    ours = {
        CONVENTIONALLY: lambda: task.classifier(**CONVENTIONAL),
        PAPER: task.classifier,
        CARRIED: lambda: carried(task.classifier()),
        EVERY: lambda: carried(task.classifier(n_counterfactuals=1.0)),
        DEFAULTS: task.default_classifier,
    }
    candidates = {}
    for name, (run, count) in OTHERS.items():
        if name != ART or has_art():
            most = ART_ROUNDS if name == ART else None
            candidates[name] = other(task, run, count, most)
    for name, make in ours.items():
        short = name == EVERY and task.name in SHORTENED
        candidates[name] = our(task, make, min(SHORT, n_epochs) if short else n_epochs)
    return interleave(candidates, rounds, f"training, {task.name}")


def each(results, key):
    """Value of each round, None where there is none."""
    return [result.get(key) if result else None for result in results]


def lines_of(timed):
    """Table of a task: seconds, ratios to the plain loop, and the searches."""
    reference = each(timed[REFERENCE], "dur")
    lines = []
    for name, results in timed.items():
        line = {
            "training": name,
            "seconds an epoch": median(each(results, "dur")),
            "over the plain loop": ratio(each(results, "dur"), reference),
            "last five epochs": ratio(each(results, "dur_late"), reference),
        }
        for key, word in SEARCH.items():
            both = [median(each(results, key + end)) for end in ("", "_late")]
            line[word] = [value for value in both if value is not None]
        lines.append(line)
    return lines


def aims_of(timed):
    """Ratios asked for; what passes alone come to stands beside them."""
    every, adult = list(timed), "Adult, batch 1000, n_ce 5000"
    plain = "CT epoch / plain"
    lines = []
    for name, limit, tasks, ours, reference in (
        (f"{plain}, {adult}", 1.5, ["Adult"], CARRIED, REFERENCE),
        (f"{plain}, Adult, {ENDED}", 1.5, ["Adult"], PAPER, REFERENCE),
        (f"{plain}, batch 128, every row", 2.0, ["Adult, batch 128"], EVERY, REFERENCE),
        (f"{plain}, Moons, batch 30, n_ce 1000", 1.3, ["Moons"], CARRIED, REFERENCE),
        (f"{plain}, Moons, {ENDED}", 1.3, ["Moons"], PAPER, REFERENCE),
        ("CT epoch / skorch's own epoch", 1.0, every, CARRIED, SKORCH),
        (f"CT epoch / skorch's own epoch, {ENDED}", 1.0, every, PAPER, SKORCH),
        ("CT epoch, every row / PGD-10 epoch", 0.4, every, EVERY, PGD),
        ("CT epoch, every row / ART's epoch", 0.12, every, EVERY, ART),
    ):
        found = {
            task: compare(timed[task], ours, reference)
            for task in tasks
            if reference in timed[task]
        }
        if found:  # of all tasks that with the largest median counts
            task = max(found, key=lambda t: largest(found[t]))
            measured, late, bare = found[task]
            beside = {"without any search": bare, "worst of all tasks": task}
            lines.append(aim(name, limit, measured, late=late, **beside))
    return lines


def compare(timed, ours, reference):
    """Ratios of early epochs, of late ones, and of passes alone."""
    bare = BARE_EVERY if ours == EVERY else BARE
    reference = each(timed[reference], "dur")
    return tuple(
        ratio(each(timed[name], key), reference)
        for name, key in ((ours, "dur"), (ours, "dur_late"), (bare, "dur"))
    )


def largest(ratios):
    """Larger median of early and late epochs."""
    return max(r["value"] for r in ratios[:2] if r is not None)


def carried(clf):
    """Let searches go on from epoch to epoch, as by default."""
    steps = ECCCo().epoch_steps
    return clone(clf).set_params(generator__epoch_steps=steps)


def other(task, run, n_epochs, max_rounds=None):
    """Candidate of a hand-written loop or another package."""

    def once(i):
        if max_rounds is not None and i >= max_rounds:
            return None
        return {"dur": median(run(task, n_epochs)[1:])}

    return once


def our(task, make, n_epochs):
    """Candidate of our classifier: a new fit in each round."""

    def once(i):
        clf = make().set_params(max_epochs=n_epochs, random_state=i)
        clf.fit(task.table, task.labels)
        net, history = clf.net_, clf.history_
        n_steps = sum(len(row["batches"]) for row in net.history)
        n_parameters = sum(p.numel() for p in net.module_.parameters())
        task.check(n_steps, n_epochs, n_parameters)
        codes = clf.encode(task.table[:1000])
        if not np.allclose(codes, task.codes[:1000], atol=1e-5):
            raise RuntimeError(f"{task.name}: rows encoded otherwise")
        parts = {"": history[EARLY]}
        if n_epochs > SHORT:
            parts["_late"] = history.tail(N_LATE)
        names = [n for n in ("dur", *SEARCH) if n in history]
        return {
            name + ending: float(part[name].median())
            for ending, part in parts.items()
            for name in names
        }

    return once
