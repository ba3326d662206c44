"""The benchmark of limits: what is trained, and that its attacks make robust."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import limits
from sklearn_ct.metrics import robust_accuracy_score


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


def test_attacked_rows_make_the_twin_robust():
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


def test_only_twins_are_conventional():
    units = limits.make_units(["Adult", "MNIST"], 2, 5)
    assert len({(u.variant, u.data, u.seed) for u in units}) == 2 * 2 * 4
    assert units[0].data == "MNIST"
    for unit in units:
        alone = unit.variant in (limits.TWIN, limits.ATTACKED)
        assert unit.conventional == alone
    weights = {u.variant: u.parameters["lambda_adv"] for u in units}
    assert weights["lambda_adv=0.5"] == 0.5


def test_sets_are_counted_at_least_as_robust_as_the_papers():
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
    table = {line["trained with"]: line for line in limits.summary(results, list(fgsm))}
    line = table[limits.ATTACKED]
    assert line["FGSM at least the paper's"] == "1 of 2"
    assert line["points lost, most"] == pytest.approx(1)
    assert line["protected cost reduced, %"] == pytest.approx(50)
    assert table[limits.TWIN]["protected cost reduced, %"] == 0
    sets = limits.tables(results)["sets"]
    assert [line["data"] for line in sets] == ["Adult"] * 4 + ["CH"] * 4
    assert {line["FGSM 0.1: paper"] for line in sets} == {0.83, 0.76}
