"""Seconds per epoch of every way to train the same net."""

import numpy as np
from sklearn.base import clone

from sklearn_ct.generators import ECCCo
from speed.loops import (
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
from speed.measuring import device, interleave, median, progress
from speed.tasks import CONVENTIONAL, TASKS, make_task

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

SEARCH = ("search_seconds", "search_steps", "mature_share")  # of an epoch

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
    """Time all candidates of all tasks; what JSON can hold."""
    n_rows, n_epochs = (500, 12) if quick else (None, N_EPOCHS)
    return {
        "tasks": {
            name: measure_task(make_task(name, device(), n_rows), rounds, n_epochs)
            for name in TASKS
        }
    }


def measure_task(task, rounds, n_epochs=N_EPOCHS):
    """Time all candidates of a task, in turn."""
    ours = {
        "ours, conventional": lambda: task.classifier(**CONVENTIONAL),
        PAPER: task.classifier,
        CARRIED: lambda: carried(task.classifier()),
        EVERY: lambda: carried(task.classifier(n_counterfactuals=1.0)),
        DEFAULTS: task.default_classifier,
    }
    candidates = {}
    for name, (run, count) in OTHERS.items():
        if run is not toolbox:
            candidates[name] = other(task, run, count)
        elif has_art():
            candidates[name] = other(task, run, count, ART_ROUNDS)
    for name, make in ours.items():
        short = name == EVERY and task.name in SHORTENED
        candidates[name] = our(task, make, min(SHORT, n_epochs) if short else n_epochs)
    say = progress(f"training, {task.name}", rounds)
    measured = interleave(candidates, rounds, say)
    return {
        "rows": len(task.codes),
        "columns": task.codes.shape[1],
        "batch_size": task.batch_size,
        "batches": task.n_batches,
        "n_ce": min(task.settings["n_counterfactuals"], len(task.codes)),
        "epochs": n_epochs,
        "seconds": {name: each(results, "dur") for name, results in measured.items()},
        "late": {name: each(measured[name], "dur_late") for name in ours},
        "search": {
            name: {
                key: median(each(measured[name], key))
                for key in measured[name][0]
                if key.startswith(SEARCH)
            }
            for name in ours
        },
    }


def carried(clf):
    """Let searches go on from epoch to epoch, as by default."""
    steps = ECCCo().epoch_steps
    return clone(clf).set_params(generator__epoch_steps=steps)


def each(results, key):
    """Value of each round, None where there is none."""
    return [result.get(key) if result else None for result in results]


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
