"""Candidates in turn, ratios with their spread, exponents, aims, fresh processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks._common import ROOT


def ratio(values, reference):
    """Spread of the ratios of two candidates, round by round, or None.

    What is None has no ratio; one that ran fewer rounds is compared in those.
    """
    pairs = zip(values, reference, strict=False)
    return spread([a / b for a, b in pairs if a is not None and b is not None])


def spread(values):
    """Median, smallest and largest value as a cell of the report."""
    if not values:
        return None
    return {"value": median(values), "low": min(values), "high": max(values)}


def aim(name, limit, measured, *, late=None, at_least=False, **more):
    """Line of what was asked beside what was measured.

    The medians are to reach the limit, that of the last epochs (``late``) as well.
    """
    known = [found["value"] for found in (measured, late) if found is not None]
    met = min(known) >= limit if at_least else max(known) <= limit
    return {
        "aim": name,
        "asked": f"{'at least' if at_least else 'at most'} {limit:,g}",
        "measured": measured,
        **({} if late is None else {"last five epochs": late}),
        **more,
        "": "met" if met else "**missed**",
    }


def median(values):
    """Median of what is there, None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def exponent(sizes, values):
    """Exponent ``b`` of ``values ~ sizes^b`` over the upper half of the sizes.

    Least squares of the logarithms; of an odd number of sizes the middle one belongs
    to the upper half. None where fewer than two values are positive.
    """
    start = len(sizes) // 2
    pairs = zip(sizes[start:], values[start:], strict=True)
    known = np.array([(s, v) for s, v in pairs if v is not None and v > 0])
    if len(known) < 2:
        return None
    return float(np.polyfit(*np.log(known.T), 1)[0])


def interleave(candidates, rounds, part=None):
    """Run every candidate, ``round -> result``, once in each round, one after another.

    Lists of results, as many as there are rounds; ``part`` is told beside the progress.
    """
    results = {name: [] for name in candidates}
    for i in range(rounds):
        for name, run in candidates.items():
            if part is not None:
                print(f"{part}, round {i + 1}: {name}", file=sys.stderr, flush=True)
            results[name].append(run(i))
    return results


def seconds_of(run, device="cpu"):
    """Seconds of a call, until the device is done with it."""
    wait = torch.cuda.synchronize if device != "cpu" else int
    wait()
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def device():
    """Where nets are trained: on the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


# -- fresh processes ------------------------------------------------------------


def alone(module, function, **options):
    """Call a function of this package in a process of its own.

    Options and result are what JSON can hold.
    """
    command = [sys.executable, "-m", __spec__.name, module, function]
    done = fresh([*command, json.dumps(options)])
    return json.loads(done.splitlines()[-1])


def fresh(command):
    """Output of a command that sees the same packages, on one thread."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"A measuring process failed: {' '.join(command)}")
    return done.stdout


def memory(name="VmRSS"):
    """Memory of this process now, in MiB; of Linux."""
    text = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    return int(lines[name].split()[0]) / 2**10


def peak_memory():
    """Peak memory of this process, in MiB."""
    return memory("VmHWM")


if __name__ == "__main__":
    import importlib

    name, function, options = sys.argv[1:]
    torch.set_num_threads(1)
    run = getattr(importlib.import_module(f"benchmarks.speed.{name}"), function)
    print(json.dumps(run(**json.loads(options))))
