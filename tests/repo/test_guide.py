"""What the user guide tells to write runs, section by section."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "user_guide.md"
SECTIONS = ["What goes together", "Write letters"]


@pytest.mark.parametrize("title", SECTIONS)
def test_code_of_a_section_runs(title):
    text = GUIDE.read_text(encoding="utf-8")
    section = re.split(rf"\n##+ {title}\n", text)[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert blocks
    exec("\n".join(blocks), {})
