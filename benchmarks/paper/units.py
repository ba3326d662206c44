"""One training and its measurement, kept in a file as soon as it is done."""

import time

import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from benchmarks._common import commit, kept
from benchmarks.paper import data, pictures, protocol
from benchmarks.report import plain
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.metrics import protected_sensitivity


def run_all(units, folder, n_jobs, compute=None):
    """Results of all units, by their keys; what `kept` knows is not computed again.

    ``compute`` is ``Unit -> dict`` that JSON can hold, `compute_unit` by default.
    """
    source = commit()
    jobs = [
        delayed(one)(unit, folder, compute or compute_unit, source) for unit in units
    ]
    done = Parallel(n_jobs, return_as="generator")(jobs)
    pairs = tqdm(zip(units, done, strict=True), total=len(units))
    return {unit.key: result for unit, result in pairs}


def one(unit, folder, compute, source):
    """Compute a unit, or take it up again, with its CPU seconds."""

    def run():
        start = time.process_time()
        result = compute(unit)
        return result | {"cpu": time.process_time() - start}

    name = "-".join(map(str, (*unit.key, unit.rounds)))
    return kept(folder / f"{name.replace(' ', '_')}.json", run, source)


def compute_unit(unit, train=None):
    """Train and measure; a dict that JSON can hold.

    ``train`` is what trains, `train_classifier` by default.
    """
    train = train or train_classifier
    torch.set_num_threads(1)
    chosen = data.DATA[unit.data]
    X, X_test, y, y_test = chosen.split(unit.seed)
    free, result = train(unit, X, y)
    if unit.parts == "accuracy":
        return result | {"accuracy": free.score(X_test, y_test)}
    result |= protocol.measure_attacks(free, X_test, y_test)
    result["accuracy"] = free.score(X_test, y_test)
    sets = (X, y), (X_test, y_test), chosen
    options = {"seed": unit.seed, "rounds": unit.rounds}
    measured = protocol.measure_walks(free, *sets, **options, tau=protocol.TAU_FREE)
    result["free"] = plain(measured)
    careful = free
    if unit.parts == "all":
        if not unit.conventional:
            careful, told = train(unit, X, y, mutability=chosen.rule)
            result["seconds_protected"] = told["seconds"]
            result["accuracy_protected"] = careful.score(X_test, y_test)
        measured = protocol.measure_walks(
            careful,
            *sets,
            **options,
            tau=protocol.TAU_PROTECTED,
            mutability=chosen.rule,
        )
        result["protected"] = plain(measured)
        result["sensitivity"] = protected_sensitivity(
            careful, X_test, chosen.protected, n_bootstrap=unit.rounds
        )
    if unit.picture:
        result["picture"] = pictures.draw(unit.data, free, careful, X_test, y_test)
    return result


def train_classifier(unit, X, y, **more):
    """Trained classifier, and a dict of what the training took and came to."""
    start = time.process_time()
    clf = CounterfactualTrainedClassifier(**unit.parameters, **more).fit(X, y)
    result = {"seconds": time.process_time() - start}
    if "mature_share" in clf.history_:
        result["mature"] = clf.history_["mature_share"].tail(10).mean()
    return clf, result
