"""One-hot groups: the projection to their simplices, and back to whole categories."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Larger than any value, and sums of it are finite.
HUGE = 1e30
# Groups with larger values are shifted before their projection, against rounding.
FAR = 10.0


@dataclass(frozen=True)
class Simplices:
    """The simplex of each one-hot group: its columns not negative, their sum 1.

    Attributes
    ----------
    group : Tensor of shape (d,)
        Number of the one-hot group of a column, counted from 0; -1 for a number.
    upper : Tensor of shape (1, d) or (n, d)
        Largest values; 0 where a category is not allowed.

    Examples
    --------
    >>> pair = Simplices(torch.tensor([0, 0, -1]), torch.ones(1, 3))
    >>> pair.project(torch.tensor([[1.0, 0.5, 7.0]]), torch.tensor([[1.0, 0.0, 7.0]]))
    tensor([[0.7500, 0.2500, 7.0000]])
    """

    group: Tensor  # (d,)
    upper: Tensor  # (1|n, d)

    def __bool__(self) -> bool:
        """Whether there is any group."""
        return self._some

    @cached_property
    def _some(self) -> bool:
        return bool(self.inside.any())

    @cached_property
    def inside(self) -> Tensor:  # (d,)
        """Which columns belong to a group."""
        return self.group >= 0

    def sums(self, x: Tensor) -> Tensor:  # (n, d) -> (n, d)
        """Sum over each group in each of its columns, 0 for numbers."""
        return x @ self._member @ self._member.T

    def project(self, x: Tensor, old: Tensor) -> Tensor:
        """Project each group to the simplex of its allowed categories.

        Parameters
        ----------
        x, old : Tensor of shape (n, d), n > 0
            What is projected, and a state that it lies near to: the closer, the
            fewer rounds.

        Returns
        -------
        Tensor of shape (n, d)
            Columns below 0 are still to be clipped; numbers as they are.

        Notes
        -----
        The projection of ``v`` is ``max(v - s, 0)`` with the ``s`` that makes its sum
        1. For all groups at once, the columns that the shift makes negative are
        dropped until none is left to drop. The shift for any columns is no larger than
        the last one; those of the old state leave few columns to drop.

        References
        ----------
        C. Michelot, "A finite algorithm for finding the projection of a point onto
        the canonical simplex of R^n", JOTA 50, 1986.
        """
        lowest, highest = (x * self._indicator).aminmax()
        # Not a number is far, too.
        if not (lowest.item() >= -FAR and highest.item() <= FAR):
            x = self._nearer(x)
        if self._ceiling is not None:
            x = torch.minimum(x, self._ceiling)
        kept = _above(old, 0.0, like=x)  # (n, d), 1 or 0
        count = self._thin @ kept.T  # (n_groups, n)
        shift = self._shift(x, kept, count)  # (n, d)
        keep = _above(x, shift, like=x)
        left = self._thin @ keep.T
        if torch.equal(left, count) and not bool(
            ((keep - kept) * self._indicator).any()
        ):
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

    def harden(self, x: Tensor) -> Tensor:
        """Set the largest column of each group to 1 and its others to 0.

        Parameters
        ----------
        x : Tensor of shape (n, d)

        Returns
        -------
        Tensor of shape (n, d)
            Numbers as they are. Of equal columns the first is taken.
        """
        if not self:
            return x
        largest = [columns[x[:, columns].argmax(1)] for columns in self._columns]
        return (x * ~self.inside).scatter_(1, torch.stack(largest, 1), 1.0)

    def _shift(self, x: Tensor, kept: Tensor, count: Tensor) -> Tensor:  # (n, d)
        # What to take from the columns kept of each group, so many, that they sum to 1;
        # 0 for numbers. Thin products are faster with the long side last.
        shift = (self._thin @ (kept * x).T).sub_(1).div_(count.clamp(min=1 / HUGE))
        return shift.T @ self._thin

    def _nearer(self, x: Tensor) -> Tensor:  # (n, d)
        # Subtracts the largest value of a group in rows with far ones; of the numbers
        # only infinite ones change.
        x = torch.where(self.inside | x.isinf(), x.clamp(-HUGE, HUGE), x)
        is_open = self.inside & (self.upper > 0)  # (1|n, d)
        far = torch.where(is_open, x, 0.0).abs().amax(1, keepdim=True) > FAR  # (n, 1)
        return torch.where(far & is_open, x - self._largest(x, is_open), x)

    def _largest(self, x: Tensor, columns: Tensor) -> Tensor:  # (n, d)
        # The largest of those columns of each group, in each column of the group.
        group = self.group.clamp(min=0).expand_as(x)
        best = x.new_full((len(x), self._member.shape[1]), -HUGE)
        value = torch.where(columns, x, -HUGE)
        return best.scatter_reduce(1, group, value, "amax").gather(1, group)

    @cached_property
    def _ceiling(self) -> Tensor | None:  # (1|n, d)
        """Lowest of values for categories that are not allowed, if any are not."""
        closed = self.inside & (self.upper <= 0)
        ceiling = torch.where(closed, -HUGE, torch.inf).to(self.upper)
        return ceiling if bool(closed.any()) else None

    @cached_property
    def _member(self) -> Tensor:  # (d, n_groups)
        # Sums over groups are products with their indicators.
        numbers = torch.arange(int(self.group.max()) + 1, device=self.group.device)
        return (self.group.unsqueeze(1) == numbers).to(self.upper.dtype)

    @cached_property
    def _columns(self) -> list[Tensor]:
        """Column numbers of each group."""
        return [members.nonzero().squeeze(1) for members in self._member.T > 0]

    @cached_property
    def _indicator(self) -> Tensor:  # (d,)
        return self.inside.to(self.upper.dtype)

    @cached_property
    def _thin(self) -> Tensor:  # (n_groups, d)
        return self._member.T.contiguous()


def _above(x: Tensor, level: Tensor | float, like: Tensor) -> Tensor:
    """1 where ``x`` is above ``level``, 0 elsewhere: a mask is three times slower."""
    return torch.gt(x, level, out=torch.empty_like(like))
