"""How others train the same net on the same rows; each gives seconds per epoch."""

import logging
from importlib.util import find_spec

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch.nn.functional import cross_entropy

from benchmarks.speed.measuring import seconds_of
from benchmarks.speed.tasks import LR, SIZES
from sklearn_ct._core.network import MLP

EPSILON, STEP, N_STEPS = 0.1, 0.025, 10  # of the attacks


def make_module(task):
    torch.manual_seed(0)
    return MLP(task.X.shape[1], task.n_classes, SIZES).to(task.device)


def steps_of(optimizer):
    """Count the steps that an Adam optimiser has taken."""
    return int(next(iter(optimizer.state.values()))["step"])


def check(task, module, optimizer, n_epochs):
    n_parameters = sum(p.numel() for p in module.parameters())
    task.check(steps_of(optimizer), n_epochs, n_parameters)


def plain(task, n_epochs, *, attack=None, n_searched=0, **options):
    """Train by hand.

    ``options`` are Adam's, ``attack`` is what replaces the rows; with ``n_searched``
    three more rows for each search are passed along: what a nascent counterfactual, a
    counterfactual and a real row cost at least.
    """
    module = make_module(task)
    optimizer = torch.optim.Adam(module.parameters(), lr=LR, **options)
    X, y = task.X, task.y
    more = torch.arange(3 * min(n_searched, len(X)), device=X.device) % len(X)
    others = list(
        zip(*(t[more].tensor_split(task.n_batches) for t in (X, y)), strict=True)
    )

    def epoch():
        order = torch.randperm(len(X)).to(X.device)
        for rows, (with_x, with_y) in zip(
            order.split(task.batch_size), others, strict=True
        ):
            x, label = X[rows], y[rows]
            if attack is not None:
                x = attack(module, x, label)
            if n_searched:
                x, label = torch.cat([x, with_x]), torch.cat([label, with_y])
            optimizer.zero_grad()
            cross_entropy(module(x), label).backward()
            optimizer.step()

    seconds = [seconds_of(epoch, task.device) for _ in range(n_epochs)]
    check(task, module, optimizer, n_epochs)
    return seconds


def fused(task, n_epochs):
    return plain(task, n_epochs, fused=True)


def accompanied(task, n_epochs):
    n_searched = task.settings["n_counterfactuals"]
    return plain(task, n_epochs, n_searched=n_searched, fused=True)


def all_accompanied(task, n_epochs):
    return plain(task, n_epochs, n_searched=len(task.X), fused=True)


def projected_gradient(module, x, label):
    """Attack rows by projected gradient ascent in the maximum norm."""
    start = torch.empty_like(x).uniform_(-EPSILON, EPSILON)
    state = x + start
    for _ in range(N_STEPS):
        state.requires_grad_()
        loss = cross_entropy(module(state), label)
        (gradient,) = torch.autograd.grad(loss, state)
        moved = state.detach() + STEP * gradient.sign()
        state = x + (moved - x).clamp(-EPSILON, EPSILON)
    return state.detach()


def adversarial(task, n_epochs):
    return plain(task, n_epochs, attack=projected_gradient)


def skorch(task, n_epochs):
    """Skorch with its own data loader and callbacks; no validation part."""
    net = NeuralNetClassifier(
        make_module(task),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=task.batch_size,
        max_epochs=n_epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        device=task.device,
    ).fit(task.codes, task.labels)
    check(task, net.module_, net.optimizer_, n_epochs)
    return net.history[:, "dur"]


def scikit_learn(task, n_epochs):
    """`MLPClassifier`; for two classes it has one output."""
    net = MLPClassifier(
        SIZES, batch_size=task.batch_size, learning_rate_init=LR, random_state=0
    )
    classes = np.arange(task.n_classes)

    def epoch():
        net.partial_fit(task.codes, task.labels, classes=classes)

    seconds = [seconds_of(epoch) for _ in range(n_epochs)]
    task.check(net._optimizer.t, n_epochs)
    return seconds


def has_art():
    """Whether the adversarial robustness toolbox is installed."""
    return find_spec("art") is not None


def toolbox(task, n_epochs):
    """Adversarial training of the adversarial robustness toolbox."""
    logging.getLogger("art").setLevel(logging.ERROR)
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.defences.trainer import AdversarialTrainer
    from art.estimators.classification import PyTorchClassifier

    module = make_module(task)
    optimizer = torch.optim.Adam(module.parameters(), lr=LR)
    classifier = PyTorchClassifier(
        module,
        loss=torch.nn.CrossEntropyLoss(),
        optimizer=optimizer,
        input_shape=(task.X.shape[1],),
        nb_classes=task.n_classes,
        device_type="cpu" if task.device == "cpu" else "gpu",
    )
    attack = ProjectedGradientDescentPyTorch(
        classifier,
        eps=EPSILON,
        eps_step=STEP,
        max_iter=N_STEPS,
        num_random_init=1,
        batch_size=task.batch_size,
        verbose=False,
    )
    trainer = AdversarialTrainer(classifier, attack, ratio=1.0)
    one_hot = np.eye(task.n_classes, dtype=np.float32)[task.labels]

    def epoch():
        trainer.fit(task.codes, one_hot, batch_size=task.batch_size, nb_epochs=1)

    seconds = [seconds_of(epoch, task.device) for _ in range(n_epochs)]
    check(task, classifier.model, optimizer, n_epochs)
    return seconds
