"""A fitted network between values and logits, ready to be asked by a search."""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import torch

from sklearn_ct._core.backprop import layers_of, logits_and_back

FORWARD_ROWS = 10_000


@dataclass(frozen=True)
class Model:
    """A fitted network between the values of a codec and its logits.

    Attributes
    ----------
    module : torch.nn.Module
        In double precision where the device has it, so that the order and number of
        rows in a call do not show in the answers.
    codec : TabularEncoder or PipelineCodec
        ``embed(values) -> codes``, ``values(codes) -> values``, ``variables_``.
    """

    module: torch.nn.Module
    codec: object

    @classmethod
    def of(cls, module, codec):
        """Copy a module for searching."""
        parameter = next(module.parameters())
        with torch.inference_mode(False):  # the search may ask for gradients
            module = deepcopy(module).eval().requires_grad_(False)
            if parameter.device.type != "mps":
                module = module.double()
        return cls(module, codec)

    def tensor(self, array):
        """Tensor of the module's type and device."""
        return torch.as_tensor(array).to(self._like)

    @cached_property
    def _like(self):
        return next(self.module.parameters())

    @cached_property
    def _ask(self):
        return logits_and_back(self.module)

    def logits_of(self, codes):
        """Logits of codes, shape (n, K), in blocks of bounded memory."""
        with torch.no_grad():
            blocks = torch.as_tensor(codes).split(FORWARD_ROWS)
            logits = [self._forward(self.tensor(block)).cpu() for block in blocks]
        return torch.cat(logits).double().numpy()

    def _forward(self, x):
        # A stack of plain layers is asked without the calls of a module around each.
        return self.module(x) if self._ask.has_modes else self._ask(x)[0]

    def probabilities(self, codes):
        """Class probabilities of codes, shape (n, K)."""
        return torch.from_numpy(self.logits_of(codes)).softmax(1).numpy()

    def split(self):
        """Split off the first layer, where it is linear; (None, module) else."""
        first, *rest = layers_of(self.module)
        if type(first) is torch.nn.Linear:
            return first, torch.nn.Sequential(*rest)
        return None, self.module
