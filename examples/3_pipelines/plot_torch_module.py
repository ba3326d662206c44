"""
A torch module of your own
==========================

Any module that goes from the encoded columns to a logit a class can be trained with
counterfactuals. Here one that sees waves of its inputs.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_moons
from sklearn_ct.plotting import DecisionSurfaceDisplay

# %%
# The module
# ----------
# The number of inputs is that of ``clf.encode(X)``: here two scaled numbers.


class Waves(nn.Module):
    """Random waves of the inputs, and a small network on them."""

    def __init__(self, n_inputs, n_classes, n_waves=32, width=32):
        super().__init__()
        directions = torch.randn(n_inputs, n_waves)
        self.register_buffer("directions", directions)
        self.layers = nn.Sequential(
            nn.Linear(2 * n_waves, width), nn.SiLU(), nn.Linear(width, n_classes)
        )

    def forward(self, x):
        """Logits of rows of shape (n, n_inputs)."""
        waves = x @ self.directions
        return self.layers(torch.cat([waves.sin(), waves.cos()], dim=1))


torch.manual_seed(0)
waves = Waves(n_inputs=2, n_classes=2)

# %%
# Train
# -----
# The module is copied, so that the same one can be trained in both ways.
X, y = make_moons(1000, random_state=0)
settings = {"module": waves, "max_epochs": 40, "lr": 5e-3, "random_state": 0}
models = {
    "conventional": CounterfactualTrainedClassifier(
        lambda_div=0.0, lambda_adv=0.0, **settings
    ),
    "CT": CounterfactualTrainedClassifier(**settings),
}
figure, axes = plt.subplots(
    1, 2, figsize=(8, 3.5), layout="constrained", sharex=True, sharey=True
)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    model.fit(X, y)
    answers = model.explain(X[:40], tau=0.9)
    DecisionSurfaceDisplay.from_counterfactuals(
        answers, model, rows=X[:300], labels=y[:300], colorbar=name == "CT", ax=ax
    )
    ax.set_title(name)
plt.show()

# %%
# What to take away
# -----------------
# - ``module=`` takes the place of ``hidden_layer_sizes``; everything else stays as it
#   is.
# - The module gives logits, one a class, no probabilities.
# - One that is trained already is trained on from its weights.
