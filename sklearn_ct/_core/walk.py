"""The gradient walk that finds counterfactuals, all rows together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sklearn_ct._core.backprop import Ask, Back, logits_and_back, one_hot, softmax
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
    """Where the walks of rows ended, one row each.

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

    counterfactual: Tensor  # (n, d)
    nascent: Tensor  # (n, d)
    mature: Tensor  # (n,)
    steps: Tensor  # (n,)
    z: Tensor  # (n, k)

    @classmethod
    def at(cls, x: Tensor, encode: Map | None = None) -> "Paths":  # (n, d)
        """Set out: no step taken."""
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


@dataclass(frozen=True)
class WalkSpec:
    """What a generator decides about a walk; nothing of it is validated here.

    Attributes
    ----------
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
    max_move : float, optional
        A step that moves a column farther is shortened, its direction kept.
    """

    max_iter: int = 30
    step_size: float = 0.25
    lambda_cost: float = 0.001
    penalty: Penalty | None = None
    penalty_slope: Penalty | None = None
    nascent: str | None = None
    encode: Map | None = None
    decode: Map | None = None
    max_move: float | None = None


@dataclass(frozen=True)
class Asked:
    """What a call asks of a walk.

    Attributes
    ----------
    tau : float or Tensor of shape (n,)
        A row is mature, and stops, at ``p(x')[y+] >= tau``, reached by the state and
        by the state as users are given it.
    epsilon : float
        Largest nascent perturbation, in the maximum norm.
    cost_weights : Tensor of shape (d,), optional
        Weights of the columns in the l1 distance.
    settle : callable, optional
        ``(states, rows) -> states``: what users are given for states of shape (s, d)
        of the rows of those numbers, shape (s,). Default: with whole categories.
    start : Paths, optional
        Where an earlier walk of the same rows to the same targets ended: this one
        goes on from there, maturity found anew, and counts on.
    """

    tau: float | Tensor
    epsilon: float = 0.0
    cost_weights: Tensor | None = None  # (d,)
    settle: Settle | None = None
    start: Paths | None = None


def walk(
    module: nn.Module,
    x: Tensor,  # (n, d)
    target: Tensor,  # (n,)
    constraints: Constraints,
    spec: WalkSpec,
    asked: Asked,
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
    spec : WalkSpec
        What is minimised, in which space, and by which steps.
    asked : Asked
        When a row is done, and where the walk begins.

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
    begin = Paths.at(x, spec.encode) if asked.start is None else asked.start
    paths = Paths(*(value.clone() for value in vars(begin).values()))
    shared = _Shared(module, logits_and_back(module), spec, asked)
    tau = torch.as_tensor(asked.tau, dtype=x.dtype, device=x.device).expand(len(x))
    walking = _Walk.of(begin, x, target, tau, constraints.to(x).bind(x), shared)
    # Asking whether rows are finished makes a GPU wait for the host.
    look_every = 1 if x.device.type == "cpu" else 4
    with _evaluating(module):
        for step in range(1, spec.max_iter + 2):
            if step % look_every == 0:
                n_resting = walking.n_resting()
                if n_resting == len(walking.rows):
                    break
                if n_resting > DROP_SHARE * len(walking.rows):
                    walking.store(paths)
                    walking = walking.take(~walking.mature)
            state, back_to_z = walking.decoded()
            logits, probability, back = walking.arrive(state)
            if step > spec.max_iter:
                break
            slope = walking.slope(logits, probability, step)
            gradient = walking.with_distance(state, back(slope))
            walking.move(back_to_z(gradient))
        walking.store(paths)
    return paths


def _keep_freed_memory() -> None:
    """Have the memory that a step frees kept for the next one.

    glibc gives large blocks back to the system at once, and each step would pay for
    their pages anew, until a larger one has been freed. Nothing of it is touched.
    """
    torch.empty(LARGE, dtype=torch.uint8)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its parts back into its own."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _slope_of(
    penalty: Penalty, logits: Tensor, target: Tensor, step: int | Tensor
) -> Tensor:
    """Gradient of the penalty with respect to the logits."""
    with torch.enable_grad():
        logits = logits.detach().requires_grad_()
        return torch.autograd.grad(penalty(logits, target, step).sum(), logits)[0]


@dataclass(frozen=True)
class _Shared:
    """What all rows and steps of a walk share."""

    module: nn.Module
    ask: Ask
    spec: WalkSpec
    asked: Asked


