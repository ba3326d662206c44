"""The benchmark of limits: what is trained, and that its attacks make robust."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_ct.metrics import robust_accuracy_score

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def limits():
    sys.path.insert(0, str(BENCHMARKS))
    import limits

    yield limits
    sys.path.remove(str(BENCHMARKS))
    ours = ("limits", "paper", "speed", "_common")
    for name in [n for n in sys.modules if n.split(".")[0] in ours]:
        del sys.modules[name]


def weak_and_strong(n=800):
    """Many weak features that an attack reverses, and one that it does not."""
    draw = np.random.default_rng(0)
    y = draw.integers(2, size=n)
    sign = 2 * y[:, None] - 1
    weak = draw.normal(size=(n, 60)) + 0.15 * sign
    strong = draw.normal(scale=0.1, size=(n, 1)) + np.where(
        draw.random((n, 1)) < 0.15, -sign, sign
    )
    return np.hstack([weak, strong]), y


def test_attacked_rows_make_the_twin_robust(limits):
    X, y = weak_and_strong()
    unit = SimpleNamespace(
        seed=0,
        parameters={**limits.CONVENTIONAL, "max_epochs": 15, "lr": 0.01},
    )
    twin, _ = limits.train_classifier(unit, X, y)
    ours, result = limits.train_on_attacks(unit, X, y)
    accuracy = [robust_accuracy_score(c, X, y, epsilon=0.1) for c in (twin, ours)]
    assert accuracy[1] > accuracy[0] + 0.1
    assert ours.score(X, y) > 0.8
    assert result["seconds"] > 0


def test_only_twins_are_conventional(limits):
    units = limits.make_units(["Adult", "MNIST"], 2, 5)
    assert len({(u.variant, u.data, u.seed) for u in units}) == 2 * 2 * 4
    assert units[0].data == "MNIST"
    for unit in units:
        alone = unit.variant in (limits.TWIN, limits.ATTACKED)
        assert unit.conventional == alone
    weights = {u.variant: u.parameters["lambda_adv"] for u in units}
    assert weights["lambda_adv=0.5"] == 0.5


def test_the_page_counts_sets_at_least_as_robust_as_the_papers(limits, tmp_path):
    fgsm = {"Adult": 0.9, "CH": 0.5}
    measures = ("ip", "relative", "cost", "validity")

    def result(name, variant):
        seen = 1.0 if variant == limits.TWIN else 0.5
        measured = {m: [[seen, seen]] for m in measures}
        return {
            "accuracy": 0.8 if variant == limits.TWIN else 0.79,
            "fgsm": [0.8, fgsm[name]],
            "seconds": 1.0,
            "cpu": 60.0,
            "free": measured,
            "protected": measured,
        }

    results = limits.Results(
        {
            ("defaults", variant, name, 0): result(name, variant)
            for variant in limits.VARIANTS
            for name in fgsm
        }
    )
    table = limits.summary(results, list(fgsm)).set_index("trained with")
    line = table.loc[limits.ATTACKED]
    assert line["FGSM at least the paper's"] == "1 of 2"
    assert line["points lost, most"] == "1.0"
    assert line["protected cost reduced, %"] == "50.0"
    assert table.loc[limits.TWIN, "protected cost reduced, %"] == "0.0"
    limits.write_page(results, tmp_path / "limits.md")
    assert "| Adult | attacked rows alone |" in (tmp_path / "limits.md").read_text()
