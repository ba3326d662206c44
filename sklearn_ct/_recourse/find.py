"""From a gradient walk to an answer: settle, check, repair, fall back."""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from sklearn.metrics.pairwise import manhattan_distances

from sklearn_ct._recourse.edits import PLAUSIBILITY, QUICK, THOROUGH, search_edits
from sklearn_ct._rules.reasons import why

# A target must lead by this much in logits: rounding errors must not flip it back.
MARGIN = 1e-9
# A change of a number smaller than this share of its spread is none.
STILL = 1e-6
BISECTIONS = 10
NEAREST_ROWS = 20
PAIRS = 50_000  # rows evaluated at a time, for bounded memory
LONGER_STEPS = (1.0, 4.0)
# Of larger codes the search over edits, which adds and takes away, loses the digits.
EXACT = 1e6
SURE = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Options:
    """What a call asks for, apart from its rows."""

    generator: object
    tau: float
    effort: str
    max_changes: int | None
    cost: np.ndarray  # (n_variables,), of a unit of distance
    margin: float = 0.0  # perturbation of the numbers that an answer must withstand
    link: object = None  # (values, rows) -> values: features that follow from others


@dataclass
class Answers:
    """Values, statuses and reasons, one row for each row asked."""

    values: np.ndarray
    status: np.ndarray
    reason: np.ndarray