@dataclass
class _Walk:
    """The rows still walking; every tensor has one entry for each of them."""

    shared: _Shared
    constraints: Constraints
    rows: Tensor  # (n,), their numbers in the caller's order
    x: Tensor  # (n, d)
    z: Tensor  # (n, k), the state in the space of the steps
    previous: Tensor  # (n, d), the last state in the model's input space
    nascent: Tensor  # (n, d)
    left: Tensor  # (n,), whether the path has left the epsilon ball
    mature: Tensor  # (n,)
    steps: Tensor  # (n,)
    target: Tensor  # (n,)
    tau: Tensor  # (n,)
    resting: Tensor | None = None  # places of the mature rows, on the CPU
    _wanted: Tensor | None = None  # (n, K), made when first asked for

    @classmethod
    def of(
        cls,
        begin: Paths,
        x: Tensor,  # (n, d)
        target: Tensor,  # (n,)
        tau: Tensor,  # (n,)
        constraints: Constraints,
        shared: _Shared,
    ) -> "_Walk":
        """Set out with all rows."""
        return cls(
            shared=shared,
            constraints=constraints,
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
            tau=tau,
        )

    def take(self, keep: Tensor) -> "_Walk":
        """Go on with some of the rows."""
        rows = keep.nonzero().squeeze(1)
        tensors = {
            name: value.index_select(0, rows)
            for name, value in vars(self).items()
            if name not in ("shared", "constraints", "resting", "_wanted")
        }
        return _Walk(self.shared, self.constraints.take(rows), **tensors)

    def store(self, paths: Paths) -> None:
        """Write down where the rows are."""
        for name, value in (
            ("counterfactual", self.previous),
            ("nascent", self.nascent),
            ("mature", self.mature),
            ("steps", self.steps),
            ("z", self.z),
        ):
            getattr(paths, name).index_copy_(0, self.rows, value)

    def n_resting(self) -> int:
        """Count the mature rows, which do not move any more."""
        if self.x.device.type != "cpu":
            return len(self.mature.nonzero())
        return 0 if self.resting is None else len(self.resting)

    def decoded(self) -> tuple[Tensor, Map]:
        """Give the states in the input space, and the way back for gradients."""
        decode = self.shared.spec.decode
        if decode is None:
            return self.z, _unchanged
        with torch.enable_grad():
            z = self.z.detach().requires_grad_()
            state = self.constraints.project(decode(z), self.x)
        return state.detach(), lambda grad: torch.autograd.grad(state, z, grad)[0]

    def arrive(self, state: Tensor) -> tuple[Tensor, Tensor, Back]:
        """Ask the network about the states: logits, probabilities, the way back."""
        self.track(state)
        logits, back = self.shared.ask(state)
        probability = softmax(logits)
        self.mature = self.mature | self.reached(state, probability)
        return logits, probability, back

    def track(self, state: Tensor) -> None:
        """Follow the nascent counterfactual along the segment to ``state``."""
        epsilon, rule = self.shared.asked.epsilon, self.shared.spec.nascent
        if epsilon > 0 and rule is not None:
            within = (state - self.x).abs().amax(1) <= epsilon  # (n,)
            if rule == "last":
                if bool(within.any()):
                    self.nascent = torch.where(within.unsqueeze(1), state, self.nascent)
            else:
                exit_ = _exit_point(self.x, self.previous, state, epsilon)
                point = torch.where(within.unsqueeze(1), state, exit_)
                self.nascent = torch.where(self.left.unsqueeze(1), self.nascent, point)
                self.left = self.left | ~within
        self.previous = state

    def reached(self, state: Tensor, probability: Tensor) -> Tensor:  # (n,)
        """Whether the states, and what users are given, reach their targets."""
        settle = self.shared.asked.settle
        reached = (probability * self.wanted(probability)).sum(1) >= self.tau
        settles = settle is not None or bool(self.constraints.simplices)
        if settles and bool(reached.any()):
            at = reached.nonzero().squeeze(1)  # (s,)
            if settle is None:
                given = self.constraints.simplices.harden(state[at])
            else:
                given = settle(state[at], self.rows[at])
            with torch.no_grad():
                probability = softmax(self.shared.module(given))  # (s, K)
            sure = (probability * self.wanted(probability)[at]).sum(1)
            reached[at] = sure >= self.tau[at]
        return reached

    def wanted(self, probability: Tensor) -> Tensor:  # (n, K)
        """One-hot targets, kept for as long as the rows are the same."""
        if self._wanted is None:
            self._wanted = one_hot(self.target, probability)
        return self._wanted

    def slope(self, logits: Tensor, probability: Tensor, step: int) -> Tensor:
        """Gradient of cross-entropy and penalty at the logits, (n, K)."""
        spec = self.shared.spec
        slope = probability - self.wanted(probability)  # of the cross-entropy
        if spec.penalty is not None:
            # Rows of an earlier walk count their steps themselves.
            count = step if self.shared.asked.start is None else self.steps + 1
            if spec.penalty_slope is None:
                slope += _slope_of(spec.penalty, logits, self.target, count)
            else:
                slope += spec.penalty_slope(logits, self.target, count)
        return slope

    def with_distance(self, state: Tensor, gradient: Tensor) -> Tensor:  # (n, d)
        """Add the gradient of the distance to that of the other terms, in place."""
        lambda_cost = self.shared.spec.lambda_cost
        weights = self.shared.asked.cost_weights
        if not lambda_cost:
            return gradient
        away = (state - self.x).sign_()
        if weights is not None:
            away = away * weights
        return gradient.add_(away, alpha=lambda_cost)

    def move(self, gradient: Tensor) -> None:  # (n, k)
        """Step down the gradient, where allowed; mature rows stay."""
        spec = self.shared.spec
        if spec.max_move is not None and len(gradient):
            gradient = _shortened(gradient, spec.max_move / spec.step_size)
        moved = torch.add(self.z, gradient, alpha=-spec.step_size)
        if spec.decode is None:
            moved = self.constraints.project(moved, self.z)
        if moved.device.type != "cpu":
            moved = torch.where(self.mature.unsqueeze(1), self.z, moved)
        else:
            self.resting = self.mature.nonzero().squeeze(1)
            if len(self.resting):
                stayed = self.z.index_select(0, self.resting)
                moved.index_copy_(0, self.resting, stayed)
        self.z = moved
        self.steps = self.steps + ~self.mature


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
