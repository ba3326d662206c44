"""From parameters and rows to a trained net."""

from copy import deepcopy
from numbers import Integral

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from sklearn_ct._compat import check_partial_fit_first_call
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread, seeded
from sklearn_ct._estimator.parameters import PARAMETERS
from sklearn_ct._estimator.pretrained import Pretrained, pretrained
from sklearn_ct._estimator.validation import (
    check_device,
    check_generator,
    check_module,
    check_sizes,
    check_X,
    check_y,
    kept_on_failure,
)
from sklearn_ct._recourse.references import References
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.containers import take_rows
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct._training.net import (
    CounterfactualNet,
    NeuralNet,
    Progress,
    early_stopping,
    module_of,
)
from sklearn_ct.generators import GENERATORS
from sklearn_ct.losses import Weights

# Real rows of each class kept in the fitted object: answers fall back on them, and
# their implausibility is measured against them.
N_REFERENCES = 1000


class Trained(BaseEstimator):
    """The training half of the classifier."""

    _parameter_constraints = PARAMETERS

    @classmethod
    def from_pretrained(cls, fitted, **params):
        """Make a classifier whose training starts from the weights of a fitted model.

        Before the first epoch it predicts what the model predicts. It is not fitted:
        call `fit`. A clone of it, as in a cross-validation, starts from the same
        weights.

        Parameters
        ----------
        fitted : estimator
            A fitted `sklearn.neural_network.MLPClassifier`; skorch classifier;
            `CounterfactualTrainedClassifier`; pipeline that ends in one of the first
            two; or a fitted search over one of these.
        **params
            Parameters of the classifier other than `module`.

        Returns
        -------
        CounterfactualTrainedClassifier
            Its parameter `module` holds a copy of the model's network.

        Raises
        ------
        TypeError
            If the model is none of these.
        NotFittedError
            If it is not fitted.
        ValueError
            If it is multilabel, or its outputs cannot be turned into logits; in `fit`,
            if the steps in front of the network are not affine, or if the columns or
            the classes are others than the model's.

        Notes
        -----
        A `CounterfactualTrainedClassifier` hands on its scales and categories, which
        stay as they are; `numeric_scaling` and `categorical_features` cannot be given.

        Of any other model, `fit` takes the columns that the model, or its pipeline,
        takes. They are encoded as always, with ``numeric_scaling="standard"`` unless
        given; the scaling and coding in front of the network, ``A codes + c``, goes
        into its first layer, ``W (A codes + c) + b``. So the searches step in standard
        deviations, whatever the model was trained on, and hold one-hot columns
        together. The steps of a pipeline may be whatever is affine in the encoded
        columns (scalers, one-hot and ordinal encoders, PCA).

        The one logistic unit ``z`` of an MLP for two classes becomes two logits,
        ``-z / 2`` and ``z / 2``. Single precision changes its probabilities by about
        1e-7.

        Examples
        --------
        >>> from sklearn.neural_network import MLPClassifier
        >>> from sklearn_ct import CounterfactualTrainedClassifier, datasets
        >>> X, y = datasets.make_moons(300, random_state=0)
        >>> mlp = MLPClassifier(learning_rate_init=0.01, tol=1e-3).fit(X, y)
        >>> clf = CounterfactualTrainedClassifier.from_pretrained(mlp, max_epochs=10)
        >>> clf.fit(X, y).score(X, y) > 0.95
        True
        """
        start = pretrained(fitted)
        if start.encoder is None:
            params = {"numeric_scaling": "standard"} | params
        elif given := params.keys() & {"numeric_scaling", "categorical_features"}:
            raise ValueError(
                f"The {sorted(given)[0]!r} parameter cannot be given to "
                f"from_pretrained with a {start.name}: its encoding stays as it is."
            )
        else:
            kept = ("numeric_scaling", "categorical_features")
            params |= {name: getattr(start.encoder, name) for name in kept}
        return cls(module=start, **params)

    def __sklearn_clone__(self):
        """Clone; a skorch net keeps its weights, as a torch module does."""
        clone = super().__sklearn_clone__()
        if isinstance(self.module, NeuralNet):
            clone.module = deepcopy(self.module)
        return clone

    def fit(self, X, y, sample_weight=None):
        """Train the classifier.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows in the user's own columns and units, without missing values. Sparse
            matrices are made dense.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in all losses but divergence and ridge.

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
            As in `fit`. Scales, categories, the observed domain, the batch size, the
            optimizer and the generator are those of the first call; all else that has
            been set since is heeded.
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
            self.encoder_ = self._make_encoder(X, weight)
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
        check_device(self.device)
        with seeded(seed, self.device):
            with one_thread():
                if mode == "further":
                    net = self._net_to_go_on_with()
                else:
                    net = self._make_net(parts[0], seed, mode)
                like = next(net.module_.parameters())
                X_train, y_train, *weights = _tensors(parts, like)
                validation = validation and _tensors(validation, like)
            net.train(
                X_train,
                y_train,
                sample_weight=weights[0] if weights else None,
                validation=validation,
                epochs=1 if mode in ("first", "further") else self.max_epochs,
            )
        self.net_ = net
        self.history_ = pd.DataFrame(
            [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
        )
        self.n_iter_ = len(net.history)
        self.loss_curve_ = self.history_["train_loss"].tolist()
        before = self._references if mode == "further" else {}
        self._references = before | {
            k: before[k].extended(rows, N_REFERENCES)
            if k in before
            else References(self.encoder_, rows)
            for k, rows in _sample(self.encoder_.read(X), labels, seed).items()
        }
        return self

    def _make_encoder(self, X, weight):
        if isinstance(self.module, Pretrained) and self.module.encoder is not None:
            return self.module.encoder_for(X)
        return TabularEncoder(
            categorical_features=self.categorical_features,
            numeric_scaling=self.numeric_scaling,
        ).fit(X, sample_weight=weight)

    def _make_module(self, codes):
        n_classes, n_codes = len(self.classes_), self.encoder_.n_codes_
        if self.module is None:
            sizes = check_sizes(self.hidden_layer_sizes)
            return MLP(n_codes, n_classes, sizes, self.activation)
        if isinstance(self.module, Pretrained):
            module = self.module.module_on(self.encoder_, codes, self.classes_)
        elif isinstance(self.module, NeuralNet):
            module = module_of(self.module)
        else:
            module = deepcopy(self.module)
        check_module(module, n_codes, n_classes)
        return module

    def _make_net(self, codes, seed, mode):
        if mode == "warm":
            module = deepcopy(self.net_.module_)
        else:
            module = self._make_module(codes)
        n = len(codes)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = int(np.clip(n // 32, 32, 1000))
        n_searched = self.n_counterfactuals
        if n_searched == "auto":
            n_searched = int(np.clip(n // 4, 1000, 2000))
        elif not isinstance(n_searched, Integral):
            n_searched = max(1, round(n_searched * n))
        like = next(module.parameters()).to(self.device)
        settings = self._settings(like)
        generator = self._make_generator(self.generator).fit(
            torch.as_tensor(codes).to(like),
            constraints=settings["constraints"],
            seed=seed,
        )
        callbacks = []
        if self.early_stopping and mode != "first":
            callbacks.append(("stop", early_stopping(self.n_iter_no_change)))
        if self.verbose:
            callbacks.append(("progress", Progress()))
        callbacks += self.callbacks or []
        net = CounterfactualNet(
            module,
            generator=generator,
            **settings,
            n_counterfactuals=n_searched,
            first_epoch=round(self.burn_in * self.max_epochs),
            seed=seed,
            classes=list(range(len(self.classes_))),
            lr=self.lr,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            max_epochs=self.max_epochs,
            batch_size=batch_size,
            callbacks=callbacks,
            callbacks__print_log=None,
            device=self.device,
            verbose=0,
        ).initialize()
        if mode == "warm":
            net.history.extend(deepcopy(list(self.net_.history)))
        return net

    def _net_to_go_on_with(self):
        net = deepcopy(self.net_)
        net.set_params(**self._settings(next(net.module_.parameters())))
        # There is no validation part to stop at.
        net.callbacks_ = [cb for cb in net.callbacks_ if cb[0] != "stop"]
        return net

    def _settings(self, like):
        """Give what a net takes over from the parameters, whatever its rows."""
        taken = ("tau", "tau_max", "epsilon", "n_positives", "swap_immutable")
        return {
            "constraints": self._rules.constraints(self.encoder_).to(like),
            "weights": Weights(
                self.lambda_div,
                self.lambda_adv,
                self.lambda_reg,
                self.lambda_mix,
                self.lambda_sparse,
            ),
        } | {name: getattr(self, name) for name in taken}

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
        real = np.vstack([real.codes for real in self._references.values()])
        like = next(self.net_.module_.parameters())
        with one_thread():
            return generator.fit(
                torch.as_tensor(real).to(like), constraints=self.net_.constraints
            )

    def __sklearn_tags__(self):
        """Say that sparse matrices are taken; they are made dense."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self):
        """Whether `fit` has finished."""
        return hasattr(self, "net_")


def _tensors(parts, like):
    """Tensors of codes, labels and perhaps weights, all but the labels as ``like``."""
    tensors = [torch.as_tensor(part) for part in parts]
    return [each.to(like) if each.is_floating_point() else each for each in tensors]


def _sample(values, labels, seed):
    """Up to `N_REFERENCES` rows of each class, {class index: values}."""
    order = np.random.default_rng(seed).permutation(len(values))
    return {
        int(k): values[order[labels[order] == k][:N_REFERENCES]]
        for k in np.unique(labels)
    }
