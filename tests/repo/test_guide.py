"""What the pages of the site tell to write runs, page by page."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["guide/rules.md", "guide/letters.md"]


def blocks(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page):
    code = blocks(page)
    assert code
    exec("\n".join(code), {})
