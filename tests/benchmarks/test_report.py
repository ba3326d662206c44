"""The report: cells, blocks between markers, and pages that hold their results."""

import json

import numpy as np
import pytest

from benchmarks import report

PAGES = [path.stem for path in sorted(report.RESULTS.glob("*.json"))]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (99.94, "99.9"),
        (99.96, "100"),
        (12345.6, "12,346"),
        (1234, "1,234"),
        (None, ""),
        (float("nan"), ""),
        (True, "yes"),
        ("a|b", "a/b"),
        ([1.5, 2.0], "1.5 / 2"),
        ([None, None], ""),
        ({"value": 2.0, "low": 1.0, "high": 3.0}, "2 (1 to 3)"),
        ({"value": 2.0, "low": 2.0, "high": 2.0}, "2"),
        ({"value": None, "low": None, "high": None}, ""),
    ],
)
def test_text_of_a_cell(value, text):
    assert report.cell(value) == text


def test_a_table_has_the_columns_of_all_of_its_lines():
    text = report.markdown([{"a": 1}, {"a": 2, "b": 0.5}])
    assert text == "| a | b |\n| --- | --- |\n| 1 |  |\n| 2 | 0.5 |"
    assert report.markdown(["x", "y"]) == "- x\n- y"
    assert report.markdown("x") == "x"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "DOCS", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "QUICK", tmp_path / "quick")
    monkeypatch.setattr(report, "commit", lambda: "1234567")
    page = "Before.\n\n{}\n\nBetween \\1.\n\n{}\n\nAfter.\n"
    block = "<!-- table:{} -->\n\nold\n\n<!-- end -->"
    page = page.format(block.format("sources"), block.format("t"))
    (tmp_path / "x.md").write_text(page)
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    report.README.write_text(f"Read.\n\n{block.format('x.t')}\n")
    return tmp_path


def test_only_blocks_of_a_page_are_replaced(folders):
    tables = {"t": [{"a \\1": np.float64(1.23456789), "b": np.array([np.nan, 2])}]}
    report.publish("x", "one", tables, minutes=2)
    page = (folders / "x.md").read_text()
    assert "old" not in page
    assert page.startswith("Before.\n\n<!-- table:sources -->\n\n| part | commit |")
    assert "| one | 1234567 | 2 |" in page
    block = "| a \\1 | b |\n| --- | --- |\n| 1.23 |  / 2 |\n\n<!-- end -->\n\nAfter.\n"
    assert page.endswith(block)
    kept = json.loads((folders / "results/x.json").read_text())
    assert kept["tables"]["t"] == [{"a \\1": 1.2346, "b": [None, 2]}]
    # Another part keeps the first one; a second run of it changes its lines alone.
    report.publish("x", "two", {}, minutes=3)
    assert "| two | 1234567 | 3 |" in (folders / "x.md").read_text()
    assert "| 1.23 |" in (folders / "x.md").read_text()
    report.publish("x", "one", {"t": ["new"]}, minutes=4)
    page = (folders / "x.md").read_text()
    assert "- new\n" in page
    assert "1.23 |" not in page
    assert page.count("<!-- end -->") == 2


def test_the_readme_shows_the_tables_that_it_has_a_place_for(folders):
    report.publish("x", "one", {"t": ["new"]})
    assert report.README.read_text() == (
        "Read.\n\n<!-- table:x.t -->\n\n- new\n\n<!-- end -->\n"
    )


def test_a_quick_run_leaves_pages_and_results_alone(folders):
    before = (folders / "x.md").read_text()
    report.publish("x", "one", {"t": ["quick"]}, quick=True)
    assert "old" in report.README.read_text()
    assert (folders / "x.md").read_text() == before
    assert not report.RESULTS.exists()
    assert "- quick" in (folders / "quick/x.md").read_text()


def test_a_table_without_a_place_is_refused(folders):
    with pytest.raises(ValueError, match="no place for the table 'other'"):
        report.publish("x", "one", {"other": []})


@pytest.mark.parametrize("name", PAGES)
def test_pages_say_what_the_results_say(name):
    result = json.loads((report.RESULTS / f"{name}.json").read_text())
    page = (report.DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert report.fill(page, result) == page
    assert page.count("<!-- table:") == len(result["tables"]) + 1
    readme = report.README.read_text(encoding="utf-8")
    assert report.fill(readme, result, f"{name}.") == readme
    assert report.to_json(result) == (report.RESULTS / f"{name}.json").read_text()


def test_figures_of_every_kind_are_drawn(folders):
    plane = {"extent": [0, 1, 0, 1], "probability": [[0.1, 0.9], [0.2, 0.8]]}
    plane |= {"points": [[0.1, 0.2], [0.5, 0.5]], "labels": [0, 1]}
    plane |= {"paths": [[[0, 0], [1, 1]], [[1, 0], [0, 1]]], "valid": [True, False]}
    curve = {"x": [1, 10], "label": "rows", "lines": {"a": [1, 2], "b": [2, 3]}}
    row = {"images": [np.zeros(784), np.ones(784)], "status": ["valid", "already"]}
    figures = {
        "curves": {"panes": {"p": curve}},
        "log curves": {"panes": {"p": curve, "q": curve}},
        "ways": {
            "panes": {
                "p": {"lines": {"a": [[1, 2], [3, 4]]}, "label": "x", "diagonal": True}
            }
        },
        "bars": {"panes": {"p": {"a": [1, None]}}, "names": ["x", "y"]},
        "planes": {"panes": {"p": plane}},
        "images": {"rows": {"w": row}, "titles": ["1 to 7", "3 to 8"]},
    }
    assert set(figures) == set(report.DRAWERS)
    figures = {
        kind.replace(" ", "_"): {"kind": kind, "data": data}
        for kind, data in figures.items()
    }
    report.publish("x", "one", {}, figures=figures)
    assert len(list(folders.glob("x_*.png"))) == len(figures)
