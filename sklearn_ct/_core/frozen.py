"""The double copy of a network that answers are checked with."""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from sklearn_ct._core.backprop import Ask, layers_of, logits_and_back

FORWARD_ROWS = 10_000


@dataclass(frozen=True)
class FrozenNetwork:
    """A network that stays as it is, ready to be asked by a search.

    Attributes
    ----------
    module : torch.nn.Module
        In double precision where the device has it, so that the order and number of
        rows in a call do not show in the answers.
    """

    module: nn.Module

    @classmethod
    def of(cls, module: nn.Module) -> "FrozenNetwork":
        """Copy a module; the copy of a plain stack is kept until its weights change."""
        kept = _COPIES.get(module)
        if kept is not None and kept._is_of(module):
            return kept
        parameter = next(module.parameters())
        with torch.inference_mode(False):  # the search may ask for gradients
            copy = deepcopy(module).eval().requires_grad_(False)
            if parameter.device.type != "mps":
                copy = copy.double()
        made = cls(copy)
        # What any other module does may depend on more than its weights.
        if not made.ask.has_modes and made._is_of(module):
            _COPIES[module] = made
        return made

    def __getstate__(self) -> dict[str, nn.Module]:
        """Leave behind what is made of the module."""
        return {"module": self.module}

    def _is_of(self, module: nn.Module) -> bool:
        """Whether a plain stack would be copied to this one."""
        plain = not logits_and_back(module).has_modes
        same = plain and repr(module) == repr(self.module)
        return same and all(
            own.device == other.device and torch.equal(own, other.to(own.dtype))
            for own, other in zip(
                self.module.parameters(), module.parameters(), strict=True
            )
        )

    @cached_property
    def like(self) -> Tensor:
        """A tensor of the module's type and device."""
        return next(self.module.parameters())

    @cached_property
    def ask(self) -> Ask:
        """The network and its way back, see `logits_and_back`."""
        return logits_and_back(self.module)

    def tensor(self, array: object) -> Tensor:
        """Tensor of the module's type and device."""
        return torch.as_tensor(array).to(self.like)

    def logits(self, codes: object) -> Tensor:  # (n, d) -> (n, K)
        """Logits of codes, in blocks of bounded memory, on the CPU."""
        x = torch.as_tensor(codes)
        with torch.no_grad():
            if len(x) <= FORWARD_ROWS:
                return self.forward(self.tensor(x)).cpu().double()
            blocks = torch.split(x, FORWARD_ROWS)
            logits = [self.forward(self.tensor(block)).cpu() for block in blocks]
        return torch.cat(logits).double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits as the module gives them, of as many rows as memory takes."""
        # A stack of plain layers is asked without the calls of a module around each.
        if not self.ask.has_modes:
            return self.ask(x)[0]
        logits: Tensor = self.module(x)
        return logits

    def probabilities(self, codes: object) -> Tensor:  # (n, K)
        """Class probabilities of codes, on the CPU."""
        return self.logits(codes).softmax(1)

    @cached_property
    def single(self) -> "FrozenNetwork":
        """A copy in single precision, twice as fast: to rank by, not to decide."""
        with torch.inference_mode(False):
            return FrozenNetwork(deepcopy(self.module).float())

    @cached_property
    def parts(self) -> "tuple[nn.Linear | None, FrozenNetwork]":
        """The first layer, where it is linear, and the others; else None and all."""
        first, *rest = layers_of(self.module)
        if type(first) is nn.Linear:
            return first, FrozenNetwork(nn.Sequential(*rest))
        return None, self


# The copies of networks that are alive.
_COPIES: WeakKeyDictionary[nn.Module, FrozenNetwork] = WeakKeyDictionary()
