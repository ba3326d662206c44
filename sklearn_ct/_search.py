"""The gradient walk that finds counterfactuals, all rows together."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sklearn_ct._constraints import Constraints

# Mature rows are dropped from the walk when they are more than this share of it.
DROP_SHARE = 0.1

Penalty = Callable[[Tensor, Tensor, int], Tensor]  # (logits, target, step) -> (n,)
Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Paths:
    """Where the searches ended, one row each.

    Attributes
    ----------
    counterfactual : Tensor of shape (n, d)
        The last state ``x'``.
    nascent : Tensor of shape (n, d)
        A point of the path within epsilon of its start.
    mature : boolean Tensor of shape (n,)
        Whether ``p(x')[y+] >= tau``.
    steps : Tensor of shape (n,)
        Gradient steps taken.
    """

    counterfactual: Tensor
    nascent: Tensor
    mature: Tensor
    steps: Tensor


def search(
    module: nn.Module,
    x: Tensor,  # (n, d)
    target: Tensor,  # (n,)
    constraints: Constraints,
    *,
    tau: float | Tensor,
    epsilon: float = 0.0,
    max_iter: int = 30,
    step_size: float = 0.25,
    lambda_cost: float = 0.001,
    penalty: Penalty | None = None,
    nascent: str = "sign",
    encode: Map | None = None,
    decode: Map | None = None,
    cost_weights: Tensor | None = None,  # (d,)
) -> Paths:
    """Walk all rows from ``x`` towards their target classes.

    Parameters
    ----------
    module : Module
        The network, ``(n, d) -> (n, K)`` logits. Its mode is put back afterwards.
    x, target : Tensor of shape (n, d), (n,)
        Factuals and indices of their target classes.
    constraints : Constraints
        Not bound to ``x`` yet.
    tau : float or Tensor of shape (n,)
        A row is mature, and stops, at ``p(x')[y+] >= tau``, reached by the state and
        by the state with whole categories, as users are given it.
    epsilon : float
        Largest nascent perturbation, in the maximum norm.
    max_iter, step_size, lambda_cost
        Steps at most, their length, and the weight of the l1 distance.
    penalty : callable, optional
        ``(logits, target, step) -> (n,)``, a further term of the search objective.
    nascent : {"sign", "exit", "last"}
        One signed gradient step of length epsilon in every column, frozen ones and
        categories as well; the point where the path leaves the epsilon ball for the
        first time; or its last state within the ball (the paper's reading).
    encode, decode : callable, optional
        To the space that the gradient steps are taken in, and back. Mutability and
        domain are enforced on the decoded row.
    cost_weights : Tensor of shape (d,), optional
        Weights of the columns in the l1 distance.

    Returns
    -------
    Paths

    Notes
    -----
    Gradient descent on
    ``CE(M(x'), y+) + lambda_cost ||x' - x||_1 + penalty(x')``. The loss is summed over
    rows, so that no row's path depends on the others.

    References
    ----------
    S. Wachter, B. Mittelstadt, C. Russell, "Counterfactual explanations without
    opening the black box", Harvard Journal of Law & Technology 31, 2017.
    P. Altmeyer et al., arXiv:2601.16205, section 3.
    """
    training = module.training
    module.eval()
    paths = Paths(
        counterfactual=x.clone(),
        nascent=x.clone(),
        mature=torch.zeros(len(x), dtype=torch.bool, device=x.device),
        steps=torch.zeros(len(x), dtype=torch.long, device=x.device),
    )
    constraints = constraints.to(x)
    walk = _Walk(
        rows=torch.arange(len(x), device=x.device),
        x=x,
        z=x if encode is None else encode(x),
        previous=x,
        nascent=x,
        left=torch.zeros_like(paths.mature),
        mature=paths.mature,
        steps=paths.steps,
        target=target,
        tau=torch.as_tensor(tau, dtype=x.dtype, device=x.device).expand(len(x)),
        constraints=constraints.bind(x),
    )
    # Asking whether rows are finished makes a GPU wait for the host.
    look_every = 1 if x.device.type == "cpu" else 4
    try:
        with torch.enable_grad():
            for step in range(1, max_iter + 2):
                if step % look_every == 0 and walk.mature.any():
                    if walk.mature.all():
                        break
                    if walk.mature.float().mean() > DROP_SHARE:
                        walk.store(paths)
                        walk = walk.take(~walk.mature)
                z = walk.z.detach().requires_grad_()
                state = z
                if decode is not None:
                    state = walk.constraints.project(decode(z), walk.x)
                walk.track(state.detach(), epsilon, nascent)
                logits = module(state)
                walk.mature = walk.mature | walk.reached(module, state, logits)
                if step > max_iter:
                    break
                loss = cross_entropy(logits, walk.target, reduction="none")
                if lambda_cost:
                    distance = (state - walk.x).abs()
                    if cost_weights is not None:
                        distance = distance * cost_weights
                    loss = loss + lambda_cost * distance.sum(1)
                if penalty is not None:
                    loss = loss + penalty(logits, walk.target, step)
                gradient, slope = torch.autograd.grad(loss.sum(), [z, state])
                if step == 1 and nascent == "sign":
                    walk.nascent = walk.x - epsilon * slope.sign()
                moved = walk.z - step_size * gradient
                if decode is None:
                    moved = walk.constraints.project(moved, walk.z)
                walk.z = torch.where(walk.mature.unsqueeze(1), walk.z, moved)
                walk.steps = walk.steps + ~walk.mature
            walk.store(paths)
    finally:
        module.train(training)
    return paths


@dataclass
class _Walk:
    """The rows still walking; every tensor has one entry for each of them."""

    rows: Tensor  # their numbers in the caller's order
    x: Tensor
    z: Tensor  # the state in the space of the steps
    previous: Tensor  # the last state in the model's input space
    nascent: Tensor
    left: Tensor  # whether the path has left the epsilon ball
    mature: Tensor
    steps: Tensor
    target: Tensor
    tau: Tensor
    constraints: Constraints

    def reached(self, module: nn.Module, state: Tensor, logits: Tensor) -> Tensor:
        """Whether the states, and they with whole categories, reach their targets."""
        reached = self._at_target(logits, self.target, self.tau)
        if bool(self.constraints.is_group.any()) and bool(reached.any()):
            rows = reached.nonzero().squeeze(1)
            with torch.no_grad():
                whole = module(self.constraints.harden(state[rows]))
            reached[rows] = self._at_target(whole, self.target[rows], self.tau[rows])
        return reached

    @staticmethod
    def _at_target(logits: Tensor, target: Tensor, tau: Tensor) -> Tensor:
        share = logits.detach().softmax(1).gather(1, target.unsqueeze(1))
        return share.squeeze(1) >= tau

    def take(self, keep: Tensor) -> "_Walk":
        tensors = {
            name: value[keep]
            for name, value in vars(self).items()
            if name != "constraints"
        }
        rows = keep.nonzero().squeeze(1)
        return _Walk(**tensors, constraints=self.constraints.take(rows))

    def store(self, paths: Paths) -> None:
        paths.counterfactual[self.rows] = self.previous
        paths.nascent[self.rows] = self.nascent
        paths.mature[self.rows] = self.mature
        paths.steps[self.rows] = self.steps

    def track(self, state: Tensor, epsilon: float, rule: str) -> None:
        """Follow the nascent counterfactual along the segment to ``state``."""
        if epsilon > 0 and rule != "sign":
            inside = (state - self.x).abs().amax(1) <= epsilon
            if rule == "last":
                self.nascent = torch.where(inside.unsqueeze(1), state, self.nascent)
            else:
                exit_ = _exit_point(self.x, self.previous, state, epsilon)
                point = torch.where(inside.unsqueeze(1), state, exit_)
                self.nascent = torch.where(self.left.unsqueeze(1), self.nascent, point)
                self.left = self.left | ~inside
        self.previous = state


def _exit_point(x: Tensor, old: Tensor, new: Tensor, epsilon: float) -> Tensor:
    """Where the segment from ``old``, within the ball around ``x``, leaves the ball."""
    step = new - old
    room = epsilon * step.sign() - (old - x)
    share = torch.where(step == 0, 1.0, room / torch.where(step == 0, 1.0, step))
    point = old + share.amin(1, keepdim=True).clamp(0, 1) * step
    return torch.maximum(torch.minimum(point, x + epsilon), x - epsilon)
