"""Letters read as people read them: no raw name, no false digit, no command to time."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier
from sklearn_ct._result.letter import CLOSING, figures, readable
from sklearn_ct.datasets import make_loan_applications

GLOSSARY = {
    "income": {
        "label": "yearly income",
        "unit": "EUR",
        "step": 500,
        "smallest_change": 1000,
    },
    "debt": {"label": "other debts", "unit": "EUR", "step": 250},
    "savings": {"unit": "€{}", "step": 250, "smallest_change": 500},
    "loan_amount": {"label": "the amount of the loan", "step": 500, "unit": "EUR"},
    "employment_years": {"label": "years in work", "unit": "years", "kind": "waiting"},
    "late_payments": {"label": "late payments on record", "kind": "history"},
    "housing": {"label": "home", "values": {"own": "a home of your own"}},
    "age": {"kind": "waiting", "unit": "years"},
}
RULES = {
    "age": "none",
    "dependents": "none",
    "employment_years": "increase",
    "education": "increase",
    "late_payments": "decrease",
}


@pytest.fixture(scope="module")
def answers():
    """Of 250 people, two each."""
    X, y = make_loan_applications(1200, random_state=0)
    clf = CounterfactualTrainedClassifier(
        mutability=RULES, max_epochs=8, lr=0.02, random_state=0
    ).fit(X, y)
    asked = X[clf.predict(X) == "rejected"][:250]
    return clf.explain(asked, "approved", n_counterfactuals=2, glossary=GLOSSARY)


def made(before, after, glossary=None, **parts):
    """One row with all of its features changed."""
    n = before.shape[0]
    fields = {
        "factuals": before,
        "counterfactuals": after,
        "query": np.zeros(n, dtype=int),
        "target": np.array(["yes"] * n, dtype=object),
        "status": np.array(["valid"] * n, dtype=object),
        "reason": np.array([""] * n, dtype=object),
        "probability": np.full(n, 0.75),
        "cost": np.full(n, 3.0),
        "diversity": np.full(n, np.nan),
        "glossary": glossary,
        "_features": [(name, (j,)) for j, name in enumerate(before)],
        "_changed": (before.to_numpy(object) != after.to_numpy(object)),
    }
    return Counterfactuals(**fields | parts)


def of_one(name, old, new, **entry):
    before, after = (pd.DataFrame({name: [value]}) for value in (old, new))
    one = made(before, after, {name: entry} if entry else None)
    return one.letter(0).split("\n- ")[1].split("\n\n")[0]


def test_letters_of_many_people(answers):
    letters = answers.letters()
    assert len(letters) == 250
    assert answers.letter(7) == letters[7]
    assert answers.letter(-1) == letters[-1]
    text = "\n".join(letters)
    for name in ("loan_amount", "employment_years", "housing", "age"):
        assert not re.search(rf"\b{name}\b", text)
    assert not re.search("your (income|debt) ", text)
    assert "_" not in text
    assert not re.search(r"\d\.\d", text)  # no probability, no fraction
    assert not re.search(r"(Raise|Lower|Change) your (years in work|late|age)", text)
    assert text.count("Wait until") > 10
    assert "Your record shows" not in text  # everybody can do without the past
    assert text.count("no promise") == 250
    read = {
        "yearly income": (500, 1000),
        "other debts": (250, 0),
        "savings": (250, 500),
        "the amount of the loan": (500, 0),
    }
    seen = dict.fromkeys(read, 0)
    pattern = r"(?:Raise|Lower) (?:your )?(.*) from \D*([\d,]+).* to \D*([\d,]+)"
    for label, *numbers in re.findall(pattern, text):
        if label in read:
            old, new = (int(number.replace(",", "")) for number in numbers)
            step, least = read[label]
            assert new % step == 0
            assert abs(new - old) >= max(least, 1)
            seen[label] += 1
    assert all(count > 5 for count in seen.values())
    assert "from “rent” to “a home of your own”" in text
    assert "Option 1, this change alone:" in text
    assert "Option 2, both of these changes:" in text


def test_html(answers):
    page = answers.letter(0, format="html")
    assert page.startswith('<div class="letter"><p>The decision would be')
    sentences = re.findall(r"<li>(.*?)</li>", page)
    assert len(sentences) == answers[answers.query == 0].n_changes.sum()
    assert all(f"- {sentence}" in answers.letter(0) for sentence in sentences)
    before, after = pd.DataFrame({"a": ["<x>"]}), pd.DataFrame({"a": ["b & c"]})
    words = {"a": {"label": "<label>", "values": {"b & c": "b & c"}}}
    html = made(before, after, words).letter(0, format="html")
    assert "&lt;label&gt;" in html
    assert "b &amp; c" in html
    assert "<label>" not in html
    with pytest.raises(ValueError, match=r"one of \['text', 'html'\]. Got 'pdf'"):
        answers.letter(0, format="pdf")
    with pytest.raises(IndexError, match="letter 250 is out of range"):
        answers.letter(250)


def test_a_template_has_the_parts(answers):
    def template(letter):
        both = letter.ways + letter.past
        assert all(c.kind != "history" for way in letter.ways for c in way)
        assert all("history" in [c.kind for c in way] for way in letter.past)
        ways = [[(c.label, c.kind, c.after) for c in way] for way in both]
        return f"{letter.row}: {letter.outcome} {ways}"

    texts = answers.letters(template=template, outcome={"approved": "a loan"})
    for i, text in enumerate(texts):
        assert text.startswith(f"{answers.factuals.index[2 * i]}: a loan [[('")
    assert "('years in work', 'waiting', '" in "".join(texts)


def test_one_way_or_several():
    before = pd.DataFrame({"net": [1, 1], "b": ["x", "x"]})
    after = pd.DataFrame({"net": [2, 1], "b": ["x", "y"]})
    both = made(before, after)
    assert both.letter(0) == (
        "The decision would be “yes” with any one of these options.\n\nOption 1, this "
        "change alone:\n- Raise your net from 1 to 2.\n\nOption 2, this change alone:\n"
        f"- Change your b from “x” to “y”.\n\n{CLOSING}"
    )
    assert both[1].letter(0) == (
        "The decision would be “yes” with this change alone:\n- Change your b from “x” "
        f"to “y”.\n\n{CLOSING}"
    )
    # An alternative that was not found is no way.
    status = np.array(["valid", "infeasible"], dtype=object)
    changed = np.array([[True, False], [False, False]])
    some = replace(both, status=status, _changed=changed)
    assert "be “yes” with this change alone" in some.letter(0)
    assert "“good luck”" in both.letter(0, outcome="good luck")
    numbers = replace(both, target=np.array([1, 1]))
    assert "would be a different one with any one" in numbers.letter(0)


def test_what_can_be_done_stands_first_and_the_past_apart():
    before = pd.DataFrame({"late": [2] * 3, "net": [1] * 3, "time": [3] * 3})
    after = pd.DataFrame({"late": [0, 2, 2], "net": [5, 1, 9], "time": [3, 4, 3]})
    kinds = {"late": {"kind": "history"}, "time": {"kind": "waiting"}}
    three = made(before, after, kinds)
    assert three.letter(0).split("\n\n") == [
        "The decision would be “yes” with any one of these options.",
        "Option 1, this change alone:\n- Raise your net from 1 to 9.",
        "Option 2, this change alone:\n- Wait until the entry for your time has "
        "reached 4; at present it is 3.",
        "For your information: the decision would also be “yes” with both of these "
        "changes. You cannot bring that about now: it lies in the past, at least in "
        "part. If an entry is wrong, ask us to correct it.\n- Your record shows 2 for "
        "your late; it would have to show 0.\n- Raise your net from 1 to 5.",
        CLOSING,
    ]
    past = three[0].letter(0, format="html")
    assert past.startswith(
        '<div class="letter"><p>We have found nothing that you could change now for '
        "the decision to be “yes”.</p><p>For your information: the decision would be "
    )
    assert past.count("<ul>") == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("no feature may change", "what the decision rests on cannot be changed."),
        (
            "income_net would have to change to lie in its domain, but may not",
            "decision: your income net would have to be different, and cannot be.",
        ),
        (
            "no valid change of income_net, job was found within the constraints and "
            "max_changes=2",
            "decision. We looked at your income net and your work.",
        ),
        (
            "no valid change of income_net, job, ... was found within the constraints",
            "We looked at your income net and your work and others.",
        ),
        ("the answer found is not predicted as the target", "to another decision."),
    ],
)
def test_reasons_in_plain_words(reason, words):
    table = pd.DataFrame({"income_net": [1], "job": ["x"]})
    none = made(
        table,
        table,
        {"job": {"label": "work"}},
        status=np.array(["infeasible"], dtype=object),
        reason=np.array([reason], dtype=object),
    )
    letter = none.letter(0)
    assert letter.endswith(words)
    assert not re.search("constraint|max_|domain|predict|_", letter)
    assert none.letter(0, format="html").count("<p>") == 1


def test_nothing_to_change():
    table = pd.DataFrame({"a": [1]})
    there = made(table, table, status=np.array(["already"], dtype=object))
    assert there.letter(0) == (
        "Nothing has to change for the decision: it is “yes” already."
    )


@pytest.mark.parametrize(
    ("change", "entry", "sentence"),
    [
        ((1, 3), {}, "Raise your net income from 1 to 3."),
        ((31_608, 41_894), {}, "Raise your net income from 31,608 to 41,894."),
        # Fractions: three digits, and the change never looks smaller than it is.
        ((31_608.12, 41_894.41), {}, "Raise your net income from 31,608 to 41,895."),
        ((0.45678, 0.12345), {}, "Lower your net income from 0.457 to 0.123."),
        (
            (31_608.12, 42_000.0),
            {"step": 500.0, "unit": "EUR"},
            "Raise your net income from 31,608 EUR to 42,000 EUR.",
        ),
        ((0.1, 0.3), {"step": 0.1}, "Raise your net income from 0.1 to 0.3."),
        ((41.7, 42.0), {"step": 1.0}, "Raise your net income from about 41 to 42."),
        ((-1.5, -3.0), {"step": 0.5}, "Lower your net income from -1.5 to -3."),
        ((3, 1), {"unit": "years"}, "Lower your net income from 3 years to 1 year."),
        ((3, 1), {"unit": "%"}, "Lower your net income from 3% to 1%."),
        ((3, 1), {"unit": "${}"}, "Lower your net income from $3 to $1."),
        ((3, 1), {"label": "the sum"}, "Lower the sum from 3 to 1."),
        (
            (np.nan, 5.0),
            {"unit": "EUR"},
            "State your net income, which is missing so far: 5 EUR.",
        ),
        (
            (1, 3),
            {"kind": "waiting", "unit": "years"},
            "Wait until the entry for your net income has reached 3 years; at present "
            "it is 1 year.",
        ),
        (
            (3, 1),
            {"kind": "waiting"},
            "Wait until the entry for your net income has come down to 1; at present "
            "it is 3.",
        ),
        (
            (3, 1),
            {"kind": "history"},
            "Your record shows 3 for your net income; it would have to show 1.",
        ),
        ((True, False), {}, "Change your net income from “yes” to “no”."),
        (("a_1", "<= 4"), {}, "Change your net income from “a 1” to “<= 4”."),
        (
            ("A11", "A12"),
            {"values": {"A12": "no account"}},
            "Change your net income from “A11” to “no account”.",
        ),
        (
            ("x", "y"),
            {"kind": "waiting"},
            "Wait until the entry for your net income is “y”; at present it is “x”.",
        ),
    ],
    ids=str,
)
def test_a_change_in_words(change, entry, sentence):
    assert of_one("net_income", *change, **entry) == sentence


def test_a_block_in_words():
    before = pd.DataFrame({"home_rent": [1], "home_my own": [0]})
    after = 1 - before
    block = tuple(before)
    one = made(before, after, _features=[(block, (0, 1))], _changed=np.array([[True]]))
    assert one.letter(0).split("\n\n")[0].endswith("from “rent” to “my own”.")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("income", "income"),
        ("monthly.income-net", "monthly income net"),
        ("MonthlyIncome", "monthly income"),
        ("NumberOfTime30-59DaysPastDue", "number of time 30 59 days past due"),
        ("PAY_0", "PAY 0"),
        (("person", "net_income"), "person net income"),
        (3, "3"),
    ],
)
def test_names_made_readable(name, words):
    assert readable(name) == words


def test_figures_never_make_a_change_look_smaller():
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1.0, 1e3, 1e6):
        for old, new in rng.normal(scale=scale, size=(50, 2)):
            shown = [float(text.replace(",", "")) for text in figures(old, new)]
            assert np.sign(shown[1] - shown[0]) == np.sign(new - old)
            assert abs(shown[1] - shown[0]) >= abs(new - old) * (1 - 1e-9)
            assert abs(shown[1] - new) <= 0.01 * max(abs(old), abs(new)) + 1e-12
