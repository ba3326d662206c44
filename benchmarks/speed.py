"""How fast: training, explaining, the floor, growth and the import.

One command measures side by side, in one run, and makes ``docs/benchmarks/speed.md``
and the figures beside it::

    SKLEARN_CT_DATA=... python benchmarks/speed.py

The parts are kept as JSON files in the folder given by ``--work``. ``--only`` measures
some of them anew; the page is made of what is there. Measure on a machine without other
work.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import torch
from speed import explaining, floor, growth, importing, training
from speed.figures import draw_all
from speed.measuring import machine
from speed.page import write_page
from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
PARTS = {
    "training": training.measure,
    "explaining": explaining.measure,
    "floor": floor.measure,
    "growth": growth.measure,
    "import": importing.measure,
}


def keep(name, rounds, quick, path):
    """Measure a part and write its result, whole or not at all."""
    start, where = time.perf_counter(), machine()
    with threadpool_limits(1):
        result = PARTS[name](rounds, quick)
    result = {"rounds": rounds} | result  # a part may have its own
    result |= {
        "quick": quick,
        "minutes": (time.perf_counter() - start) / 60,
        "machine": where,
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, help="default: all")
    parser.add_argument("--rounds", type=int, default=None, help="default: 5")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="two rounds of small sizes, to see that all runs; the page goes to --work",
    )
    parser.add_argument(
        "--page", action="store_true", help="measure nothing: the page of --work"
    )
    parser.add_argument("--work", type=Path, default=None, help="folder of results")
    parser.add_argument("--output", type=Path, default=None, help="Markdown file")
    arguments = parser.parse_args()
    quick = arguments.quick
    work = arguments.work or HERE / (".speed_quick" if quick else ".speed")
    docs = HERE.parent / "docs" / "benchmarks"
    output = arguments.output or (work if quick else docs) / "speed.md"
    work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes started
    torch.set_num_threads(1)
    # Small data: not every class of a batch, not every value of a column is there.
    warnings.filterwarnings("ignore", category=UserWarning)
    if not arguments.page:
        for name in arguments.only or PARTS:
            rounds = arguments.rounds or (2 if quick else 5)
            keep(name, rounds, quick, work / f"{name}.json")
    paths = {name: work / f"{name}.json" for name in PARTS}
    parts = {n: json.loads(p.read_text()) for n, p in paths.items() if p.exists()}
    output.parent.mkdir(parents=True, exist_ok=True)
    write_page(parts, draw_all(parts, output), output)
    print(f"{output}: {', '.join(parts)}")


if __name__ == "__main__":
    main()