def find(model, bounds, target, options, references, rows):
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
        Of `References`: for each class index, real rows of it.
    rows : ndarray of shape (n,)
        Their numbers in the call, for ``options.link``.

    Returns
    -------
    Answers
    """
    answers = Answers(
        values=bounds.factual.copy(),
        status=np.full(len(target), "infeasible", dtype=object),
        reason=np.full(len(target), "", dtype=object),
    )
    left = np.flatnonzero(~bounds.conflict.any(axis=1))
    # First with the probability asked for; what is left, with being predicted at all.
    full = options.effort == "full"
    floors = [(options.tau, True), (0.0, True)] if full else [(0.0, False)]
    if options.margin:
        # A greater probability is farther from the boundary: the least that is enough.
        surer = (options.tau, *(p for p in SURE if p > options.tau))
        floors = [(p, False) for p in surer] + [(options.tau, True)] * full
    for floor, may_fall_back in floors:
        if len(left):
            part = bounds.take(left)
            asked = options if may_fall_back else replace(options, margin=0.0)
            task = _Task(model, part, target[left], asked, floor, rows[left])
            values, status = task.run(references, may_fall_back)
            found = status != "infeasible"
            if asked.margin < options.margin:
                task.options = options
                found &= task.check(values)
            answers.status[left] = status
            answers.values[left[found]] = values[found]
            left = left[~found]
    none = answers.status == "infeasible"
    answers.reason[none] = why(model.codec, bounds.take(none), options.max_changes)
    return answers


class _Task:
    """The rows of one call that still need an answer; each step works on them all."""

    def __init__(self, model, bounds, target, options, floor, rows):
        self.model = model
        self.codec = model.codec
        self.bounds = bounds
        self.target = target
        self.options = options
        self.floor = floor
        self.rows = rows
        self.still = STILL * np.nan_to_num(self.codec.scale_, nan=0.0)

    def take(self, rows, freeze=None):
        """Make the same task for some rows, optionally with variables frozen."""
        bounds = self.bounds.take(rows)
        if freeze is not None:
            bounds = bounds.freeze(freeze)
        task = (self.model, bounds, self.target[rows], self.options, self.floor)
        part = _Task(*task, self.rows[rows])
        if "home" in vars(self):
            part.home = self.home[rows]
        return part

    @cached_property
    def home(self):
        """Codes of the factuals, (n, d)."""
        return self.codec.embed(self.bounds.factual)

    def run(self, references, may_fall_back):
        """Values and statuses of all rows."""
        values, found = self.walk()
        if self.options.effort == "full":
            self.sparsify(values, found)
            self.edit(values, found, references, QUICK)
            self.walk_farther(values, found)
            self.edit(values, found, references, THOROUGH, only_missing=True)
        status = np.where(found, "valid", "infeasible").astype(object)
        if self.options.effort == "full":
            if may_fall_back:
                self.fall_back(values, found, references)
            status[found & (status == "infeasible")] = "fallback"
            self.sparsify(values, found)
        if self.options.max_changes is not None:
            free = values.copy()
            self.restrict(values, found, references)
            status[(values != free).any(axis=1)] = "valid"
            status[~found] = "infeasible"
        if self.options.effort == "full":
            self.pull_back(values, found)
        return values, status

    def lead(self, logits, rows, floor=None):
        """Lead of the target in logits less what is asked; positive where reached.

        Parameters
        ----------
        logits : Tensor of shape (s, K)
        rows : ndarray of shape (s,)
            The row of the task that each belongs to.
        floor : float, optional
            The probability asked for; 0: to be predicted. Default: the task's.
        """
        floor = self.floor if floor is None else floor
        target = torch.as_tensor(self.target[rows], device=logits.device).unsqueeze(0)
        # Class by class: over the long side torch is many times faster.
        own = logits.T.gather(0, target).squeeze(0)
        others = logits.T.scatter(0, target, -torch.inf)
        best = others.amax(0)
        lead = own - best
        if floor > 0:
            asked = np.log(floor) - np.log1p(-floor)
            together = best if len(others) == 2 else others.logsumexp(0)
            lead = torch.minimum(lead, own - together - asked)
        return lead - MARGIN

    def margins(self, codes, rows):
        """Lead of the target for codes of rows, (s,)."""
        logits = torch.from_numpy(self.model.logits_of(codes))
        return self.lead(logits, rows).numpy()

    def check(self, values, rows=slice(None)):
        """Whether values of rows reach the target, and withstand the margin."""
        rows = np.arange(len(self.target))[rows]
        codes = self.codec.embed(values)
        ok = self.margins(codes, rows) > 0
        if self.options.link is not None:
            ok &= self.bounds.take(rows).holds(values, self.codec)
        if self.options.margin and ok.any():
            ok[ok] = self.withstands(codes[ok], rows[ok])
        return ok

    def withstands(self, codes, rows):
        """Whether the target stays when all numbers move by the margin, at worst."""
        with torch.enable_grad():
            z = self.model.tensor(codes).requires_grad_()
            lead = self.lead(self.model.module(z), rows)
            (slope,) = torch.autograd.grad(lead.sum(), z)
        numbers = self.codec.groups_ < 0
        moved = codes - self.options.margin * np.sign(slope.cpu().numpy()) * numbers
        logits = torch.from_numpy(self.model.logits_of(moved))
        return (self.lead(logits, rows, floor=0.0) > 0).numpy()

    def settle(self, values):
        """Nearest values that are real, allowed and linked as they must be."""
        return self.linked(self.bounds.settle(values, self.codec, self.still))

    def linked(self, values, rows=slice(None)):
        """Values with the features that follow from others brought up to date."""
        if self.options.link is None:
            return values
        return self.options.link(values, self.rows[rows])

    def walk(self, **changes):
        """Gradient walk from the factuals, settled and checked."""
        generator = self.options.generator
        if changes:
            generator = deepcopy(generator).set_params(
                **{k: v for k, v in changes.items() if k in generator.get_params()}
            )
        paths = generator.search(
            self.model.module,
            self.model.tensor(self.home),
            torch.as_tensor(self.target, device=self.model.tensor(0.0).device),
            self.bounds.constraints(self.codec),
            tau=max(self.options.tau, self.floor),
            cost_weights=self.model.tensor(self.codec.spread(self.options.cost)),
            settle=self.settled,
        )
        values = self.given(paths.counterfactual.cpu().numpy())
        return values, self.check(values)

    def settled(self, states, rows):
        """Codes of the values that states of rows, (s, d) and (s,), stand for."""
        part = self.take(rows.cpu().numpy())
        return self.model.tensor(self.codec.embed(part.given(states.cpu().numpy())))

    def given(self, codes):
        """Values that codes stand for, settled."""
        values = self.codec.values(codes)
        # Not every value can be had back from codes: where none moved it stays.
        still = self.codec.collect(np.abs(codes - self.home)) <= STILL
        return self.settle(np.where(still, self.bounds.factual, values))

    def walk_farther(self, values, found):
        """Walk the rows that are left with more and longer steps."""
        for step_size in LONGER_STEPS:
            rows = np.flatnonzero(~found)
            if not len(rows):
                return
            new, ok = self.take(rows).walk(
                step_size=step_size, max_iter=100, lambda_energy=0.0
            )
            values[rows[ok]] = new[ok]
            found[rows[ok]] = True

    def edit(self, values, found, references, effort, only_missing=False):
        """Take what the search over edits finds, where it is cheaper."""
        for k in np.unique(self.target):
            real = references.get(int(k))
            rows = self.target == k
            rows = np.flatnonzero(rows & ~found if only_missing else rows)
            if real is None or not len(rows):
                continue
            part = self.take(rows)
            edits = real.edits(effort)
            new, ok = search_edits(part, edits, effort)
            far = np.abs(part.home).max(axis=1) > EXACT
            again = np.flatnonzero(far | bool(self.options.link or self.options.margin))
            if len(again):
                new[again] = part.linked(new[again], again)
                ok[again] &= part.check(new[again], again)
            better = ok & ~found[rows]
            better |= ok & (
                part.rank(new, edits.real) < part.rank(values[rows], edits.real)
            )
            values[rows[better]] = new[better]
            found[rows[better]] = True

    def rank(self, values, real):
        """Cost, with the distance to real rows of the target class, (n,)."""
        codes = self.codec.embed(values)
        far = real.distances(codes).sum(axis=1)
        return self.parts(codes).sum(axis=1) + PLAUSIBILITY * far

    def fall_back(self, values, found, references):
        """Take the nearest training row of the class that the rules leave valid."""
        for k in np.unique(self.target[~found]):
            real = references.get(int(k), ())
            # The nearest ones first; all of them for the rows that are left.
            for m in sorted({min(NEAREST_ROWS, len(real)), len(real)} - {0}):
                rows = np.flatnonzero(~found & (self.target == k))
                step = max(1, PAIRS // m)
                for start in range(0, len(rows), step):
                    self._try_nearest(
                        values, found, rows[start : start + step], real, m
                    )

    def _try_nearest(self, values, found, rows, real, m):
        pairs = self.take(np.repeat(rows, m))
        nearest = self.take(rows).nearest(real)[:, :m]
        candidates = pairs.settle(real.values[nearest.ravel()])
        ok = pairs.check(candidates).reshape(-1, m)
        hit = np.flatnonzero(ok.any(axis=1))
        values[rows[hit]] = candidates[hit * m + ok[hit].argmax(axis=1)]
        found[rows[hit]] = True

    def nearest(self, real):
        """Positions of the real rows, nearest first, of shape (n, len(real))."""
        order = np.empty((len(self.home), len(real)), dtype=int)
        # Features that a row may not change do not count for its distance.
        patterns, which = np.unique(self.bounds.frozen, axis=0, return_inverse=True)
        for k, frozen in enumerate(patterns):
            rows, free = which.ravel() == k, self.codec.spread(~frozen)
            distance = manhattan_distances(self.home[rows] * free, real.codes * free)
            order[rows] = distance.argsort(axis=1, kind="stable")
        return order

    def parts(self, codes, rows=slice(None)):
        """Cost of each variable for codes of rows, (s, n_variables)."""
        return cost_parts(self.codec, codes, self.home[rows], self.options)

    def changes(self, values):
        """How many features of each row differ from the factual's, (n,)."""
        return (values != self.bounds.factual).sum(axis=1)

    def sparsify(self, values, found):
        """Put changes back where the answer stays valid, the costliest first."""
        rows = np.flatnonzero(found)
        factual = self.bounds.factual
        part = self.parts(self.codec.embed(values[rows]), rows)
        changed = (values[rows] != factual[rows]) & ~self.bounds.must[rows]
        order = np.argsort(-part, axis=1, kind="stable")
        for place in range(order.shape[1]):
            column = order[:, place]
            active = changed[np.arange(len(rows)), column]
            if not active.any():
                continue
            index, back = rows[active], column[active]
            trial = values[index]
            trial[np.arange(len(index)), back] = factual[index, back]
            trial = self.linked(trial, index)
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
            trial = part.settle(np.where(moved[rows], trial, values[rows]))
            ok = part.check(trial)
            if self.options.link is not None:  # which may move another feature
                ok &= part.changes(trial) <= part.changes(values[rows])
            far, near = np.where(ok, middle, far), np.where(ok, near, middle)
            values[rows[ok]] = trial[ok]

    def restrict(self, values, found, references):
        """Keep to ``max_changes``: by fewer edits, or a walk of the largest changes."""
        limit = self.options.max_changes

        def too_many():
            return found & (self.changes(values) > limit)

        many = too_many()
        if self.options.effort == "full" and many.any():
            free, few = values.copy(), found & ~many
            self.edit(values, few, references, replace(THOROUGH, depth=limit), True)
            values[~few] = free[~few]
            found |= few
        rows = np.flatnonzero(too_many())
        if len(rows):
            part = self.parts(self.codec.embed(values[rows]), rows)
            part[self.bounds.must[rows]] = np.inf
            order = np.argsort(-part, axis=1, kind="stable")
            freeze = np.ones(part.shape, dtype=bool)
            np.put_along_axis(freeze, order[:, :limit], False, axis=1)
            task = self.take(rows, freeze)
            new, ok = task.walk()
            if self.options.effort == "full":
                task.walk_farther(new, ok)
                task.sparsify(new, ok)
            ok &= ~task.bounds.conflict.any(axis=1)  # more must change than may
            values[rows[ok]] = new[ok]
        found &= ~too_many()


def cost_parts(codec, codes, home, options):
    """Cost of each variable, of codes of answers and factuals, (n, n_variables)."""
    return codec.collect(np.abs(codes - home)) * options.cost
