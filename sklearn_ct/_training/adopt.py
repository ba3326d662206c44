"""Nets of skorch that others trained, or are still to be trained: to logits."""

from copy import deepcopy

import torch
from skorch import NeuralNet, NeuralNetClassifier

from sklearn_ct._core.network import LogProbability, TwoLogits

__all__ = ["NeuralNet", "module_of"]


def module_of(net):
    """Copy of the module of a skorch net, a new one before its fit; it gives logits.

    Raises
    ------
    ValueError
        Where the net's criterion does not say how its outputs become logits.
    """
    if hasattr(net, "module_"):
        module, criterion = net.module_, net.criterion_
    else:
        module = net.initialized_instance(net.module, net.get_params_for("module"))
        criterion = net.criterion
    module = deepcopy(module)
    kind = criterion if isinstance(criterion, type) else type(criterion)
    if issubclass(kind, torch.nn.CrossEntropyLoss):
        return module
    if issubclass(kind, torch.nn.BCEWithLogitsLoss):
        return torch.nn.Sequential(module, TwoLogits())
    # skorch takes the logarithm of what the module of a classifier gives.
    if issubclass(kind, torch.nn.NLLLoss) and isinstance(net, NeuralNetClassifier):
        return torch.nn.Sequential(module, LogProbability())
    raise ValueError(
        "The skorch net must have the criterion CrossEntropyLoss, BCEWithLogitsLoss "
        f"or, as a NeuralNetClassifier, NLLLoss. Got {kind.__name__} instead: give a "
        "torch module that ends in logits as 'module'."
    )
