"""Counterfactual training against conventional training: the paper's tables.

One command measures what ``docs/benchmarks/paper.md`` and the figures beside it show::

    SKLEARN_CT_DATA=... python -m benchmarks.paper

For each data set and seed a counterfactual-trained classifier (CT), a second one with
the protected feature immutable, and a conventional twin are trained on the same rows,
with the same network, seed and optimiser; once with the paper's settings, once with
the defaults of the class. A run that was stopped goes on where it was as long as no
code has changed.
"""

import argparse
import os

from benchmarks._common import CACHE, machine
from benchmarks.paper.compare import Results
from benchmarks.paper.data import DATA
from benchmarks.paper.settings import CONFIGS, make_units
from benchmarks.paper.tables import all_figures, all_tables
from benchmarks.paper.units import run_all
from benchmarks.report import publish

QUICK = ("Moon", "CH")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--config", nargs="+", choices=CONFIGS, default=CONFIGS)
    parser.add_argument(
        "--quick", action="store_true", help="few rounds and sets, to see that all runs"
    )
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    # Small networks are fastest on one thread; the processes inherit this.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    quick, where = arguments.quick, machine()
    configs = [c for c in arguments.config if not quick or c in CONFIGS[:3]]
    names = arguments.data or (QUICK if quick else list(DATA))
    seeds, rounds = (1, 5) if quick else (arguments.seeds, 100)
    units = make_units(configs, names, seeds, rounds)
    results = Results(run_all(units, CACHE / "paper", arguments.n_jobs))
    told = {"data sets": len(names), "seeds": seeds, "bootstrap rounds": rounds}
    told["CPU minutes"] = sum(one["cpu"] for one in results.results.values()) / 60
    told |= where
    publish(
        "paper",
        "paper",
        all_tables(results),
        figures=all_figures(results),
        quick=quick,
        **told,
    )


if __name__ == "__main__":
    main()
