"""A step of the walk over the bare matrix products of the same pass; own times."""

import cProfile
import pstats
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

import sklearn_ct
from benchmarks.speed.measuring import aim, interleave, median, ratio, seconds_of
from benchmarks.speed.tasks import make_task, split
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.generators import ECCCo, Generic

SIZES = {(32,): 2.5, (64, 64): 1.5}  # hidden units, largest ratio asked for
ROWS = (1_000, 10_000)
N_STEPS = 30
NEVER = 1.1  # no probability reaches it: every row walks to the end
GENERATORS = {"Generic": Generic, "ECCCo": ECCCo}
WRITTEN, GRAPH = "written out", "autograd"


class Unknown(nn.Module):
    """A network of which no way back is written out, so that autograd finds it."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        """Logits."""
        return self.module(x)


def gaussian(n=10_000, d=20):
    """Two classes of numbers without bounds."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % 2
    return draw.normal(size=(n, d)) + 0.5 * y[:, None], y


def measure(rounds, quick):
    """Time steps and products in turn, and profile an epoch."""
    data = {
        "20 free numbers": (*gaussian(), {"domain": None}),
        "Adult": (*split("Adult", 0), {}),
    }
    rows = ROWS[:1] if quick else ROWS
    lines, aims = [], []
    for name, (X, y, settings) in data.items():
        for sizes, limit in SIZES.items():
            clf = CounterfactualTrainedClassifier(
                hidden_layer_sizes=sizes,
                max_epochs=2 if quick else 10,
                random_state=0,
                **settings,
            ).fit(X, y)
            codes = torch.as_tensor(clf.encode(X[: rows[-1]]), dtype=torch.float32)
            for n in rows:
                found = interleave(
                    candidates(clf.net_, codes[:n]), rounds, f"floor, {name}"
                )
                line = {
                    "columns": f"{name} ({codes.shape[1]})",
                    "hidden units": "-".join(map(str, sizes)),
                    "rows": n,
                    "products, ms": 1000 * median(found["products"]),
                }
                base = found.pop("products")
                lines.append(line | {key: ratio(s, base) for key, s in found.items()})
            walks = {g: lines[-1][f"{g}, {WRITTEN}"] for g in GENERATORS}
            worst = max(walks, key=lambda g: walks[g]["value"])
            title = f"step / products, {line['hidden units']}, {name}, {n:,} rows"
            aims.append(aim(title, limit, walks[worst]) | {"worse of two": worst})
    return {"floor": lines, "floor_aims": aims, "profile": profile(quick)}, {}


def candidates(net, x):
    """Functions ``round -> seconds of a step``, for all ways to walk."""
    module = net.module_
    with torch.no_grad():
        target = 1 - module(x).argmax(1)
    weights = [p.detach() for p in module.parameters() if p.dim() == 2]

    def products():
        for _ in range(N_STEPS):
            state = x
            for weight in weights:
                state = state @ weight.T
            for weight in reversed(weights):
                state = state @ weight

    def timed(run):
        run()
        repeats = max(1, 5_000 // len(x))
        return min(seconds_of(run) for _ in range(repeats)) / N_STEPS

    def walk(make, module):
        generator = make(max_iter=N_STEPS)
        asked = x, target, net.constraints
        return lambda: generator.search(module, *asked, tau=NEVER, epsilon=0.1)

    runs = {"products": products}
    for name, make in GENERATORS.items():
        runs[f"{name}, {WRITTEN}"] = walk(make, module)
        runs[f"{name}, {GRAPH}"] = walk(make, Unknown(module).eval())
    return {name: lambda i, run=run: timed(run) for name, run in runs.items()}


def profile(quick):
    """Own time of each module of the package, with the torch calls it makes itself."""
    task = make_task("Adult", "cpu", 3000 if quick else None)
    n_epochs = 3 if quick else 11
    settings = {"max_epochs": n_epochs, "random_state": 0}
    fits = {
        "defaults": task.default_classifier(**settings, batch_size="auto"),
        "paper's settings": task.classifier(**settings),
    }
    shares = {
        name: own_times(lambda clf=clf: clf.fit(task.table, task.labels))
        for name, clf in fits.items()
    }
    order = sorted(shares["defaults"], key=shares["defaults"].get, reverse=True)
    return [
        {"module": module}
        | {f"{name}, %": 100 * of.get(module, 0) for name, of in shares.items()}
        for module in order
        if max(of.get(module, 0) for of in shares.values()) > 0.01
    ]


def own_times(run):
    """Share of the time of each module of the package, and that of all others.

    A built-in function, as those of torch are, counts for the module that calls it.
    """
    profiler = cProfile.Profile()
    profiler.runcall(run)
    root = Path(sklearn_ct.__file__).parent

    def module_of(function):
        path = Path(function[0])
        inside = path.is_relative_to(root)
        return path.relative_to(root).as_posix() if inside else "other packages"

    seconds = defaultdict(float)
    for function, (_, _, own, _, callers) in pstats.Stats(profiler).stats.items():
        if function[0] == "~" and callers:
            for caller, (_, _, within, _) in callers.items():
                seconds[module_of(caller)] += within
        else:
            seconds[module_of(function)] += own
    total = sum(seconds.values())
    return {module: own / total for module, own in seconds.items()}
