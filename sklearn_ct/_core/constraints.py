"""What a counterfactual may do: mutability, domain, one-hot groups."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from sklearn_ct._core.simplex import Simplices


@dataclass(frozen=True)
class Constraints:
    """Mutability and domain of the columns of the model's input space.

    Bounds and directions are for all rows alike (first dimension 1) or for each row.

    Attributes
    ----------
    lower, upper : Tensor of shape (1, d) or (n, d)
        The domain. For a one-hot column, 0 and 1, or 0 and 0 where the category is
        not allowed.
    rise, fall : boolean Tensor of shape (1, d) or (n, d)
        The directions allowed, the same for all columns of a one-hot group.
    group : Tensor of shape (d,)
        Number of the one-hot group of a column, counted from 0; -1 for a number.
    rank : Tensor of shape (d,)
        Place of the category in its order; 0 for numbers and unordered categories.
    states : Tensor of shape (p, 2)
        Columns, each with an indicator, a column that is 1 where there is nothing in
        the first to move, as in a missing cell. Indicators never move.

    Examples
    --------
    >>> free = Constraints.free(2)
    >>> x = torch.zeros(1, 2)
    >>> stuck = replace(free, fall=torch.tensor([[False, True]])).bind(x)
    >>> stuck.project(torch.tensor([[-1.0, -1.0]]), x)
    tensor([[ 0., -1.]])
    """

    lower: Tensor  # (1|n, d)
    upper: Tensor  # (1|n, d)
    rise: Tensor  # (1|n, d)
    fall: Tensor  # (1|n, d)
    group: Tensor  # (d,)
    rank: Tensor  # (d,)
    states: Tensor = field(default_factory=lambda: torch.empty(0, 2).long())

    @classmethod
    def free(cls, n_columns: int) -> "Constraints":
        """No constraint on any of ``n_columns`` numbers."""
        allowed = torch.ones(1, n_columns, dtype=torch.bool)
        infinite = torch.full((1, n_columns), torch.inf)
        none = torch.full((n_columns,), -1)
        return cls(-infinite, infinite, allowed, allowed, none, torch.zeros(n_columns))

    def to(self, like: Tensor) -> "Constraints":
        """Move to the device and the floating-point type of ``like``."""
        return Constraints(
            lower=self.lower.to(like),
            upper=self.upper.to(like),
            rise=self.rise.to(like.device),
            fall=self.fall.to(like.device),
            group=self.group.to(like.device),
            rank=self.rank.to(like),
            states=self.states.to(like.device),
        )

    def take(self, rows: Tensor) -> "Constraints":
        """Restrict to some rows; what holds for all rows alike stays as it is."""
        names = ("lower", "upper", "rise", "fall")
        taken = {
            name: value.index_select(0, rows)
            for name in names
            if len(value := getattr(self, name)) > 1
        }
        return replace(self, **taken) if taken else self

    @cached_property
    def simplices(self) -> Simplices:
        """The one-hot groups, each with its allowed categories."""
        return Simplices(self.group, self.upper)

    @cached_property
    def frozen(self) -> Tensor:  # (1|n, d)
        """Which columns must not change."""
        return ~self.rise & ~self.fall

    @cached_property
    def has_frozen(self) -> bool:
        """Whether any column must not change."""
        return bool(self.frozen.any())

    @cached_property
    def one_way(self) -> bool:
        """Whether any column is not free to move both ways."""
        return not bool((self.rise & self.fall).all())

    def bind(self, x: Tensor) -> "Constraints":
        """Turn directions into bounds around the factuals ``x``.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            The factuals.

        Returns
        -------
        Constraints
            With bounds for each row, such that no value between them is on the
            forbidden side of the factual. Where the domain and the direction
            contradict each other the factual's value is the only one left.
        """
        bound = self._bind_directions(x) if self.one_way else self
        if not len(self.states):
            return bound
        held = self._held(x)
        return replace(
            bound,
            lower=torch.where(held, x, bound.lower),
            upper=torch.where(held, x, bound.upper),
        )

    def _held(self, x: Tensor) -> Tensor:  # (n, d)
        """Which columns of rows their indicators hold; indicators are held."""
        held, indicators = torch.zeros_like(x), self.states[:, 1]
        held.index_add_(1, self.states[:, 0], x[:, indicators].clamp(0, 1))
        return (held > 0.5).index_fill_(1, indicators, True)

    def _bind_directions(self, x: Tensor) -> "Constraints":
        lower = torch.where(self.fall, self.lower, torch.maximum(self.lower, x))
        lower = torch.where(self.rise, lower, torch.minimum(lower, x))
        upper = torch.where(self.rise, self.upper, torch.minimum(self.upper, x))
        upper = torch.where(self.fall, upper, torch.maximum(upper, x))
        if self.simplices:
            lower = torch.where(self.simplices.inside, self.lower, lower)
            upper = torch.where(self.simplices.inside, self._open(x), upper)
        return replace(
            self,
            lower=torch.where(self.frozen, x, lower),
            upper=torch.where(self.frozen, x, upper),
        )

    def project(self, new: Tensor, old: Tensor) -> Tensor:
        """Project a step from ``old`` to ``new`` back to what is allowed.

        Steps of numbers in a forbidden direction are undone, the result is clipped to
        the domain, and each one-hot group is projected to the simplex of its allowed
        categories. Call it on constraints that `bind` has bound to the factuals.

        Parameters
        ----------
        new, old : Tensor of shape (n, d)
            Where the step leads, and where it starts.

        Returns
        -------
        Tensor of shape (n, d)
        """
        if self._some_one_way:
            down, up = self._reach
            new = torch.clamp(new, old + down, old + up)
        if self.simplices and len(new):
            new = self.simplices.project(new, old)
        if not self._bounded:
            return new
        # Frozen groups keep the factual's values, to the bit: it is both bounds.
        return torch.clamp(new, self.lower, self.upper)

    @cached_property
    def _some_one_way(self) -> bool:
        # What may not move at all has bounds that hold it; a group is not judged by
        # its columns.
        one_way = (self.rise ^ self.fall) & ~self.simplices.inside
        return bool(one_way.any())

    @cached_property
    def _bounded(self) -> bool:
        return bool((self.lower > -torch.inf).any() | (self.upper < torch.inf).any())

    @cached_property
    def _reach(self) -> tuple[Tensor, Tensor]:  # (1|n, d) each
        """How far a step may go down and up; a group is not judged by its columns."""
        moving_group = self.simplices.inside & (self.rise | self.fall)
        infinite = torch.full_like(self.lower, torch.inf)
        up = torch.where(self.rise | moving_group, infinite, 0.0)
        return -torch.where(self.fall | moving_group, infinite, 0.0), up

    def _open(self, x: Tensor) -> Tensor:  # (n, d)
        # A category is open when its place in the order is on the allowed side; where
        # that and the domain leave none, the factual's is.
        place = self._place(x)
        open_ = ((self.rank >= place) | self.fall) & ((self.rank <= place) | self.rise)
        upper = torch.where(self.simplices.inside & open_, self.upper, 0.0)
        none = self.simplices.sums(upper) == 0
        return torch.where(none, x, upper)

    def _place(self, x: Tensor) -> Tensor:  # (n, d)
        # A number's place is its value, a category's its rank; the mean rank of a
        # group stands in each of its columns.
        if not self.simplices:
            return x
        inside = self.simplices.inside.to(x.dtype)
        mean_rank = self.simplices.sums(x * self.rank * inside)
        return torch.where(self.simplices.inside, mean_rank, x)

    def protect(self, real: Tensor, found: Tensor) -> Tensor:
        """Set the coordinates of ``x+`` that ``x'`` may not move towards to ``x'``.

        Parameters
        ----------
        real, found : Tensor of shape (n, d)
            Real rows of the target class ``x+`` and counterfactuals ``x'``.

        Returns
        -------
        Tensor of shape (n, d)
            ``real`` with ``real_d := found_d`` where the column is immutable, where
            it may only fall and ``real_d > found_d``, and where it may only rise and
            ``real_d < found_d``. A one-hot group is set as a whole. So are indicators,
            and the columns that they hold in either.

        Examples
        --------
        >>> constraints = replace(
        ...     Constraints.free(2), rise=torch.tensor([[False, True]])
        ... )
        >>> constraints.protect(torch.ones(1, 2), torch.zeros(1, 2))
        tensor([[0., 1.]])
        """
        if len(self.states):
            real = torch.where(self._held(real) | self._held(found), found, real)
        if not self.one_way:
            return real
        place_real, place_found = self._place(real), self._place(found)
        forbidden = (
            self.frozen
            | (~self.rise & (place_real > place_found))
            | (~self.fall & (place_real < place_found))
        )
        return torch.where(forbidden, found, real)
