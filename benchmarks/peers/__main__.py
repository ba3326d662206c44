"""Recourse side by side with other packages, on the same networks and rows.

One command measures what ``docs/benchmarks/peers.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.peers

Each other package runs in a virtual environment of its own, which is made here, gets
the training table, the rows, the weights and the encoding as files, rebuilds the
network (checked on 100 rows) and writes its answers in the original columns. All are
predicted again.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from benchmarks._common import CACHE, machine
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_adult
from sklearn_ct.metrics import constraint_violations

SEED = 0
FEATURES = [
    "age",
    "workclass",
    "education",
    "marital-status",
    "occupation",
    "race",
    "sex",
    "hours-per-week",
]
IMMUTABLE = ["age", "race", "sex"]
TARGET = ">50K"
MODELS = {"conventional": {"lambda_div": 0.0, "lambda_adv": 0.0}, "CT": {}}

# For each environment its packages. Behind the package itself stand those that it was
# seen to work with (its own requirements leave most of them open, or leave them out).
ENVIRONMENTS = {
    "dice": [
        "dice-ml==0.12",
        "numpy==1.26.4",
        "pandas==2.2.3",
        "scikit-learn==1.5.2",
        "scipy==1.13.1",
        "xgboost==1.7.6",
    ],
    "nice": ["NICEx==0.2.3", "numpy==1.26.4", "pandas==1.5.3", "scipy==1.11.4"],
    "relax": [
        "jax-relax==0.2.9",
        "jax==0.4.26",
        "jaxlib==0.4.26",
        "jax-tqdm==0.2.2",
        "chex==0.1.86",
        "dm-haiku==0.0.12",
        "keras==3.3.3",
        "ml_dtypes==0.4.1",
        "optax==0.2.2",
        "numpy==1.26.4",
        "pandas==2.2.3",
        "scikit-learn==1.5.2",
        "scipy==1.12.0",
        "execnb==0.1.6",
        "fastcore==1.5.29",
        "ghapi==1.0.5",
        "nbdev==2.3.31",
    ],
}
# Name in the table, environment, runner, method.
PEERS = [
    ("dice-ml, random", "dice", "run_dice.py", "random"),
    ("NICEx, sparsity", "nice", "run_nice.py", "sparsity"),
    ("jax-relax, VanillaCF", "relax", "run_relax.py", "VanillaCF"),
    ("jax-relax, GrowingSphere", "relax", "run_relax.py", "GrowingSphere"),
]


def reason(text):
    """Last line of an output, without paths and addresses."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    line = (errors or lines or ["no output"])[-1]
    return re.sub(r"(\w+:/)?/\S+", "...", line).replace("|", "/")[:200]


def call(command, limit, threads=None):
    """Run a command; what went wrong, None if nothing did."""
    extra = {}
    if threads:
        names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
        extra = {f"{name}_NUM_THREADS": str(threads) for name in names}
        if threads == 1:
            extra["XLA_FLAGS"] = (
                "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
            )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=clean | extra
        )
    except subprocess.TimeoutExpired:
        return f"not done after {limit} s"
    return reason(done.stderr or done.stdout) if done.returncode else None


def make_environment(folder, packages):
    """Make a virtual environment unless it is there already; what went wrong."""
    told = folder / "packages.txt"
    if told.exists() and told.read_text().split() == packages:
        return None
    venv.create(folder, with_pip=True, clear=True)
    install = ["-m", "pip", "install", "--quiet", *packages]
    trouble = call([python_of(folder), *install], 900)
    if not trouble:
        told.write_text("\n".join(packages))
    return trouble


