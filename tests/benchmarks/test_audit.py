"""The page of the audit says what its figures carry."""

import json

import pytest

from benchmarks import audit as benchmark


@pytest.fixture
def audit(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "FOLDER", tmp_path)
    return benchmark


def line(data, split, model, survival, direct):
    values = {"data": data, "split": split, "model": model, "group": "f"}
    values |= {"accuracy": 0.8, "seconds": 1.0, "told": 0.7, "through_proxies": 0.2}
    values |= {"total": 0.1, "direct": direct, "through others": 0.1 - direct}
    values |= {"burden_ratio": 1.5, "cost_ratio": None, "rejection_rate_ratio": 1.2}
    values |= {"burden_found": True, "infeasible_rate_difference": 0.0}
    for tau in ("0.5", "0.7", "0.8"):
        values |= {f"bootstrap {tau}": survival, f"seed {tau}": 0.9, f"cost {tau}": 2.0}
    return values


def test_the_page_says_what_the_figures_carry(audit, tmp_path):
    # CT lasts longer on both sets, in three of four splits; the direct gap goes on one.
    lines = [
        line(data, split, model, survival, direct)
        for data, direct in (("A", 0.001), ("B", 0.05))
        for split in (0, 1)
        for model, survival in (
            ("CT", 0.95),
            ("twin", 0.97 if (data, split) == ("A", 0) else 0.5),
            ("CT without protection", 0.9),
        )
    ]
    audit.write_page(json.loads(json.dumps({"quick": False, "lines": lines})))
    text = (tmp_path / "audit.md").read_text(encoding="utf-8")
    good, bad = text.split("## What may not")
    outlast = (
        "Answers of CT outlast those of the twin at tau = 0.7: on 2 of 2 sets, in 3"
    )
    assert outlast in good
    direct = (
        "no direct gap of more than a point: on 1 of 2 sets, in 2 of 4 splits; not on B"
    )
    assert direct in bad
    assert "The whole gap in rejections is smaller than the twin's: on 0 of 2" in bad
    assert "quick" not in text
    assert "| A | CT | 0.8 | 1.2 | - | 1.5 |" in text
