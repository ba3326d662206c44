"""What the pages of the site tell to write runs, and prints what they show.

A block of Python with a block of text behind it prints that text: the words to the
letter, the numbers nearly, since other processors round in other ways. On another
system, or with other versions than those of `constraints.txt`, other answers may be the
cheapest; there the code is run, and no more. A block with a picture behind it draws it.
``python -m tests.repo.test_guide`` renews texts and pictures.
"""

import math
import platform
import re
from contextlib import redirect_stdout
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\n(?:```text\n(?P<text>.*?)^```\n|!\[[^]]*\]\((?P<image>[^)]+)\)))?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
CLOSE = {"rel_tol": 0.05, "abs_tol": 0.02}
NEEDS = {"docs/guide/scale.md": "distributed"}
PINNED = (platform.system(), platform.machine()) == ("Linux", "x86_64") and all(
    f"\n{name}=={version(name)}" in (ROOT / "constraints.txt").read_text("utf-8")
    for name in ("numpy", "pandas", "scikit-learn", "torch")
)


def pages():
    """Pages that tell to write Python, by their paths from the root."""
    written = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
    return [
        path.relative_to(ROOT).as_posix()
        for path in written
        if "```python\n" in path.read_text(encoding="utf-8")
    ]


def outputs(text):
    """Run the blocks of a page one after the other: what each shows and prints."""
    names = {}
    for block in BLOCK.finditer(text):
        printed = StringIO()
        with redirect_stdout(printed):
            exec(block["code"], names)
        yield block, printed.getvalue()


def close(shown, printed):
    """Whether texts have the same words, and numbers near one another."""
    words = [" ".join(NUMBER.sub("0", text).split()) for text in (shown, printed)]
    numbers = [
        [float(number.replace(",", "")) for number in NUMBER.findall(text)]
        for text in (shown, printed)
    ]
    return words[0] == words[1] and all(
        math.isclose(*pair, **CLOSE) for pair in zip(*numbers, strict=True)
    )


def test_words_and_numbers_are_compared():
    assert close("income  23,600", "income 23,601")
    assert not close("income 23,600", "income 42,600")
    assert not close("income 23,600", "debt 23,600")


@pytest.mark.parametrize("page", pages())
def test_code_of_a_page_runs_and_prints_what_it_shows(page):
    if find_spec(NEEDS.get(page, "sklearn")) is None:
        pytest.skip(f"needs {NEEDS[page]}")
    for block, printed in outputs((ROOT / page).read_text(encoding="utf-8")):
        if block["text"] is not None and PINNED:
            assert close(block["text"], printed), printed
        if block["image"]:
            assert plt.get_fignums()
            plt.close("all")


def renew():
    """Write what the blocks of code print into the texts behind them."""
    for page in pages():
        if find_spec(NEEDS.get(page, "sklearn")):
            text = (ROOT / page).read_text(encoding="utf-8")
            parts, end = [], 0
            for block, printed in outputs(text):
                if block["text"] is not None:
                    lines = [f"{line.rstrip()}\n" for line in printed.splitlines()]
                    parts += [text[end : block.start("text")], *lines]
                    end = block.end("text")
                if block["image"]:
                    picture = (ROOT / page).parent / block["image"]
                    plt.gcf().savefig(picture, dpi=110, bbox_inches="tight")
                    plt.close("all")
            (ROOT / page).write_text("".join(parts) + text[end:], encoding="utf-8")


if __name__ == "__main__":
    renew()
