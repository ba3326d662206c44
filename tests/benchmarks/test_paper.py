"""The benchmark of the paper's tables: its sums, and that it goes on where it was."""

import numpy as np
import pytest

from benchmarks.paper import units as running
from benchmarks.paper.compare import (
    N_RESAMPLES,
    Results,
    compare,
    reduction,
    resampled_difference,
)
from benchmarks.paper.protocol import (
    EPSILONS,
    MEASURES,
    RealRows,
    resampled_mmd,
    round_means,
)
from benchmarks.paper.settings import CONFIGS, make_units
from benchmarks.paper.tables import matched_attack
from sklearn_ct.metrics import (
    implausibility_distance,
    mmd_distance,
    relative_implausibility,
)


def rounds(seed, shape=(40, 5), level=2.0, missing=0.2):
    draw = np.random.default_rng(seed)
    values = level + draw.normal(size=shape)
    values[draw.random(shape) < missing] = np.nan
    return values


def test_reduction_is_of_the_means_over_what_is_there():
    ct, twin = [rounds(0), rounds(1)], [rounds(2, level=4.0), rounds(3, level=5.0)]
    result = compare(ct, twin)
    known = [[v for a in model for v in a.ravel() if v == v] for model in (ct, twin)]
    mean_ct, mean_twin = (sum(values) / len(values) for values in known)
    assert result.ct == pytest.approx(mean_ct)
    assert result.twin == pytest.approx(mean_twin)
    expected = 100 * (mean_twin - mean_ct) / mean_twin
    assert result.reduction == pytest.approx(expected)
    seeds = [
        100 * (1 - np.nanmean(a) / np.nanmean(b)) for a, b in zip(ct, twin, strict=True)
    ]
    assert (result.worst, result.best) == pytest.approx((min(seeds), max(seeds)))
    both = [
        (x, z)
        for a, b in zip(ct, twin, strict=True)
        for x, z in zip(a.ravel(), b.ravel(), strict=True)
        if x == x and z == z
    ]
    pair_ct, pair_twin = np.mean(both, axis=0)
    assert result.paired == pytest.approx(100 * (1 - pair_ct / pair_twin))


def test_a_higher_value_of_a_negative_measure_is_no_reduction():
    assert reduction(-1.0, -2.0) == -50
    assert reduction(-3.0, -2.0) == 50
    assert np.isnan(reduction(1e-9, 2e-9))  # a share of next to nothing


def test_interval_against_rounds_drawn_one_by_one():
    ct, twin = rounds(0, level=2.0), rounds(1, level=3.0)
    got = resampled_difference(ct, twin)
    draw = np.random.default_rng(1)
    expected = []
    for _ in range(N_RESAMPLES):
        index = draw.integers(len(ct), size=len(ct))
        expected.append(np.nanmean(twin[index]) - np.nanmean(ct[index]))
    spread = np.std(expected)
    for q in (0.005, 0.5, 0.995):
        assert np.quantile(got, q) == pytest.approx(
            np.quantile(expected, q), abs=0.25 * spread
        )


def test_the_interval_is_in_per_cent_of_the_twin_and_pairs_the_rounds():
    # What rounds have in common cancels: the difference is 1 in every round.
    twin = 10 + 5 * np.random.default_rng(0).normal(size=(60, 1))
    result = compare([twin - 1], [twin])
    assert result.low == pytest.approx(100 / twin.mean())
    assert result.high == pytest.approx(100 / twin.mean())
    noise = np.random.default_rng(1).normal(size=(60, 1))
    result = compare([twin + noise - noise.mean()], [twin])
    assert result.low < 0 < result.high


def test_comparison_where_one_model_has_no_valid_counterfactual():
    result = compare([np.full((3, 2), np.nan)], [np.ones((3, 2))])
    assert result.twin == 1
    assert np.isnan([result.ct, result.reduction, result.low, result.paired]).all()


@pytest.fixture
def walked():
    draw = np.random.default_rng(0)
    found, cost = draw.normal(size=(12, 3)), draw.random(12)
    valid = np.arange(12) % 4 != 0
    return valid, found, cost, draw.normal(1.0, 1.0, (30, 3)), draw.normal(size=(25, 3))


