"""
Thresholds and calibration
==========================

Who approves at 0.8 rather than at a half owes people other answers. ``explain`` takes
scikit-learn's thresholds and calibrated classifiers as they are, and its answers reach
what decides.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, train_test_split

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct.datasets import make_loan_applications

X, y = make_loan_applications(3000, random_state=0)
X_train, X_rest, y_train, y_rest = train_test_split(X, y, random_state=0, test_size=0.5)
X_held, X_test, y_held, y_test = train_test_split(
    X_rest, y_rest, random_state=0, test_size=0.5
)
clf = CounterfactualTrainedClassifier(
    mutability={
        "*": "none",
        "income": "both",
        "savings": "both",
        "debt": "both",
        "loan_amount": "both",
    },
    domain={"income": (0, 150_000), "savings": (0, 100_000)},
    max_epochs=40,
    random_state=0,
).fit(X_train, y_train)
rejected = X_test[clf.predict(X_test) == "rejected"]

# %%
# A threshold
# -----------
# ``FixedThresholdClassifier`` approves from 0.8 on; ``TunedThresholdClassifierCV``
# would find the threshold itself. An answer that convinces the classifier inside need
# not convince whoever decides by the threshold.


def with_threshold(threshold):
    """Decide at another probability than a half."""
    strict = FixedThresholdClassifier(
        FrozenEstimator(clf), threshold=threshold, pos_label="approved"
    )
    return strict.fit(X_held, y_held)


strict = with_threshold(0.8)
for name, model in {"classifier inside": clf, "classifier at 0.8": strict}.items():
    answers = explain(model, rejected, "approved", tau=0.5)
    found = answers[answers.valid]
    approved = strict.predict(found.counterfactuals) == "approved"
    print(f"Asked the {name}: {approved.mean():.0%} of the answers approved at 0.8")

# %%
# ``tau=0.5`` is the threshold itself; a greater one asks for more than that.
print(answers.describe(1))

# %%
# Calibration
# -----------
# Probabilities are calibrated on rows that the classifier has not seen. On the right,
# what a stricter threshold asks of people.
calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="sigmoid")
calibrated.fit(X_held, y_held)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.7), layout="constrained")
for name, model in {"as trained": clf, "calibrated": calibrated}.items():
    CalibrationDisplay.from_estimator(
        model,
        X_test,
        y_test,
        pos_label="approved",
        n_bins=8,
        strategy="quantile",
        name=name,
        ax=left,
    )
left.set(xlabel="predicted probability of approval", ylabel="share approved")
thresholds = [0.5, 0.6, 0.7, 0.8, 0.9]
summary = pd.DataFrame(
    [
        explain(with_threshold(t), rejected, "approved", tau=0.5).evaluate()
        for t in thresholds
    ],
    index=thresholds,
)
right.plot(summary["cost"], "o-", label="mean cost")
right.plot(summary["n_changes"], "s-", label="mean number of changes")
right.set(xlabel="threshold", ylim=(0, None))
right.legend(frameon=False)
plt.show()

# %%
# The calibrated classifier is explained like any other; ``tau`` and ``probability`` are
# then calibrated ones.
print(explain(calibrated, rejected, "approved", tau=0.8).describe(1))

# %%
# What to take away
# -----------------
# - Explain what decides: the classifier with its threshold, not the one inside.
# - ``tau=0.5`` is the threshold, whatever it is; greater values ask for a margin.
# - Calibrate on held-out rows, then explain the calibrated classifier.
