"""A step of the walk over the bare matrix products of the same pass."""

import numpy as np
import torch

from benchmarks.speed.measuring import aim, interleave, ratio, seconds_of, spread
from benchmarks.speed.training import make_task
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._core.backprop import logits_and_back
from sklearn_ct.generators import ECCCo

LIMITS = {(64, 64): 2.8, (32,): 5.8}  # as before: not to be slower
N_STEPS = 30
NEVER = 1.1  # no probability reaches it: every row walks to the end


def gaussian(n=10_000, d=20):
    """Two classes of numbers without bounds."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % 2
    return draw.normal(size=(n, d)) + 0.5 * y[:, None], y


def measure(rounds, quick):
    """Time steps and products in turn."""
    adult = make_task("Adult", 1000 if quick else None)
    data = {
        "20 free numbers": (*gaussian(), {"domain": None}),
        "Adult": (adult.table, adult.labels, {}),
    }
    lines, aims = [], []
    for name, (X, y, more) in data.items():
        for sizes, limit in LIMITS.items():
            clf = CounterfactualTrainedClassifier(
                hidden_layer_sizes=sizes, max_epochs=2, random_state=0, **more
            ).fit(X, y)
            codes = torch.as_tensor(clf.encode(X[:10_000])).float()
            found = interleave(candidates(clf.net_, codes), rounds)
            units = "-".join(map(str, sizes))
            line = {"columns": f"{name} ({codes.shape[1]})", "hidden units": units}
            line["products, ms"] = 1000 * spread(found["products"])["value"]
            step = ratio(found["walk"], found["products"])
            lines.append(line | {"step / products": step})
            if name == "Adult":
                aims.append(aim(f"step of the walk / products, {units}", limit, step))
    return {"walking": lines, "walking_aims": aims}


def candidates(net, x):
    """Functions ``round -> seconds of a step``."""
    module = net.module_.eval()
    target = 1 - logits_and_back(module)(x)[0].argmax(1)
    weights = [p.detach() for p in module.parameters() if p.dim() == 2]
    generator = ECCCo(max_iter=N_STEPS)

    def products():
        for _ in range(N_STEPS):
            state = x
            for weight in weights:
                state = state @ weight.T
            for weight in reversed(weights):
                state = state @ weight

    def walk():
        generator.search(module, x, target, net.constraints, tau=NEVER)

    runs = {"products": products, "walk": walk}
    return {
        name: lambda i, run=run: seconds_of(run) / N_STEPS for name, run in runs.items()
    }
