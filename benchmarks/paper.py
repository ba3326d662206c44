"""Counterfactual training against conventional training: the paper's tables.

One command makes ``docs/benchmarks/paper.md`` and the figures beside it::

    SKLEARN_CT_DATA=... python benchmarks/paper.py

For each data set and seed a counterfactual-trained classifier (CT), a second one with
the protected feature immutable, and a conventional twin are trained on the same rows,
with the same network, seed and optimiser; once with the paper's settings, once with
the defaults of the class. Results are kept in files as soon as they are there, and a
run that was stopped goes on where it was.
"""

import argparse
import os
import time
from pathlib import Path

from paper.data import DATA
from paper.figures import draw_all
from paper.page import write_page
from paper.settings import CONFIGS, make_units
from paper.units import paths_of, run_all

HERE = Path(__file__).parent
QUICK = ("Moon", "Circ", "CH", "GMSC")


def finished(units, folder):
    """Units whose results are there, as are those of their model and its twin."""
    paths = paths_of(units, folder)
    there = [unit for unit in units if paths[unit].exists()]
    known = {(unit.config, unit.data, unit.seed, unit.variant) for unit in there}
    return [
        unit
        for unit in there
        if all(
            (unit.config, unit.data, unit.seed, variant) in known
            for variant in ("CT", "BL")
        )
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, help="default: all")
    parser.add_argument("--seeds", type=int, default=None, help="default: 3")
    parser.add_argument("--config", nargs="+", choices=CONFIGS, help="default: all")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed, 20 rounds, four data sets, both settings and the ablation",
    )
    parser.add_argument(
        "--finished",
        action="store_true",
        help="train nothing: the page of the results that are in --work",
    )
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=HERE / ".paper")
    output = HERE.parent / "docs" / "benchmarks" / "paper.md"
    parser.add_argument("--output", type=Path, default=output, help="Markdown file")
    arguments = parser.parse_args()
    # Small networks are fastest on one thread; the processes inherit this.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    quick = arguments.quick
    units = make_units(
        arguments.config or (CONFIGS[:3] if quick else CONFIGS),
        arguments.data or (QUICK if quick else list(DATA)),
        arguments.seeds or (1 if quick else 3),
        rounds=20 if quick else 100,
    )
    if arguments.finished:
        units = finished(units, arguments.work)
    start = time.perf_counter()
    results = run_all(units, arguments.work, arguments.n_jobs)
    minutes = (time.perf_counter() - start) / 60
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figures = draw_all(results, arguments.output)
    write_page(results, figures, arguments.output)
    print(f"{arguments.output}: {len(units)} units, this run {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
