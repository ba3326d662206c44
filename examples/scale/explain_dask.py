"""
Explaining a table that does not fit into memory
================================================

Trains on a sample of loan applications, then explains a Dask frame of them, one
partition after the other on the workers of a local Dask cluster, and writes the answers
to Parquet files. An answer depends on its row alone, so the partitions do not show in
it: those of the last one are compared with a call in this process.

Needs the extra ``dask``: ``pip install 'sklearn-ct[dask]'``.
"""

import argparse
import tempfile
from pathlib import Path

import dask
import dask.dataframe as dd
import pandas as pd
from distributed import Client, LocalCluster

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications


def applications(number, size):
    """Make one partition; stands for a file or a query of yours."""
    X, _ = make_loan_applications(size, random_state=1 + number)
    return X


def answer(part, clf):
    """Explain one partition; Parquet wants text that is not a Python object."""
    texts = dict.fromkeys(["target", "status", "reason"], "string")
    return clf.explain(part, "approved").to_frame().astype(texts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--size", type=int, default=1000, help="rows of a partition")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to write the answers")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())

    X, y = make_loan_applications(2000, random_state=0)
    clf = CounterfactualTrainedClassifier(
        mutability={"age": "none", "education": "increase"},
        max_epochs=10,
        random_state=0,
    ).fit(X, y)
    # The columns and types of the answers are those of a call without rows.
    meta = answer(X.iloc[:0], clf)

    # One thread a worker: the number of torch's threads is that of the process.
    with (
        LocalCluster(
            n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        numbers = range(arguments.partitions)
        table = dd.from_map(applications, numbers, size=arguments.size, meta=X.iloc[:0])
        # Delayed, the classifier travels once, not with every partition.
        answers = table.map_partitions(answer, dask.delayed(clf), meta=meta)
        # Nothing has been computed so far; this goes through memory by partitions.
        answers.to_parquet(folder, write_index=False)
        written = dd.read_parquet(folder)
        print(f"{len(written):,} answers in {folder}")
        print(written["status"].value_counts().compute().to_string())

    last = answer(applications(numbers[-1], arguments.size), clf)
    file = folder / f"part.{numbers[-1]}.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(file), last, check_exact=True)
    print("The last partition is equal to a call in memory.")


if __name__ == "__main__":
    main()
