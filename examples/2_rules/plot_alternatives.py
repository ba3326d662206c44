"""
Several answers to one person
=============================

One answer is a proposal, several are a choice: fewer changes or smaller ones, just
enough or safe. ``n_counterfactuals`` asks for several, ``pareto`` keeps those that no
other one beats.
"""

import matplotlib.pyplot as plt

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import DecisionSurfaceDisplay

X, y = make_loan_applications(3000, random_state=0)
clf = CounterfactualTrainedClassifier(
    mutability={
        "*": "none",
        "income": "both",
        "savings": "both",
        "debt": "both",
        "loan_amount": "both",
        "employment_years": "increase",
    },
    domain={"income": (0, 120_000), "savings": (0, 60_000)},
    max_epochs=40,
    random_state=0,
).fit(X, y)
rejected = X[clf.predict(X) == "rejected"].head(50)

# %%
# Ten ways
# --------
# None of them comes twice. Those that reach the probability asked for come first, the
# cheapest first; each does without the costliest change of another, for as long as
# there are such.
answers = clf.explain(rejected, "approved", n_counterfactuals=10)
person = answers[answers.query == 4]
for i in range(4):
    print(person.describe(i))
person

# %%
# Those that no other one beats
# -----------------------------
# An answer is beaten by one that costs no more, changes no more, is no less probable
# and no farther from real rows, and is better in one of these.
best = answers.pareto()
print(f"{len(best) / len(rejected):.1f} of 10 answers to a person are unbeaten.")

# %%
# The answers to this person, the unbeaten ones filled: what changes a little of much is
# more plausible here than what changes much of one.
kept = set(best[best.query == 4].alternative)
faces = ["C0" if k in kept else "white" for k in person.alternative]
ways = [" + ".join(one.changes()["feature"]) for one in person]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharey=True, layout="constrained")
for ax, measure in zip(axes, ["cost", "implausibility"], strict=True):
    ax.scatter(getattr(person, measure), ways, s=60, c=faces, edgecolors="C0")
    ax.set_xlabel(measure)
    ax.grid(axis="y", alpha=0.4)
axes[0].invert_yaxis()
plt.show()

# %%
# On what the classifier says
# ---------------------------
# The ways that change nothing but savings and debt: much of one, or a little of both.
DecisionSurfaceDisplay.from_counterfactuals(person, clf, features=["savings", "debt"])
plt.show()

# %%
# What to take away
# -----------------
# - ``n_counterfactuals`` gives different ways, not the same one ten times.
# - ``pareto`` leaves out those that nobody would choose, whatever matters to them.
# - Where fewer ways are found than were asked for, the status and ``reason`` of the
#   rest say so.
