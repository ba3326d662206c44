"""What the figures show of a trained model, as plain lists."""

from dataclasses import replace

import numpy as np
import torch

from benchmarks.paper.protocol import STEPS, TAU_FREE, walker
from sklearn_ct.generators import ECCCo

ENERGY = 1.0  # of the walks shown
GRID = 40  # points of the background in each direction
N_PATHS = 6  # walks from each class
DIGITS = ((4, 9), (3, 8), (7, 9), (1, 7), (5, 6), (8, 0))


def draw(name, free, careful, X, y):
    """Collect what the figure of a data set needs."""
    if name == "MNIST":
        return digits(free, X, y)
    return {"free": plane(free, X, y, False), "protected": plane(careful, X, y, True)}


def plane(clf, X, y, protected):
    """Probability of class 1 over the model's input space, and walks in it."""
    constraints, module = clf.net_.constraints, clf.net_.module_
    like = next(module.parameters())
    codes = torch.as_tensor(clf.encode(X)).to(like)
    low, high = (b[0].numpy() for b in (constraints.lower, constraints.upper))
    room = 0.05 * (high - low)
    low, high = low - room, high + room
    axes = [np.linspace(a, b, GRID) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    if protected:
        moving = torch.tensor([[False, True]])
        constraints = replace(constraints, rise=moving, fall=moving)
    module.eval()
    with torch.no_grad():
        probability = module(torch.as_tensor(points).to(like)).softmax(1)[:, 1]
        labels = module(codes).argmax(1)
    rows = torch.cat([(labels == k).nonzero()[:N_PATHS, 0] for k in (0, 1)])
    target = 1 - labels[rows]
    states = [codes[rows]]
    for steps in range(1, STEPS + 1):
        paths = Prefix(lambda_cost=0.0, lambda_energy=ENERGY, max_iter=steps).search(
            module, codes[rows], target, constraints, tau=TAU_FREE
        )
        states.append(paths.counterfactual)
    with torch.no_grad():
        valid = module(states[-1]).argmax(1) == target
    return {
        "extent": np.stack([low, high], axis=1).ravel().tolist(),
        "probability": probability.numpy().round(3).reshape(GRID, GRID).tolist(),
        "points": codes[:300].numpy().round(3).tolist(),
        "labels": np.asarray(y[:300]).tolist(),
        "paths": torch.stack(states, dim=1).numpy().round(3).tolist(),
        "valid": valid.tolist(),
    }


class Prefix(ECCCo):
    """The first ``max_iter`` steps of a walk of the evaluation."""

    def schedule(self, step):
        """Schedule of the whole walk."""
        return walker(self.lambda_energy).schedule(step)


def digits(clf, X, y):
    """Images turned into other digits."""
    rows = []
    for factual, _ in DIGITS:
        members = np.flatnonzero(np.asarray(y) == factual)
        far = np.abs(X[members] - X[members].mean(axis=0)).sum(axis=1)
        rows.append(int(members[far.argmin()]))  # the most typical image
    answer = clf.explain(
        X[rows],
        np.array([target for _, target in DIGITS]),
        tau=TAU_FREE,
        generator=walker(ENERGY),
        effort="walk",
    )
    return {
        "factuals": np.asarray(answer.factuals).round(2).tolist(),
        "images": np.asarray(answer.counterfactuals).round(2).tolist(),
        "status": answer.status.tolist(),
    }
