"""
Letters to rejected applicants
==============================

A person who was rejected needs other words than an analyst: no probabilities, round
numbers, and no advice to hurry what only time can do. A *glossary* says so, column by
column. The search obeys it, and the letters are written by it.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import AnswerDisplay

X, y = make_loan_applications(3000, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# The rules
# ---------
# Nobody can change their age. Years of employment add up, late payments lapse. And
# nobody is sent a letter that asks for savings of a million.
clf = CounterfactualTrainedClassifier(
    mutability={
        "age": "none",
        "dependents": "none",
        "credit_lines": "none",
        "employment_years": "increase",
        "education": "increase",
        "late_payments": "decrease",
    },
    domain={"income": (0, 150_000), "savings": (0, 100_000)},
    max_epochs=40,
    random_state=0,
).fit(X_train, y_train)

# %%
# The glossary
# ------------
# Amounts change by at least 1,000 and end at a multiple of 500. Years at work are
# waited for; late payments are history, which nobody can change now.
money = {"unit": "€{}", "step": 500, "smallest_change": 1000}
glossary = {
    "income": {"label": "yearly income", **money},
    "debt": {"label": "other debts", **money},
    "savings": money,
    "loan_amount": {"label": "the amount you apply for", **money},
    "employment_years": {"label": "years at work", "unit": "years", "kind": "waiting"},
    "late_payments": {"label": "late payments", "kind": "history"},
    "housing": {
        "label": "your housing",
        "values": {
            "rent": "rented",
            "mortgage": "owned, with a mortgage",
            "own": "owned, without a mortgage",
        },
    },
    "education": {"label": "your highest degree"},
    "purpose": {"label": "the purpose of the loan"},
}

# %%
# The letters
# -----------
# Each person gets two ways, of which one is enough.
rejected = X_test[clf.predict(X_test) == "rejected"].head(20)
answers = clf.explain(rejected, "approved", glossary=glossary, n_counterfactuals=2)
for i in range(2):
    print(answers.letter(i, outcome={"approved": "a loan"}))
    print("-" * 60)

# %%
# The same in a picture
# ---------------------
# The two ways of the first person: each change between the least and the greatest value
# that the column has among the rows shown.
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5), layout="constrained")
AnswerDisplay.from_counterfactuals(answers, 0, ax=above)
AnswerDisplay.from_counterfactuals(answers, 1, ax=below)
plt.show()

# %%
# What to take away
# -----------------
# - Write what people call a column, and in which steps they change it, once, in a
#   ``glossary``; it can be kept in a spreadsheet and read as a frame.
# - The search obeys it: what a person reads is what was checked by ``predict``.
# - ``answers.letters(format="html")`` gives all letters as HTML.
