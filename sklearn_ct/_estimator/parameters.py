"""What the parameters of the classifier may be, and what training makes of them."""

from dataclasses import dataclass
from numbers import Integral, Real

import torch

from sklearn_ct._compat import Interval, RealNotInt, StrOptions
from sklearn_ct._core.network import ACTIVATIONS
from sklearn_ct._estimator.pretrained import Pretrained
from sklearn_ct._rules.language import DIRECTIONS
from sklearn_ct._training.adopt import NeuralNet
from sklearn_ct.generators import GENERATORS
from sklearn_ct.generators._base import BaseGenerator
from sklearn_ct.losses import Weights

PARAMETERS: dict = {
    "hidden_layer_sizes": ["array-like"],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "module": [torch.nn.Module, NeuralNet, Pretrained, None],
    "mutability": [StrOptions(set(DIRECTIONS)), dict, "array-like", None],
    "relations": [StrOptions({"observed"}), list, tuple, None],
    "domain": [StrOptions({"observed", "three_sigma"}), dict, None],
    "categorical_features": [StrOptions({"auto"}), "array-like", None],
    "numeric_scaling": [StrOptions({"auto", "standard", "asinh", "quantile"}), None],
    "special_values": [dict, None],
    "missing": [StrOptions({"keep", "free"})],
    "handle_unknown": [StrOptions({"error", "ignore"})],
    "generator": [StrOptions(set(GENERATORS)), BaseGenerator],
    "lambda_div": [Interval(Real, 0, None, closed="left")],
    "lambda_adv": [Interval(Real, 0, None, closed="left")],
    "lambda_reg": [Interval(Real, 0, None, closed="left")],
    "tau": [Interval(Real, 0, 1, closed="neither")],
    "tau_max": [Interval(Real, 0, 1, closed="neither")],
    "epsilon": [Interval(Real, 0, None, closed="left")],
    "n_counterfactuals": [
        StrOptions({"auto"}),
        Interval(Integral, 0, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    ],
    "n_positives": [Interval(Integral, 1, None, closed="left")],
    "swap_immutable": [Interval(Real, 0, 1, closed="both")],
    "burn_in": [Interval(Real, 0, 1, closed="both")],
    "averaging": [Interval(Real, 0, 1, closed="left")],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "class_weight": [StrOptions({"balanced"}), dict, None],
    "warm_start": ["boolean"],
    "callbacks": [list, None],
    "device": [str],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


@dataclass(frozen=True)
class TrainingOptions:
    """What training takes over from the parameters, once they are checked.

    Attributes
    ----------
    objective : dict
        Of the weights of the terms, and of what the searches of an epoch aim at.
    n_counterfactuals, batch_size : int, float or "auto"
        As in the constructor.
    burn_in_epochs : int
        Epochs that are trained conventionally first.
    """

    objective: dict
    n_counterfactuals: int | float | str
    batch_size: int | str
    burn_in_epochs: int

    @classmethod
    def of(cls, estimator):
        """Take them from a classifier."""
        weights = Weights(
            estimator.lambda_div,
            estimator.lambda_adv,
            estimator.lambda_reg,
        )
        taken = ("tau", "tau_max", "epsilon", "n_positives", "swap_immutable")
        searches = {name: getattr(estimator, name) for name in taken}
        return cls(
            objective={"weights": weights} | searches,
            n_counterfactuals=estimator.n_counterfactuals,
            batch_size=estimator.batch_size,
            burn_in_epochs=round(estimator.burn_in * estimator.max_epochs),
        )

    def batch_rows(self, n):
        """Rows of a mini-batch of ``n`` training rows."""
        if self.batch_size != "auto":
            return self.batch_size
        return min(max(n // 32, 32), 1000)

    def searches(self, n):
        """Rows searched in an epoch of ``n`` training rows."""
        if self.n_counterfactuals == "auto":
            return min(max(n // 4, 1000), 2000)
        if isinstance(self.n_counterfactuals, Integral):
            return self.n_counterfactuals
        return max(1, round(self.n_counterfactuals * n))
