"""
Data-parallel training
======================

Each process keeps its own share of the training rows and searches the counterfactuals
of those; the gradients of a mini-batch are averaged over the processes, so that all
have the same weights at every step. skorch's Accelerate integration averages them. On
two processes of this machine:

    torchrun --standalone --nproc-per-node 2 examples/scale/train_data_parallel.py

With ``python`` instead of ``torchrun ...`` it is one process. On several machines
``torchrun --nnodes ...``, on GPUs ``accelerate launch`` and no ``cpu=True``.

Needs the extra ``accelerate``: ``pip install 'sklearn-ct[accelerate]'``.
"""

import argparse

import numpy as np
import torch
from accelerate import Accelerator
from skorch import NeuralNetClassifier
from skorch.hf import AccelerateMixin

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._training.net import CounterfactualNet
from sklearn_ct.datasets import make_loan_applications


class ParallelNet(CounterfactualNet, AccelerateMixin, NeuralNetClassifier):
    """The net of the classifier, with the steps of skorch's mixin below its own."""

    @property
    def network(self):
        """Searches are of one process, without the wrapper around the module."""
        return self.accelerator.unwrap_model(self.module_)

    def train_step_single(self, batch, **fit_params):
        """Stop where one process would leave out a step and the others wait for it."""
        step = super().train_step_single(batch, **fit_params)
        if not torch.isfinite(step["loss"]):
            raise FloatingPointError("The loss of a mini-batch is not finite.")
        return step


class MeanCrossEntropy:
    """The criterion as a plain object, as it has no weights to be wrapped."""

    def __call__(self, logits, y):
        """Mean over the rows."""
        return torch.nn.functional.cross_entropy(logits, y)


def train(clf, X, y, accelerator, **settings):
    """Train the network of a fitted classifier on, on all processes.

    Parameters
    ----------
    clf : CounterfactualTrainedClassifier
        Fitted in the same way by all processes, which gives them the same scales and
        weights. Its network is trained in place.
    X, y : DataFrame, array of shape (n, n_features), (n,)
        All training rows; each process takes every ``accelerator.num_processes``-th.
    accelerator : Accelerator
    **settings
        Of `CounterfactualNet`, other than those of the classifier. Mini-batches and
        searches are those of all processes together.

    Returns
    -------
    ParallelNet
    """
    rank, share = accelerator.process_index, accelerator.num_processes
    # Equal numbers of rows, and so of steps, for all.
    own = slice(rank, len(X) // share * share, share)
    codes = torch.from_numpy(clf.encode(X)[own]).float()
    label = torch.from_numpy(np.searchsorted(clf.classes_, y)[own])
    settings = clf.net_.get_params(deep=False) | settings
    del settings["callbacks__print_log"]  # the mixin has its own
    for name in ("batch_size", "n_counterfactuals"):
        settings[name] = -(-settings[name] // share)
    net = ParallelNet(
        **settings
        | {
            "module": clf.net_.module_,
            "criterion": MeanCrossEntropy,
            "accelerator": accelerator,
            "device": None,  # the accelerator's
            "seed": clf.net_.seed + rank,
            "callbacks__print_log__sink": _silent,
        }
    )
    return net.initialize().train(codes, label)


def _silent(line):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()

    accelerator = Accelerator(cpu=True)
    X, y = make_loan_applications(6000, random_state=0)
    X_train, y_train, X_test, y_test = X[:5000], y[:5000], X[5000:], y[5000:]
    # One conventional epoch: scales, rules, real rows for the answers, first weights.
    clf = CounterfactualTrainedClassifier(
        mutability={"age": "none", "education": "increase"},
        max_epochs=1,
        burn_in=1.0,
        random_state=0,
    ).fit(X_train, y_train)
    net = train(
        clf, X_train, y_train, accelerator, max_epochs=arguments.epochs, first_epoch=0
    )

    weights = torch.nn.utils.parameters_to_vector(net.module_.parameters()).detach()
    everyone = accelerator.gather(weights.unsqueeze(0))
    assert (everyone == weights).all(), "the processes have different weights"
    accelerator.print(f"{len(everyone)} processes with the same weights")
    if accelerator.is_main_process:
        rejected = X_test[clf.predict(X_test) == "rejected"]
        print(f"accuracy {clf.score(X_test, y_test):.3f}")
        print(clf.explain(rejected, "approved").evaluate().round(3).to_string())
    accelerator.wait_for_everyone()  # nobody leaves while another still works
    accelerator.end_training()


if __name__ == "__main__":
    main()
