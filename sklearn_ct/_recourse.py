"""From a gradient walk to an answer: settle, check, repair, fall back."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import logsumexp

from sklearn_ct._net import one_thread

# A target must lead by this much in logits: rounding errors must not flip it back.
MARGIN = 1e-9
FORWARD_ROWS = 10_000
# A change of a number smaller than this share of its spread is none.
STILL = 1e-6
BISECTIONS = 10
NEAREST_ROWS = 50


@dataclass(frozen=True)
class Model:
    """A fitted network between the values of a codec and its logits.

    Attributes
    ----------
    module : torch.nn.Module
        In double precision where the device has it, so that the order and number of
        rows in a call do not show in the answers.
    codec : TabularEncoder or PipelineCodec
        ``embed(values) -> codes``, ``values(codes) -> values``, ``variables_``.
    """

    module: torch.nn.Module
    codec: object

    @classmethod
    def of(cls, module, codec):
        """Copy a module for searching."""
        parameter = next(module.parameters())
        module = deepcopy(module).eval().requires_grad_(False)
        if parameter.device.type != "mps":
            module = module.double()
        return cls(module, codec)

    def tensor(self, array):
        """Tensor of the module's type and device."""
        like = next(self.module.parameters())
        return torch.as_tensor(array).to(like)

    def logits(self, values):
        """Logits of values, shape (n, K)."""
        return self.logits_of(self.codec.embed(values))

    def logits_of(self, codes):
        """Logits of codes, shape (n, K), in blocks of bounded memory."""
        with torch.no_grad():
            blocks = torch.as_tensor(codes).split(FORWARD_ROWS)
            logits = [self.module(self.tensor(block)).cpu() for block in blocks]
        return torch.cat(logits).double().numpy()

    def reaches(self, values, target, tau):
        """Whether rows are predicted as their targets, with probability tau."""
        logits = self.logits(values)
        own = np.take_along_axis(logits, target[:, None], axis=1)[:, 0].copy()
        sure = np.exp(own - logsumexp(logits, axis=1)) >= tau
        np.put_along_axis(logits, target[:, None], -np.inf, axis=1)
        return sure & (own > logits.max(axis=1) + MARGIN)


@dataclass(frozen=True)
class Options:
    """What a call asks for, apart from its rows."""

    generator: object
    tau: float
    effort: str
    max_changes: int | None
    cost: np.ndarray  # (n_variables,), of a unit of distance


@dataclass
class Answers:
    """Values, statuses and reasons, one row for each row asked."""

    values: np.ndarray
    status: np.ndarray
    reason: np.ndarray


def find(model, bounds, target, options, references):
    """Answer rows that are not predicted as their targets yet.

    Parameters
    ----------
    model : Model
    bounds : Bounds
        Of the rows.
    target : ndarray of shape (n,)
        Class indices.
    options : Options
    references : dict
        For each class index, values of real rows predicted as it.

    Returns
    -------
    Answers
    """
    n = len(target)
    answers = Answers(
        values=bounds.factual.copy(),
        status=np.full(n, "infeasible", dtype=object),
        reason=_why(model.codec, bounds),
    )
    rows = np.flatnonzero(~bounds.conflict.any(axis=1))
    full = options.effort == "full"
    # First with the probability asked for; what is left, with being predicted at all.
    for floor in (options.tau, 0.0) if full else (0.0,):
        if len(rows):
            task = _Task(model, bounds.take(rows), target[rows], options, floor)
            values, status = task.run(references)
            found = status != "infeasible"
            answers.status[rows] = status
            answers.values[rows[found]] = values[found]
            answers.reason[rows[found]] = ""
            rows = rows[~found]
    return answers


