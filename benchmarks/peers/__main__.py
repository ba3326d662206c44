"""Recourse side by side with other packages, on the same networks and rows.

One command measures what ``docs/benchmarks/peers.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.peers

Each other package runs in a virtual environment of its own, which is made here, gets
the training table, the rows, the weights and the encoding as files, rebuilds the
network (checked on 100 rows) and writes its answers in the original columns. All are
predicted again.
"""

import json
import os
import re
import subprocess
import tempfile
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from benchmarks._common import CACHE, CONVENTIONAL, machine, options, timed
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_adult

SEED = 0
NUMBERS = ["age", "hours-per-week"]
IMMUTABLE = ["age", "race", "sex"]
FEATURES = ["age", "workclass", "education", "marital-status", "occupation"]
FEATURES += ["race", "sex", "hours-per-week"]
TARGET = ">50K"
MODELS = {"conventional": CONVENTIONAL, "CT": {}}
THREADS = 2  # of every method
LIMIT = 600  # seconds for each run

# For each environment its packages. Behind the package itself stand those that it was
# seen to work with (its own requirements leave most of them open, or leave them out).
ENVIRONMENTS = {
    "dice": """dice-ml==0.12 numpy==1.26.4 pandas==2.2.3 scikit-learn==1.5.2
        scipy==1.13.1 xgboost==1.7.6""",
    "nice": "NICEx==0.2.3 numpy==1.26.4 pandas==1.5.3 scipy==1.11.4",
    "relax": """jax-relax==0.2.9 jax==0.4.26 jaxlib==0.4.26 jax-tqdm==0.2.2
        chex==0.1.86 dm-haiku==0.0.12 keras==3.3.3 ml_dtypes==0.4.1 optax==0.2.2
        numpy==1.26.4 pandas==2.2.3 scikit-learn==1.5.2 scipy==1.12.0 execnb==0.1.6
        fastcore==1.5.29 ghapi==1.0.5 nbdev==2.3.31""",
}
# Name in the table: environment, method.
PEERS = {
    "dice-ml, random": ("dice", "random"),
    "NICEx, sparsity": ("nice", "sparsity"),
    "jax-relax, VanillaCF": ("relax", "VanillaCF"),
    "jax-relax, GrowingSphere": ("relax", "GrowingSphere"),
}


