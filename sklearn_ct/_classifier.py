"""The classifier: parameters, validation, fit, predict, explain."""

from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_ct._encoding import TabularEncoder
from sklearn_ct._explain import Model, explain_table
from sklearn_ct._module import ACTIVATIONS, MLP
from sklearn_ct._net import (
    CounterfactualNet,
    Progress,
    ValidationAccuracy,
    early_stopping,
)
from sklearn_ct._rules import Rules
from sklearn_ct._table import from_polars, is_frame, is_polars, take_rows, to_polars
from sklearn_ct.generators import GENERATORS
from sklearn_ct.losses import Weights

# Real rows of each class kept in the fitted object: answers fall back on them, and
# their implausibility is measured against them.
N_REFERENCES = 1000


class CounterfactualTrainedClassifier(ClassifierMixin, BaseEstimator):
    """Neural network trained so that its counterfactuals are plausible and actionable.

    In every epoch a gradient search generates counterfactuals of training rows. Mature
    ones, which reached the target class, enter a contrastive divergence against real
    rows of that class; nascent ones, still near their start, serve as adversarial
    examples. Features that must not change are protected in the divergence, so that
    the model relies on those that can.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(32,)
        Units of each hidden layer; ``()`` is a linear softmax classifier.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "silu"}, default="relu"
        Activation of the hidden layers.
    module : torch.nn.Module, default=None
        A network to use instead, from the encoded input to logits, one a class. A
        trained one is fine-tuned; the object itself is not changed.
    mutability : dict, array-like of shape (n_features,) or None, default=None
        Direction in which a feature may change, ``"both"``, ``"increase"``,
        ``"decrease"`` or ``"none"``, by column name (by position where there are no
        names). Columns left out, and all for None, are ``"both"``. Ordered pandas
        categories have directions; a one-hot block has the tuple of its columns as
        its key.
    domain : {"observed", "three_sigma"}, dict or None, default="observed"
        Bounds of every counterfactual, in the user's units: the range of the training
        data; that widened to three standard deviations around the mean; a dict
        ``{column: (low, high)}`` for numbers and ``{column: [allowed values]}`` for
        categories, other columns as observed; or none.
    categorical_features : "auto", list or None, default="auto"
        Columns that are one-hot encoded: for ``"auto"``, category, string and boolean
        columns of a frame, while neighbouring 0/1 columns that sum to 1 in every row
        are kept together as one category. A list names columns, or lists of columns
        that are a one-hot block. None: every column is a number.
    numeric_scaling : {"auto", "standard", "quantile"} or None, default="auto"
        Scaling of the numbers: to zero mean and unit variance; by quantiles to a
        normal distribution, for heavy tails; ``"auto"`` takes quantiles for columns
        with a value more than ten standard deviations from the mean; None: none.
    generator : {"eccco", "generic"} or BaseGenerator, default="eccco"
        The search for counterfactuals; see `sklearn_ct.generators`.
    lambda_div, lambda_adv, lambda_reg : float, default=0.5, 0.25, 0.1
        Weights of contrastive divergence, adversarial loss and energy ridge.
        ``lambda_div=lambda_adv=0`` is conventional training.
    tau : float, default=0.5
        Probability of the target class at which a counterfactual is mature.
    epsilon : float, default=0.3
        Largest perturbation of a nascent counterfactual, in standardised units.
    n_counterfactuals : int, float or "auto", default="auto"
        Rows searched in an epoch: a number, a share of the training rows, or, for
        ``"auto"``, a quarter of them but at least 1,000 and at most 5,000.
    burn_in : float, default=0.0
        Share of the epochs trained conventionally first.
    max_epochs : int, default=100
        Passes over the training rows.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch; ``"auto"``: between 32 and 1,000, a 32nd of the rows.
    lr, weight_decay : float, default=1e-3, 0.0
        Learning rate and l2 penalty of Adam.
    early_stopping : bool, default=False
        Whether to stop when the accuracy on a validation part no longer rises, and to
        go back to the best weights.
    validation_fraction : float, default=0.1
        Share of the training rows in the validation part.
    n_iter_no_change : int, default=10
        Epochs without a rise that early stopping waits for.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the classification loss.
    warm_start : bool, default=False
        Whether `fit` goes on from the previous weights. Scales and categories stay
        those of the first fit.
    callbacks : list of skorch callbacks or None, default=None
        Further callbacks of the training loop.
    device : str, default="cpu"
        Torch device.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the shuffling and the searches. torch's and numpy's own
        generators are left alone.
    verbose : int, default=0
        Whether to show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Columns seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they are strings.
    net_ : CounterfactualNet
        The trained skorch net.
    encoder_ : TabularEncoder
        From the user's columns to the model's input space, and back.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        Training loss of each epoch.
    history_ : DataFrame
        A row an epoch: ``train_loss`` and its terms ``loss_clf``, ``loss_div``,
        ``loss_adv``, ``loss_reg`` (unweighted), ``mature_share`` and ``search_steps``
        of the searches, ``search_seconds``, ``valid_acc`` with early stopping,
        ``dur`` (seconds).

    Notes
    -----
    Minimised is
    ``CE(M(x), y) + lambda_div mean[E(x+, y+) - E(x', y+)] + lambda_adv CE(M(x_n), y)
    + lambda_reg mean[E(x+, y+)^2 + E(x', y+)^2]``, with the energy
    ``E(x, y) = -M(x)[y]``, counterfactuals ``x'`` and real rows ``x+`` of the target
    class ``y+``, and nascent counterfactuals ``x_n``.

    Protecting a feature does not remove what other features say about it. The fitted
    object keeps up to 1,000 encoded training rows of each class.

    References
    ----------
    P. Altmeyer, A. Buszydlik, A. van Deursen, C. C. S. Liem, "Counterfactual training:
    teaching models plausible and actionable explanations", arXiv:2601.16205.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> X, y = make_loan_applications(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(
    ...     mutability={"age": "none"}, max_epochs=5, lr=0.01, random_state=0
    ... ).fit(X, y)
    >>> rejected = X[clf.predict(X) == "rejected"]
    >>> bool((clf.explain(rejected).counterfactuals.age == rejected.age).all())
    True
    """

    _parameter_constraints: dict = {
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

    def __init__(
        self,
        *,
        hidden_layer_sizes=(32,),
        activation="relu",
        module=None,
        mutability=None,
        domain="observed",
        categorical_features="auto",
        numeric_scaling="auto",
        generator="eccco",
        lambda_div=0.5,
        lambda_adv=0.25,
        lambda_reg=0.1,
        tau=0.5,
        epsilon=0.3,
        n_counterfactuals="auto",
        burn_in=0.0,
        max_epochs=100,
        batch_size="auto",
        lr=1e-3,
        weight_decay=0.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        class_weight=None,
        warm_start=False,
        callbacks=None,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.module = module
        self.mutability = mutability
        self.domain = domain
        self.categorical_features = categorical_features
        self.numeric_scaling = numeric_scaling
        self.generator = generator
        self.lambda_div = lambda_div
        self.lambda_adv = lambda_adv
        self.lambda_reg = lambda_reg
        self.tau = tau
        self.epsilon = epsilon
        self.n_counterfactuals = n_counterfactuals
        self.burn_in = burn_in
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params):
        """Set parameters; ``generator__...`` turns a generator's name into itself."""
        nested = any(name.startswith("generator__") for name in params)
        generator = params.get("generator", self.generator)
        if nested and isinstance(generator, str) and generator in GENERATORS:
            params["generator"] = GENERATORS[generator]()
        return super().set_params(**params)

    # -- training ---------------------------------------------------------------

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
        with self._kept_on_failure():
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
        with self._kept_on_failure():
            first = _check_partial_fit_first_call(self, classes)
            return self._train(X, y, sample_weight, "first" if first else "further")

    @contextmanager
    def _kept_on_failure(self):
        state = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(state)
            raise

    def _train(self, X, y, sample_weight, mode):
        """Modes: new fit, warm start, first and further partial fit."""
        fresh = mode in ("new", "first")
        X = self._check_X(X, y, reset=fresh)
        labels, weight = self._check_y(X, y, sample_weight, mode)
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
        if mode == "warm":
            module = deepcopy(self.net_.module_)
        elif self.module is not None:
            module = deepcopy(self.module)
            _check_module(module, n_codes, n_classes)
        else:
            sizes = tuple(self.hidden_layer_sizes)
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
        generator = self._make_generator().fit(
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

    def _make_generator(self, generator=None):
        generator = self.generator if generator is None else generator
        if isinstance(generator, str):
            return GENERATORS[generator]()
        return deepcopy(generator)

    @contextmanager
    def _seeded(self, seed):
        devices = [torch.device(self.device)] if "cuda" in self.device else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield

    # -- validation -------------------------------------------------------------

    def _check_X(self, X, y="no_validation", *, reset):
        if is_polars(X):
            validate_data(self, X, y, reset=reset, skip_check_array=True)
            X = from_polars(X)
        elif is_frame(X):
            validate_data(self, X, y, reset=reset, skip_check_array=True)
        else:
            explicit = not isinstance(self.categorical_features, str | None)
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype=None if explicit else "numeric",
                ensure_min_samples=0 if not reset else 1,
                **({} if isinstance(y, str) else {"y": y, "multi_output": True}),
            )
            if isinstance(X, tuple):
                X = X[0]
        if reset and not X.shape[1]:
            raise ValueError(
                f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of "
                "1 is required."
            )
        if reset and not len(X):
            raise ValueError(
                f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of "
                "1 is required."
            )
        return X

    def _check_y(self, X, y, sample_weight, mode):
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        if mode == "new":
            self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                "CounterfactualTrainedClassifier needs rows of at least two classes; "
                f"got the one class {self.classes_[0]!r}."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown[:5].tolist()} that are not among the classes "
                f"{self.classes_[:5].tolist()} of the first fit."
            )
        labels = np.searchsorted(self.classes_, y)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, np.empty((len(y), 1)), ensure_non_negative=True
            )
            if not weight.any():
                raise ValueError("The sample_weight of every row is zero.")
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = by_class if weight is None else weight * by_class
        return labels, weight

    # -- prediction -------------------------------------------------------------

    def encode(self, X):
        """Transform rows to the model's input space.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_codes)
            Numbers scaled, categories one-hot encoded, in the order of the columns.
        """
        check_is_fitted(self)
        return self.encoder_.transform(self._check_X(X, reset=False))

    def decision_function(self, X):
        """Logits.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes the logit of the second less that of the first.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X):
        """Class probabilities, the softmax of the logits.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return torch.from_numpy(self._logits(X)).softmax(1).numpy()

    def predict(self, X):
        """Class labels.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        best = self._logits(X).argmax(axis=1)
        return self.classes_[best]

    def _logits(self, X):
        codes = self.encode(X)
        return Model.of(self.net_.module_, self.encoder_).logits_of(codes)

    # -- explanation ------------------------------------------------------------

    def explain(
        self,
        X,
        target=None,
        *,
        mutability=None,
        domain=None,
        n_counterfactuals=1,
        max_changes=None,
        tau=None,
        generator=None,
        feature_costs=None,
        effort="full",
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        """Find counterfactuals: what would have to change for another prediction.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The rows asked about.
        target : label or array-like of shape (n_samples,), default=None
            Class asked for. None: the most probable class that is not predicted.
        mutability, domain : optional
            Further constraints, as in the constructor; or one for each row, a list of
            dicts or a DataFrame. They narrow those of the classifier.
        n_counterfactuals : int, default=1
            Answers for each row.
        max_changes : int, default=None
            Features that may change at most.
        tau : float, default=None
            Probability of the target that the search aims at; None: the classifier's.
        generator : str or BaseGenerator, default=None
            None: the classifier's.
        feature_costs : dict, default=None
            ``{column: weight}`` of the distance, 1 for columns left out.
        effort : {"full", "walk"}, default="full"
            ``"walk"``: the generator's search alone, then rounding and the check;
            ``"full"``: with repair, sparsification and fallback.
        random_state : int, RandomState instance or None, default=None
            Seed of generators that draw; the search itself draws nothing.
        n_jobs : int, default=None
            Processes, through joblib's current backend.
        verbose : int, default=0
            Whether to show a progress bar.

        Returns
        -------
        Counterfactuals
            ``n_counterfactuals`` rows for each row of ``X``, each with its status.

        Raises
        ------
        ValueError
            On unknown columns, labels or categories and on contradictory constraints.
        """
        check_is_fitted(self)
        table = self._check_X(X, reset=False)
        result = explain_table(
            table,
            model=Model.of(self.net_.module_, self.encoder_),
            predict_proba=self.predict_proba,
            classes=self.classes_,
            rules=self._rules,
            references=self._references,
            generator=self._make_generator(generator)
            if generator is not None
            else self.net_.generator,
            target=target,
            mutability=mutability,
            domain=domain,
            n_counterfactuals=n_counterfactuals,
            max_changes=max_changes,
            tau=self.tau if tau is None else tau,
            feature_costs=feature_costs,
            effort=effort,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        if is_polars(X):
            return result.map_tables(lambda table: to_polars(table, X))
        return result

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


def _check_module(module, n_codes, n_classes):
    like = next(module.parameters())
    mode = module.training
    try:
        with torch.no_grad():
            shape = tuple(module.eval()(like.new_zeros((2, n_codes))).shape)
    except RuntimeError as error:
        raise ValueError(
            f"The 'module' parameter must take the encoded input of {n_codes} columns. "
            f"It failed on it: {error}"
        ) from error
    module.train(mode)
    if shape != (2, n_classes):
        raise ValueError(
            f"The 'module' parameter must give one logit for each of the {n_classes} "
            f"classes, shape (n, {n_classes}). Got shape (n, "
            f"{', '.join(map(str, shape[1:]))}) instead."
        )
