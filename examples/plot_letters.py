"""
Letters to rejected applicants
==============================

Trains a classifier on generated loan applications, explains five rejected ones with a
glossary (what people call each column, in which steps they change it, and what only
time changes), and writes the letters to one HTML page.
"""

import argparse
from pathlib import Path

from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications

# Nobody can change their age; years of employment add up, late payments lapse.
RULES = {
    "age": "none",
    "dependents": "none",
    "credit_lines": "none",
    "employment_years": "increase",
    "education": "increase",
    "late_payments": "decrease",
}
MONEY = {"unit": "€{}", "step": 500, "smallest_change": 1000}
GLOSSARY = {
    "income": {"label": "yearly income", **MONEY},
    "debt": {"label": "other debts", **MONEY},
    "savings": MONEY,
    "loan_amount": {"label": "the amount you apply for", **MONEY},
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
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Letters</title>
<style>
body {{ font: 16px/1.5 Georgia, serif; background: #eceae6; margin: 2rem; }}
.letter {{ background: white; max-width: 40rem; margin: 0 auto 2rem; padding: 2rem 3rem;
  box-shadow: 0 1px 4px #0003; }}
.letter h3 {{ font-size: 1rem; margin: 1.2rem 0 0.2rem; }}
.letter ul {{ margin: 0; }}
</style></head><body>
{letters}
</body></html>
"""


def main():
    """Run the example."""
    parser = argparse.ArgumentParser(description="Letters to rejected applicants.")
    parser.add_argument("--rows", type=int, default=4000, help="applications")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--output", type=Path, default=Path("letters.html"))
    arguments = parser.parse_args()
    X, y = make_loan_applications(arguments.rows, random_state=0)
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    clf = CounterfactualTrainedClassifier(
        mutability=RULES, max_epochs=arguments.epochs, random_state=0
    ).fit(X_train, y_train)
    rejected = X_test[clf.predict(X_test) == "rejected"].head(5)
    answers = clf.explain(rejected, "approved", glossary=GLOSSARY, n_counterfactuals=2)

    for person, letter in zip(rejected.index, answers.letters(), strict=True):
        print(f"To applicant {person}\n\n{letter}\n\n{'-' * 72}\n")
    letters = "\n".join(answers.letters(format="html"))
    arguments.output.write_text(PAGE.format(letters=letters), encoding="utf-8")
    print(f"Page: {arguments.output}")


if __name__ == "__main__":
    main()
