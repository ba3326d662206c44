"""Answers of NICEx with the sparsity reward, one row after the other."""

import time

started = time.perf_counter()

from nice import NICE  # noqa: E402
from task import Task, clock  # noqa: E402

imports = time.perf_counter() - started


def main():
    task = Task()
    before = time.perf_counter()
    categories = [j for j, name in enumerate(task.names) if name not in task.numbers]
    explainer = NICE(
        predict_fn=task.predict_values,
        X_train=task.values(task.train),
        y_train=task.y,
        cat_feat=categories,
        num_feat=[task.names.index(name) for name in task.numbers],
        optimization="sparsity",
    )
    setup = imports + time.perf_counter() - before
    answers, failures = [], {}
    values = task.values(task.rows)
    begin = clock()
    for row in values:
        answer = None
        try:
            answer = explainer.explain(row[None].copy())
            if answer is None:
                failures["None"] = failures.get("None", 0) + 1
        except Exception as error:
            name = type(error).__name__
            failures[name] = failures.get(name, 0) + 1
        answers.append(answer)
    seconds, cpu = clock() - begin
    answers = [None if answer is None else task.frame(answer) for answer in answers]
    task.write(answers, seconds, cpu, "NICEx", setup=setup, failures=failures)


main()
