"""
Start in five minutes
=====================

Train a classifier, ask what rejected people could do, and look at the answers.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import AnswerDisplay, ChangesDisplay, DecisionSurfaceDisplay

# %%
# A table
# -------
# Generated loan applications: numbers and words, as they come. Nothing needs to be
# scaled or encoded.
X, y = make_loan_applications(3000, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_train.head()

# %%
# Train
# -----
# Say what may change. Everything that is not named stays as it is, in every answer, and
# the network learns to rely on the rest.
clf = CounterfactualTrainedClassifier(
    mutability={
        "*": "none",
        "income": "both",
        "savings": "both",
        "debt": "both",
        "loan_amount": "both",
        "employment_years": "increase",
        "education": "increase",
    },
    max_epochs=50,
    random_state=0,
)
clf.fit(X_train, y_train)
print(f"Accuracy {clf.score(X_test, y_test):.3f}")

# %%
# Ask
# ---
# What would have to change for those who are rejected to be approved? Every answer is
# in the columns and units of the table, and was checked by ``predict``.
rejected = X_test[clf.predict(X_test) == "rejected"]
answers = clf.explain(rejected, "approved")
print(answers.describe(0))
answers[:3]

# %%
# Look at one person
# ------------------
# Left, each change by its place among the rejected. Right, what the classifier says
# when only income and the loan differ and all else is this person's: the white point is
# the person, the arrow ends where the classifier says 0.7, the line is where it says a
# half.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
AnswerDisplay.from_counterfactuals(answers, 0, ax=left)
DecisionSurfaceDisplay.from_counterfactuals(
    answers[:1], clf, features=["income", "loan_amount"], rows=X_test, ax=right
)
plt.show()

# %%
# Look at all
# -----------
# Which columns the answers change, in how many of them, and by how much in the middle.
ChangesDisplay.from_counterfactuals(answers)
plt.show()

# %%
# In numbers: how many people have an answer, and what it costs them.
answers.evaluate()

# %%
# What to take away
# -----------------
# - ``fit`` and ``predict`` are those of any classifier of scikit-learn.
# - ``mutability`` is the reason to train in this way: what nobody can change is
#   protected in training, not only filtered afterwards.
# - ``explain`` never drops a row: each has a status, and a reason where it has no
#   answer.
