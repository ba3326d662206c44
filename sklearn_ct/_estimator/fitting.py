"""From parameters and rows to a trained net, step by step.

Each function takes the estimator, whose parameters are checked already; `train` alone
sets what is fitted.
"""

import warnings
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from sklearn_ct._core.averaging import refit_intercepts
from sklearn_ct._core.backprop import logits_and_back
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread, seeded
from sklearn_ct._estimator.parameters import TrainingOptions
from sklearn_ct._estimator.pretrained import Pretrained
from sklearn_ct._estimator.validation import (
    check_device,
    check_generator,
    check_module,
    check_sizes,
    check_X,
    check_y,
)
from sklearn_ct._recourse.references import References
from sklearn_ct._rules.observed import observe
from sklearn_ct._rules.relations import Relations, as_relation, named_here
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.containers import take_rows
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct._training.adopt import NeuralNet, module_of
from sklearn_ct._training.callbacks import Progress, check_callbacks, early_stopping
from sklearn_ct._training.net import CounterfactualNet
from sklearn_ct.generators import GENERATORS

# Real rows of each class kept in the fitted object: answers fall back on them, and
# their implausibility is measured against them.
N_REFERENCES = 1000
# Rows kept of all classes as they came: relations behind a pipeline are learned from
# them.
N_ROWS = 5000


@dataclass(frozen=True)
class Rows:
    """Rows to train on.

    Attributes
    ----------
    X : DataFrame or ndarray of shape (n, n_columns)
    labels : ndarray of shape (n,)
        Class indices.
    weight : ndarray of shape (n,) or None
    """

    X: object
    labels: np.ndarray
    weight: np.ndarray | None

    @classmethod
    def of(cls, estimator, X, y, sample_weight, mode):
        """Check the rows, and leave those of weight zero behind."""
        X = check_X(estimator, X, y, reset=mode in ("new", "first"))
        if not len(X):
            raise ValueError(
                f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of "
                "1 is required."
            )
        labels, weight = check_y(estimator, X, y, sample_weight, reset=mode == "new")
        if weight is not None and (weight == 0).any():
            used = np.flatnonzero(weight)
            X, labels, weight = take_rows(X, used), labels[used], weight[used]
        return cls(X, labels, weight)


