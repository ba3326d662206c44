"""The benchmark of speed: its ratios, exponents, own times and verdicts."""

import numpy as np
import pytest

from benchmarks.speed import floor, loops, training
from benchmarks.speed.measuring import aim, exponent, interleave, ratio
from benchmarks.speed.tasks import make_task
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_moons


def test_ratio_is_of_each_round_with_its_spread():
    found = ratio([3.0, 8.0, 5.0], [1.0, 2.0, 5.0])
    # Not 5 / 2, the ratio of the medians.
    assert found == {"value": 3.0, "low": 1.0, "high": 4.0}
    # A candidate that sat rounds out is compared in those it ran.
    found = ratio([3.0, None, 5.0], [1.0, 2.0, 5.0])
    assert found == {"value": 2.0, "low": 1.0, "high": 3.0}
    assert ratio([3.0], [2.0, 1.0]) == {"value": 1.5, "low": 1.5, "high": 1.5}
    assert ratio([None], [2.0]) is None
    assert ratio([], [2.0]) is None


def test_exponent_of_the_upper_half():
    sizes = np.array([1, 10, 100, 1000, 10_000])
    cubes = 2.0 * sizes**1.5
    cubes[:2] = 7.0  # what little sizes cost does not count
    assert exponent(sizes.tolist(), cubes.tolist()) == pytest.approx(1.5)
    # Of three points against the closed form of least squares.
    x, y = np.log(sizes[2:]), np.array([1.0, 2.0, 7.0])
    slope = ((x - x.mean()) * y).sum() / ((x - x.mean()) ** 2).sum()
    values = [9.0, 9.0, *np.exp(y)]
    assert exponent(sizes.tolist(), values) == pytest.approx(slope)
    assert exponent([1, 2, 3, 4], [1.0, 1.0, 0.0, 5.0]) is None


def test_candidates_take_turns():
    order = []

    def candidate(name):
        return lambda i: order.append((i, name)) or i

    found = interleave({"a": candidate("a"), "b": candidate("b")}, 2)
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert found == {"a": [0, 1], "b": [0, 1]}


def test_own_times_of_a_fit_come_to_the_whole():
    X, y = make_moons(200, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=2, random_state=0)
    shares = floor.own_times(lambda: clf.fit(X, y))
    assert sum(shares.values()) == pytest.approx(1)
    # The built-in functions of torch count for those who call them.
    assert {"_core/walk.py", "_training/net.py", "other packages"} <= set(shares)
    assert shares["_core/walk.py"] > shares["_estimator/classifier.py"]


def test_a_network_without_a_way_back_walks_alike():
    X, y = make_moons(200, random_state=0)
    net = CounterfactualTrainedClassifier(max_epochs=2, random_state=0).fit(X, y).net_
    x = net.constraints.lower.new_tensor(X[:5].tolist())
    target = x.new_tensor([0, 1, 0, 1, 0]).long()
    generator = floor.ECCCo(max_iter=3)
    asked = {"tau": floor.NEVER, "epsilon": 0.1}
    ends = [
        generator.search(module, x, target, net.constraints, **asked).counterfactual
        for module in (net.module_.eval(), floor.Unknown(net.module_).eval())
    ]
    assert not np.allclose(ends[0], x)
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-5)


def test_an_aim_is_met_by_early_and_late_epochs():
    good, bad = ({"value": v, "low": 1.0, "high": 1.7} for v in (1.4, 1.6))
    assert aim("epoch", 1.5, good)[""] == "met"
    assert aim("epoch", 1.5, bad)[""] == "**missed**"
    assert aim("epoch", 1.5, good, late=bad)[""] == "**missed**"
    assert aim("speed", 1.5, bad, at_least=True)[""] == "met"
    assert aim("speed", 1.5, good, at_least=True)[""] == "**missed**"
    assert aim("speed", 5000, good, at_least=True)["asked"] == "at least 5,000"


def test_rows_of_searches_are_passed_beside_the_own_rows(monkeypatch):
    task = make_task("Moons", "cpu", n_rows=100)
    seen = []
    entropy = loops.cross_entropy
    monkeypatch.setattr(
        loops,
        "cross_entropy",
        lambda logits, label: seen.append(len(label)) or entropy(logits, label),
    )
    loops.plain(task, 1)
    assert seen == [30, 30, 30, 10]
    seen.clear()
    loops.plain(task, 1, n_searched=10)
    assert seen == [38, 38, 37, 17]
    seen.clear()
    loops.all_accompanied(task, 1)
    assert sum(seen) == 400


def test_the_worst_task_counts_for_an_aim_of_all():
    def task(seconds, late):
        ours = [{"dur": one, "dur_late": late} for one in seconds]
        timed = {training.REFERENCE: [{"dur": 1.0}] * 2, training.CARRIED: ours}
        timed |= {training.SKORCH: [{"dur": 1.0}] * 2, training.PAPER: ours}
        timed |= {training.BARE: [{"dur": 9.0}] * 2, training.PGD: [{"dur": 1.0}] * 2}
        return timed | {training.EVERY: ours, training.BARE_EVERY: [{"dur": 2.0}] * 2}

    timed = {"Moons": task([1.0, 1.0], 0.5), "Adult": task([3.0, 5.0], 2.0)}
    timed["Adult, batch 128"] = task([1.5, 1.5], 4.5)
    lines = {line["aim"]: line for line in training.aims_of(timed)}
    worst = lines["CT epoch / skorch's own epoch"]
    assert worst["worst of all tasks"] == "Adult, batch 128"  # by its late epochs
    assert worst["last five epochs"]["value"] == 4.5
    adult = lines["CT epoch / plain, Adult, batch 1000, n_ce 5000"]
    assert adult["measured"] == {"value": 4.0, "low": 3.0, "high": 5.0}
    assert adult[""] == "**missed**"
    # What passes alone would come to stands beside it, and decides nothing.
    moons = lines["CT epoch / plain, Moons, batch 30, n_ce 1000"]
    assert moons["without any search"]["value"] == 9.0
    assert moons[""] == "met"
    every = lines["CT epoch, every row / PGD-10 epoch"]
    assert every["without any search"]["value"] == 2.0
    # Where another package was not installed there is nothing to compare.
    assert not any("ART" in name for name in lines)
