"""Answers of another package: ``python runners.py FOLDER METHOD N_ROWS``.

Run by the Python of that package's own environment; sklearn_ct is never imported.
FOLDER holds ``train.csv``, ``rows.csv``, ``net.npz`` and ``task.json``, as
``benchmarks.peers`` wrote them. A function for each package prepares it and gives two:
one answers all rows and counts the failures, its time is measured; the other makes a
table of each answer, None where there is none.
"""

import contextlib
import io
import json
import os
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd


class Task:
    """The training table, the rows to explain, and the network as plain arrays."""

    def __init__(self, folder, n_rows):
        described = json.loads((folder / "task.json").read_text())
        self.columns = described["columns"]  # name, and categories or mean and scale
        self.names = [column["name"] for column in self.columns]
        self.numbers = [c["name"] for c in self.columns if "mean" in c]
        self.immutable, self.label = described["immutable"], described["label"]
        self.target = described["target"]  # position in classes
        kinds = {name: float if name in self.numbers else str for name in self.names}
        read = partial(pd.read_csv, dtype=kinds, keep_default_na=False)
        self.train, self.rows = read(folder / "train.csv"), read(folder / "rows.csv")
        self.rows = self.rows[:n_rows]
        self.y = self.train.pop(self.label).map(described["classes"].index).to_numpy()
        with np.load(folder / "net.npz") as file:
            arrays = list(file.values())
        self.layers = list(zip(arrays[::2], arrays[1::2]))  # noqa: B905
        known = np.array(described["check"])[:n_rows]
        rebuilt = self.predict_proba(self.rows[: len(known)])[:, self.target]
        self.difference = float(np.abs(rebuilt - known).max())
        if self.difference > 1e-4:
            raise RuntimeError(f"The rebuilt network differs by {self.difference:.2g}.")

    def values(self, frame):
        """Floats of a frame: numbers in their units, categories as positions."""
        return np.column_stack(
            [
                pd.Categorical(frame[c["name"]].astype(str), c["categories"]).codes
                if "categories" in c
                else frame[c["name"]].astype(float)
                for c in self.columns
            ]
        )

    def frame(self, values):
        """Turn values back into the columns of the training table."""
        table = {}
        for column, cells in zip(self.columns, np.asarray(values).T):  # noqa: B905
            if "categories" in column:
                cells = np.array(column["categories"], dtype=object)[cells.astype(int)]
            table[column["name"]] = cells
        return pd.DataFrame(table)

    def predict_values(self, values):
        """Give class probabilities of values, by numpy."""
        blocks = []
        for column, cells in zip(self.columns, np.asarray(values).T):  # noqa: B905
            if "categories" in column:
                blocks.append(cells[:, None] == np.arange(len(column["categories"])))
            else:
                blocks.append((cells[:, None] - column["mean"]) / column["scale"])
        codes = np.hstack(blocks).astype(np.float32)
        for i, (weight, bias) in enumerate(self.layers):
            codes = (np.maximum(codes, 0) if i else codes) @ weight.T + bias
        odds = np.exp(codes - codes.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict_proba(self, frame):
        """Give class probabilities of a frame."""
        return self.predict_values(self.values(frame))

    def predict(self, frame):
        """Give the positions of the predicted classes."""
        return self.predict_proba(frame).argmax(axis=1)

    def each(self, ask):
        """Ask for each row in turn; failures are counted by their names."""
        answers, failures = [], Counter()
        for i in range(len(self.rows)):
            answer, trouble = None, "None"
            try:
                answer = ask(i)
            except Exception as error:
                trouble = type(error).__name__
            if answer is None:
                failures[trouble] += 1
            answers.append(answer)
        return answers, failures


def prepare_dice(task, method):
    """Prepare a method of dice-ml, one row after the other."""
    import dice_ml

    # Whole numbers, so that dice-ml draws whole numbers.
    whole = dict.fromkeys(task.numbers, int)
    train, rows = task.train.astype(whole), task.rows.astype(whole)
    data = dice_ml.Data(
        dataframe=train.assign(**{task.label: task.y}),
        continuous_features=task.numbers,
        outcome_name=task.label,
    )
    model = dice_ml.Model(model=task, backend="sklearn", model_type="classifier")
    explainer = dice_ml.Dice(data, model, method=method)

    def ask(i):
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            found = explainer.generate_counterfactuals(
                rows[i : i + 1],
                total_CFs=1,
                desired_class=task.target,
                features_to_vary=[n for n in task.names if n not in task.immutable],
                random_seed=i,
                verbose=False,
            )
        found = found.cf_examples_list[0]
        sparse = found.final_cfs_df_sparse
        answer = found.final_cfs_df if sparse is None else sparse
        return answer[:1] if answer is not None and len(answer) else None

    return partial(task.each, ask), list


def prepare_nice(task, method):
    """Prepare NICEx with the reward that the method names, one row after the other."""
    from nice import NICE

    explainer = NICE(
        predict_fn=task.predict_values,
        X_train=task.values(task.train),
        y_train=task.y,
        cat_feat=[j for j, n in enumerate(task.names) if n not in task.numbers],
        num_feat=[j for j, n in enumerate(task.names) if n in task.numbers],
        optimization=method,
    )
    values = task.values(task.rows)

    def ask(i):
        return explainer.explain(values[i : i + 1].copy())

    def tables(answers):
        return [None if one is None else task.frame(one) for one in answers]

    return partial(task.each, ask), tables


def prepare_relax(task, method):
    """Prepare a method of jax-relax, all rows in one call."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax
    import keras
    import relax
    from relax import methods
    from relax.data_utils import Feature, FeaturesList

    # VanillaCF asks keras for its loss at every call and compiles anew for each object
    # that it gets; with one for all calls the second reuses what the first compiled.
    losses, get_loss = {}, keras.losses.get
    keras.losses.get = lambda name: losses.setdefault(str(name), get_loss(name))

    described = features(task, Feature)
    label = np.zeros((len(task.rows), 1))
    label = Feature(task.label, label, transformation="identity")
    listed = FeaturesList(described)
    data = relax.DataModule.from_features(listed, FeaturesList([label]))
    matrix, offset = connect(task, listed)

    def predict(x):
        codes = x @ matrix + offset
        for i, (weight, bias) in enumerate(task.layers):
            codes = (jax.nn.relu(codes) if i else codes) @ weight.T + bias
        return jax.nn.softmax(codes, axis=-1)

    gap = np.abs(np.asarray(predict(data.xs)) - task.predict_proba(task.rows)).max()
    if gap > 1e-4:
        raise RuntimeError(f"The network in jax differs by {gap:.2g}.")
    explainer = getattr(methods, method)()

    def ask():
        key = jax.random.PRNGKey(0)
        found = relax.generate_cf_explanations(
            explainer, data, pred_fn=predict, rng_key=key
        )
        return np.asarray(found.cfs)[:, 0], {}

    return ask, partial(decode, task, listed)


def features(task, feature):
    """Describe the rows as ReLax wants: scaled and one-hot as the training table is."""
    described = []
    order = task.numbers + [name for name in task.names if name not in task.numbers]
    for name in order:  # ReLax's: numbers first
        kind = float if name in task.numbers else object
        seen, rows = (
            frame[name].to_numpy(dtype=kind).reshape(-1, 1)
            for frame in (task.train, task.rows)
        )
        fitted = feature(name, seen, "minmax" if kind is float else "ohe").fit()
        described.append(
            feature(
                name,
                rows,
                fitted.transformation,
                transformed_data=fitted.transform(rows),
                is_immutable=name in task.immutable,
            )
        )
    return described


def connect(task, described):
    """Give the affine map from ReLax's space to the network's input."""
    widths = [len(c.get("categories", [0])) for c in task.columns]
    starts = dict(zip(task.names, np.cumsum([0, *widths])))  # noqa: B905
    matrix = np.zeros((described.transformed_data.shape[1], sum(widths)), np.float32)
    offset = np.zeros(sum(widths), dtype=np.float32)
    for feature, (first, _) in described.features_and_indices:
        start, column = (
            starts[feature.name],
            task.columns[task.names.index(feature.name)],
        )
        fitted = feature.transformation.transformer
        if "mean" in column:
            low, high = float(fitted.min_[0]), float(fitted.max_[0])
            matrix[first, start] = (high - low) / column["scale"]
            offset[start] = (low - column["mean"]) / column["scale"]
        else:
            for i, name in enumerate(fitted.categories_):
                matrix[first + i, start + column["categories"].index(name)] = 1
    return matrix, offset


def decode(task, described, codes):
    """Original columns: numbers rounded to whole ones, categories by the largest."""
    table = task.rows.copy()
    found = np.isfinite(codes).all(axis=1)
    codes = np.where(found[:, None], codes, 0)
    for feature, (first, last) in described.features_and_indices:
        cells = feature.inverse_transform(codes[:, first:last]).ravel()
        table[feature.name] = np.round(cells) if feature.name in task.numbers else cells
    return [table[i : i + 1] if found[i] else None for i in range(len(table))]


METHODS = {
    "random": prepare_dice,
    "sparsity": prepare_nice,
    "VanillaCF": prepare_relax,
    "GrowingSphere": prepare_relax,
}


def clock():
    """Wall and CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def main():
    folder, method, n_rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    task = Task(folder, n_rows)
    times = [clock()]
    ask, tables = METHODS[method](task, method)
    for _ in range(2):  # the first call may compile
        answers, failures = ask()
        times.append(clock())
    first, (seconds, cpu) = np.diff(times, axis=0)
    answers = tables(answers)
    empty = pd.DataFrame([[""] * len(task.names)], columns=task.names)
    parts = [empty if a is None else a[task.names].astype(object) for a in answers]
    pd.concat(parts, ignore_index=True).to_csv(folder / f"{method}.csv", index=False)
    told = {
        "answered": [answer is not None for answer in answers],
        "seconds": seconds,
        "cpu": cpu,
        "setup": max(first[0] - seconds, 0.0),
        "difference": task.difference,
        "failures": failures,
    }
    (folder / f"{method}.json").write_text(json.dumps(told))


main()
