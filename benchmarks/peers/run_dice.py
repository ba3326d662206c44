"""Answers of dice-ml's random method, one row after the other."""

import contextlib
import io
import time

started = time.perf_counter()

import dice_ml  # noqa: E402
from task import Task, clock  # noqa: E402

imports = time.perf_counter() - started


class Model:
    """The network behind scikit-learn's two methods."""

    def __init__(self, task):
        self.predict_proba = task.predict_proba

    def predict(self, frame):
        """Give the positions of the predicted classes."""
        return self.predict_proba(frame).argmax(axis=1)


def main():
    task = Task()
    before = time.perf_counter()
    train, rows = task.train.copy(), task.rows.copy()
    for name in task.numbers:  # whole numbers, so that dice-ml draws whole numbers
        train[name], rows[name] = train[name].astype(int), rows[name].astype(int)
    train[task.label] = task.y
    data = dice_ml.Data(
        dataframe=train, continuous_features=task.numbers, outcome_name=task.label
    )
    model = dice_ml.Model(model=Model(task), backend="sklearn", model_type="classifier")
    explainer = dice_ml.Dice(data, model, method="random")
    free = [name for name in task.names if name not in task.immutable]
    setup = imports + time.perf_counter() - before
    answers, failures = [], {}
    begin = clock()
    for i in range(len(rows)):
        answer = None
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
                found = explainer.generate_counterfactuals(
                    rows[i : i + 1],
                    total_CFs=1,
                    desired_class=task.target,
                    features_to_vary=free,
                    random_seed=i,
                    verbose=False,
                )
            found = found.cf_examples_list[0]
            sparse = found.final_cfs_df_sparse
            answer = found.final_cfs_df if sparse is None else sparse
            if answer is not None:
                answer = answer[:1] if len(answer) else None
            if answer is None:
                failures["None"] = failures.get("None", 0) + 1
        except Exception as error:
            name = type(error).__name__
            failures[name] = failures.get(name, 0) + 1
        answers.append(answer)
    seconds, cpu = clock() - begin
    task.write(answers, seconds, cpu, "dice-ml", setup=setup, failures=failures)


main()
