"""Candidates in turn, ratios with their spread, aims, fresh processes."""

import importlib
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
    """Spread of the ratios of two candidates, round by round."""
    return spread([a / b for a, b in zip(values, reference, strict=True)])


def spread(values):
    """Median, smallest and largest value as a cell of the report."""
    return {"value": float(np.median(values)), "low": min(values), "high": max(values)}


def aim(name, limit, measured, **more):
    """Line of what was asked, at most, beside what was measured; the median decides."""
    met = measured["value"] <= limit
    line = {"aim": name, "asked": f"at most {limit:,g}", "measured": measured}
    return line | more | {"": "met" if met else "**missed**"}


def interleave(candidates, rounds):
    """Run every candidate, ``round -> result``, once in each round, one after another.

    Lists of results, as many as there are rounds.
    """
    results = {name: [] for name in candidates}
    for i in range(rounds):
        for name, run in candidates.items():
            print(f"round {i + 1}: {name}", file=sys.stderr, flush=True)
            results[name].append(run(i))
    return results


def clock():
    """Seconds of the processor, or those until a GPU is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def seconds_of(run):
    """Seconds of a call, by `clock`."""
    start = clock()
    run()
    return clock() - start


def device():
    """Where nets are trained: on the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


# -- fresh processes ------------------------------------------------------------


class Process:
    """A process of its own, asked for functions of this package one after the other.

    Parameters
    ----------
    module : str
        Of this package.
    version : str, optional
        Folder with another version of ``sklearn_ct``.
    """

    def __init__(self, module, version=None):
        others = version, str(ROOT), os.environ.get("PYTHONPATH")
        found = [folder for folder in others if folder]
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(found),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "benchmarks.speed.measuring", module]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=env, cwd=found[0], **pipes)

    def ask(self, function, **arguments):
        """Give the result of a function; JSON can hold it and the arguments."""
        print(json.dumps([function, arguments]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"A measuring process failed in {function}.")
        return json.loads(answer)

    def __enter__(self):
        """Use it."""
        return self

    def __exit__(self, *error):
        """End it."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def alone(module, function, **arguments):
    """Call a function of this package in a process of its own."""
    with Process(module) as process:
        return process.ask(function, **arguments)


def memory(name="VmRSS"):
    """Memory of this process now, in MiB; of Linux."""
    text = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    return int(lines[name].split()[0]) / 2**10


def peak_memory():
    """Peak memory of this process, in MiB."""
    return memory("VmHWM")


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked = importlib.import_module(f"benchmarks.speed.{sys.argv[1]}")
    for line in sys.stdin:
        name, given = json.loads(line)
        print(json.dumps(getattr(asked, name)(**given)), flush=True)
