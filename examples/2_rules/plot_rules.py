"""
Rules and links
===============

Without rules a search finds what moves the model: fewer dependents, a lower age. Rules
say what people can do, links say what moves along, and relations keep together what
hangs together in the table.
"""

import matplotlib.pyplot as plt

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import loan_application_is_possible, make_loan_applications
from sklearn_ct.plotting import ChangesDisplay

X, y = make_loan_applications(3000, random_state=0)
settings = {"max_epochs": 40, "random_state": 0}

# %%
# No rules
# --------
free = CounterfactualTrainedClassifier(relations=None, **settings).fit(X, y)
rejected = X[free.predict(X) == "rejected"].head(300)
answers = free.explain(rejected, "approved")
impossible = ~loan_application_is_possible(answers.counterfactuals)
print(f"{impossible.mean():.0%} of the answers could not exist.")

# %%
# Rules
# -----
# ``"*"`` is every column that is not named; begin closed. ``"increase"`` and
# ``"decrease"`` are one-way. Age is ``"follows"``: no search moves it, but it grows
# with the years of employment, which a function says.
rules = {
    "*": "none",
    "income": "both",
    "savings": "both",
    "debt": "both",
    "loan_amount": "both",
    "education": "increase",
    "late_payments": "decrease",
    "employment_years": "increase",
    "age": "follows",
}


def grow_older(table):
    """Age rises with the years of employment."""
    before = X.loc[table.index]
    years = table["employment_years"] - before["employment_years"]
    return table.assign(age=before["age"] + years)


ruled = CounterfactualTrainedClassifier(mutability=rules, **settings).fit(X, y)
asked = ruled.explain(rejected, "approved", project=grow_older)
impossible = ~loan_application_is_possible(asked.counterfactuals)
print(f"{impossible.mean():.0%} of the answers could not exist.")
print(f"{(asked.status == 'infeasible').mean():.0%} have none.")

# %%
# What holds in every training row, and would not by chance, holds in every answer:
print(*ruled.relations_, sep="\n")

# %%
# Before and after
# ----------------
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.7), layout="constrained")
for ax, title, part in ((left, "no rules", answers), (right, "rules", asked)):
    ChangesDisplay.from_counterfactuals(part, ax=ax)
    ax.set_title(title)
plt.show()

# %%
# Narrower for some
# -----------------
# In a call, rules narrow those of the classifier; a list gives each person their own.
# Here those with children are not asked to lower what they apply for.
own = [{"loan_amount": "none"} if n else {} for n in rejected["dependents"]]
narrower = ruled.explain(rejected, "approved", mutability=own, project=grow_older)
narrower.evaluate(
    by=(rejected["dependents"] > 0).map({True: "children", False: "none"})
)

# %%
# What to take away
# -----------------
# - Begin with ``"*": "none"`` and open what people can change.
# - What moves along is ``"follows"``, and a function says how.
# - Relations are found by themselves, and readable; your own take their place.
