"""The rows of one call that still need an answer, and the questions asked of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from sklearn_ct._recourse.edits import PLAUSIBILITY

# A target must lead by this much in logits: rounding errors must not flip it back.
LEAD = 1e-9
# A change of a number smaller than this share of its spread is none.
STILL = 1e-6


@dataclass(frozen=True)
class Request:
    """What a call asks of every row, in the terms of the search.

    Attributes
    ----------
    generator : BaseGenerator
        Fitted.
    tau : float
        Probability of the target to aim at.
    effort : {"full", "walk"}
    max_changes : int or None
    cost : ndarray of shape (n_variables,)
        Of a unit of distance.
    margin : float
        Perturbation of the numbers that an answer must withstand.
    link : callable or None
        ``(values, rows) -> values``: features that follow from others.
    min_plausibility : float
        Standing among real rows of the target that answers must reach.
    """

    generator: object
    tau: float
    effort: str
    max_changes: int | None
    cost: np.ndarray
    margin: float = 0.0
    link: object = None
    min_plausibility: float = 0.0


class Task:
    """Rows, their bounds and targets; each stage of the search works on them all.

    Parameters
    ----------
    subject : Subject
    bounds : Bounds
        Of the rows.
    target : ndarray of shape (n,)
        Class indices.
    request : Request
    floor : float or ndarray of shape (n,)
        Probability that an answer must reach; 0: that of being predicted.
    rows : ndarray of shape (n,)
        Their numbers in the call.
    """

    def __init__(self, subject, bounds, target, request, floor, rows):
        self.subject = subject
        self.codec = subject.codec
        self.bounds = bounds
        self.target = target
        self.request = request
        self.floor = np.broadcast_to(floor, np.shape(target)).astype(float)
        self.rows = rows
        self.in_steps = any(v.is_stepped for v in self.codec.variables_)
        self.still = STILL * np.nan_to_num(self.codec.scale_, nan=0.0)

    def take(self, rows, freeze=None):
        """Make the same task for some rows, optionally with variables frozen."""
        bounds = self.bounds.take(rows)
        if freeze is not None:
            bounds = bounds.freeze(freeze)
        part = Task(
            self.subject,
            bounds,
            self.target[rows],
            self.request,
            self.floor[rows],
            self.rows[rows],
        )
        for name in ("home", "own", "leeway"):
            if name in vars(self):
                setattr(part, name, getattr(self, name)[rows])
        return part

    @cached_property
    def home(self):
        """Codes of the factuals, (n, d)."""
        return self.codec.embed(self.bounds.factual)

    @cached_property
    def own(self):
        """By how much the factuals break relations themselves, (n, R)."""
        return self.subject.relations.excess(self.bounds.factual)

    @cached_property
    def leeway(self):
        """By how much the search may break relations, (n, R).

        What is said of a feature that follows others is for `check` to tell, once it
        does.
        """
        if self.request.link is None:
            return self.own
        spoken = self.subject.relations.speak_of(self.bounds.follows)
        return np.where(spoken, np.inf, self.own)

    def keeps(self, values, rows):
        """Whether values of rows keep the relations, as far as the search can tell."""
        factual = self.bounds.factual[rows]
        broken = self.subject.relations.broken(values, self.leeway[rows], factual)
        return ~broken.any(axis=1)

    def broken_after(self, values, rows, edits):
        """Relations that values of rows break after each edit, (s, m)."""
        if not len(self.subject.relations):
            return np.zeros((len(values), len(edits.value)), dtype=int)
        return self.subject.relations.after(
            values, self.leeway[rows], edits.variable, edits.value
        )

    @property
    def moves_along(self):
        """Whether features may move because others did."""
        return self.request.link is not None or len(self.subject.relations) > 0

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
        asked = self.asked if floor is None else logit(floor)
        if np.ndim(asked):
            asked = torch.from_numpy(asked[rows]).to(logits.device)
        target = torch.as_tensor(self.target[rows], device=logits.device).unsqueeze(0)
        # Class by class: over the long side torch is many times faster.
        own = logits.T.gather(0, target).squeeze(0)
        others = logits.T.scatter(0, target, -torch.inf)
        best = others.amax(0)
        lead = own - best
        if asked is not None:
            together = best if len(others) == 2 else others.logsumexp(0)
            lead = torch.minimum(lead, own - together - asked)
        return lead - LEAD

    @cached_property
    def asked(self):
        """Logits of the floors: one, where all are alike, or each row's."""
        if not len(self.floor) or np.ptp(self.floor) == 0:
            return logit(self.floor.max(initial=0.0))
        with np.errstate(divide="ignore"):
            return np.log(self.floor) - np.log1p(-self.floor)

    def margins(self, codes, rows):
        """Lead of the target for codes of rows, (s,)."""
        logits = self.subject.network.logits(codes)
        return self.lead(logits, rows).numpy()

    def check(self, values, rows=slice(None)):
        """Whether values of rows reach the target, and withstand the margin."""
        rows = np.arange(len(self.target))[rows]
        codes = self.codec.embed(values)
        ok = self.margins(codes, rows) > 0
        if len(relations := self.subject.relations):
            factual = self.bounds.factual[rows]
            ok &= ~relations.broken(values, self.own[rows], factual).any(axis=1)
        if self.request.link is not None:
            ok &= self.bounds.take(rows).holds(values, self.codec)
        elif self.in_steps:  # what follows from others has its own
            ok &= self.bounds.take(rows).in_steps(values, self.codec)
        if self.request.min_plausibility and ok.any():
            ok[ok] = self.stands(codes[ok], rows[ok])
        if self.request.margin and ok.any():
            ok[ok] = self.withstands(codes[ok], rows[ok])
        return ok

    def stands(self, codes, rows):
        """Whether codes of rows stand high enough among real rows of the target."""
        asked = self.request.min_plausibility
        return self.subject.stands(codes, self.target[rows], asked)

    def withstands(self, codes, rows):
        """Whether the target stays when all numbers move by the margin, at worst."""
        return self.leads_at_worst(codes, rows)[1] > 0

    def leads_at_worst(self, codes, rows):
        """Lead for codes of rows, and when all numbers move by the margin, (s,) each.

        They move along the slope: to first order that is the worst.
        """
        lead, slope = self.slope(codes, rows, floor=0.0)
        numbers = self.codec.measured(codes)
        moved = codes - self.request.margin * np.sign(slope.cpu().numpy()) * numbers
        logits = self.subject.network.logits(moved)
        worst = self.lead(logits, rows, floor=0.0).numpy()
        return lead.cpu().numpy(), worst

    def slope(self, codes, rows, floor=None):
        """Lead for codes of rows, (s,), and its slope, (s, d), as tensors."""
        with torch.enable_grad():
            z = self.subject.network.tensor(codes).requires_grad_()
            lead = self.lead(self.subject.network.module(z), rows, floor)
            (slope,) = torch.autograd.grad(lead.sum(), z)
        return lead.detach(), slope

    def settle(self, values, related=True):
        """Nearest values that are real, allowed, related and linked as they must be."""
        settled = self.bounds.settle(values, self.codec, self.still)
        return self.linked(self.related(settled) if related else settled)

    def related(self, values, rows=slice(None), held=None):
        """Values with features moved along so that relations hold, where they may.

        Parameters
        ----------
        values : ndarray of shape (s, n_variables)
        rows : ndarray of shape (s,), optional
            The row of the task that each belongs to.
        held : ndarray of shape (s,), optional
            The variable of each that stays as it is.
        """
        relations = self.subject.relations
        if not len(relations):
            return values
        return relations.restore(values, self.leeway[rows], self.bounds, rows, held)

    def linked(self, values, rows=slice(None)):
        """Values with the features that follow from others brought up to date."""
        if self.request.link is None:
            return values
        return self.request.link(values, self.rows[rows])

    def settled(self, states, rows):
        """Codes of the values that states of rows, (s, d) and (s,), stand for.

        What moves along so that relations hold does so where the walk ends.
        """
        part = self.take(rows.cpu().numpy())
        values = part.given(states.cpu().numpy(), related=False)
        return self.subject.network.tensor(self.codec.embed(values))

    def given(self, codes, related=True):
        """Values that codes stand for, settled."""
        values = self.codec.values(codes)
        # Not every value can be had back from codes: where none moved it stays.
        still = self.codec.collect(np.abs(codes - self.home)) <= STILL
        return self.settle(np.where(still, self.bounds.factual, values), related)

    def take_better(self, values, found, rows, new, ok):
        """Take other answers of rows where there is none or they rank before it."""
        both = np.flatnonzero(ok & found[rows])
        if len(both):
            of = rows[both]
            ok = ok.copy()
            ok[both] = self.rank(new[both], of) < self.rank(values[of], of)
        values[rows[ok]], found[rows[ok]] = new[ok], True

    def rank(self, values, rows):
        """Cost of values of rows, with the distance to real rows of the class, (s,)."""
        codes = self.codec.embed(values)
        rank = self.parts(codes, rows).sum(axis=1)
        for k, real in self.subject.references.items():
            of = self.target[rows] == k
            rank[of] += PLAUSIBILITY * real.columns.distances(codes[of]).sum(axis=1)
        return rank

    def cost(self, values):
        """Cost of values, (n,)."""
        return self.parts(self.codec.embed(values)).sum(axis=1)

    def parts(self, codes, rows=slice(None)):
        """Cost of each variable for codes of rows, (s, n_variables)."""
        return cost_parts(self.codec, codes, self.home[rows], self.request.cost)

    def changes(self, values):
        """How many features of each row differ from the factual's, (n,)."""
        return (values != self.bounds.factual).sum(axis=1)


def logit(probability):
    """Log odds, None for those of a probability of 0, which asks for nothing."""
    return np.log(probability) - np.log1p(-probability) if probability > 0 else None


def cost_parts(codec, codes, home, cost):
    """Cost of each variable, of codes of answers and factuals, (n, n_variables)."""
    return codec.collect(np.abs(codes - home)) * cost
