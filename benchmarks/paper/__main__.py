"""Counterfactual training against conventional training: the paper's tables.

One command measures what ``docs/benchmarks/paper.md`` and the figures beside it show::

    SKLEARN_CT_DATA=... python -m benchmarks.paper

For each data set and seed a counterfactual-trained classifier (CT), a second one with
the protected feature immutable, and a conventional twin are trained on the same rows,
with the same network, seed and optimiser; once with the paper's settings, once with
the defaults of the class. A run that was stopped goes on where it was as long as no
code has changed.
"""

import os

from benchmarks._common import CACHE, machine, options
from benchmarks.paper.compare import Results
from benchmarks.paper.data import DATA
from benchmarks.paper.settings import CONFIGS, make_units
from benchmarks.paper.tables import all_figures, all_tables
from benchmarks.paper.units import run_all
from benchmarks.report import publish


def main():
    asked = options(
        __doc__,
        data={"nargs": "+", "choices": DATA, "default": list(DATA)},
        config={"nargs": "+", "choices": CONFIGS, "default": CONFIGS},
        seeds={"type": int, "default": 3},
        n_jobs={"type": int, "default": 2},
    )
    # Small networks are fastest on one thread; the processes inherit this.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    where, told = machine(), {"seeds": asked.seeds, "bootstrap rounds": 100}
    if asked.quick:
        asked.data, asked.config = ("Moon", "CH"), CONFIGS[:3]
        told = {"seeds": 1, "bootstrap rounds": 5}
    units = make_units(asked.config, asked.data, *told.values())
    results = Results(run_all(units, CACHE / "paper", asked.n_jobs))
    told = {"data sets": len(asked.data), **told}
    told["CPU minutes"] = sum(one["cpu"] for one in results.results.values()) / 60
    # What this run did not measure stays on the page as it was.
    made = all_tables(results).items()
    tables = {name: table for name, table in made if any(len(one) > 1 for one in table)}
    figures = all_figures(results)
    part = ", ".join(c for c in CONFIGS if c in asked.config)
    publish("paper", part, tables, figures=figures, quick=asked.quick, **told, **where)


if __name__ == "__main__":
    main()
