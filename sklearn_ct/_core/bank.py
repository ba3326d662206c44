"""The counterfactuals of an epoch: what is drawn, searched and protected for it."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.walk import Map, Paths
from sklearn_ct.losses import CounterfactualBatch


class Searcher(Protocol):
    """What an epoch asks of a generator; see `sklearn_ct.generators.BaseGenerator`."""

    max_iter: int
    epoch_steps: int | None

    @property
    def encode(self) -> Map | None:
        """To the space of the walk."""

    def search(
        self,
        module: torch.nn.Module,
        x: Tensor,  # (m, d)
        target: Tensor,  # (m,)
        constraints: Constraints,
        *,
        tau: Tensor,  # (m,)
        epsilon: float,
        start: Paths | None = None,
        n_steps: int | None = None,
    ) -> Paths:
        """Walk from the rows towards their target classes."""


@dataclass(frozen=True)
class Searches:
    """The searches of an epoch, one row each, for the next epoch to go on with.

    Attributes
    ----------
    rows, target : Tensor of shape (n,)
        Numbers of the training rows, and their target classes.
    tau : Tensor of shape (n,)
        Maturity thresholds.
    paths : Paths
    """

    rows: Tensor  # (n,)
    target: Tensor  # (n,)
    tau: Tensor  # (n,)
    paths: Paths

    def where(self, chosen: Tensor, other: "Searches") -> "Searches":
        """Take the searches chosen, shape (n,), from here, and else from ``other``."""
        return Searches(
            rows=torch.where(chosen, self.rows, other.rows),
            target=torch.where(chosen, self.target, other.target),
            tau=torch.where(chosen, self.tau, other.tau),
            paths=self.paths.where(chosen, other.paths),
        )

    def unfinished(self, generator: Searcher, draw: torch.Generator) -> Tensor:  # (n,)
        """Choose those to go on with.

        A mature search stays for as many epochs, on average, as one that never matures:
        its counterfactual is searched on from where it is, as the network changes.
        """
        renewed = (generator.epoch_steps or generator.max_iter) / generator.max_iter
        drawn = torch.rand(len(self.rows), generator=draw, dtype=torch.float32).to(
            self.tau.device
        )
        left = self.paths.steps < generator.max_iter
        return torch.where(self.paths.mature, drawn >= renewed, left)


@dataclass(frozen=True)
class Plan:
    """How the counterfactuals of an epoch are drawn and searched.

    Attributes
    ----------
    generator : Searcher
        It runs the search.
    constraints : Constraints
    n_counterfactuals : int
        Rows searched, at most all.
    tau, tau_max : float
        Range that the maturity threshold of each search is drawn from.
    epsilon : float
        Largest nascent perturbation.
    n_positives : int
        Real rows drawn for each search; the nearest to its counterfactual is ``x+``.
    swap_immutable : float
        Share of the nascent counterfactuals with immutable columns of another row.
    n_steps : int, optional
        Steps that a search takes at most in the epoch. Default: all of its generator.
    """

    generator: Searcher
    constraints: Constraints
    n_counterfactuals: int
    tau: float
    tau_max: float
    epsilon: float
    n_positives: int
    swap_immutable: float
    n_steps: int | None = None


def generate(
    module: torch.nn.Module,
    X: Tensor,  # (n, d)
    y: Tensor,  # (n,)
    sample_weight: Tensor | None,  # (n,)
    plan: Plan,
    draw: torch.Generator,
    before: Searches | None = None,
) -> tuple[CounterfactualBatch, Searches, Tensor]:
    """Search the counterfactuals of an epoch.

    Draws rows without replacement; for each a target, one of the classes with rows
    that it is not predicted as, a threshold, and real rows of that class. One search
    walks them all; what may not be moved towards is protected. Searches of the epoch
    before that are unfinished take the places of new ones, whose rows they do not
    exclude.

    Parameters
    ----------
    module : Module
        The network, in evaluation mode.
    X, y, sample_weight : Tensor of shape (n, d), (n,), (n,)
        Training rows, class indices and weights.
    plan : Plan
    draw : torch.Generator
        On the CPU, whatever the device of the rows.
    before : Searches, optional
        Those of the epoch before, of the same training rows.

    Returns
    -------
    CounterfactualBatch, Searches, Tensor of shape (m,)
        A row for each search, in the order of the draws; and the steps taken now.

    Notes
    -----
    To go on with a search while the network changes is how persistent contrastive
    divergence keeps its chains.

    References
    ----------
    T. Tieleman, "Training restricted Boltzmann machines using approximations to the
    likelihood gradient", ICML 2008.
    """
    m = min(plan.n_counterfactuals, len(X))
    rows = torch.randperm(len(X), generator=draw)[:m].to(X.device)
    drawn = X.index_select(0, rows)
    with torch.no_grad():
        logits = module(drawn)
    uniform = torch.rand(m, generator=draw, dtype=torch.float32).to(X)
    searches = Searches(
        rows=rows,
        target=_targets(logits.argmax(1), y, draw),
        tau=plan.tau + max(plan.tau_max - plan.tau, 0.0) * uniform,
        paths=Paths.at(drawn, plan.generator.encode),
    )
    if before is not None:
        searches = before.where(before.unfinished(plan.generator, draw), searches)
    x, label = (part.index_select(0, searches.rows) for part in (X, y))
    target = searches.target
    # A generator that starts all searches anew need not know how to go on with one.
    more: dict[str, Any] = {}
    if plan.n_steps is not None:
        more = {"start": searches.paths, "n_steps": plan.n_steps}
    more |= {"tau": searches.tau, "epsilon": plan.epsilon}
    paths = plan.generator.search(module, x, target, plan.constraints, **more)
    positives = _Positives(X, y, target, draw)
    real = _nearest(positives(), paths.counterfactual, positives, plan.n_positives)
    nascent = swap_frozen(paths.nascent, x, plan.constraints, plan.swap_immutable, draw)
    found = torch.where(paths.mature.unsqueeze(1), paths.counterfactual, real)
    batch = CounterfactualBatch(
        real=plan.constraints.protect(real, found),
        found=found,
        nascent=nascent,
        target=target,
        label=label,
        weight=_relative(sample_weight, searches.rows, like=x),
    )
    return batch, replace(searches, paths=paths), paths.steps - searches.paths.steps


def _relative(sample_weight: Tensor | None, rows: Tensor, like: Tensor) -> Tensor:
    """Weights of some rows, (m,), as multiples of the mean of all."""
    if sample_weight is None:
        return like.new_ones(len(rows))
    return sample_weight.to(like)[rows] / sample_weight.mean()


def _targets(predicted: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:  # (m,)
    """Draw another class than the one predicted, of those that have rows."""
    classes: Tensor = torch.unique(y)
    n = len(classes)
    shift = torch.randint(1, max(n, 2), (len(predicted),), generator=draw)
    place = torch.searchsorted(classes, predicted)
    return classes[(place + shift.to(y.device)) % n]


def swap_frozen(
    nascent: Tensor,  # (n, d)
    x: Tensor,  # (n, d)
    constraints: Constraints,
    share: float,
    draw: torch.Generator,
) -> Tensor:  # (n, d)
    """Give a share of nascent rows the immutable columns of another of the rows.

    The immutable columns alone must not change the prediction.
    """
    if not share or not constraints.has_frozen:
        return nascent
    others = torch.randperm(len(x), generator=draw).to(x.device)
    chosen = torch.rand(len(x), 1, generator=draw, dtype=torch.float32).to(x) < share
    return torch.where(chosen & constraints.frozen, x[others], nascent)


class _Positives:
    """Draws a real row of each target class uniformly."""

    def __init__(
        self, X: Tensor, y: Tensor, target: Tensor, draw: torch.Generator
    ) -> None:
        self.X, self.draw = X, draw
        self.order = torch.argsort(y, stable=True)
        counts = torch.bincount(y)
        self.first = (counts.cumsum(0) - counts)[target]
        self.count = counts[target]

    def __call__(self) -> Tensor:  # (m, d)
        share = torch.rand(len(self.count), generator=self.draw, dtype=torch.float64)
        offset = (share.to(self.X.device) * self.count).long()
        return self.X.index_select(0, self.order[self.first + offset])


def _nearest(real: Tensor, found: Tensor, draw: _Positives, n_drawn: int) -> Tensor:
    """Of ``n_drawn`` real rows, the first given, those nearest to ``found``."""
    distance = (real - found).abs().sum(1)
    for _ in range(n_drawn - 1):
        other = draw()
        away = (other - found).abs().sum(1)
        real = torch.where((away < distance).unsqueeze(1), other, real)
        distance = torch.minimum(distance, away)
    return real
