"""A step of the walk over the bare matrix products of the same pass."""

from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
import torch

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._core import walk as _walk
from sklearn_ct._core.backprop import _Graph
from sklearn_ct.generators import ECCCo, Generic
from speed.measuring import interleave, progress, seconds_of
from speed.profile import measure as measure_profile
from speed.tasks import adult

SIZES = ((32,), (64, 64))
ROWS = (1_000, 10_000)
N_STEPS = 30
NEVER = 1.1  # no probability reaches it: every row walks to the end
GENERATORS = {"Generic": Generic, "ECCCo": ECCCo}
WRITTEN, GRAPH = "written out", "autograd"
COLUMNS = ("20 free numbers", "Adult")


def gaussian(n=10_000, d=20):
    """Two classes of numbers without bounds."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % 2
    return draw.normal(size=(n, d)) + 0.5 * y[:, None], y


def measure(rounds, quick):
    """Time steps and products in turn, and the profile of an epoch."""
    data = ((gaussian(), {"domain": None}), (adult(0), {}))
    rows = ROWS[:1] if quick else ROWS
    results, n_columns = {}, {}
    for name, ((X, y), settings) in zip(COLUMNS, data, strict=True):
        for sizes in SIZES:
            clf = CounterfactualTrainedClassifier(
                hidden_layer_sizes=sizes,
                max_epochs=2 if quick else 10,
                random_state=0,
                **settings,
            ).fit(X, y)
            codes = torch.as_tensor(clf.encode(X[: rows[-1]]), dtype=torch.float32)
            n_columns[name] = codes.shape[1]
            for n in rows:
                key = f"{name}; {'-'.join(map(str, sizes))}; {n}"
                say = progress(f"floor, {key}", rounds)
                candidates = make_candidates(clf.net_, codes[:n])
                results[key] = interleave(candidates, rounds, say)
    return {
        "columns": n_columns,
        "sizes": ["-".join(map(str, sizes)) for sizes in SIZES],
        "rows": rows,
        "steps": N_STEPS,
        "seconds": results,
        "profile": measure_profile(rounds, quick),
    }


def make_candidates(net, x):
    """Functions ``round -> seconds of a step``, for all ways to walk."""
    module = net.module_
    constraints = net.constraints
    with torch.no_grad():
        target = 1 - module(x).argmax(1)
    weights = [p.detach() for p in module.parameters() if p.dim() == 2]
    repeats = max(1, 5_000 // len(x))

    def products():
        for _ in range(N_STEPS):
            state = x
            for weight in weights:
                state = state @ weight.T
            for weight in reversed(weights):
                state = state @ weight

    def timed(run, context):
        with context:
            run()
            return min(seconds_of(run) for _ in range(repeats)) / N_STEPS

    def walker(make):
        generator = make(max_iter=N_STEPS)

        def walk():
            generator.search(module, x, target, constraints, tau=NEVER, epsilon=0.1)

        return walk

    candidates = {"products": lambda i: timed(products, nullcontext())}
    for name, make in GENERATORS.items():
        walk = walker(make)
        candidates[f"{name}, {WRITTEN}"] = lambda i, walk=walk: timed(
            walk, nullcontext()
        )
        candidates[f"{name}, {GRAPH}"] = lambda i, walk=walk: timed(
            walk, patch.object(_walk, "logits_and_back", _Graph)
        )
    return candidates
