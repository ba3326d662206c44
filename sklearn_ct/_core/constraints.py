"""What a counterfactual may do: mutability, domain, one-hot groups."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

# Larger than any value, and sums of it are finite.
HUGE = 1e30
# Groups with larger values are shifted before their projection, against rounding.
FAR = 10.0


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

    Examples
    --------
    >>> free = Constraints.free(2)
    >>> x = torch.zeros(1, 2)
    >>> stuck = replace(free, fall=torch.tensor([[False, True]])).bind(x)
    >>> stuck.project(torch.tensor([[-1.0, -1.0]]), x)
    tensor([[ 0., -1.]])
    """

    lower: Tensor
    upper: Tensor
    rise: Tensor
    fall: Tensor
    group: Tensor
    rank: Tensor

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
        )

    def take(self, rows: Tensor) -> "Constraints":
        """Restrict to some rows; what holds for all rows alike stays as it is."""
        names = ("lower", "upper", "rise", "fall")
        taken = {
            name: value[rows] for name in names if len(value := getattr(self, name)) > 1
        }
        return replace(self, **taken) if taken else self

    @cached_property
    def is_group(self) -> Tensor:  # (d,)
        """Which columns belong to a one-hot group."""
        return self.group >= 0

    @cached_property
    def has_groups(self) -> bool:
        """Whether any column belongs to a one-hot group."""
        return bool(self.is_group.any())

    @cached_property
    def _columns(self) -> list[Tensor]:
        """Column numbers of each group."""
        return [inside.nonzero().squeeze(1) for inside in self.membership.T > 0]

    @cached_property
    def membership(self) -> Tensor:  # (d, n_groups)
        """Indicator of the groups, for sums over them by a matrix product."""
        numbers = torch.arange(int(self.group.max()) + 1, device=self.group.device)
        return (self.group.unsqueeze(1) == numbers).to(self.rank.dtype)

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
        if not self.one_way:
            return self
        lower = torch.where(self.fall, self.lower, torch.maximum(self.lower, x))
        lower = torch.where(self.rise, lower, torch.minimum(lower, x))
        upper = torch.where(self.rise, self.upper, torch.minimum(self.upper, x))
        upper = torch.where(self.fall, upper, torch.maximum(upper, x))
        if self.has_groups:
            lower = torch.where(self.is_group, self.lower, lower)
            upper = torch.where(self.is_group, self._open(x), upper)
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
        if self.has_groups and len(new):
            new = self._to_simplex(new, old)
        if not self._bounded:
            return new
        # Frozen groups keep the factual's values, to the bit: it is both bounds.
        return torch.clamp(new, self.lower, self.upper)

    @cached_property
    def _some_one_way(self) -> bool:
        # What may not move at all has bounds that hold it.
        return bool((self.rise ^ self.fall).any())

    @cached_property
    def _bounded(self) -> bool:
        return bool((self.lower > -torch.inf).any() | (self.upper < torch.inf).any())

    @cached_property
    def _reach(self) -> tuple[Tensor, Tensor]:  # (1|n, d) each
        """How far a step may go down and up; a group is not judged by its columns."""
        moving_group = self.is_group & (self.rise | self.fall)
        infinite = torch.full_like(self.lower, torch.inf)
        up = torch.where(self.rise | moving_group, infinite, 0.0)
        return -torch.where(self.fall | moving_group, infinite, 0.0), up

    @cached_property
    def _ceiling(self) -> Tensor | None:  # (1|n, d)
        """Lowest of values for categories that are not allowed, if any are not."""
        closed = self.is_group & (self.upper <= 0)
        ceiling = torch.where(closed, -HUGE, torch.inf).to(self.upper)
        return ceiling if bool(closed.any()) else None

    def _to_simplex(self, x: Tensor, old: Tensor) -> Tensor:
        # Michelot's algorithm for all groups at once: drop the columns that the shift
        # makes negative until none is left to drop. The shift for any columns is no
        # larger than the last one; those of the old state leave few columns to drop.
        lowest, highest = (x * self._inside).aminmax()
        if not bool((lowest >= -FAR) & (highest <= FAR)):
            x = self._nearer(x)
        if self._ceiling is not None:
            x = torch.minimum(x, self._ceiling)
        kept = _above(old, 0.0, like=x)
        count = self._thin @ kept.T  # (n_groups, n)
        shift = self._shift(x, kept, count)
        keep = _above(x, shift, like=x)
        left = self._thin @ keep.T
        if torch.equal(left, count) and not bool(((keep - kept) * self._inside).any()):
            return x - shift
        rows, part = None, x
        while True:
            kept, count = keep, left
            partial = self._shift(part, kept, count)
            keep = _above(part, partial, like=part).mul_(kept)
            left = self._thin @ keep.T
            if rows is None:
                shift = partial
            else:
                shift.index_copy_(0, rows, partial)
            changed = (count - left).sum(0).nonzero().squeeze(1)
            if len(changed) == 0:
                return x - shift
            # Going on with all rows is cheaper than picking most of them.
            if 2 * len(changed) <= len(part):
                rows = changed if rows is None else rows[changed]
                part, keep, left = part[changed], keep[changed], left[:, changed]

    def _nearer(self, x: Tensor) -> Tensor:
        # Subtracts the largest value of a group in rows with far ones; of the numbers
        # only infinite ones change.
        x = torch.where(self.is_group | x.isinf(), x.clamp(-HUGE, HUGE), x)
        is_open = self.is_group & (self.upper > 0)
        far = torch.where(is_open, x, 0.0).abs().amax(1, keepdim=True) > FAR
        return torch.where(far & is_open, x - self._largest(x, is_open), x)

    def _shift(self, x: Tensor, kept: Tensor, count: Tensor) -> Tensor:  # (n, d)
        # What to take from the columns kept of each group, so many, that they sum to 1;
        # 0 for numbers. Thin products are faster with the long side last.
        shift = (self._thin @ (kept * x).T).sub_(1).div_(count.clamp(min=1 / HUGE))
        return shift.T @ self._thin

    @cached_property
    def _inside(self) -> Tensor:  # (d,)
        return self.is_group.to(self.rank.dtype)

    @cached_property
    def _thin(self) -> Tensor:  # (n_groups, d)
        return self.membership.T.contiguous()

    def harden(self, x: Tensor) -> Tensor:
        """Set the largest column of each one-hot group to 1 and its others to 0.

        Parameters
        ----------
        x : Tensor of shape (n, d)

        Returns
        -------
        Tensor of shape (n, d)
            Numbers as they are. Of equal columns the first is taken.
        """
        if not self.has_groups:
            return x
        largest = [columns[x[:, columns].argmax(1)] for columns in self._columns]
        return (x * ~self.is_group).scatter_(1, torch.stack(largest, 1), 1.0)

    def _largest(self, x: Tensor, columns: Tensor) -> Tensor:  # (n, d)
        # The largest of those columns of each group, in each column of the group.
        group = self.group.clamp(min=0).expand_as(x)
        best = x.new_full((len(x), self.membership.shape[1]), -HUGE)
        value = torch.where(columns, x, -HUGE)
        return best.scatter_reduce(1, group, value, "amax").gather(1, group)

    def _open(self, x: Tensor) -> Tensor:  # (n, d)
        # A category is open when its place in the order is on the allowed side; where
        # that and the domain leave none, the factual's is.
        place = self._place(x)
        open_ = ((self.rank >= place) | self.fall) & ((self.rank <= place) | self.rise)
        upper = torch.where(self.is_group & open_, self.upper, 0.0)
        none = upper @ self.membership @ self.membership.T == 0
        return torch.where(none, x, upper)

    def _place(self, x: Tensor) -> Tensor:  # (n, d)
        # A number's place is its value, a category's its rank; the mean rank of a
        # group stands in each of its columns.
        if not self.has_groups:
            return x
        inside = self.is_group.to(x.dtype)
        mean_rank = (x * self.rank * inside) @ self.membership @ self.membership.T
        return torch.where(self.is_group, mean_rank, x)

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
            ``real_d < found_d``. A one-hot group is set as a whole.

        Examples
        --------
        >>> constraints = replace(
        ...     Constraints.free(2), rise=torch.tensor([[False, True]])
        ... )
        >>> constraints.protect(torch.ones(1, 2), torch.zeros(1, 2))
        tensor([[0., 1.]])
        """
        if not self.one_way:
            return real
        place_real, place_found = self._place(real), self._place(found)
        forbidden = (
            self.frozen
            | (~self.rise & (place_real > place_found))
            | (~self.fall & (place_real < place_found))
        )
        return torch.where(forbidden, found, real)


def _above(x: Tensor, level: Tensor | float, like: Tensor) -> Tensor:
    """1 where ``x`` is above ``level``, 0 elsewhere: a mask is three times slower."""
    return torch.gt(x, level, out=torch.empty_like(like))
