"""Files that strangers find the project by agree with one another."""

import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import sklearn_ct

ROOT = Path(__file__).parents[2]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


CONTRIBUTING = read("CONTRIBUTING.md")
PAGE_OF_THE_HOUSE = read("docs/contributing/architecture.md")
PROJECT = tomllib.loads(read("pyproject.toml"))
HOOKS = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
PINS = dict(re.findall(r"^([\w-]+)==(\S+)$", read("constraints.txt"), re.MULTILINE))
RIGHTS = {  # of jobs that need more than to read
    "publish.yml": {"publish": {"id-token": "write"}},
    "docs.yml": {"publish": {"pages": "write", "id-token": "write"}},
}
WORKFLOWS = sorted(path.name for path in (ROOT / ".github/workflows").iterdir())

# In backticks, in blocks of code, in links.
CODE = [
    *re.findall(r"`([^`\n]+)`", CONTRIBUTING),
    *re.findall(r"^```sh\n(.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL),
    *re.findall(r"\]\(([^)]+)\)", CONTRIBUTING),
]


def workflow(name):
    return yaml.safe_load(read(f".github/workflows/{name}"))


def steps(name):
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_the_version_is_written_once_and_repeated_truly():
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "sklearn_ct/__init__.py"
    assert yaml.safe_load(read("CITATION.cff"))["version"] == sklearn_ct.__version__
    assert f"\n## {sklearn_ct.__version__} - " in read("CHANGELOG.md")


def test_the_article_is_cited_as_in_the_readme():
    article = yaml.safe_load(read("CITATION.cff"))["preferred-citation"]
    section = " ".join(read("README.md").split("## Cite")[1].split())
    names = [
        " ".join([author.get("name-particle", ""), author["family-names"]]).strip()
        for author in article["authors"]
    ]
    assert re.findall(r"(?:[A-Z]\. )+([\w ]+)[,:]", section) == names
    assert article["title"] in section
    assert article["identifiers"][0]["value"] in section


def test_files_and_folders_that_contributing_names_exist():
    words = [word.strip("'\"") for code in CODE for word in code.split()]
    paths = {
        word
        for word in words
        if re.fullmatch(r"[\w.-]*(/[\w.-]*)+|[\w.-]+\.(md|txt|toml|cff|yaml)", word)
        and not word.startswith((".venv", "docs/_build"))
    }
    assert {"docs/benchmarks/results/", ".ci/run", "CHANGELOG.md"} <= paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page):
    """Those of the site's pages are followed when it is built."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", read(page))
    assert [path for path, _ in links if not (ROOT / path).exists()] == []
    for path, anchor in links:
        if anchor:
            titles = re.findall(r"^#+ (.*)$", read(path or page), re.MULTILINE)
            words = [re.sub(r"[^\w\s-]", "", title.lower()) for title in titles]
            assert anchor in [title.replace(" ", "-") for title in words]


def test_modules_that_contributing_runs_exist():
    modules = re.findall(r"python3? -m ((?:tests|benchmarks)[\w.]*)", "\n".join(CODE))
    assert modules
    for module in modules:
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_commands_of_contributing_are_tools_of_the_environment():
    rows = re.findall(r"^\| .* \| `([^`]+)` \|$", CONTRIBUTING, re.MULTILINE)
    tools = {row.split()[0] for row in rows} - {"python", "pip", ".ci/run"}
    assert len(rows) >= 8
    assert tools <= set(PINS)


def test_only_python_versions_that_were_tried_are_declared():
    minor = r"3\.\d+"
    declared = re.findall(
        rf"Python :: ({minor})", "\n".join(PROJECT["project"]["classifiers"])
    )
    section = " ".join(CONTRIBUTING.split("## Python versions")[1].split())
    tried = re.findall(minor, section.split("hosted")[0])
    assert declared == tried
    assert PROJECT["project"]["requires-python"] == f">={tried[0]}"
    hosted = workflow("tests.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert f"tries {hosted[0]} to {hosted[-1]} on three systems" in section
    assert set(declared) <= set(hosted)


def test_what_tests_and_hooks_run_with_is_pinned():
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [*PROJECT["project"]["dependencies"], *extras["test"], *extras["docs"]]
    assert {re.match(r"[\w-]+", need)[0] for need in needed} <= set(PINS)
    hooked = [pin for hook in HOOKS for pin in hook.get("additional_dependencies", [])]
    assert hooked
    assert [
        pin for pin in hooked if PINS[pin.split("==")[0]] != pin.split("==")[1]
    ] == []


def test_every_hook_decides_whether_a_change_lands():
    decides = read(".ci/run")
    commands = [hook["entry"] for hook in HOOKS]
    assert {"ruff check", "ruff format", "codespell", "mypy"} == set(commands)
    assert [c for c in commands if f"\n.venv/bin/{c}" not in decides] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_ask_for_no_more_than_they_need(name):
    parsed = workflow(name)
    # YAML 1.1 takes the key `on` for true. Code of a pull request never runs with the
    # project's own rights.
    assert "pull_request_target" not in parsed[True]
    assert parsed["permissions"] == {"contents": "read"}
    more = {
        n: job["permissions"]
        for n, job in parsed["jobs"].items()
        if "permissions" in job
    }
    assert more == RIGHTS.get(name, {})
    assert all("timeout-minutes" in job for job in parsed["jobs"].values())
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_their_major_version(name):
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [u for u in used if not re.fullmatch(r"[\w/-]+@(release/)?v\d+", u)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_files_and_extras_that_workflows_name_exist(name):
    text = read(f".github/workflows/{name}")
    named = re.findall(r"[\w-]+\.txt\b", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
    extras = ",".join(re.findall(r"\.\[([\w,]+)\]", text)).split(",")
    assert set(extras) <= {"", *PROJECT["project"]["optional-dependencies"]}


def test_every_folder_of_the_package_is_on_the_page_of_the_house():
    folders = [p.parent.name for p in (ROOT / "sklearn_ct").glob("*/__init__.py")]
    assert [name for name in folders if f"`{name}/`" not in PAGE_OF_THE_HOUSE] == []


def test_files_that_the_page_of_the_house_names_exist():
    named = set(re.findall(r"`(\w+/\w+\.py)`", PAGE_OF_THE_HOUSE))
    assert len(named) > 20
    assert [n for n in named if not (ROOT / "sklearn_ct" / n).exists()] == []


def test_every_equation_stands_where_the_guide_says():
    table = (
        read("docs/guide/method.md").split("| equation | where |")[1].split("\n\n")[0]
    )
    places = re.findall(r"`([\w.]+\.\w+)`", table)
    assert len(places) > 15
    for place in places:
        assert pkgutil.resolve_name(f"sklearn_ct.{place}")
