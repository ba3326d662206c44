"""Importing the package brings in nothing that is only needed later, if at all."""

import os
import subprocess
import sys
from pathlib import Path

import sklearn_ct

# Figures, engines, other kinds of frames.
HEAVY = {
    "accelerate",
    "dask",
    "distributed",
    "matplotlib",
    "pandas.plotting._matplotlib",
    "polars",
    "ray",
    "skorch.hf",
}

PROGRAM = """
import sys
from time import perf_counter

start = perf_counter()
import torch, sklearn, skorch
middle = perf_counter()
import sklearn_ct
end = perf_counter()
print((end - middle) / (middle - start))
print(*sys.modules)
"""


def test_import_is_light():
    path = str(Path(sklearn_ct.__file__).parents[1])
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    share, modules = output.splitlines()
    assert not HEAVY & set(modules.split())
    # About 0.05 on an idle machine.
    assert float(share) < 0.3
