"""Answers of NICEx with the sparsity reward, one row after the other."""

import time

started = time.perf_counter()

from nice import NICE  # noqa: E402
from task import Task  # noqa: E402


def main():
    task = Task()
    categories = [j for j, name in enumerate(task.names) if name not in task.numbers]
    explainer = NICE(
        predict_fn=task.predict_values,
        X_train=task.values(task.train),
        y_train=task.y,
        cat_feat=categories,
        num_feat=[task.names.index(name) for name in task.numbers],
        optimization="sparsity",
    )
    values = task.values(task.rows)
    setup = time.perf_counter() - started

    def ask(i):
        return explainer.explain(values[i : i + 1].copy())

    task.ask_each(ask, "NICEx", setup=setup, convert=task.frame)


main()
