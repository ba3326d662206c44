"""Displays of the audit hold its numbers and draw them; the report is one file."""

import sys
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse, proxy_report, recourse_survival
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import (
    ProxiesDisplay,
    RecourseRatioDisplay,
    RecourseReachDisplay,
    SurvivalDisplay,
)

X, Y = make_loan_applications(500, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    return CounterfactualTrainedClassifier(max_epochs=6, lr=0.01, random_state=0).fit(
        X, Y
    )


@pytest.fixture(scope="module")
def audit(fitted):
    return audit_recourse(
        fitted,
        X,
        Y,
        sensitive_features="housing",
        target="approved",
        budget=1.0,
        max_changes=1,
        n_bootstrap=200,
    )


@pytest.fixture(scope="module")
def proxies(audit):
    return proxy_report(X, "housing", audit=audit)


@pytest.fixture(scope="module")
def survival(fitted):
    return recourse_survival(
        fitted, X, Y, kinds=["seed"], tau=[0.5, 0.7], n_models=2, n_samples=20
    )


@pytest.fixture
def ax():
    return Figure().subplots()


def test_ratios_are_those_of_the_audit(audit, ax):
    display = RecourseRatioDisplay.from_audit(audit, ax=ax)
    rows = audit.comparisons[audit.comparisons["measure"] == "burden"]
    for ours, theirs in [
        ("ratio", "ratio"),
        ("low", "ratio_low"),
        ("high", "ratio_high"),
    ]:
        np.testing.assert_array_equal(display.ratios[ours], rows[theirs])
    assert display.ratios["found"].tolist() == (rows["p_adjusted"] < 0.05).tolist()
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "housing mortgage / rent",
        "housing own / rent",
    ]
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in marks] == rows["ratio"].tolist()
    filled = [line.get_markerfacecolor() != "white" for line in marks]
    assert filled == display.ratios["found"].tolist()
    assert any(filled)


def test_ratios_without_ends(ax):
    ratios = pd.DataFrame(
        {
            "label": ["a", "b", "c"],
            "ratio": [2.0, np.nan, 0.5],
            "low": [0.0, np.nan, np.nan],
            "high": [np.inf, np.nan, np.nan],
            "found": [True, False, False],
        }
    )
    RecourseRatioDisplay(ratios, measure="cost").plot(ax=ax)
    low, high = ax.get_xlim()
    assert 0.3 < low < 0.5
    assert 2.0 < high < 3.0
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "c"]


def test_reach_is_the_share_of_all_rejected(audit, ax):
    display = RecourseReachDisplay.from_audit(audit, ax=ax)
    rent = audit.rows[audit.rows["rejected"] & (audit.rows["housing"] == "rent")]
    assert len(display.costs["rent"]) == len(rent)
    (line,) = [x for x in ax.lines if str(x.get_label()).startswith("rent (")]
    found = rent["cost"][np.isfinite(rent["cost"])]
    assert line.get_ydata()[-1] == len(found) / len(rent)
    middle = np.searchsorted(line.get_xdata(), 1.0, side="right") - 1
    assert line.get_ydata()[middle] == (rent["cost"] <= 1.0).mean()
    assert display.budget == 1.0


def test_survival_is_the_frame(survival, ax):
    display = SurvivalDisplay.from_frame(survival, ax=ax)
    assert display.survival is survival
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), survival["survival"])
    assert [t.get_text() for t in ax.texts] == ["tau 0.5", "tau 0.7"]


def test_proxies_are_those_of_the_report(proxies, ax):
    ProxiesDisplay.from_report(proxies, ax=ax)
    marks = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_array_equal(
        marks, proxies.carriers[["alone", "cost_share"]].to_numpy()
    )
    names = {t.get_text() for t in ax.texts}
    far = proxies.carriers[["alone", "cost_share"]].max(axis=1) > 0.1
    assert names == set(proxies.carriers["column"][far])


class Page(HTMLParser):
    """Tags that are open, and all there were."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "use", "path", "br", "rect", "line"):
            self.open.append(tag)
        self.seen.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        if tag in ("meta", "use", "path", "br", "rect", "line"):
            return
        assert self.open.pop() == tag


def test_the_report_is_one_file(audit, proxies, survival, tmp_path):
    before = plt.get_fignums()
    path = tmp_path / "report.html"
    audit.to_html(path, proxies=proxies, survival=survival)
    assert plt.get_fignums() == before
    text = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.seen.count("svg") == 4
    assert "script" not in page.seen
    assert all(link.startswith("#") for link in page.links)
    for line in audit.summary().split("\n"):
        assert line.replace("'", "&#x27;") in text
    audit.to_html(path, proxies=proxies, survival=survival)
    assert path.read_text(encoding="utf-8") == text
    audit.to_html(path)
    assert path.read_text(encoding="utf-8").count("<svg") == 2


def test_names_cannot_break_the_page(fitted, tmp_path):
    groups = np.where(X["age"] > 40, "<script>", "a & b")
    audit = audit_recourse(
        fitted,
        X,
        sensitive_features={"<b>": groups},
        target="approved",
        n_bootstrap=100,
        n_permutations=99,
    )
    assert "<script>" not in audit._repr_html_()
    audit.to_html(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_nobody_is_rejected(fitted, tmp_path):
    happy = fitted.predict(X) == "approved"
    audit = audit_recourse(
        fitted, X[happy], Y[happy], sensitive_features="housing", target="approved"
    )
    audit.to_html(tmp_path / "report.html")
    assert "Nobody is asked" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_without_matplotlib_it_says_what_to_install(audit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"sklearn-ct\[plot\]"):
        audit.to_html(tmp_path / "report.html")
