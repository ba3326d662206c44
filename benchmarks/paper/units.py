"""One training and its measurement, kept in a file as soon as it is done."""

import ast
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

import sklearn_ct
from paper import data, pictures, protocol
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.metrics import protected_sensitivity


def code_digest(paths):
    """Digest of code; comments and docstrings, which change no result, do not count."""
    digest = hashlib.sha256()
    for path in paths:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                value = body[0].value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    value.value = ""
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def paths_of(units, folder):
    """Files of the units' results.

    Their names end in a digest of all that the result depends on: the settings, the
    version and code of the package, and the code that measures.
    """
    package = sorted(Path(sklearn_ct.__file__).parent.rglob("*.py"))
    code = code_digest([*package, data.__file__, protocol.__file__, __file__])
    drawing = code_digest([pictures.__file__])
    paths = {}
    for unit in units:
        parts = [sklearn_ct.__version__, code, unit.describe()]
        parts += [drawing] if unit.picture else []
        key = hashlib.sha256("".join(parts).encode()).hexdigest()[:12]
        name = f"{unit.config}-{unit.variant}-{unit.data}-{unit.seed}-{key}.json"
        paths[unit] = Path(folder) / name.replace(" ", "_")
    return paths


def run_all(units, folder, n_jobs, compute=None):
    """Results of all units; those whose file is there are not computed again.

    Parameters
    ----------
    units : list of Unit
    folder : Path
        Made where it is not there.
    n_jobs : int
        Processes.
    compute : callable, optional
        ``Unit -> dict`` that JSON can hold; default: `compute_unit`.

    Returns
    -------
    dict
        Of results, keyed by ``(config, variant, data, seed)``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = paths_of(units, folder)
    missing = [unit for unit in units if not paths[unit].exists()]
    jobs = (
        delayed(keep)(unit, paths[unit], compute or compute_unit) for unit in missing
    )
    with tqdm(total=len(units), initial=len(units) - len(missing), unit="unit") as bar:
        for name in Parallel(n_jobs, return_as="generator_unordered")(jobs):
            bar.set_postfix_str(name)
            bar.update()
    return {
        (unit.config, unit.variant, unit.data, unit.seed): json.loads(path.read_text())
        for unit, path in paths.items()
    }


def keep(unit, path, compute):
    """Compute a unit and write its result, whole or not at all."""
    start = time.process_time()
    result = compute(unit)
    result["cpu"] = time.process_time() - start
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.replace(path)
    return f"{unit.config} {unit.variant} {unit.data} {unit.seed}"


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
    result["free"] = as_lists(measured)
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
        result["protected"] = as_lists(measured)
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


def as_lists(measured):
    """Rows of numbers, None for NaN, five digits."""
    return {
        name: [
            [None if np.isnan(v) else float(f"{v:.5g}") for v in row] for row in values
        ]
        for name, values in measured.items()
    }
