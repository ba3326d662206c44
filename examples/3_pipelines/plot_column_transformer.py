"""
A pipeline with missing cells
=============================

Your own preparation stays in front: imputers, scalers, encoders, functions. The answers
come back in the columns of the table that went in, in its units, and each is predicted
again through the whole pipeline.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import ChangesDisplay, GroupsDisplay

# %%
# A table with holes
# ------------------
# One in ten has not said what they have saved or how they live.
X, y = make_loan_applications(3000, random_state=0)
rng = np.random.default_rng(0)
X["savings"] = X["savings"].where(rng.uniform(size=len(X)) > 0.1)
X["housing"] = X["housing"].astype(object).where(rng.uniform(size=len(X)) > 0.1)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# The pipeline
# ------------
# Amounts are imputed and scaled; words are imputed and one-hot encoded; the rest goes
# through.
amounts = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
words = make_pipeline(
    SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False)
)
table = ColumnTransformer(
    [
        ("amounts", amounts, ["income", "savings", "debt", "loan_amount"]),
        ("words", words, ["housing", "purpose"]),
    ],
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")

# %%
# The rules are written in the names of the table that goes in, and hold in training,
# too.
clf = CounterfactualTrainedClassifier(
    mutability={
        "*": "none",
        "income": "both",
        "savings": "both",
        "debt": "both",
        "loan_amount": "both",
        "housing": "both",
        "education": "increase",
    },
    max_epochs=40,
    random_state=0,
)
pipeline = make_pipeline(table, clf)
pipeline.fit(X_train, y_train)

# %%
# Explain
# -------
rejected = X_test[pipeline.predict(X_test) == "rejected"]
answers = explain(pipeline, rejected, "approved")
print(answers.describe(0))
answers[:3]

# %%
# A cell that is missing stays missing; with ``missing="free"`` an answer could set it.
kept = answers.counterfactuals["savings"].isna() == rejected["savings"].isna()
print(f"Missing where it was missing: {kept.all()}")

# %%
# What is asked, and of whom. Those who have not said how they live are a group, too.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
ChangesDisplay.from_counterfactuals(answers, ax=left)
lives = rejected["housing"].fillna("not said")
GroupsDisplay.from_counterfactuals(answers, by=lives, ax=right)
plt.show()

# %%
# What to take away
# -----------------
# - ``explain(pipeline, X)`` takes the pipeline as it is; the steps are inverted.
# - Steps keep names and are dense: ``set_output(transform="pandas")``,
#   ``OneHotEncoder(sparse_output=False)``, ``verbose_feature_names_out=False``.
# - None of this is needed: without steps in front the classifier takes words and
#   missing cells as they are.
