"""Seconds and memory of explaining few and many rows."""

from benchmarks.speed.measuring import (
    aim,
    alone,
    interleave,
    memory,
    peak_memory,
    seconds_of,
    spread,
)
from benchmarks.speed.pieces import TARGET, rejected, trained

SIZES = (1, 10, 100, 1_000, 10_000)
MANY = 100_000


def measure(rounds, quick):
    """Time calls of all sizes in turn, in one process; memory in fresh ones."""
    sizes = SIZES[:3] if quick else SIZES
    clf = trained(quick)
    rows = rejected(clf, max(sizes[-1], 100))
    valid = {}

    def once(n):
        # Some rows take longer than others: few of them are not asked about alone.
        tables = [rows[k * n : (k + 1) * n] for k in range(max(1, 20 // n))]
        found = []
        seconds = seconds_of(
            lambda: found.extend(clf.explain(t, TARGET).valid.mean() for t in tables)
        )
        valid[n] = sum(found) / len(found)
        return seconds / len(tables)

    clf.explain(rows[:100], TARGET)
    runs = {n: lambda i, n=n: once(n) for n in sizes}
    seconds = interleave(runs, rounds)
    lines = [
        {
            "rows": n,
            "seconds": spread(many),
            "rows/s": n / spread(many)["value"],
            "valid": valid[n],
        }
        for n, many in seconds.items()
    ]
    few, many = (10, 100) if quick else (1_000, MANY)
    peaks = [
        {"rows": n, **alone("explaining", "memory_of", n=n, quick=quick)}
        for n in (few, many)
    ]
    share = peaks[1]["peak, MiB"] / peaks[0]["peak, MiB"]
    title = f"peak memory, {many:,} rows / {few:,} rows"
    tables = {"explaining": lines, "memory": peaks}
    return tables | {"explaining_aims": [aim(title, 1.3, spread([share]))]}


def memory_of(n, quick):
    """Peak memory of one call, and what the process held before it."""
    clf = trained(quick)
    rows = rejected(clf, n)
    before = memory()
    clf.explain(rows, TARGET)
    return {"before the call, MiB": before, "peak, MiB": peak_memory()}
