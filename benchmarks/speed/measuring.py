"""Candidates timed in turn, ratios with their spread, exponents, fresh processes."""

import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import sklearn_ct

PACKAGES = (
    "torch",
    "numpy",
    "pandas",
    "scikit-learn",
    "skorch",
    "adversarial-robustness-toolbox",
)


class Ratio(NamedTuple):
    """Median of the rounds' ratios, the smallest and the largest."""

    median: float
    low: float
    high: float


def ratio(values, reference):
    """Ratio of two candidates, round by round; what is None has no ratio.

    Parameters
    ----------
    values, reference : list of float or None
        One of each round. A candidate that ran fewer rounds is compared in those.

    Returns
    -------
    Ratio or None
    """
    pairs = zip(values, reference, strict=False)
    ratios = [a / b for a, b in pairs if a is not None and b is not None]
    if not ratios:
        return None
    return Ratio(float(np.median(ratios)), min(ratios), max(ratios))


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


def interleave(candidates, rounds, say=None):
    """Run every candidate once in each round, one after the other.

    Parameters
    ----------
    candidates : dict
        Of callables ``round -> result``; one that returns None sits the round out.
    rounds : int
    say : callable, optional
        Told the name and round before each run.

    Returns
    -------
    dict
        Of lists of results, as many as there are rounds.
    """
    results = {name: [] for name in candidates}
    for i in range(rounds):
        for name, run in candidates.items():
            if say is not None:
                say(name, i)
            results[name].append(run(i))
    return results


def progress(part, rounds):
    """Make the ``say`` of `interleave` that prints a line on the error stream."""
    start = time.perf_counter()

    def say(name, i):
        seconds = time.perf_counter() - start
        text = f"{part}, round {i + 1} of {rounds}, {seconds:.0f} s: {name}"
        print(text, file=sys.stderr, flush=True)

    return say


def seconds_of(run, device="cpu"):
    """Seconds of a call, until the device is done with it."""
    synchronise(device)
    start = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - start


def synchronise(device):
    """Wait for a GPU; a CPU is always done."""
    if device != "cpu":
        torch.cuda.synchronize()


def device():
    """Where nets are trained: on the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


# -- fresh processes ------------------------------------------------------------


def alone(module, function, **options):
    """Call a function of this package in a process of its own.

    Options and result are what JSON can hold.
    """
    command = [sys.executable, "-m", "speed.measuring", module, function]
    done = fresh([*command, json.dumps(options)])
    return json.loads(done.splitlines()[-1])


def fresh(command):
    """Output of a command that sees the same packages, on one thread."""
    here = str(Path(__file__).parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"A measuring process failed: {' '.join(command)}")
    return done.stdout


def memory():
    """Memory of this process now, in MiB."""
    return _status("VmRSS")


def peak_memory():
    """Peak memory of this process, in MiB."""
    # On Linux ru_maxrss starts from the size of the process that made this one.
    with contextlib.suppress(OSError, KeyError):
        return _status("VmHWM")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _status(name):
    text = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    return int(lines[name].split()[0]) / 2**10


# -- where it was measured ------------------------------------------------------


def machine():
    """Processor, device, versions and load, for the page."""
    versions = {
        "Python": platform.python_version(),
        "sklearn-ct": sklearn_ct.__version__,
    }
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": versions,
        "load": os.getloadavg()[0],
    }


def _processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    import importlib

    name, function, options = sys.argv[1:]
    torch.set_num_threads(1)
    run = getattr(importlib.import_module(f"speed.{name}"), function)
    print(json.dumps(run(**json.loads(options))))
