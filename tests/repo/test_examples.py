"""Every page of the gallery runs and draws; what the programs promise holds."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCALE = EXAMPLES / "scale"
PAGES = {path.stem: path for path in sorted(EXAMPLES.glob("*/plot_*.py"))}
# Those that train many models.
SLOW = {
    "plot_plausibility",
    "plot_survival",
    "plot_thresholds",
    "plot_tuning",
    "plot_what_training_changes",
}

# Conventional training on whole batches: averaged over the processes, the gradients of
# their shares are those of all rows, so that the weights must be those of one process.
SAME_AS_ONE = """
import sys
import numpy as np
import torch
from accelerate import Accelerator
from torch.nn.utils import parameters_to_vector
from train_data_parallel import main, train
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._training.net import CounterfactualNet
from sklearn_ct.datasets import make_moons

accelerator = Accelerator(cpu=True)
assert accelerator.num_processes == 2
X, y = make_moons(400, random_state=0)
one, two = (
    CounterfactualTrainedClassifier(
        max_epochs=1, batch_size=400, lambda_div=0.0, lambda_adv=0.0, random_state=0
    ).fit(X, y)
    for _ in range(2)
)
settings = one.net_.get_params(deep=False)
alone = CounterfactualNet(**settings | {"module": one.net_.module_, "max_epochs": 20})
before = parameters_to_vector(one.net_.module_.parameters()).clone()
alone.initialize().train(torch.tensor(one.encode(X)).float(), torch.tensor(y))
train(two, X, y, accelerator, max_epochs=20)
first, second = (
    parameters_to_vector(clf.net_.module_.parameters()) for clf in (one, two)
)
assert (first - before).abs().max() > 1e-2
torch.testing.assert_close(first, second, atol=1e-5, rtol=0)
sys.argv[1:] = ["--epochs", "6"]
main()
"""


def run(*command):
    """Output of a Python command, with the package and the examples importable."""
    path = os.pathsep.join([str(ROOT), str(SCALE)])
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in PAGES
    ],
)
def test_a_page_runs_and_draws(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")
    try:
        runpy.run_path(str(PAGES[name]), run_name="__main__")
        figures = [plt.figure(number) for number in plt.get_fignums()]
        assert figures
        for figure in figures:
            figure.canvas.draw()
            for ax in figure.axes:
                assert ax.has_data() or ax.texts
            image = np.asarray(figure.canvas.buffer_rgba())
            assert (image != image[0, 0]).any(axis=2).mean() > 0.01
    finally:
        plt.close("all")
    assert not list(tmp_path.iterdir())  # a page leaves nothing behind


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_title_and_something_to_take_away(name):
    text = PAGES[name].read_text(encoding="utf-8")
    title, line = text.splitlines()[1:3]
    assert set(line) == {"="}
    assert len(line) == len(title)
    assert "# What to take away\n# ----" in text.split("# %%")[-1]


def test_every_folder_of_the_gallery_is_introduced():
    folders = {path.parent for path in EXAMPLES.rglob("*.py")}
    assert all((folder / "GALLERY_HEADER.rst").is_file() for folder in folders)


def test_explain_dask(tmp_path):
    for package in ("distributed", "pyarrow"):
        pytest.importorskip(package, reason="needs the extra 'dask'")
    size = ["--partitions", 3, "--size", 100, "--folder", tmp_path]
    output = run(SCALE / "explain_dask.py", *size)
    # It compares the last partition itself.
    assert "300 answers" in output
    assert "equal to a call in memory" in output
    answers = pd.read_parquet(tmp_path)
    assert len(answers) == 300
    assert {"valid", "already"} <= set(answers["status"])
    assert (answers["target"] == "approved").all()


def test_train_data_parallel(tmp_path):
    pytest.importorskip("accelerate", reason="needs the extra 'accelerate'")
    program = tmp_path / "program.py"
    program.write_text(SAME_AS_ONE, encoding="utf-8")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2]
    output = run(*launch, program)
    assert "2 processes with the same weights" in output
    accuracy = float(re.search(r"accuracy (\d\.\d+)", output)[1])
    assert accuracy > 0.7  # 0.825 is the most that these rows allow
