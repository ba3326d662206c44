"""What is handed to strangers: the files of the wheel and of the sdist.

Listed by the tool that builds them, without building.
"""

from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel():
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    return {Path(file.distribution_path).as_posix() for file in files}


@pytest.fixture(scope="module")
def sdist():
    files = SdistBuilder(str(ROOT)).recurse_included_files()
    return {Path(file.relative_path).as_posix() for file in files}


def here(folder, pattern="*"):
    """Files below a folder, but for what is left behind by running things."""
    paths = [path for path in (ROOT / folder).rglob(pattern) if path.is_file()]
    return {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if "__pycache__" not in path.parts
    }


def test_the_wheel_is_the_package_and_nothing_else(wheel):
    assert wheel == here("sklearn_ct")
    assert "sklearn_ct/py.typed" in wheel
    assert {Path(name).suffix for name in wheel} <= {".py", ".typed", ".css", ".html"}


@pytest.mark.parametrize("folder", ["sklearn_ct", "tests", "examples", "benchmarks"])
def test_the_sdist_has_all_code(sdist, folder):
    assert here(folder, "*.py") <= sdist


def test_the_sdist_has_what_its_tests_read(sdist):
    files = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"]
    files += ["constraints.txt", ".ci/run", ".pre-commit-config.yaml"]
    files += ["docs/conf.py", "docs/index.md", "docs/api/index.rst"]
    assert {*files, *here("docs/benchmarks"), *here(".github")} <= sdist


def test_the_sdist_has_nothing_that_was_built(sdist):
    parts = {part for name in sdist for part in Path(name).parts}
    assert not parts & {"_build", "gallery", "generated", ".cache", "__pycache__"}