class _Task:
    """The rows of one call that still need an answer; each step works on them all."""

    def __init__(self, model, bounds, target, options, floor):
        self.model = model
        self.codec = model.codec
        self.bounds = bounds
        self.target = target
        self.options = options
        self.floor = floor
        self.still = STILL * np.nan_to_num(self.codec.scale_, nan=0.0)

    def take(self, rows, freeze=None):
        """Make the same task for some rows, optionally with variables frozen."""
        bounds = self.bounds.take(rows)
        if freeze is not None:
            bounds = bounds.freeze(freeze)
        return _Task(self.model, bounds, self.target[rows], self.options, self.floor)

    def run(self, references):
        """Values and statuses of all rows."""
        values, found = self.walk()
        status = np.where(found, "valid", "infeasible").astype(object)
        if self.options.effort == "full":
            self.retry(values, found)
            status[found] = "valid"
            self.fall_back(values, found, references)
            status[found & (status == "infeasible")] = "fallback"
            self.sparsify(values, found)
            self.pull_back(values, found)
        if self.options.max_changes is not None:
            self.restrict(values, found, found & ~self.few(values))
            status[~self.few(values)] = "infeasible"
        return values, status

    def few(self, values):
        changes = (values != self.bounds.factual).sum(axis=1)
        return changes <= self.options.max_changes

    def check(self, values, rows=slice(None)):
        return self.model.reaches(values, self.target[rows], self.floor)

    def walk(self, start=None, **changes):
        """Gradient walk from ``start`` (the factuals), settled and checked."""
        generator = self.options.generator
        if changes:
            generator = deepcopy(generator).set_params(
                **{k: v for k, v in changes.items() if k in generator.get_params()}
            )
        start = self.bounds.factual if start is None else start
        with one_thread():
            paths = generator.search(
                self.model.module,
                self.model.tensor(self.codec.embed(start)),
                torch.as_tensor(self.target, device=self.model.tensor(0.0).device),
                self.bounds.constraints(self.codec),
                tau=changes.get("tau", self.options.tau),
                cost_weights=self.model.tensor(self.codec.spread(self.options.cost)),
            )
        values = self.codec.values(paths.counterfactual.cpu().numpy())
        values = self.bounds.settle(values, self.codec, self.still)
        return values, self.check(values)

    def retry(self, values, found):
        """Fix the categories that the walk chose and go on with the numbers."""
        numbers = self.codec.numbers_
        for effort in ({}, {"max_iter": 100, "tau": 0.9, "lambda_energy": 0.0}):
            rows = np.flatnonzero(~found)
            if not len(rows):
                return
            part = self.take(rows, freeze=np.broadcast_to(~numbers, values[rows].shape))
            # Frozen at what the walk chose, not at the factual.
            hardened = np.where(numbers, part.bounds.factual, values[rows])
            part.bounds.factual[:] = hardened
            new, ok = part.walk(**effort)
            values[rows[ok]] = new[ok]
            found[rows[ok]] = True

    def fall_back(self, values, found, references):
        """Take the nearest training row of the class that the rules leave valid."""
        for k in np.unique(self.target[~found]):
            rows = np.flatnonzero(~found & (self.target == k))
            real = references.get(int(k))
            if real is None or not len(real):
                continue
            part = self.take(rows)
            for values_of in part.nearest(real):
                left = np.flatnonzero(~found[rows])
                if not len(left):
                    break
                candidate = values_of[left]
                ok = part.check(candidate, left)
                values[rows[left[ok]]] = candidate[ok]
                found[rows[left[ok]]] = True

    def nearest(self, real):
        """Actionable versions of real rows, nearest first, one set at a time."""
        factual = self.bounds.factual
        n, m = len(factual), len(real)
        chosen = np.empty((n, min(NEAREST_ROWS, m)), dtype=int)
        block = max(1, 2_000_000 // (m * factual.shape[1]))
        for start in range(0, n, block):
            part = slice(start, start + block)
            bounds = self.bounds.take(np.arange(n)[part])
            k = len(bounds.factual)
            every = bounds.take(np.repeat(np.arange(k), m))
            moved = every.settle(np.tile(real, (k, 1)), self.codec, self.still)
            cost = distance(self.codec, moved, every.factual, self.options)
            cost = cost.reshape(k, m)
            near = np.argsort(cost, axis=1, kind="stable")[:, : chosen.shape[1]]
            chosen[part] = near
        for column in chosen.T:
            yield self.bounds.settle(real[column], self.codec, self.still)

    def parts(self, values, factual):
        return cost_parts(self.codec, values, factual, self.options)

    def sparsify(self, values, found):
        """Put changes back where the answer stays valid, the costliest first."""
        rows = np.flatnonzero(found)
        factual = self.bounds.factual
        part = self.parts(values[rows], factual[rows])
        part[self.bounds.must[rows]] = 0.0
        order = np.argsort(-part, axis=1, kind="stable")
        for place in range(order.shape[1]):
            column = order[:, place]
            active = part[np.arange(len(rows)), column] > 0
            if not active.any():
                return
            index, back = rows[active], column[active]
            trial = values[index]
            trial[np.arange(len(index)), back] = factual[index, back]
            ok = self.check(trial, index)
            values[index[ok]] = trial[ok]

    def pull_back(self, values, found):
        """Bisect the way back to the factual, for all numbers of a row together."""
        numbers = self.codec.numbers_
        moved = (values != self.bounds.factual) & numbers & ~self.bounds.must
        rows = np.flatnonzero(found & moved.any(axis=1))
        if not len(rows):
            return
        part = self.take(rows)
        far, near = np.ones(len(rows)), np.zeros(len(rows))
        codes = self.codec.embed(values[rows])
        home = self.codec.embed(
            np.where(moved[rows], part.bounds.factual, values[rows])
        )
        for _ in range(BISECTIONS):
            middle = (far + near) / 2
            trial = self.codec.values(home + middle[:, None] * (codes - home))
            trial = np.where(moved[rows], trial, values[rows])
            trial = part.bounds.settle(trial, self.codec, self.still)
            ok = part.check(trial)
            far, near = np.where(ok, middle, far), np.where(ok, near, middle)
            values[rows[ok]] = trial[ok]

    def restrict(self, values, found, rows):
        """Search again with only the largest ``max_changes`` changes allowed."""
        rows = np.flatnonzero(rows)
        if not len(rows):
            return
        part = self.parts(values[rows], self.bounds.factual[rows])
        part[self.bounds.must[rows]] = np.inf
        order = np.argsort(-part, axis=1, kind="stable")
        freeze = np.ones(part.shape, dtype=bool)
        keep = order[:, : self.options.max_changes]
        np.put_along_axis(freeze, keep, False, axis=1)
        task = self.take(rows, freeze)
        new, ok = task.walk(max_iter=100, tau=0.9, lambda_energy=0.0)
        if self.options.effort == "full":
            task.retry(new, ok)
            task.sparsify(new, ok)
            task.pull_back(new, ok)
        values[rows[ok]] = new[ok]


def cost_parts(codec, values, factual, options):
    """Contribution of each variable to the cost, shape (n, n_variables)."""
    difference = np.abs(codec.embed(values) - codec.embed(factual))
    return codec.collect(difference) * options.cost


def distance(codec, values, factual, options):
    """Weighted l1 distance in the model's input space, shape (n,)."""
    return cost_parts(codec, values, factual, options).sum(axis=1)


def _why(codec, bounds):
    """Give a sentence for each row, should none be found."""
    names = np.array([str(v.name) for v in codec.variables_], dtype=object)
    reasons = np.empty(len(bounds.factual), dtype=object)
    conflict, frozen = bounds.conflict, bounds.frozen
    # Few patterns occur among many rows: one sentence for each pattern.
    patterns, which = np.unique(
        np.hstack([conflict, frozen]), axis=0, return_inverse=True
    )
    v = len(names)
    for k, pattern in enumerate(patterns):
        if pattern[:v].any():
            text = (
                f"{', '.join(names[pattern[:v]])} would have to change to lie in its "
                "domain, but may not"
            )
        elif pattern[v:].all():
            text = "no feature may change"
        else:
            free = names[~pattern[v:]]
            shown = ", ".join(free[:5]) + (", ..." if len(free) > 5 else "")
            text = f"no valid change of {shown} was found within the constraints"
        reasons[which.ravel() == k] = text
    return reasons
