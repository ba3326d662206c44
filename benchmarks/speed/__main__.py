"""How fast: training, explaining, a step of the walk, and another version.

One command measures side by side, in one run, what ``docs/benchmarks/speed.md`` shows::

    pip install --no-deps --target /tmp/before sklearn_ct-0.1.0-py3-none-any.whl
    SKLEARN_CT_DATA=... python -m benchmarks.speed --before /tmp/before

``--only`` measures some parts anew; the others stay as they are. Seconds are those of
the processor, so that a machine with other work spoils little.
"""

import os
import time
import warnings

import torch
from threadpoolctl import threadpool_limits

from benchmarks._common import machine, options
from benchmarks.report import publish
from benchmarks.speed import explaining, shares, training, versions, walking

PARTS = {
    "training": training.measure,
    "explaining": explaining.measure,
    "walking": walking.measure,
    "shares": shares.measure,
    "versions": versions.measure,
}


def main():
    arguments = options(
        __doc__,
        only={"nargs": "+", "choices": PARTS, "default": list(PARTS)},
        rounds={"type": int, "default": 5},
        before={"help": "folder with another version of the package"},
    )
    quick = arguments.quick
    rounds = 2 if quick else arguments.rounds
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes started
    torch.set_num_threads(1)
    # Small data: not every class of a batch, not every value of a column is there.
    warnings.filterwarnings("ignore", category=UserWarning)
    for part in arguments.only:
        more = {"before": arguments.before} if part == "versions" else {}
        start, where = time.perf_counter(), machine()
        with threadpool_limits(1):
            tables = PARTS[part](rounds, quick, **more)
        minutes = (time.perf_counter() - start) / 60
        told = {"rounds": rounds, "minutes": minutes, **where}
        publish("speed", part, tables, quick=quick, **told)


if __name__ == "__main__":
    main()
