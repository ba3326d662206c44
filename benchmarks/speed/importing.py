"""Seconds of imports, each in a fresh process."""

import json
import sys

from benchmarks.speed.measuring import aim, fresh, interleave, median, ratio

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
    found = interleave(runs, rounds, "import")
    seconds = {s: [one for one, _ in found[s]] for s in STATEMENTS}
    base, own = STATEMENTS[0], STATEMENTS[-1]
    lines = [
        {
            "statement": f"`{s}`",
            "seconds": median(seconds[s]),
            f"over `{base}`": ratio(seconds[s], seconds[base]),
        }
        for s in STATEMENTS
    ]
    loaded = ", ".join(found[own][0][1]) or "none"
    aims = [aim(f"`{own}` / `{base}`", 1.1, ratio(seconds[own], seconds[base]))]
    aims[0]["plotting imported"] = loaded
    return {"import": lines, "import_aims": aims}, {}
