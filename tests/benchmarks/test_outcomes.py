"""The measures of outcomes against closed forms on tables of a few rows."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.outcomes import summary
from benchmarks.outcomes.measures import TAUS, Neutral, Standing, at_equal_cost
from benchmarks.outcomes.tables import TABLES
from benchmarks.report import DOCS

TRAIN = pd.DataFrame({"pay": [10.0, 20.0, 20.0, 40.0], "job": list("abab")})


def test_cost_is_a_shift_of_percentiles_and_half_for_a_switch():
    before = pd.DataFrame({"pay": [10.0, 20.0], "job": ["a", "b"]})
    after = pd.DataFrame({"pay": [40.0, 20.0], "job": ["a", "a"]})
    # Of four rows 10 stands at 1/8 and 40 at 7/8: ties in their middle.
    np.testing.assert_allclose(Neutral(TRAIN).cost(before, after), [0.75, 0.5])


def test_distances_are_costs():
    neutral = Neutral(TRAIN)
    levels = [("job", "a"), ("job", "b")]
    codes = neutral.codes(TRAIN, levels)
    apart = np.abs(codes[:, None] - codes[None]).sum(axis=2)
    for i in range(4):
        rows = TRAIN.iloc[np.repeat(i, 4)].reset_index(drop=True)
        np.testing.assert_allclose(apart[i], neutral.cost(rows, TRAIN))


def test_standing_counts_rows_as_near_as_real_ones():
    rng = np.random.default_rng(0)
    near = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    far = pd.DataFrame({"a": [9.0, -9.0], "b": [-9.0, 9.0]})
    standing = Standing(Neutral(near), near)
    assert standing.share(near[200:]) == pytest.approx(0.95, abs=0.01)
    assert standing.share(far) == 0.0


def curve(cost, judged):
    frame = pd.DataFrame({"cost": cost, "judged": judged}, index=TAUS)
    return frame.assign(survives=frame["judged"], plausible=1.0)


def test_advice_is_read_at_the_cost_of_the_reference():
    own = curve([0.0, 1.0, 2.0, 3.0, 4.0], [0.5, 0.6, 0.7, 0.8, 0.9])
    reference = curve([0.0, 0.5, 1.0, 9.0, 9.0], np.zeros(5))
    read = at_equal_cost(own, reference)
    assert read["judged, low"] == pytest.approx(0.55)
    assert read["judged, high"] == 0.9  # beyond the last: that one
    assert read["plausible, high"] == 1.0


def line(data, model, **changed):
    values = dict.fromkeys([*summary.RANKING, *summary.ADVICE, "flips", "gap"], 0.5)
    told = {name: [0.5] * 5 for name in ("cost", "changes", "stated", "judged")}
    told |= {"tau": list(TAUS), "survives": [1.0] * 5, "plausible": [1.0] * 5}
    return {"data": data, "split": 0, "model": model, "curve": told} | values | changed


def made():
    lines = [
        line("Adult", "twin", AUC=0.80, **{"survives, low": 0.7}),
        line("Adult", "early-stopped twin", AUC=0.82, **{"judged, low": 0.4}),
        line("Adult", "CT", AUC=0.81, flips=0.1, **{"survives, low": 0.6}),
        line("Loans", "CT", AUC=0.1),
    ]
    return pd.DataFrame(lines)


def test_aims_are_against_the_better_twin_on_real_tables():
    aims = {one["aim"]: one for one in summary.tables(made())["aims"]}
    assert aims["AUC lost, points: worst"]["reached"] == "1.000"
    assert aims["AUC lost, points: worst"]["on"] == "Adult"
    assert aims["judged, low cost, gain: worst"]["reached"] == "0.100"
    assert aims["survives, low cost, over twins: worst"]["reached"] == "-0.100"
    assert aims["flips over the twin's: worst"]["reached"] == "0.200"


def test_the_page_has_a_place_for_every_table_and_every_table_a_truth_or_judges():
    page = (DOCS / "outcomes.md").read_text(encoding="utf-8")
    assert all(f"<!-- table:{name} -->" in page for name in summary.tables(made()))
    assert [name for name, table in TABLES.items() if table.truth] == ["Loans"]


def test_figures_hold_the_two_models_that_are_compared():
    figure = summary.figures(made())["stated"]["data"]["panes"]["Adult"]
    assert list(figure["lines"]) == ["early-stopped twin", "CT"]
    assert figure["diagonal"]
