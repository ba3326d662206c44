"""What every runner shares: read the task, rebuild the network, write the answers.

A runner is started as ``python run_x.py FOLDER METHOD N_ROWS`` by the Python of the
peer's own environment and never imports sklearn_ct. FOLDER holds ``train.csv``,
``rows.csv``, ``net.npz`` and ``task.json``, as ``benchmarks.peers`` wrote them.
"""

import json
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd


class Task:
    """The training table, the rows to explain, and the network as plain arrays."""

    def __init__(self):
        self.folder, self.method = Path(sys.argv[1]), sys.argv[2]
        described = json.loads((self.folder / "task.json").read_text())
        self.columns = described["columns"]  # name, kind, categories or mean and scale
        self.names = [column["name"] for column in self.columns]
        self.immutable = described["immutable"]
        self.label, self.classes = described["label"], described["classes"]
        self.target = described["target"]  # position in classes
        self.numbers = [c["name"] for c in self.columns if c["kind"] == "number"]
        self.train = self._read("train.csv")
        self.rows = self._read("rows.csv")[: int(sys.argv[3])]
        self.y = self.train.pop(self.label).map(self.classes.index).to_numpy()
        with np.load(self.folder / "net.npz") as arrays:
            count = len(arrays.files) // 2
            self.layers = [(arrays[f"W{i}"], arrays[f"b{i}"]) for i in range(count)]
        known = np.array([row["probability"] for row in described["check"]])
        rebuilt = self.predict_proba(self.rows[: len(known)])[:, self.target]
        self.difference = float(np.abs(rebuilt - known[: len(rebuilt)]).max())
        if self.difference > 1e-4:
            raise RuntimeError(f"The rebuilt network differs by {self.difference:.2g}.")

    def _read(self, name):
        kinds = {c["name"]: c["kind"] for c in self.columns} | {self.label: "category"}
        types = {n: float if k == "number" else str for n, k in kinds.items()}
        return pd.read_csv(self.folder / name, dtype=types, keep_default_na=False)

    def values(self, frame):
        """Floats of a frame: numbers in their units, categories as positions."""
        arrays = []
        for column in self.columns:
            cells = frame[column["name"]]
            if column["kind"] == "category":
                places = {name: i for i, name in enumerate(column["categories"])}
                cells = cells.astype(str).map(places)
            arrays.append(cells.to_numpy(dtype=float))
        return np.column_stack(arrays)

    def frame(self, values):
        """Turn values back into the columns of the training table."""
        table = {}
        for column, cells in zip(self.columns, np.asarray(values).T):  # noqa: B905
            if column["kind"] == "category":
                names = np.array(column["categories"], dtype=object)
                cells = names[cells.astype(int)]
            table[column["name"]] = cells
        return pd.DataFrame(table)

    def encode(self, values):
        """Give the network's input for values."""
        blocks = []
        for column, cells in zip(self.columns, values.T):  # noqa: B905
            if column["kind"] == "category":
                size = len(column["categories"])
                blocks.append(cells[:, None] == np.arange(size))
            else:
                scaled = (cells - column["mean"]) / column["scale"]
                blocks.append(scaled[:, None])
        return np.hstack(blocks).astype(np.float32)

    def logits(self, codes):
        """Run the network with numpy."""
        for i, (weight, bias) in enumerate(self.layers):
            codes = codes @ weight.T + bias
            if i < len(self.layers) - 1:
                codes = np.maximum(codes, 0)
        return codes

    def predict_values(self, values):
        """Give class probabilities of values."""
        logits = self.logits(self.encode(np.asarray(values, dtype=float)))
        logits = np.exp(logits - logits.max(axis=1, keepdims=True))
        return logits / logits.sum(axis=1, keepdims=True)

    def predict_proba(self, frame):
        """Give class probabilities of a frame."""
        return self.predict_values(self.values(frame))

    def ask_each(self, ask, package, setup, convert=None):
        """Ask for each row in turn and write the answers; failures are counted.

        ``convert`` makes a frame of an answer, after the clock has stopped.
        """
        answers, failures = [], {}
        begin = clock()
        for i in range(len(self.rows)):
            answer, trouble = None, "None"
            try:
                answer = ask(i)
            except Exception as error:
                trouble = type(error).__name__
            if answer is None:
                failures[trouble] = failures.get(trouble, 0) + 1
            answers.append(answer)
        seconds, cpu = clock() - begin
        if convert is not None:
            answers = [None if one is None else convert(one) for one in answers]
        self.write(answers, seconds, cpu, package, setup=setup, failures=failures)

    def write(self, answers, seconds, cpu, package, **more):
        """Write the answers (None where there is none), the times and the versions."""
        empty = pd.DataFrame([[""] * len(self.names)], columns=self.names)
        found = [answer is not None for answer in answers]
        parts = [empty if a is None else a[self.names].astype(object) for a in answers]
        table = pd.concat(parts, ignore_index=True)
        table.to_csv(self.folder / f"{self.method}.csv", index=False)
        told = {
            "answered": found,
            "seconds": seconds,
            "cpu": cpu,
            "difference": self.difference,
            "versions": {
                name: metadata.version(name) for name in (package, "numpy", "pandas")
            },
            **more,
        }
        (self.folder / f"{self.method}.json").write_text(json.dumps(told))


def clock():
    """Wall and CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])
