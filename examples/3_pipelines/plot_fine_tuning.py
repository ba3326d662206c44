"""
Fine-tuning an MLPClassifier
============================

A network that is trained already need not be thrown away. ``from_pretrained`` takes its
weights, and the scaler in front of it; counterfactual training goes on from there.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import RobustAccuracyDisplay

X, y = make_loan_applications(3000, random_state=0)
X = X.select_dtypes("number")
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# The network that there is
# -------------------------
mlp = make_pipeline(
    StandardScaler(),
    MLPClassifier((32,), tol=1e-3, random_state=0),
)
mlp.fit(X_train, y_train)
print(f"Accuracy {mlp.score(X_test, y_test):.3f}")

# %%
# Go on with and without counterfactuals
# --------------------------------------
# Twenty epochs each, from the same weights. The scaler goes into the first layer, so
# that the classifier takes the table itself.
settings = {
    "mutability": {"age": "none", "dependents": "none", "employment_years": "increase"},
    "max_epochs": 20,
    "random_state": 0,
}
models = {
    "went on as before": CounterfactualTrainedClassifier.from_pretrained(
        mlp, lambda_div=0.0, lambda_adv=0.0, **settings
    ),
    "went on with CT": CounterfactualTrainedClassifier.from_pretrained(mlp, **settings),
}
measures = {}
for name, model in models.items():
    model.fit(X_train, y_train)
    rejected = X_test[model.predict(X_test) == "rejected"]
    summary = model.explain(rejected, "approved").evaluate()
    measures[name] = {"accuracy": model.score(X_test, y_test)}
    measures[name] |= summary[["answered", "cost", "implausibility"]].to_dict()
pd.DataFrame(measures).round(3)

# %%
# Under attack
# ------------
# Accuracy where every number may be moved a little, in the direction that hurts most.
figure, ax = plt.subplots(layout="constrained")
for name, model in models.items():
    RobustAccuracyDisplay.from_estimator(
        model, X_test, y_test, name=name, marker="o", ax=ax
    )
plt.show()

# %%
# What to take away
# -----------------
# - ``from_pretrained`` takes an ``MLPClassifier``, alone or behind scalers and
#   encoders, a skorch net, or a classifier of this package.
# - A few epochs are enough to change what a network does under attack and what its
#   answers are like; look at both, and at the accuracy.