def test_rounds_of_cached_walks_against_the_rows_themselves(walked):
    valid, found, cost, reference, heldout = walked
    real = RealRows(reference, heldout)
    chosen = [[0, 1, 2, 3, 5], [4, 6, 7, 8, 11]]
    draws = np.zeros((3, 12), dtype=int)
    for line, rows in zip(draws, chosen, strict=False):
        line[rows] = 1
    draws[2, [0, 4]] = 7, 2  # nothing valid
    got = round_means(draws, valid, found, cost, real)
    assert set(got) == set(MEASURES)
    for i, rows in enumerate(chosen):
        kept = [r for r in rows if valid[r]]
        assert got["validity"][i] == len(kept) / len(rows)
        assert got["cost"][i] == pytest.approx(np.mean(cost[kept]))
        for name, expected in {
            "ip": implausibility_distance(found[kept], reference),
            "relative": relative_implausibility(found[kept], reference, heldout),
            "mmd": mmd_distance(found[kept], reference),
            "mmd_median": mmd_distance(
                found[kept], reference, length_scale=real.median
            ),
        }.items():
            assert got[name][i] == pytest.approx(expected)
    assert got["validity"][2] == 0
    assert all(np.isnan(got[name][2]) for name in MEASURES if name != "validity")


def test_rows_drawn_more_than_once(walked):
    valid, found, cost, reference, heldout = walked
    real = RealRows(reference, heldout)
    draws = np.array([[1, 3, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0]])
    rows = [1, 1, 1, 2, 2, 5]  # the first is not valid
    got = round_means(draws, valid, found, cost, real)
    assert got["validity"][0] == pytest.approx(6 / 7)
    assert got["cost"][0] == pytest.approx(np.mean(cost[rows]))
    assert got["ip"][0] == pytest.approx(
        implausibility_distance(found[rows], reference)
    )

    def kernel(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * 0.5**2))

    within = [kernel(found[a], found[b]) for a in rows for b in rows if a != b]
    among = [kernel(a, b) for i, a in enumerate(reference) for b in reference[:i]]
    between = [kernel(found[a], b) for a in rows for b in reference]
    expected = np.mean(within) + np.mean(among) - 2 * np.mean(between)
    assert got["mmd"][0] == pytest.approx(expected)
    # One row and its copies have no pair.
    assert np.isnan(resampled_mmd(found[:1], reference, np.array([[4.0]]), 0.5)).all()


def units(rounds=3):
    return make_units(["paper", "defaults"], ["Moon", "CH"], 2, rounds)


def test_units_are_listed_once_and_share_what_they_can():
    every = make_units(CONFIGS, ["Moon", "CH"], 2, 3)
    assert len(every) == len(set(every))
    keys = {(u.config, u.variant, u.data, u.seed) for u in every}
    assert len(keys) == len(every)
    # The paper's own value of a grid is the plain unit.
    assert ("paper", "tau=0.9", "CH", 0) in keys
    assert ("paper", "tau=0.9", "Moon", 0) not in keys
    assert not any(
        u.config == "defaults" and "lambda_reg" in u.parameters for u in every
    )
    assert units() == [u for u in every if u in units()]


@pytest.fixture
def source(monkeypatch):
    def say(commit):
        monkeypatch.setattr(running, "commit", lambda: commit)

    say("1234567")
    return say


def test_a_second_run_of_the_same_commit_computes_nothing_again(tmp_path, source):
    asked = []

    def compute(unit):
        asked.append(unit)
        return {"accuracy": unit.seed / 2}

    first = running.run_all(units(), tmp_path, 1, compute)
    assert len(asked) == len(units()) == len(first)
    assert first["paper", "CT", "Moon", 1]["accuracy"] == 0.5
    assert running.run_all(units(), tmp_path, 1, compute) == first
    assert len(asked) == len(first)
    running.run_all(units(rounds=4), tmp_path, 1, compute)  # other rounds
    assert len(asked) == 2 * len(first)
    source("7654321")
    running.run_all(units(), tmp_path, 1, compute)
    assert len(asked) == 3 * len(first)


@pytest.mark.parametrize("commit", ["1234567+", ""])
def test_results_of_code_in_no_commit_are_not_taken_up(tmp_path, source, commit):
    source(commit)
    asked = []
    for _ in range(2):
        running.run_all(units()[:1], tmp_path, 1, lambda unit: asked.append(unit) or {})
    assert len(asked) == 2


def test_a_run_that_breaks_keeps_what_is_done(tmp_path, source):
    asked = []

    def breaks(unit):
        asked.append(unit)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        running.run_all(units(), tmp_path, 1, breaks)
    assert len(list(tmp_path.glob("*.json"))) == 2
    running.run_all(units(), tmp_path, 1, breaks)
    assert len(asked) == 3 + len(units()) - 2


def test_attacks_are_matched_between_the_epsilons_measured():
    def falling(last):
        return {"fgsm": np.linspace(0.84, last, len(EPSILONS)).tolist()}

    # The paper's twin has 0.41 on Adult: this one at half of the way to -0.02.
    made = {
        ("paper", "BL", "Adult", 0): falling(-0.02),
        ("paper", "CT", "Adult", 0): falling(0.24),
    }
    line = matched_attack(Results(made), "Adult")
    assert line["epsilon"] == pytest.approx(0.05)
    assert line["paper"] == pytest.approx([0.54, 0.41])
    assert "defaults" not in line