def python_of(folder):
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def write_task(folder, clf, X, y, rows):
    """Write the files that a runner needs."""
    folder.mkdir(parents=True)
    X.assign(income=y.to_numpy()).to_csv(folder / "train.csv", index=False)
    rows.to_csv(folder / "rows.csv", index=False)
    state = [v.numpy() for v in clf.net_.module_.state_dict().values()]
    arrays = {f"{'Wb'[i % 2]}{i // 2}": array for i, array in enumerate(state)}
    np.savez(folder / "net.npz", **arrays)
    columns = []
    encoder = clf.encoder_
    for j, variable in enumerate(encoder.variables_):
        column = {"name": variable.name}
        if variable.is_number:
            mean, scale = float(encoder.mean_[j]), float(encoder.scale_[j])
            column |= {"kind": "number", "mean": mean, "scale": scale}
        else:
            column |= {"kind": "category", "categories": list(variable.categories)}
        columns.append(column)
    classes = [str(name) for name in clf.classes_]
    k = classes.index(TARGET)
    check = clf.predict_proba(rows[:100])[:, k]
    described = {
        "columns": columns,
        "immutable": IMMUTABLE,
        "label": "income",
        "classes": classes,
        "target": k,
        "check": [{"probability": float(p)} for p in check],
    }
    (folder / "task.json").write_text(json.dumps(described))


def read_answers(path, rows, answered):
    """Answers of a runner with the types of the rows where that loses nothing."""
    cells = pd.read_csv(path, dtype=str, keep_default_na=False)
    if len(cells) != len(rows):
        raise ValueError(f"{path.name} has {len(cells)} rows, not {len(rows)}.")
    table = cells[list(rows)].set_axis(rows.index, axis=0)[answered]
    for name, dtype in rows.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            if table[name].isin(dtype.categories).all():
                table[name] = table[name].astype(dtype)
        else:
            numbers = pd.to_numeric(table[name], errors="coerce")
            whole = np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all()
            table[name] = numbers.astype(dtype) if whole else numbers
    return table


def measure(clf, rows, answers, answered):
    """Tell of each row whether it is valid and clean, its l1 and its changes."""
    asked = rows[answered]
    known = np.ones(len(asked), dtype=bool)
    categories = {}
    for name, dtype in rows.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            categories[name] = list(dtype.categories)
            known &= answers[name].isin(dtype.categories).to_numpy()
        else:
            known &= np.isfinite(answers[name].to_numpy(dtype=float))
    readable = answers[known].astype({name: rows.dtypes[name] for name in categories})
    valid = np.zeros(len(asked), dtype=bool)
    if known.any():
        valid[known] = clf.predict(readable) == TARGET
    kept = np.zeros(len(asked), dtype=bool)
    for i in range(len(asked)):
        broken = constraint_violations(
            asked[i : i + 1],
            answers[i : i + 1],
            mutability=dict.fromkeys(IMMUTABLE, "none"),
            categories=categories,
        )
        kept[i] = not broken.to_numpy().any()
    l1, changed = np.full((2, len(asked)), np.nan)
    reached = valid[known]
    if reached.any():
        before, after = asked[known][reached], readable[reached]
        l1[valid] = np.abs(clf.encode(after) - clf.encode(before)).sum(axis=1)
        changed[valid] = sum(
            (before[name].to_numpy() != after[name].to_numpy()).astype(int)
            for name in rows
        )
    result = pd.DataFrame(
        {"valid": False, "clean": False, "l1": np.nan, "changed": np.nan},
        index=range(len(rows)),
    )
    result.loc[answered, "valid"] = valid
    result.loc[answered, "clean"] = valid & kept
    result.loc[answered, "l1"] = l1
    result.loc[answered, "changed"] = changed
    return result


