"""The gradient walk that finds counterfactuals, all rows together."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sklearn_ct._core.backprop import logits_and_back, one_hot, softmax
from sklearn_ct._core.constraints import Constraints

# Bytes; the largest block that glibc's limit follows is 32 MiB.
LARGE = 31 * 2**20
# Mature rows are dropped from the walk when they are more than this share of it.
DROP_SHARE = 0.1

# (logits, target, step) -> (n,) or (n, K); the step is a number, or one of each row
Penalty = Callable[[Tensor, Tensor, "int | Tensor"], Tensor]
Map = Callable[[Tensor], Tensor]
# (states, their rows' numbers) -> states as users are given them
Settle = Callable[[Tensor, Tensor], Tensor]


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
    z : Tensor of shape (n, k)
        The last state in the space of the steps.
    """

    counterfactual: Tensor
    nascent: Tensor
    mature: Tensor
    steps: Tensor
    z: Tensor

    @classmethod
    def start(cls, x: Tensor, encode: Map | None = None) -> "Paths":
        """No step taken."""
        return cls(
            counterfactual=x,
            nascent=x,
            mature=torch.zeros(len(x), dtype=torch.bool, device=x.device),
            steps=torch.zeros(len(x), dtype=torch.long, device=x.device),
            z=x if encode is None else encode(x),
        )

    def where(self, chosen: Tensor, other: "Paths") -> "Paths":
        """Take the rows chosen, shape (n,), from here, and else from ``other``."""
        return Paths(
            *(
                torch.where(chosen.view(-1, *[1] * (mine.dim() - 1)), mine, its)
                for mine, its in zip(
                    vars(self).values(), vars(other).values(), strict=True
                )
            )
        )


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
    penalty_slope: Penalty | None = None,
    nascent: str | None = None,
    encode: Map | None = None,
    decode: Map | None = None,
    cost_weights: Tensor | None = None,  # (d,)
    max_move: float | None = None,
    settle: Settle | None = None,
    start: Paths | None = None,
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
        by the state as users are given it.
    epsilon : float
        Largest nascent perturbation, in the maximum norm.
    max_iter, step_size, lambda_cost
        Steps at most, their length, and the weight of the l1 distance.
    penalty : callable, optional
        ``(logits, target, step) -> (n,)``, a further term of the search objective.
    penalty_slope : callable, optional
        ``(logits, target, step) -> (n, K)``, its gradient with respect to the logits.
        Default: found by autograd.
    nascent : {"exit", "last", None}
        The point where the path leaves the epsilon ball for the first time; its last
        state within the ball (the paper's reading); None: the row itself.
    encode, decode : callable, optional
        To the space that the gradient steps are taken in, and back. Mutability and
        domain are enforced on the decoded row.
    cost_weights : Tensor of shape (d,), optional
        Weights of the columns in the l1 distance.
    max_move : float, optional
        A step that moves a column farther is shortened, its direction kept.
    settle : callable, optional
        ``(states, rows) -> states``: what users are given for states of shape (s, d)
        of the rows of those numbers, shape (s,). Default: with whole categories.
    start : Paths, optional
        Where an earlier search of the same rows for the same targets ended: this one
        goes on from there, maturity found anew, and counts on.

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
    _keep_freed_memory()
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    begin = Paths.start(x, encode) if start is None else start
    paths = Paths(*(value.clone() for value in vars(begin).values()))
    constraints = constraints.to(x)
    walk = _Walk(
        rows=torch.arange(len(x), device=x.device),
        x=x,
        z=begin.z,
        previous=begin.counterfactual,
        nascent=begin.nascent,
        # Within the ball the nascent counterfactual is the state.
        left=(begin.nascent != begin.counterfactual).any(1),
        mature=torch.zeros_like(begin.mature),
        steps=begin.steps,
        target=target,
        tau=torch.as_tensor(tau, dtype=x.dtype, device=x.device).expand(len(x)),
        constraints=constraints.bind(x),
    )
    # Asking whether rows are finished makes a GPU wait for the host.
    look_every = 1 if x.device.type == "cpu" else 4
    ask = logits_and_back(module)
    resting = walk.rows[:0]
    try:
        for step in range(1, max_iter + 2):
            if step % look_every == 0:
                if look_every > 1:
                    resting = walk.mature.nonzero()
                if len(resting) == len(walk.rows):
                    break
                if len(resting) > DROP_SHARE * len(walk.rows):
                    walk.store(paths)
                    walk = walk.take(~walk.mature)
            state, back_to_z = walk.decoded(decode)
            walk.track(state, epsilon, nascent)
            logits, back = ask(state)
            probability = softmax(logits)
            walk.mature = walk.mature | walk.reached(module, state, probability, settle)
            if step > max_iter:
                break
            slope = probability - walk.wanted(probability)  # of the cross-entropy
            if penalty is not None:
                count = step if start is None else walk.steps + 1
                if penalty_slope is None:
                    slope += _slope_of(penalty, logits, walk.target, count)
                else:
                    slope += penalty_slope(logits, walk.target, count)
            gradient = back(slope)
            if lambda_cost:
                away = (state - walk.x).sign_()
                if cost_weights is not None:
                    away = away * cost_weights
                gradient = gradient.add_(away, alpha=lambda_cost)
            move = back_to_z(gradient)
            if max_move is not None and len(move):
                move = _shortened(move, max_move / step_size)
            moved = torch.add(walk.z, move, alpha=-step_size)
            if decode is None:
                moved = walk.constraints.project(moved, walk.z)
            if look_every > 1:
                moved = torch.where(walk.mature.unsqueeze(1), walk.z, moved)
            elif len(resting := walk.mature.nonzero().squeeze(1)):
                moved.index_copy_(0, resting, walk.z.index_select(0, resting))
            walk.z = moved
            walk.steps = walk.steps + ~walk.mature
        walk.store(paths)
    finally:
        for part, mode in modes:
            part.training = mode
    return paths


def _keep_freed_memory() -> None:
    """Have the memory that a step frees kept for the next one.

    glibc gives large blocks back to the system at once, and each step would pay for
    their pages anew, until a larger one has been freed. Nothing of it is touched.
    """
    torch.empty(LARGE, dtype=torch.uint8)


def _slope_of(
    penalty: Penalty, logits: Tensor, target: Tensor, step: int | Tensor
) -> Tensor:
    """Gradient of the penalty with respect to the logits."""
    with torch.enable_grad():
        logits = logits.detach().requires_grad_()
        return torch.autograd.grad(penalty(logits, target, step).sum(), logits)[0]


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
    one_hot: Tensor | None = None  # made when first asked for

    def decoded(self, decode: Map | None) -> tuple[Tensor, Map]:
        """Give the states in the input space, and the way back for gradients."""
        if decode is None:
            return self.z, _unchanged
        with torch.enable_grad():
            z = self.z.detach().requires_grad_()
            state = self.constraints.project(decode(z), self.x)
        return state.detach(), lambda grad: torch.autograd.grad(state, z, grad)[0]

    def reached(
        self,
        module: nn.Module,
        state: Tensor,
        probability: Tensor,
        settle: Settle | None,
    ) -> Tensor:
        """Whether the states, and what users are given, reach their targets."""
        reached = (probability * self.wanted(probability)).sum(1) >= self.tau
        settles = settle is not None or bool(self.constraints.simplices)
        if settles and bool(reached.any()):
            at = reached.nonzero().squeeze(1)
            if settle is None:
                given = self.constraints.simplices.harden(state[at])
            else:
                given = settle(state[at], self.rows[at])
            with torch.no_grad():
                probability = softmax(module(given))
            sure = (probability * self.wanted(probability)[at]).sum(1)
            reached[at] = sure >= self.tau[at]
        return reached

    def wanted(self, probability: Tensor) -> Tensor:  # (n, K)
        """One-hot targets, kept for as long as the rows are the same."""
        if self.one_hot is None:
            self.one_hot = one_hot(self.target, probability)
        return self.one_hot

    def take(self, keep: Tensor) -> "_Walk":
        rows = keep.nonzero().squeeze(1)
        tensors = {
            name: value.index_select(0, rows)
            for name, value in vars(self).items()
            if name not in ("constraints", "one_hot")
        }
        return _Walk(**tensors, constraints=self.constraints.take(rows))

    def store(self, paths: Paths) -> None:
        for name, value in (
            ("counterfactual", self.previous),
            ("nascent", self.nascent),
            ("mature", self.mature),
            ("steps", self.steps),
            ("z", self.z),
        ):
            getattr(paths, name).index_copy_(0, self.rows, value)

    def track(self, state: Tensor, epsilon: float, rule: str | None) -> None:
        """Follow the nascent counterfactual along the segment to ``state``."""
        if epsilon > 0 and rule is not None:
            inside = (state - self.x).abs().amax(1) <= epsilon
            if rule == "last":
                if bool(inside.any()):
                    self.nascent = torch.where(inside.unsqueeze(1), state, self.nascent)
            else:
                exit_ = _exit_point(self.x, self.previous, state, epsilon)
                point = torch.where(inside.unsqueeze(1), state, exit_)
                self.nascent = torch.where(self.left.unsqueeze(1), self.nascent, point)
                self.left = self.left | ~inside
        self.previous = state


def _shortened(move: Tensor, limit: float) -> Tensor:
    """Shorten the rows with an entry beyond ``limit``."""
    if move.device.type == "cpu":  # elsewhere asking is dearer than shortening
        lowest, highest = move.aminmax()
        if lowest.item() >= -limit and highest.item() <= limit:
            return move
    longest = move.abs().amax(1, keepdim=True)
    return move * (limit / longest.clamp(min=limit))


def _unchanged(x: Tensor) -> Tensor:
    return x


def _exit_point(x: Tensor, old: Tensor, new: Tensor, epsilon: float) -> Tensor:
    """Where the segment from ``old``, within the ball around ``x``, leaves the ball."""
    step = new - old
    room = epsilon * step.sign() - (old - x)
    share = torch.where(step == 0, 1.0, room / torch.where(step == 0, 1.0, step))
    point = old + share.amin(1, keepdim=True).clamp(0, 1) * step
    return torch.maximum(torch.minimum(point, x + epsilon), x - epsilon)
