"""The benchmark of speed: its ratios, exponents, own times and verdicts."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_on_the_path():
    # The package has the name of the script beside it; a script's own folder is on
    # the path when it runs.
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))
    for name in [n for n in sys.modules if n.split(".")[0] in ("speed", "paper")]:
        del sys.modules[name]
    sys.modules.pop("_common", None)


def test_ratio_is_of_each_round_with_its_spread():
    from speed.measuring import ratio

    found = ratio([3.0, 8.0, 5.0], [1.0, 2.0, 5.0])
    assert found == (3.0, 1.0, 4.0)  # not 5 / 2, the ratio of the medians
    # A candidate that sat rounds out is compared in those it ran.
    assert ratio([3.0, None, 5.0], [1.0, 2.0, 5.0]) == (2.0, 1.0, 3.0)
    assert ratio([3.0], [2.0, 1.0]) == (1.5, 1.5, 1.5)
    assert ratio([None], [2.0]) is None
    assert ratio([], [2.0]) is None


def test_exponent_of_the_upper_half():
    from speed.measuring import exponent

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
    from speed.measuring import interleave

    order = []

    def candidate(name):
        return lambda i: order.append((i, name)) or i

    found = interleave({"a": candidate("a"), "b": candidate("b")}, 2)
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert found == {"a": [0, 1], "b": [0, 1]}


def test_own_time_is_without_that_of_the_functions_called(monkeypatch):
    from speed import profile

    now = [0.0]
    monkeypatch.setattr(profile.time, "perf_counter", lambda: now[0])
    clock = profile.Clock()

    def passing(seconds, *calls):
        def run():
            now[0] += seconds
            for call in calls:
                call()

        return run

    inner = clock.wrap(passing(1.0), "inner")
    middle = clock.wrap(passing(2.0, inner, inner), "middle")
    clock.wrap(passing(4.0, middle, inner), "outer")()
    assert dict(clock.seconds) == {"inner": 3.0, "middle": 2.0, "outer": 4.0}


def test_profile_of_a_fit_counts_all_of_its_parts_once():
    from speed import profile

    from sklearn_ct import CounterfactualTrainedClassifier
    from sklearn_ct.datasets import make_moons

    X, y = make_moons(200, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=2, random_state=0)
    before = [getattr(owner, name) for owner, name, _ in profile.WRAPPED]
    shares = profile.shares_of(lambda: clf.fit(X, y))
    assert sum(shares.values()) == pytest.approx(1)
    named = {part for _, _, part in profile.WRAPPED} | {profile.NETWORK}
    assert set(shares) == named
    assert min(shares.values()) > 0
    after = [getattr(owner, name) for owner, name, _ in profile.WRAPPED]
    assert after == before


def test_an_aim_is_met_by_early_and_late_epochs():
    from speed.aims import Aim
    from speed.measuring import Ratio

    good, bad = Ratio(1.4, 1.2, 1.7), Ratio(1.6, 1.4, 1.7)
    assert Aim("epoch", 1.5, good).met
    assert not Aim("epoch", 1.5, bad).met
    assert not Aim("epoch", 1.5, good, late=bad).met
    assert Aim("speed", 1.5, bad, at_least=True).met
    assert not Aim("speed", 1.5, good, at_least=True).met
    assert Aim("epoch", 1.5, None).met is None


def test_aims_of_what_was_not_measured_say_so():
    from speed.aims import aims

    lines = aims({})
    assert len({aim.name for aim in lines}) == len(lines)
    assert {aim.met for aim in lines} == {None}


def test_rows_of_searches_are_passed_beside_the_own_rows(monkeypatch):
    from speed import loops
    from speed.tasks import make_task

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
    from speed.aims import largest

    def task(seconds):
        of = {"slow": seconds, "reference": [1.0, 1.0]}
        return {"seconds": of, "late": {"slow": [2.0, 2.0]}}

    tasks = {"A": task([1.0, 1.0]), "B": task([3.0, 5.0]), "C": task([1.5, 1.5])}
    aim = largest(tasks, "ours", 3.0, "slow", "reference")
    assert aim.note == "B"
    assert aim.measured == (4.0, 3.0, 5.0)
    assert aim.late == (2.0, 2.0, 2.0)
    assert not aim.met
    assert aim.bare is None
    # What passes alone would come to stands beside it, and decides nothing.
    from speed.training import BARE

    tasks["B"]["seconds"][BARE] = [9.0, 9.0]
    assert largest(tasks, "ours", 3.0, "slow", "reference").bare == (9.0, 9.0, 9.0)
    assert largest(tasks, "ours", 4.0, "slow", "reference").met
    # Where another package was not installed there is nothing to compare.
    assert largest(tasks, "ours", 3.0, "slow", "other").measured is None
