"""What the parameters of the classifier may be."""

from numbers import Integral, Real

import torch

from sklearn_ct._compat import Interval, RealNotInt, StrOptions
from sklearn_ct._core.network import ACTIVATIONS
from sklearn_ct._estimator.pretrained import Pretrained
from sklearn_ct._training.net import NeuralNet
from sklearn_ct.generators import GENERATORS
from sklearn_ct.generators._base import BaseGenerator

PARAMETERS: dict = {
    "hidden_layer_sizes": ["array-like"],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "module": [torch.nn.Module, NeuralNet, Pretrained, None],
    "mutability": [dict, "array-like", None],
    "domain": [StrOptions({"observed", "three_sigma"}), dict, None],
    "categorical_features": [StrOptions({"auto"}), "array-like", None],
    "numeric_scaling": [StrOptions({"auto", "standard", "quantile"}), None],
    "generator": [StrOptions(set(GENERATORS)), BaseGenerator],
    "lambda_div": [Interval(Real, 0, None, closed="left")],
    "lambda_adv": [Interval(Real, 0, None, closed="left")],
    "lambda_reg": [Interval(Real, 0, None, closed="left")],
    "lambda_mix": [Interval(Real, 0, None, closed="left")],
    "lambda_sparse": [Interval(Real, 0, None, closed="left")],
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
