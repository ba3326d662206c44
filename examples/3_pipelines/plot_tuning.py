"""
Tuning for accuracy and plausibility
====================================

Two aims, one search: ``recourse_scoring`` scores both, and ``most_plausible_within``
takes the candidate with the most plausible answers among those that predict as well as
the best one, as far as the splits can tell.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_moons
from sklearn_ct.plotting import DecisionSurfaceDisplay
from sklearn_ct.scoring import most_plausible_within, recourse_scoring

X, y = make_moons(700, noise=0.3, random_state=0)

# %%
# The search
# ----------
# Candidates whose log loss is within one standard error of the best one's cannot be
# told from it. Among these the most plausible one is fitted again, to all rows.
search = GridSearchCV(
    CounterfactualTrainedClassifier(max_epochs=40, lr=5e-3, random_state=0),
    {"lambda_div": [0.0, 0.1, 0.5], "lambda_adv": [0.0, 2.0]},
    scoring=recourse_scoring(),
    refit=most_plausible_within(0.0, "neg_log_loss", one_standard_error=True),
    cv=4,
)
search.fit(X, y)
print(search.best_params_)

# %%
# The candidates
# --------------
# Means over the splits. Stronger divergence makes answers more plausible and dearer,
# and costs log loss.
results = pd.DataFrame(search.cv_results_)
names = ["neg_log_loss", "neg_implausibility", "neg_cost", "robust_accuracy"]
scores = results[[f"mean_test_{name}" for name in names]].set_axis(names, axis=1)
results[["param_lambda_div", "param_lambda_adv"]].join(scores.round(3))

# %%
# What was chosen, and from among which: left of the dotted line all are as good as the
# best one.
losses = -results.filter(regex="split._test_neg_log_loss").to_numpy()
best = losses.mean(axis=1).argmin()
limit = losses[best].mean() + losses[best].std(ddof=1) / np.sqrt(losses.shape[1])
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
for strength, marker in ((0.0, "o"), (2.0, "s")):
    part = -scores[results["param_lambda_adv"] == strength]
    words = f"lambda_adv={strength:g}"
    left.plot(
        part["neg_log_loss"], part["neg_implausibility"], f"{marker}-", label=words
    )
chosen = -scores.iloc[search.best_index_]
ring = {"ms": 16, "mfc": "none", "mec": "0.2"}
left.plot(chosen["neg_log_loss"], chosen["neg_implausibility"], "o", **ring)
left.axvline(limit, color="0.4", linestyle=":")
left.set(xlabel="log loss", ylabel="implausibility of the answers")
left.legend(frameon=False)
DecisionSurfaceDisplay.from_estimator(search, X[:30], rows=X, labels=y, ax=right)
plt.show()

# %%
# What to take away
# -----------------
# - ``scoring=recourse_scoring()`` explains the rows of a split once for all
#   of its scores.
# - What is within one standard error cannot be told apart: let plausibility decide
#   there.
# - Any other score of the search may take the place of the log loss.
# - ``explain`` takes the search as it is.
