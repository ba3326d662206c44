"""Answers of dice-ml's random method, one row after the other."""

import contextlib
import io
import time

started = time.perf_counter()

import dice_ml  # noqa: E402
from task import Task  # noqa: E402


class Model:
    """The network behind scikit-learn's two methods."""

    def __init__(self, task):
        self.predict_proba = task.predict_proba

    def predict(self, frame):
        """Give the positions of the predicted classes."""
        return self.predict_proba(frame).argmax(axis=1)


def main():
    task = Task()
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

    def ask(i):
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
        return answer[:1] if answer is not None and len(answer) else None

    task.ask_each(ask, "dice-ml", setup=time.perf_counter() - started)


main()
