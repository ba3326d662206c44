"""What several benchmarks share: their options, where a result comes from, times."""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "benchmarks" / ".cache"
CONVENTIONAL = {"lambda_div": 0.0, "lambda_adv": 0.0}
PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "skorch")
PACKAGES += ("adversarial-robustness-toolbox",)


def options(doc, **more):
    """Read the command line: ``--quick``, and a parameter of ``add_argument`` each."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little, to see it run")
    for name, how in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **how)
    return parser.parse_args()


def clock():
    """Wall and CPU seconds, (2,)."""
    return np.array([time.perf_counter(), time.process_time()])


def timed(call, *args, **kwargs):
    """Give the result of a call, and its wall and CPU seconds."""
    begin = clock()
    return call(*args, **kwargs), clock() - begin


def to_markdown(frame):
    """Format a frame as a Markdown table."""
    cells = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in cells)


def commit():
    """Last commit of the code; ends in ``+`` where the code has been changed since.

    Commits of results and pages do not count. Empty outside of a repository.
    """
    code = ["--", "sklearn_ct", "benchmarks"]
    try:
        last = _git("log", "-1", "--format=%h", *code)
        return last + ("+" if _git("status", "--porcelain", *code) else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*words):
    done = ["git", "-C", str(ROOT), *words]
    return subprocess.run(done, check=True, capture_output=True, text=True).stdout[:-1]


def kept(path, compute, source):
    """Take a result from a file of the same commit, or compute and keep it there.

    A result of code that is in no commit (``source`` ends in ``+`` or is empty) is
    never taken up again. Written whole or not at all.
    """
    if path.exists() and source and not source.endswith("+"):
        known = json.loads(path.read_text())
        if known["commit"] == source:
            return known["result"]
    result = json.loads(json.dumps(compute()))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"commit": source, "result": result}))
    part.replace(path)
    return result


def machine():
    """Processor, device, versions and load."""
    versions = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return {
        "processor": f"{processor}, {os.cpu_count()} cores, {gpu}",
        "load before": os.getloadavg()[0],
        "versions": ", ".join(versions),
    }
