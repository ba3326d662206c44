"""
Answers that look like real people
==================================

An answer that no real row resembles is poor advice: who is like that? Its
*plausibility* is where it stands among real rows of its class that the classifier has
not trained on: at 0.1, nine in ten of them are less strange. ``min_plausibility`` asks
for more.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct.datasets import loan_approval_probability, make_loan_applications
from sklearn_ct.plotting import PlausibilityDisplay

X, y = make_loan_applications(3000, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Two classifiers
# ---------------
# Both see the logarithm of the amounts. They differ in nothing but their training.
logarithm = FunctionTransformer(np.log1p, np.expm1, feature_names_out="one-to-one")
table = make_column_transformer(
    (logarithm, ["income", "debt", "savings", "loan_amount"]),
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")
clf = CounterfactualTrainedClassifier(
    mutability={
        "*": "none",
        "income": "both",
        "savings": "both",
        "debt": "both",
        "loan_amount": "both",
    },
    max_epochs=40,
    random_state=0,
)
conventional = clone(clf).set_params(lambda_div=0.0, lambda_adv=0.0)
models = {
    "conventional": make_pipeline(table, conventional).fit(X_train, y_train),
    "CT": make_pipeline(table, clf).fit(X_train, y_train),
}

# %%
# Three ways to ask
# -----------------
# Each of them, and the latter for answers that stand at 0.2 at least.
both = np.all([m.predict(X_test) == "rejected" for m in models.values()], axis=0)
rejected = X_test[both].head(200)
answers = {name: explain(m, rejected, "approved") for name, m in models.items()}
answers["CT, at least 0.2"] = explain(
    models["CT"], rejected, "approved", min_plausibility=0.2
)

# %%
# The lower a line on the left, the fewer answers are strange. Real rows are spread
# evenly along the dotted line.
figure, ax = plt.subplots(layout="constrained")
for (name, part), line in zip(answers.items(), ("--", "-", "-."), strict=True):
    PlausibilityDisplay.from_counterfactuals(part, name=name, linestyle=line, ax=ax)
plt.show()

# %%
# What it costs and brings
# ------------------------
# Of generated applications it is known how many are really approved: those who follow
# the advice, on average. Who has no answer that stands high enough is told so.
measures = {}
for name, part in answers.items():
    found = part[part.valid]
    measures[name] = part.evaluate()[["answered", "cost", "n_changes"]].to_dict()
    truth = loan_approval_probability(found.counterfactuals)
    measures[name]["really approved"] = truth.mean()
pd.DataFrame(measures).round(2)

# %%
# What to take away
# -----------------
# - ``plausibility`` is a column of every answer, between 0 and 1.
# - Trained with counterfactuals, the network has fewer strange answers, and more of
#   those who follow them are really approved. It asks for more, too.
# - ``min_plausibility`` draws a line. Who finds no answer above it has none, and is
#   told so.
