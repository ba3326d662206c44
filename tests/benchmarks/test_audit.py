"""The page of the audit says what its figures carry."""

import numpy as np

from benchmarks import audit
from benchmarks.report import DOCS


def line(data, split, model, survival, direct):
    values = {"data": data, "split": split, "model": model, "group": "f"}
    values |= {"accuracy": 0.8, "seconds": 1.0, "told": 0.7, "through_proxies": 0.2}
    values |= {"total": 0.1, "direct": direct, "through others": 0.1 - direct}
    values |= {"burden_ratio": 1.5, "cost_ratio": None, "rejection_rate_ratio": 1.2}
    values |= {"burden_found": True, "infeasible_rate_difference": 0.0}
    for tau in ("0.5", "0.7", "0.8"):
        values |= {f"bootstrap {tau}": survival, f"seed {tau}": 0.9, f"cost {tau}": 2.0}
    return values


def test_the_page_says_what_the_figures_carry():
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
    made = audit.tables(lines)
    outlast = (
        "Answers of CT outlast those of the twin at tau = 0.7: on 2 of 2 sets, in 3"
    )
    assert any(one.startswith(outlast) for one in made["holds"])
    direct = (
        "no direct gap of more than a point: on 1 of 2 sets, in 2 of 4 splits; not on B"
    )
    assert any(direct in one for one in made["fails"])
    smaller = "The whole gap in rejections is smaller than the twin's: on 0 of 2"
    assert any(one.startswith(smaller) for one in made["fails"])
    first = made["asked"][0]
    assert (first["data"], first["model"]) == ("A", "CT")
    assert first["burden ratio"] == 1.5
    assert np.isnan(first["cost ratio"])


def test_the_page_has_a_place_for_every_table():
    page = (DOCS / "audit.md").read_text(encoding="utf-8")
    names = ("groups", "holds", "fails", "asked", "through", "survival", "sources")
    assert all(f"<!-- table:{name} -->" in page for name in names)
