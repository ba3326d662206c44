"""From parameters and rows to a trained net."""

from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from sklearn_ct._compat import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    check_partial_fit_first_call,
)
from sklearn_ct._encoding import TabularEncoder
from sklearn_ct._module import ACTIVATIONS, MLP
from sklearn_ct._net import (
    CounterfactualNet,
    Progress,
    ValidationAccuracy,
    early_stopping,
)
from sklearn_ct._rules import Rules
from sklearn_ct._table import take_rows
from sklearn_ct._validation import (
    check_device,
    check_generator,
    check_module,
    check_sizes,
    check_X,
    check_y,
    kept_on_failure,
)
from sklearn_ct.generators import GENERATORS
from sklearn_ct.losses import Weights

# Real rows of each class kept in the fitted object: answers fall back on them, and
# their implausibility is measured against them.
N_REFERENCES = 1000

PARAMETERS: dict = {
    "hidden_layer_sizes": ["array-like"],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "module": [torch.nn.Module, None],
    "mutability": [dict, "array-like", None],
    "domain": [StrOptions({"observed", "three_sigma"}), dict, None],
    "categorical_features": [StrOptions({"auto"}), "array-like", None],
    "numeric_scaling": [StrOptions({"auto", "standard", "quantile"}), None],
    "generator": [StrOptions(set(GENERATORS)), HasMethods(["fit", "search"])],
    "lambda_div": [Interval(Real, 0, None, closed="left")],
    "lambda_adv": [Interval(Real, 0, None, closed="left")],
    "lambda_reg": [Interval(Real, 0, None, closed="left")],
    "tau": [Interval(Real, 0, 1, closed="neither")],
    "epsilon": [Interval(Real, 0, None, closed="left")],
    "n_counterfactuals": [
        StrOptions({"auto"}),
        Interval(Integral, 0, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    ],
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


class Trained(BaseEstimator):
    """The training half of the classifier."""

    def fit(self, X, y, sample_weight=None):
        """Train the classifier.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows in the user's own columns and units, without missing values.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in the classification loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            On bad parameters or data; the previous fit, if any, stays usable.
        """
        self._validate_params()
        with kept_on_failure(self):
            again = self.warm_start and hasattr(self, "net_")
            return self._train(X, y, sample_weight, "warm" if again else "new")

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on a batch of rows.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Scales, categories and the observed domain are those of the
            first call.
        classes : array-like, default=None
            All class labels; needed in the first call.

        Returns
        -------
        self
        """
        self._validate_params()
        with kept_on_failure(self):
            first = check_partial_fit_first_call(self, classes)
            return self._train(X, y, sample_weight, "first" if first else "further")

    def _train(self, X, y, sample_weight, mode):
        """Modes: new fit, warm start, first and further partial fit."""
        fresh = mode in ("new", "first")
        X = check_X(self, X, y, reset=fresh)
        labels, weight = check_y(self, X, y, sample_weight, reset=mode == "new")
        if weight is not None and (weight == 0).any():
            used = np.flatnonzero(weight)
            X, labels, weight = take_rows(X, used), labels[used], weight[used]
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        if fresh:
            self.encoder_ = TabularEncoder(
                categorical_features=self.categorical_features,
                numeric_scaling=self.numeric_scaling,
            ).fit(X, sample_weight=weight)
        self._rules = Rules.parse(self.encoder_, self.mutability, self.domain)
        codes = self.encoder_.transform(X)
        parts = [codes, labels] if weight is None else [codes, labels, weight]
        validation = None
        if self.early_stopping and mode in ("new", "warm"):
            split = train_test_split(
                *parts,
                test_size=self.validation_fraction,
                stratify=labels,
                random_state=seed,
            )
            parts, validation = split[::2], split[1:4:2]
        with self._seeded(seed):
            if mode == "further":
                net = deepcopy(self.net_)
                # There is no validation part to stop at.
                net.callbacks_ = [cb for cb in net.callbacks_ if cb[0] != "stop"]
            else:
                net = self._make_net(parts[0], seed, mode)
            like = next(net.module_.parameters())
            tensors = [torch.as_tensor(part) for part in parts]
            net.train(
                tensors[0].to(like),
                tensors[1],
                sample_weight=tensors[2].to(like) if len(tensors) > 2 else None,
                validation=validation
                and (
                    torch.as_tensor(validation[0]).to(like),
                    torch.as_tensor(validation[1]),
                ),
                epochs=1 if mode in ("first", "further") else self.max_epochs,
            )
        self.net_ = net
        self.history_ = pd.DataFrame(
            [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
        )
        self.n_iter_ = len(net.history)
        self.loss_curve_ = self.history_["train_loss"].tolist()
        if fresh:
            self._references = _sample(self.encoder_.read(X), labels, seed)
        return self

    def _make_net(self, codes, seed, mode):
        n_classes, n_codes = len(self.classes_), self.encoder_.n_codes_
        check_device(self.device)
        if mode == "warm":
            module = deepcopy(self.net_.module_)
        elif self.module is not None:
            module = deepcopy(self.module)
            check_module(module, n_codes, n_classes)
        else:
            sizes = check_sizes(self.hidden_layer_sizes)
            module = MLP(n_codes, n_classes, sizes, self.activation)
        n = len(codes)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = int(np.clip(n // 32, 32, 1000))
        n_searched = self.n_counterfactuals
        if n_searched == "auto":
            n_searched = int(np.clip(n // 4, 1000, 5000))
        elif not isinstance(n_searched, Integral):
            n_searched = max(1, round(n_searched * n))
        constraints = self._rules.constraints(self.encoder_)
        like = next(module.parameters()).to(self.device)
        constraints = constraints.to(like)
        generator = self._make_generator(self.generator).fit(
            torch.as_tensor(codes).to(like), constraints=constraints, seed=seed
        )
        callbacks = [("accuracy", ValidationAccuracy())]
        if self.early_stopping and mode != "first":
            callbacks.append(("stop", early_stopping(self.n_iter_no_change)))
        if self.verbose:
            callbacks.append(("progress", Progress()))
        callbacks += self.callbacks or []
        net = CounterfactualNet(
            module,
            generator=generator,
            constraints=constraints,
            weights=Weights(self.lambda_div, self.lambda_adv, self.lambda_reg),
            tau=self.tau,
            epsilon=self.epsilon,
            n_counterfactuals=n_searched,
            first_epoch=round(self.burn_in * self.max_epochs),
            seed=seed,
            classes=list(range(n_classes)),
            lr=self.lr,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            max_epochs=self.max_epochs,
            batch_size=batch_size,
            callbacks=callbacks,
            callbacks__print_log=None,
            callbacks__valid_acc=None,
            device=self.device,
            verbose=0,
        ).initialize()
        if mode == "warm":
            net.history.extend(deepcopy(list(self.net_.history)))
        return net

    def _make_generator(self, generator):
        generator = check_generator(generator)
        if isinstance(generator, str):
            return GENERATORS[generator]()
        return deepcopy(generator)

    def _call_generator(self, generator):
        """Make the generator of a call of explain, fitted to the rows kept."""
        if generator is None:
            return self.net_.generator
        generator = self._make_generator(generator)
        real = self.encoder_.embed(np.vstack(list(self._references.values())))
        like = next(self.net_.module_.parameters())
        return generator.fit(
            torch.as_tensor(real).to(like), constraints=self.net_.constraints
        )

    @contextmanager
    def _seeded(self, seed):
        devices = [torch.device(self.device)] if "cuda" in self.device else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield

    def __sklearn_is_fitted__(self):
        """Whether `fit` has finished."""
        return hasattr(self, "net_")


def _sample(values, labels, seed):
    """Up to `N_REFERENCES` rows of each class, {class index: values}."""
    order = np.random.default_rng(seed).permutation(len(values))
    return {
        int(k): values[order[labels[order] == k][:N_REFERENCES]]
        for k in np.unique(labels)
    }