def clock():
    """Wall and CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def line(model, method, result, answered, seconds, cpu, setup=np.nan):
    n = len(result)
    return {
        "network": model,
        "method": method,
        "rows": n,
        "answered": int(np.sum(answered)),
        "valid": result.valid.mean(),
        "clean": result.clean.mean(),
        "l1": result.l1.mean(),
        "changed": result.changed.mean(),
        "ms/row": 1000 * seconds / n,
        "CPU ms/row": 1000 * cpu / n,
        "rows/s": n / seconds,
        "set-up, s": setup,
    }


def compare(model, clf, every, folder, places, troubles, arguments):
    """Lines of the table for one network, and what went wrong on the way."""
    rows = every[: arguments.rows]
    clf.explain(every[:10], TARGET)  # warm
    begin = clock()
    explained = clf.explain(rows, TARGET)
    seconds, cpu = clock() - begin
    answered = np.ones(len(rows), dtype=bool)
    own = measure(clf, rows, explained.counterfactuals, answered)
    lines, failures = [line(model, "sklearn-ct", own, answered, seconds, cpu)], []
    for name, environment, runner, method in PEERS:
        n = min(arguments.dice_rows if environment == "dice" else len(rows), len(rows))
        trouble = troubles[environment]
        if not trouble:
            print(f"{model}: {name}, {n} rows", flush=True)
            runner = Path(__file__).parent / runner
            command = [python_of(places[environment]), "-W", "ignore", runner]
            command = [str(word) for word in (*command, folder, method, n)]
            trouble = call(command, arguments.limit, arguments.threads)
        if trouble:
            told = f"{name}: could not be run here: {trouble}"
            lines.append({"network": model, "method": told, "rows": n})
            continue
        output = json.loads((folder / f"{method}.json").read_text())
        answered = np.array(output["answered"])
        answers = read_answers(folder / f"{method}.csv", rows[:n], answered)
        result = measure(clf, rows[:n], answers, answered)
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
    return lines, failures, speed(model, clf, every, explained, arguments.many)


def speed(model, clf, every, explained, many):
    """One line of the table of our own speed."""

    def times(rows, **options):
        begin = clock()
        clf.explain(rows, TARGET, **options)
        return clock() - begin

    few, many = every[: len(explained)], every[:many]
    shares = pd.Series(explained.status).value_counts(normalize=True)
    seconds = {f"at {len(few):,}": np.median([times(few) for _ in range(3)], axis=0)}
    seconds[f"at {len(many):,}"] = times(many)
    times(many, n_jobs=2)  # starts the processes
    both = times(many, n_jobs=2)
    one = 1000 * np.median([times(every[i : i + 1]) for i in range(20)], axis=0)
    names = ["valid", "fallback", "infeasible"]
    result = {"network": model, **{name: shares.get(name, 0.0) for name in names}}
    for (word, (wall, cpu)), rows in zip(seconds.items(), (few, many), strict=True):
        result[f"rows/s {word}"] = len(rows) / wall
        result[f"rows/CPU s {word}"] = len(rows) / cpu
    result[f"rows/s at {len(many):,}, n_jobs=2"] = len(many) / both[0]
    return result | {"ms, one row": one[0], "CPU ms, one row": one[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000, help="rows explained")
    parser.add_argument("--many", type=int, default=10_000, help="of one large call")
    parser.add_argument("--dice-rows", type=int, default=100, help="it takes long")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2, help="of every method")
    parser.add_argument("--limit", type=int, default=300, help="seconds for each run")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    where = machine()
    places = {name: CACHE / "environments" / name for name in ENVIRONMENTS}
    troubles = {}
    for name, packages in ENVIRONMENTS.items():
        print(f"environment {name}", flush=True)
        places[name].parent.mkdir(parents=True, exist_ok=True)
        troubles[name] = make_environment(places[name], packages)
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
            max_epochs=arguments.epochs,
            random_state=SEED,
            **weights,
        ).fit(X, y)
        accuracy = clf.score(X_test, y_test)
        every = X_test[clf.predict(X_test) != TARGET]
        with tempfile.TemporaryDirectory() as folder:
            task = Path(folder) / "task"
            write_task(task, clf, X, y, every[: arguments.rows])
            found, failures, fast = compare(
                model, clf, every, task, places, troubles, arguments
            )
        lines += found
        notes += failures
        speeds.append({"network": model, "accuracy": accuracy} | fast)
    pins = [f"{name}: {', '.join(pins)}" for name, pins in ENVIRONMENTS.items()]
    tables = {"answers": lines, "own": speeds, "versions": pins}
    tables["trouble"] = notes or ["All rows were answered."]
    told = {"training rows": len(X), "epochs": arguments.epochs}
    told["threads"] = arguments.threads
    publish("peers", "peers", tables, **told, **where)


if __name__ == "__main__":
    main()
