"""Seconds of imports, each in a fresh process."""

import json
import sys

from speed.measuring import fresh, interleave, progress

STATEMENTS = (
    "import torch, sklearn",
    "import torch, sklearn, skorch",
    "import torch, sklearn, skorch, pandas",
    "import sklearn_ct",
)
UNWANTED = ("matplotlib", "pandas.plotting._matplotlib")
CODE = """
import json, sys, time
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
print(json.dumps([seconds, [name for name in {unwanted} if name in sys.modules]]))
"""


def measure(rounds, quick):
    """Time the statements in turn; at least seven rounds, unless quick."""
    rounds = 1 if quick else max(rounds, 7)

    def once(statement):
        code = CODE.format(statement=statement, unwanted=UNWANTED)
        return json.loads(fresh([sys.executable, "-c", code]))

    for statement in () if quick else STATEMENTS:
        once(statement)  # compiled files and the disk's cache
    runs = {s: lambda i, s=s: once(s) for s in STATEMENTS}
    results = interleave(runs, rounds, progress("import", rounds))
    return {
        "rounds": rounds,
        "seconds": {s: [seconds for seconds, _ in results[s]] for s in STATEMENTS},
        "unwanted": results["import sklearn_ct"][0][1],
    }
