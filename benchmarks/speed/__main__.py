"""How fast: training, explaining, the floor, growth and the import.

One command measures side by side, in one run, what ``docs/benchmarks/speed.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.speed

``--only`` measures some parts anew; the others stay as they are. Measure on a machine
without other work.
"""

import argparse
import os
import time
import warnings

import torch
from threadpoolctl import threadpool_limits

from benchmarks._common import machine
from benchmarks.report import publish
from benchmarks.speed import explaining, floor, growth, importing, training

PARTS = {
    "training": training.measure,
    "explaining": explaining.measure,
    "floor": floor.measure,
    "growth": growth.measure,
    "import": importing.measure,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, to see that all runs"
    )
    arguments = parser.parse_args()
    quick = arguments.quick
    rounds = 2 if quick else arguments.rounds
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes started
    torch.set_num_threads(1)
    # Small data: not every class of a batch, not every value of a column is there.
    warnings.filterwarnings("ignore", category=UserWarning)
    for part in arguments.only:
        start, where = time.perf_counter(), machine()
        with threadpool_limits(1):
            tables, figures = PARTS[part](rounds, quick)
        minutes = (time.perf_counter() - start) / 60
        told = {"rounds": rounds, "minutes": minutes, **where}
        publish("speed", part, tables, figures=figures, quick=quick, **told)


if __name__ == "__main__":
    main()