def train(estimator, X, y, sample_weight, mode):
    """Train an estimator, and set what is fitted.

    Parameters
    ----------
    estimator : CounterfactualTrainedClassifier
    X, y, sample_weight
        As `fit` takes them.
    mode : {"new", "warm", "first", "further"}
        A new fit, a warm start, the first and a further partial fit.

    Returns
    -------
    CounterfactualTrainedClassifier
        The estimator.
    """
    if estimator.tau_max < estimator.tau:
        raise ValueError(
            f"The 'tau_max' parameter must be at least tau={estimator.tau:g}. Got "
            f"{estimator.tau_max!r} instead."
        )
    check_callbacks(estimator.callbacks)
    rows = Rows.of(estimator, X, y, sample_weight, mode)
    seed = check_random_state(estimator.random_state).randint(np.iinfo(np.int32).max)
    if mode in ("new", "first"):
        estimator.encoder_ = make_encoder(estimator, rows)
    encoder = estimator.encoder_
    estimator.rules_ = Rules.parse(encoder, estimator.mutability, estimator.domain)
    values = encoder.read(rows.X)
    estimator.relations_ = learn_relations(estimator, values, mode)
    codes = encoder.transform(rows.X)
    parts, validation = split(estimator, codes, rows, seed, mode)
    check_device(estimator.device)
    with ExitStack() as draws:
        draws.enter_context(seeded(seed, estimator.device))
        with one_thread():
            if mode == "further":
                net = net_to_go_on_with(estimator)
            else:
                net = make_net(estimator, parts[0], seed, mode)
            like = next(net.module_.parameters())
            X_train, y_train, *weights = tensors(parts, like)
            validation = validation and tensors(validation, like)
        if not may_draw(estimator, net):
            draws.close()
        net.train(
            X_train,
            y_train,
            sample_weight=weights[0] if weights else None,
            validation=validation,
            epochs=1 if mode in ("first", "further") else estimator.max_epochs,
        )
        # Of a single epoch, as of a partial fit, the weights are what it leaves.
        if mode in ("new", "warm") and net.searching and estimator.max_epochs > 1:
            refit_intercepts(net.network, X_train, y_train, *weights)
    estimator.net_ = net
    estimator.history_ = pd.DataFrame(
        [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
    )
    estimator.n_iter_ = len(net.history)
    estimator.loss_curve_ = estimator.history_["train_loss"].tolist()
    further = mode == "further"
    before = estimator.references_ if further else {}
    estimator.references_ = kept_references(encoder, rows.labels, values, seed, before)
    estimator.rows_ = kept_rows(
        values, seed, estimator.rows_ if further else values[:0]
    )
    return estimator


def may_draw(estimator, net):
    """Whether training may draw from torch's generators: what others wrote may."""
    plain = type(net.generator) in GENERATORS.values()
    return bool(
        not plain or estimator.callbacks or logits_and_back(net.module_).has_modes
    )


def learn_relations(estimator, values, mode):
    """Relations that hold in the rows, or those given; a list of `Relation`."""
    encoder, given = estimator.encoder_, estimator.relations
    if given is None:
        return []
    if not isinstance(given, str):
        words = map(as_relation, given)
        return list(Relations.of(named_here(words, encoder), encoder).words)
    if mode != "further":
        return observe(values, encoder)
    known = Relations.of(estimator.relations_, encoder)
    return known.kept_by(values)


def make_encoder(estimator, rows):
    """Fit the encoder, or take that of the model that training starts from."""
    if isinstance(estimator.module, Pretrained) and estimator.module.encoder:
        return estimator.module.encoder_for(rows.X)
    encoder = TabularEncoder(
        categorical_features=estimator.categorical_features,
        numeric_scaling=estimator.numeric_scaling,
        special_values=estimator.special_values,
        handle_unknown=estimator.handle_unknown,
    ).fit(rows.X, sample_weight=rows.weight)
    if estimator.special_values:
        warn_of_absent_codes(encoder, rows.X)
    return encoder


def warn_of_absent_codes(encoder, X):
    """Warn of columns with special values that none of the rows has."""
    values = encoder.read(X)
    for j, variable in enumerate(encoder.variables_):
        codes = [code for code in variable.states if code != variable.missing]
        if codes and not np.isin(values[:, j], codes).any():
            listed = ", ".join(f"{code:g}" for code in codes)
            warnings.warn(
                f"No row of fit has one of the special_values [{listed}] of column "
                f"{variable.name!r}. Steps in front of the classifier, such as a "
                "scaler, must leave them as they are.",
                UserWarning,
                stacklevel=2,
            )


def split(estimator, codes, rows, seed, mode):
    """Parts to train on, codes, labels and perhaps weights, and those to stop by."""
    parts = [codes, rows.labels]
    if rows.weight is not None:
        parts.append(rows.weight)
    if not estimator.early_stopping or mode not in ("new", "warm"):
        return parts, None
    try:
        halves = train_test_split(
            *parts,
            test_size=estimator.validation_fraction,
            stratify=rows.labels,
            random_state=seed,
        )
    except ValueError as error:
        counts = np.bincount(rows.labels)
        rarest = estimator.classes_[[counts.argmin()]].tolist()[0]
        raise ValueError(
            "early_stopping=True puts a share of each class aside, the "
            f"'validation_fraction' {estimator.validation_fraction:g}. There are too "
            f"few rows for that: {len(rows.labels)}, of class {rarest!r} only "
            f"{counts.min()}. Give more, or early_stopping=False."
        ) from error
    return halves[::2], halves[1:4:2]


def make_module(estimator, codes):
    """Network that training starts from."""
    module = estimator.module
    n_classes, n_codes = len(estimator.classes_), estimator.encoder_.n_codes_
    if module is None:
        sizes = check_sizes(estimator.hidden_layer_sizes)
        return MLP(n_codes, n_classes, sizes, estimator.activation)
    if isinstance(module, Pretrained):
        module = module.module_on(estimator.encoder_, codes, estimator.classes_)
    elif isinstance(module, NeuralNet):
        module = module_of(module)
    else:
        module = deepcopy(module)
    check_module(module, n_codes, n_classes)
    return module


def make_net(estimator, codes, seed, mode):
    """Net of a new fit or a warm start, ready to be trained on codes."""
    options = TrainingOptions.of(estimator)
    if mode == "warm":
        module = deepcopy(estimator.net_.module_)
    else:
        module = make_module(estimator, codes)
    like = next(module.parameters()).to(estimator.device)
    constraints = constraints_like(estimator, like)
    generator = make_generator(estimator.generator).fit(
        torch.as_tensor(codes).to(like), constraints=constraints, seed=seed
    )
    callbacks = []
    if estimator.early_stopping and mode != "first":
        callbacks.append(("stop", early_stopping(estimator.n_iter_no_change)))
    if estimator.verbose:
        callbacks.append(("progress", Progress()))
    callbacks += estimator.callbacks or []
    net = CounterfactualNet(
        module,
        generator=generator,
        constraints=constraints,
        **options.objective,
        n_counterfactuals=options.searches(len(codes)),
        first_epoch=options.burn_in_epochs,
        averaging=estimator.averaging,
        seed=seed,
        classes=list(range(len(estimator.classes_))),
        lr=estimator.lr,
        optimizer__weight_decay=estimator.weight_decay,
        optimizer__fused=True,
        max_epochs=estimator.max_epochs,
        batch_size=options.batch_rows(len(codes)),
        callbacks=callbacks,
        callbacks__print_log=None,
        device=estimator.device,
        verbose=0,
    ).initialize()
    if mode == "warm":
        net.history.extend(deepcopy(list(estimator.net_.history)))
    return net


def net_to_go_on_with(estimator):
    """Copy of the fitted net, with what has been set since."""
    net = deepcopy(estimator.net_)
    net.set_params(
        constraints=constraints_like(estimator, next(net.module_.parameters())),
        **TrainingOptions.of(estimator).objective,
    )
    # There is no validation part to stop at.
    net.callbacks_ = [cb for cb in net.callbacks_ if cb[0] != "stop"]
    return net


def constraints_like(estimator, like):
    """Constraints of training, on the device and in the precision of a tensor."""
    return estimator.rules_.constraints(estimator.encoder_).to(like)


def make_generator(generator):
    """Make the generator of a name, or a copy of one."""
    generator = check_generator(generator)
    if isinstance(generator, str):
        return GENERATORS[generator]()
    return deepcopy(generator)


def kept_rows(values, seed, before):
    """Up to `N_ROWS` rows, whatever their class."""
    order = np.random.default_rng(seed).permutation(len(values))
    return np.vstack([before, values[order]])[:N_ROWS]


def kept_references(encoder, labels, values, seed, before):
    """Up to `N_REFERENCES` real rows of each class, {class index: References}."""
    order = np.random.default_rng(seed).permutation(len(values))
    kept = dict(before)
    for k in map(int, np.unique(labels)):
        of_class = values[order[labels[order] == k][:N_REFERENCES]]
        if k in before:
            kept[k] = before[k].extended(of_class, N_REFERENCES)
        else:
            kept[k] = References(encoder, of_class)
    return kept


def tensors(parts, like):
    """Tensors of codes, labels and perhaps weights, all but the labels as ``like``."""
    made = [torch.as_tensor(part) for part in parts]
    return [each.to(like) if each.is_floating_point() else each for each in made]
