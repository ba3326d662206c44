"""Proxies: how well features are told, and what of a gap runs through others."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score

from sklearn_ct.audit import audit_recourse, proxy_report
from sklearn_ct.audit._proxies import auc_interval, r2_interval

FAST = {"n_bootstrap": 200, "n_draws": 4, "n_samples": 400}


def known(n=800, seed=0):
    """A feature that one column copies, one half tells and one does not."""
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "sex": np.where(sex, "f", "m"),
            "copy": sex * 2.0,
            "half": sex + rng.normal(size=n),
            "noise": rng.normal(size=n),
            "constant": 1.0,
        }
    )


class Rule(LogisticRegression):
    """Rejects where ``direct * [sex = f] + half > 0.5``."""

    classes_ = np.array([0, 1])

    def __init__(self, direct=0.0):
        self.direct = direct

    def predict(self, X):
        return 1 - (self.direct * (X["sex"] == "f") + X["half"] > 0.5).astype(int)


@pytest.fixture(scope="module")
def report():
    return proxy_report(known().drop(columns="copy"), "sex", **FAST)


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 200)
    scores = rng.dirichlet(np.ones(3), 200) + 0.4 * np.eye(3)[codes]
    scores = scores.round(1)  # with ties
    scores /= scores.sum(axis=1, keepdims=True)
    value, low, high = auc_interval(codes, scores, 0.95)
    assert value == pytest.approx(roc_auc_score(codes, scores, multi_class="ovr"))
    assert low < value < high
    value = auc_interval(codes % 2, scores[:, :2], 0.95)[0]
    assert value == pytest.approx(roc_auc_score(codes % 2, scores[:, 1]))
    x = rng.normal(size=200)
    value, low, high = r2_interval(x, 0.5 * x, 0.95)
    assert value == pytest.approx(r2_score(x, 0.5 * x))
    assert low < value < high


@pytest.mark.parametrize("measure", ["auc", "r2"])
def test_the_width_of_intervals_is_that_of_samples(measure):
    rng = np.random.default_rng(0)
    values, widths = [], []
    for _ in range(400):
        y = rng.integers(0, 2, 150)
        x = y + rng.normal(size=150)
        if measure == "auc":
            found = auc_interval(y, np.column_stack([-x, x]), 0.95)
        else:
            found = r2_interval(x, y - 0.0, 0.95)
        values.append(found[0])
        widths.append(found[2] - found[1])
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.1)


def test_what_tells_is_named(report):
    told = report.told.loc["sex"]
    assert told["measure"] == "auc"
    # Two normal distributions one standard deviation apart.
    assert told["low"] < 0.760 < told["high"] + 0.02
    carriers = report.carriers.set_index("column")
    assert list(carriers.index) == ["half", "noise", "constant"]
    assert carriers.loc["half", "alone"] > 0.3
    assert carriers.loc["constant", "alone"] == 0.0
    assert carriers.loc["noise", "low"] == 0.0
    assert carriers["importance"].idxmax() == "half"
    assert carriers[["asked", "cost_share"]].isna().all(axis=None)
    assert "alone and above chance by half" in report.summary()
    assert len(report.gaps) == 0


def test_a_copy_tells_all_and_noise_tells_nothing():
    X = known()
    told = proxy_report(X, "sex", **FAST).told.loc["sex"]
    assert told["above_chance"] == 1.0
    report = proxy_report(X[["sex", "noise", "constant"]], "sex", **FAST)
    assert report.told.loc["sex", "low"] < 0.5
    assert "'sex' is not told by the other columns" in report.summary()


def test_numbers_by_r2_and_features_from_outside():
    X = known()
    report = proxy_report(
        X[["copy", "noise"]], {"half": X["half"], "sex": X["sex"]}, **FAST
    )
    assert report.told["measure"].to_dict() == {"half": "r2", "sex": "auc"}
    assert 0.05 < report.told.loc["half", "score"] < 0.35  # 0.2 in all
    assert set(report.carriers["column"]) == {"copy", "noise"}


def test_the_gap_falls_into_its_parts():
    X = known(4000)
    report = proxy_report(
        X, "sex", estimator=None, twin=None, n_bootstrap=200, n_samples=200
    )
    assert len(report.gaps) == 0
    report = proxy_report(
        X[["sex", "half"]],
        "sex",
        audit=None,
        twin=Rule(0.7),
        target=1,
        reference={"sex": "m"},
        n_bootstrap=200,
        n_samples=200,
    )
    gaps = report.gaps.set_index("part")
    assert set(gaps["model"]) == {"twin"}
    assert gaps.loc["direct", "value"] + gaps.loc["through others", "value"] == (
        pytest.approx(gaps.loc["total", "value"])
    )
    # Half of the others are of either sex: the shares are those of the normal law.
    assert gaps.loc["total", "low"] < 0.885 - 0.309 < gaps.loc["total", "high"]
    through = 0.5 * (0.885 + 0.691) - 0.5 * (0.579 + 0.309)
    assert gaps.loc["through others", "low"] < through
    assert gaps.loc["through others", "high"] > through
    assert "twin, sex: the share of rejected is higher for 'f'" in report.summary()


def test_a_model_that_does_not_read_it_has_no_direct_gap():
    X = known()
    options = {"twin": Rule(0.0), "target": 1, **FAST}
    for protected in ("sex", X["sex"].rename("other")):
        gaps = proxy_report(X, protected, **options).gaps.set_index("part")
        assert gaps.loc["direct", ["value", "low", "high"]].tolist() == [0.0, 0.0, 0.0]
        assert gaps.loc["through others", "value"] == gaps.loc["total", "value"]


def test_the_advice_counts(fitted, loans, answers):
    X, y, sex = loans
    audit = audit_recourse(
        fitted, X, y, sensitive_features=sex, answers=answers, target="approved"
    )
    report = proxy_report(X, "housing", audit=audit, estimator=fitted, **FAST)
    carriers = report.carriers.set_index("column")
    shares = audit.columns["cost_share"].drop("housing")
    np.testing.assert_allclose(carriers.loc[shares.index, "cost_share"], shares)
    tells = carriers["alone"] >= report.threshold
    assert report.told.loc["housing", "recourse_share"] == pytest.approx(
        carriers.loc[tells, "cost_share"].sum()
    )
    assert "of the cost of the advice lies in these columns" in report.summary()
    assert set(report.gaps["group"]) == {"own", "mortgage"}
    own = proxy_report(
        X, "age", estimator=fitted, target="approved", max_changes=1, **FAST
    )
    assert own.told.loc["age", "measure"] == "r2"
    assert own.carriers["cost_share"].sum() == pytest.approx(1.0)
    assert own.gaps["group"].unique().tolist() == ["below 38"]


def test_seed_decides():
    X = known()
    options = {"twin": Rule(0.7), "target": 1, **FAST}
    one, two, other = (
        proxy_report(X, "sex", random_state=seed, **options) for seed in (1, 1, 2)
    )
    assert_frame_equal(one.gaps, two.gaps)
    assert_frame_equal(one.carriers, two.carriers)
    assert not one.gaps.equals(other.gaps)


def test_it_is_frozen_and_prints(report):
    with pytest.raises(AttributeError):
        report.told = None
    assert repr(report).startswith("<ProxyReport: sex AUC 0.7")
    assert "<table>" in report._repr_html_()


@pytest.mark.parametrize(
    ("protected", "message"),
    [
        ("constant", "'constant' of the 'protected' parameter has a single value"),
        ("gender", "column 'gender', which is not in X"),
        (["sex", "copy", "half", "noise", "constant"], "leaves no other column"),
        (pd.Series([None, "a"] * 400), "has missing values"),
    ],
)
def test_bad_input_is_named(protected, message):
    with pytest.raises(ValueError, match=message):
        proxy_report(known(), protected, **FAST)


def test_bad_references_and_targets_are_named():
    options = {"twin": Rule(), **FAST}
    with pytest.raises(ValueError, match="group of 'sex': one of .*Got 'x'"):
        proxy_report(known(), "sex", target=1, reference={"sex": "x"}, **options)
    with pytest.raises(ValueError, match="one of the classes"):
        proxy_report(known(), "sex", target="yes", **options)


def test_a_lower_share_is_said_to_be_lower():
    options = {"target": 1, "reference": {"sex": "f"}, **FAST}
    report = proxy_report(known(), "sex", twin=Rule(0.7), **options)
    total, direct, _ = report.summary().splitlines()[-3:]
    assert "lower for 'm' than for 'f' by" in total
    assert "-" not in total.split("by")[1]
    assert direct.split(": ")[1][0] != "-"