def call(command, limit):
    """Run a command; what went wrong, without paths, None if nothing did."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    clean |= {f"{name}_NUM_THREADS": str(THREADS) for name in names}
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=clean
        )
    except subprocess.TimeoutExpired:
        return f"not done after {limit} s"
    if not done.returncode:
        return None
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    told = (errors or lines or ["no output"])[-1]
    return re.sub(r"(\w+:/)?/\S+", "...", told).replace("|", "/")[:200]


def make_environment(name):
    """Make a virtual environment unless it is there already; what went wrong."""
    folder, packages = CACHE / "environments" / name, ENVIRONMENTS[name].split()
    told = folder / "packages.txt"
    if told.exists() and told.read_text().split() == packages:
        return None
    venv.create(folder, with_pip=True, clear=True)
    install = ["-m", "pip", "install", "--quiet", *packages]
    trouble = call([python_of(name), *install], 900)
    if not trouble:
        told.write_text("\n".join(packages))
    return trouble


def python_of(name):
    place = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return CACHE / "environments" / name / place


def write_task(folder, clf, X, y, rows):
    """Write the files that a runner needs."""
    X.assign(income=y.to_numpy()).to_csv(folder / "train.csv", index=False)
    rows.to_csv(folder / "rows.csv", index=False)
    weights = [v.numpy() for v in clf.net_.module_.state_dict().values()]
    np.savez(folder / "net.npz", *weights)
    encoder, columns = clf.encoder_, []
    for j, variable in enumerate(encoder.variables_):
        if variable.is_number:
            told = {"mean": float(encoder.mean_[j]), "scale": float(encoder.scale_[j])}
        else:
            told = {"categories": list(variable.categories)}
        columns.append({"name": variable.name} | told)
    target = list(clf.classes_).index(TARGET)
    described = {
        "columns": columns,
        "immutable": IMMUTABLE,
        "label": "income",
        "classes": clf.classes_.tolist(),
        "target": target,
        "check": clf.predict_proba(rows[:100])[:, target].tolist(),
    }
    (folder / "task.json").write_text(json.dumps(described))


def measure(clf, rows, answers, answered):
    """Tell of each row whether it is valid and clean, its l1 and its changes.

    ``answers`` are cells of any kind for the rows that are ``answered``.
    """
    before = rows[answered]
    after = answers.set_axis(before.index)
    numbers = after[NUMBERS].apply(pd.to_numeric, errors="coerce")
    whole = ((numbers % 1) == 0).all(axis=1)
    table, known = before.copy(), np.isfinite(numbers).all(axis=1)
    for name, dtype in rows.dtypes.items():
        if name in NUMBERS:
            table[name] = numbers[name].fillna(0)
        else:
            known &= after[name].isin(dtype.categories)
            table[name] = pd.Categorical(after[name], dtype=dtype)
    table = table.where(known, before).astype(before.dtypes.drop(NUMBERS))
    changed = pd.DataFrame({n: before[n] != table[n] for n in rows})
    valid = known & (clf.predict(table) == TARGET)
    told = pd.DataFrame({"valid": valid})
    told["clean"] = valid & whole & ~changed[IMMUTABLE].any(axis=1)
    l1 = np.abs(clf.encode(table) - clf.encode(before)).sum(axis=1)
    told["l1"] = pd.Series(l1, before.index).where(valid)
    told["changed"] = changed.sum(axis=1).where(valid)
    left = {"valid": False, "clean": False}
    return told.reindex(rows.index).fillna(left).astype(dict.fromkeys(left, bool))


def line(model, method, result, answered, seconds, cpu, setup=np.nan):
    n = len(result)
    return {
        "network": model,
        "method": method,
        "rows": n,
        "answered": int(np.sum(answered)),
        **result.mean(),
        "ms/row": 1000 * seconds / n,
        "CPU ms/row": 1000 * cpu / n,
        "rows/s": n / seconds,
        "set-up, s": setup,
    }


def compare(model, clf, rows, few, folder, troubles):
    """Our answers, the lines of the table for one network, and what went wrong.

    ``few``: how many rows dice-ml, which takes long, is asked for.
    """
    clf.explain(rows[:10], TARGET)  # warm
    ours, times = timed(clf.explain, rows, TARGET)
    own = measure(clf, rows, ours.counterfactuals, np.full(len(rows), True))
    lines, failures = [line(model, "sklearn-ct", own, own.valid | True, *times)], []
    for name, (environment, method) in PEERS.items():
        n = few if environment == "dice" else len(rows)
        print(f"{model}: {name}, {n} rows", flush=True)
        runner = Path(__file__).with_name("runners.py")
        command = [python_of(environment), "-W", "ignore", runner, folder, method, n]
        if trouble := troubles[environment] or call(command, LIMIT):
            told = f"{name}: could not be run here: {trouble}"
            lines.append({"network": model, "method": told, "rows": n})
            continue
        output = json.loads((folder / f"{method}.json").read_text())
        answers = pd.read_csv(
            folder / f"{method}.csv", dtype=str, keep_default_na=False
        )
        answered = np.array(output["answered"])
        result = measure(clf, rows[:n], answers[answered], answered)
        times = output["seconds"], output["cpu"], output["setup"]
        lines.append(line(model, name, result, answered, *times))
        if result.clean.any():
            lines[-1]["l1 where clean"] = result.l1[result.clean].mean()
            # A row where ours were not valid would count as the worst of ours.
            there = own.l1[:n].fillna(own.l1.max())[result.clean]
            lines[-1]["ours there"] = there.mean()
        for error, count in output["failures"].items():
            failures.append(f"{name} ({model}): {count} rows, {error}")
        gap = output["difference"]
        failures += [f"{name} ({model}): rebuilt to {gap:.1g}"] if gap > 1e-5 else []
    return ours, lines, failures


def speed(clf, every, n_few, n_many):
    """Wall and CPU seconds of our own calls, as rates and as milliseconds."""

    def times(rows, n_jobs=None):
        return timed(clf.explain, rows, TARGET, n_jobs=n_jobs)[1]

    few, many, told = every[:n_few], every[:n_many], {}
    seconds = np.median([times(few) for _ in range(3)], axis=0), times(many)
    for rows, (wall, cpu) in zip((few, many), seconds, strict=True):
        told[f"rows/s at {len(rows):,}"] = len(rows) / wall
        told[f"rows/CPU s at {len(rows):,}"] = len(rows) / cpu
    times(many, n_jobs=2)  # starts the processes
    told[f"rows/s at {len(many):,}, n_jobs=2"] = len(many) / times(many, n_jobs=2)[0]
    one = 1000 * np.median([times(every[i : i + 1]) for i in range(20)], axis=0)
    return told | {"ms, one row": one[0], "CPU ms, one row": one[1]}


def main():
    quick, where = options(__doc__).quick, machine()
    epochs, n_rows, n_many, n_dice = (
        (2, 50, 200, 5) if quick else (30, 1000, 10000, 100)
    )
    torch.set_num_threads(THREADS)
    troubles = {name: make_environment(name) for name in ENVIRONMENTS}
    bunch = fetch_adult()
    X, X_test, y, y_test = train_test_split(
        bunch.data[FEATURES],
        bunch.target,
        test_size=0.3,
        stratify=bunch.target,
        random_state=SEED,
    )
    lines, speeds, notes = [], [], []
    for model, weights in MODELS.items():
        clf = CounterfactualTrainedClassifier(
            hidden_layer_sizes=(64, 64),
            mutability=dict.fromkeys(IMMUTABLE, "none"),
            numeric_scaling="standard",
            max_epochs=epochs,
            random_state=SEED,
            **weights,
        ).fit(X, y)
        every = X_test[clf.predict(X_test) != TARGET]
        rows = every[:n_rows]
        with tempfile.TemporaryDirectory() as folder:
            write_task(Path(folder), clf, X, y, rows)
            ours, found, failures = compare(
                model, clf, rows, n_dice, Path(folder), troubles
            )
        lines, notes = lines + found, notes + failures
        shares = pd.Series(ours.status).value_counts(normalize=True)
        told = {"network": model, "accuracy": clf.score(X_test, y_test)}
        told |= {s: shares.get(s, 0.0) for s in ("valid", "fallback", "infeasible")}
        speeds.append(told | speed(clf, every, n_rows, n_many))
    tables = {"answers": lines, "own": speeds}
    tables["versions"] = [
        f"{name}: {', '.join(pins.split())}" for name, pins in ENVIRONMENTS.items()
    ]
    tables["trouble"] = notes or ["All rows were answered."]
    told = {"training rows": len(X), "epochs": epochs, "threads": THREADS}
    publish("peers", "peers", tables, quick=quick, **told, **where)


if __name__ == "__main__":
    main()
