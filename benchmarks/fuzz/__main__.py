"""Run the fuzz: ``python -m benchmarks.fuzz --minutes 60``."""

import os
import time
import warnings
from collections import Counter
from itertools import count, takewhile

import numpy as np
from joblib import Parallel, delayed

from benchmarks._common import machine, options
from benchmarks.fuzz import __doc__ as doc
from benchmarks.fuzz.cases import draw
from benchmarks.fuzz.judge import judge
from benchmarks.report import publish
from sklearn_ct import explain

WRONG = (
    "false valid",
    "broken rules",
    "moved without an answer",
    "given twice",
    "out of order",
    "another one alone",
)
SHOWN = 20  # faults that are told by their seed


def run_case(seed):
    """Count what a case has: the counts, its name, and what went wrong in words."""
    begin = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = draw(seed)
            if not len(case.asked):
                return Counter(cases=1), case.name, []
            # What users hand over, and what they have back.
            result = explain(case.model, case.pack(case.asked), **case.call())
            counts, broken, found = judge(case, result, np.random.default_rng(seed))
    except Exception as error:
        words = f"{type(error).__name__}: {str(error)[:200]}"
        return Counter(cases=1, errors=1), "", [f"seed {seed}: {words}"]
    counts["CPU seconds"] = time.process_time() - begin
    told = [f"seed {seed}: {counts[what]} {what}" for what in WRONG if counts[what]]
    told += [f"seed {seed}: breaks {', '.join(sorted(broken))}"] * bool(broken)
    if found:
        rows = ", ".join(map(str, found[:5]))
        told.append(f"seed {seed}: falsely without an answer, rows {rows}")
    return Counter(cases=1, **counts), case.name, told


def run(minutes, first=0, jobs=1, show=print):
    """Cases for some minutes: counts in all, by name, and the faults in words."""
    end = time.perf_counter() + 60 * minutes
    seeds = takewhile(lambda _: time.perf_counter() < end, count(first))
    total, by_name, told = Counter(), {}, []
    cases = Parallel(jobs, return_as="generator_unordered", pre_dispatch=jobs)
    for counts, name, words in cases(delayed(run_case)(seed) for seed in seeds):
        total.update(counts)
        by_name.setdefault(name.split(",")[0] or "errors", Counter()).update(counts)
        told += words
        for line in words:
            show(line, flush=True)
    return total, by_name, told


def line(counts):
    """Of a table: what was asked and what was wrong."""
    looked = counts["looked at"]
    return {
        "cases": counts["cases"],
        "rows": counts["rows"],
        "answers": counts["answers"],
        "false valid": counts["false valid"],
        "rules broken": counts["broken rules"],
        "given twice": counts["given twice"],
        "out of order": counts["out of order"],
        "another one alone": counts["another one alone"],
        "without an answer": counts["without an answer"],
        "looked at": looked,
        "falsely without": counts["falsely without"],
        "falsely without, %": 100 * counts["falsely without"] / max(looked, 1),
        "errors": counts["errors"],
    }


def main():
    asked = options(
        doc,
        minutes={"type": float, "default": 5.0},
        first={"type": int, "default": 0, "help": "seed of the first case"},
        jobs={"type": int, "default": 1, "help": "processes"},
    )
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    where, minutes = machine(), 0.2 if asked.quick else asked.minutes
    total, by_name, told = run(minutes, asked.first, asked.jobs)
    lines = [{"container": name, **line(c)} for name, c in sorted(by_name.items())]
    lines.append({"container": "all", **line(total)})
    faults = told[:SHOWN] or ["None."]
    publish(
        "fuzz",
        "fuzz",
        {"counts": lines, "faults": faults},
        quick=asked.quick,
        minutes=minutes,
        first=asked.first,
        processes=asked.jobs,
        **{"CPU minutes": total["CPU seconds"] / 60},
        **where,
    )


if __name__ == "__main__":
    main()
