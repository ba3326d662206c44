"""
Who is asked for what
=====================

Nobody is asked to be older, and yet the young are rejected more often, through columns
that tell their age. An audit says by how much, whether it is more than chance, and what
is asked of whom.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse, proxy_report
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import (
    ProxiesDisplay,
    RecourseRatioDisplay,
    RecourseReachDisplay,
)

X, y = make_loan_applications(4000, random_state=0)
age_group = pd.cut(X["age"], [0, 29, 49, 99], labels=["to 29", "30 to 49", "from 50"])
X_train, X_test, y_train, y_test, _, age_group = train_test_split(
    X, y, age_group, random_state=0, test_size=0.5
)
clf = CounterfactualTrainedClassifier(
    mutability={"age": "none"}, max_epochs=30, random_state=0
).fit(X_train, y_train)

# %%
# Rejections, cost and burden, by group
# -------------------------------------
# The *burden* of a group is its rate of rejection times the mean cost of its answers.
# Every rejected row counts, those without an answer at the greatest cost.
audit = audit_recourse(
    clf,
    X_test,
    y_test,
    sensitive_features={"age": age_group},
    reference={"age": "30 to 49"},
    target="approved",
)
print(audit.summary())

# %%
# Ratios with their intervals, and the share of each group that a cost would help.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
RecourseRatioDisplay.from_audit(audit, measure="burden", ax=left)
RecourseReachDisplay.from_audit(audit, ax=right)
plt.show()

# %%
# Through which columns
# ---------------------
# Age itself never changes in an answer. Do other columns tell it, and how much of the
# advice runs through these?
proxies = proxy_report(X_test, ["age"], estimator=clf, audit=audit, target="approved")
print(proxies.summary())
ProxiesDisplay.from_report(proxies)
plt.show()

# %%
# What to take away
# -----------------
# - ``audit_recourse`` counts every rejected row, gives intervals, and corrects its
#   tests for their number.
# - Protecting a column does not remove what others say about it; ``proxy_report`` says
#   which ones do.
# - ``audit.to_html("audit.html", proxies=proxies)`` writes it all as one file. It finds
#   differences; whether they are just is not for a program to say.
