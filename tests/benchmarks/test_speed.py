"""The benchmark of speed: its ratios, verdicts, rows and processes."""

import pytest

from benchmarks.speed import loops, training
from benchmarks.speed.measuring import Process, aim, interleave, ratio
from sklearn_ct.datasets import make_moons


def test_ratio_is_of_each_round_with_its_spread():
    found = ratio([3.0, 8.0, 5.0], [1.0, 2.0, 5.0])
    # Not 5 / 2, the ratio of the medians.
    assert found == {"value": 3.0, "low": 1.0, "high": 4.0}
    with pytest.raises(ValueError, match="longer"):
        ratio([3.0], [2.0, 1.0])


def test_candidates_take_turns():
    order = []

    def candidate(name):
        return lambda i: order.append((i, name)) or i

    found = interleave({"a": candidate("a"), "b": candidate("b")}, 2)
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert found == {"a": [0, 1], "b": [0, 1]}


def test_the_median_decides_about_an_aim():
    good, bad = ({"value": v, "low": 1.0, "high": 1.7} for v in (1.4, 1.6))
    assert aim("epoch", 1.5, good)[""] == "met"
    line = aim("epoch", 1.5, bad)
    assert line[""] == "**missed**"
    assert line["asked"] == "at most 1.5"


def test_rows_of_searches_are_passed_beside_the_own_rows(monkeypatch):
    task = training.Task(*make_moons(100, random_state=0), batch_size=30)
    seen = []
    entropy = loops.cross_entropy
    monkeypatch.setattr(
        loops,
        "cross_entropy",
        lambda logits, label: seen.append(len(label)) or entropy(logits, label),
    )
    loops.plain(task, 2)
    assert seen == 2 * [30, 30, 30, 10]
    seen.clear()
    # As many as the net is asked about in an epoch of its own.
    loops.plain(task, 1 + 1, n_searched=10)
    assert seen == 2 * [65, 65, 65, 25]
    seconds, searched = task.ours(2, n_counterfactuals=50)
    assert seconds > 0
    assert searched == 50


def test_each_process_has_its_own_version(tmp_path):
    fake = tmp_path / "sklearn_ct"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise ImportError('the other one')\n")
    with Process("measuring", str(tmp_path)) as process:
        found = process.ask("ratio", values=[3.0, 4.0], reference=[2.0, 2.0])
        assert found == {"value": 1.75, "low": 1.5, "high": 2.0}
    with (
        Process("pieces", str(tmp_path)) as process,
        pytest.raises(RuntimeError, match="rejected"),
    ):
        process.ask("rejected")
