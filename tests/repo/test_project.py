"""Files that strangers find the project by agree with one another."""

import re
import tomllib
from pathlib import Path

import pytest

import sklearn_ct

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_written_once_and_repeated_truly():
    assert "version" in PROJECT["project"]["dynamic"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {sklearn_ct.__version__}\n" in citation
    assert f"\n## {sklearn_ct.__version__} - " in (ROOT / "CHANGELOG.md").read_text()


def test_files_that_contributing_names_exist():
    named = set(
        re.findall(r"`([\w./-]+\.(?:md|txt)|(?!\.venv)[\w.]+/[\w./]*)`", CONTRIBUTING)
    )
    named |= set(re.findall(r"\]\(([\w./-]+)\)", CONTRIBUTING))
    assert {"CHANGELOG.md", "docs/contributing/architecture.md"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_only_python_versions_that_were_tried_are_declared():
    declared = [
        line.rsplit(" ", 1)[1]
        for line in PROJECT["project"]["classifiers"]
        if re.search(r"Python :: 3\.\d+$", line)
    ]
    section = CONTRIBUTING.split("## Python versions")[1]
    assert declared == ["3.11"]
    assert "run on Python 3.11" in section


@pytest.mark.parametrize("name", ["tests.yml", "publish.yml"])
def test_workflows_ask_for_no_more_than_they_need(name):
    text = (ROOT / ".github" / "workflows" / name).read_text()
    assert "\npermissions:\n  contents: read\n" in text
    # Code of a pull request never runs with the project's own rights.
    assert "pull_request_target" not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_the_distribution_holds_what_its_tests_read():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in ("tests", "docs", "CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md"):
        assert name in included


def test_every_folder_of_the_package_is_on_the_page_of_the_house():
    page = (ROOT / "docs" / "contributing" / "architecture.md").read_text()
    folders = [p.parent.name for p in (ROOT / "sklearn_ct").glob("*/__init__.py")]
    assert [name for name in folders if f"`{name}/`" not in page] == []


def test_files_that_the_page_of_the_house_names_exist():
    page = (ROOT / "docs" / "contributing" / "architecture.md").read_text()
    named = set(re.findall(r"`(\w+/\w+\.py)`", page))
    assert len(named) > 20
    assert [n for n in named if not (ROOT / "sklearn_ct" / n).exists()] == []
