"""The classifier: its parameters and its methods, each a thin one."""

from copy import deepcopy

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_ct._compat import check_partial_fit_first_call
from sklearn_ct._core.frozen import FrozenNetwork
from sklearn_ct._estimator.explaining import subject_of
from sklearn_ct._estimator.fitting import train
from sklearn_ct._estimator.parameters import PARAMETERS
from sklearn_ct._estimator.pretrained import parameters_from
from sklearn_ct._estimator.validation import check_X, kept_on_failure
from sklearn_ct._recourse.call import explain_table
from sklearn_ct._recourse.options import ExplainOptions
from sklearn_ct._tables.containers import is_polars, to_polars
from sklearn_ct._training.adopt import NeuralNet
from sklearn_ct.generators import GENERATORS


class CounterfactualTrainedClassifier(ClassifierMixin, BaseEstimator):
    """Neural network trained so that its counterfactuals are plausible and actionable.

    In every epoch a gradient search generates counterfactuals of training rows. Mature
    ones, which reached the target class, enter a contrastive divergence against real
    rows of that class; nascent ones, near their start, serve as adversarial examples.
    Features that must not change are protected, so that the model relies on others.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(32,)
        Units of each hidden layer; ``()`` is a linear softmax classifier.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "silu"}, default="relu"
        Activation of the hidden layers.
    module : torch.nn.Module or skorch net, default=None
        A network to use instead, from the encoded input to logits, one a class (of a
        skorch net to what its criterion takes). A trained one is fine-tuned; the
        object itself is not changed. `from_pretrained` takes over scaling as well.
    mutability : str, dict, array-like of shape (n_features,) or None, default=None
        Direction in which a feature may change, ``"both"``, ``"increase"``,
        ``"decrease"`` or ``"none"``: one word for all, or by column name (by position
        where there are no names). ``"*"`` is every column not named; without it these,
        and all for None, are ``"both"``. Ordered pandas categories have directions; a
        one-hot block has the tuple of its columns as its key. ``"follows"`` is
        ``"none"``, but that ``project`` of `explain` may move it.
    relations : "observed", list or None, default="observed"
        What must hold between columns in every answer: what holds in all training rows
        and would not by chance (orders of numbers; limits and labels in the rows of a
        category, or at an end of a number); a list of own ones, dicts such as
        ``{"column": "loan", "minus": "debt", "at_most": 0, "where": {"use": "debt"}}``,
        also with ``at_least``, ``among`` and ``never``; or none. A row may keep what it
        breaks itself, and not worsen it. More than 100 features have none observed.
    domain : {"observed", "three_sigma"}, dict or None, default="observed"
        Bounds of every counterfactual, in the user's units: the range of the training
        data; that widened to three standard deviations around the mean; a dict
        ``{column: (low, high)}``, a tuple, for the range of a number and
        ``{column: [allowed values]}`` for numbers and categories, other columns as
        observed; or none.
    categorical_features : "auto", list or None, default="auto"
        Columns that are one-hot encoded: for ``"auto"``, category, string and boolean
        columns of a frame, while neighbouring 0/1 columns that sum to 1 in every row
        are kept together as one category. A list names columns, or lists of columns
        that are a one-hot block. None: every column is a number.
    numeric_scaling : {"auto", "standard", "asinh", "quantile"} or None, default="auto"
        Scaling of the numbers: to zero mean and unit variance; that after an inverse
        hyperbolic sine, smooth, for heavy tails and many zeros; that after quantiles
        to a normal distribution; ``"auto"`` takes ``"asinh"`` for columns with a value
        more than ten standard deviations from the mean, ``"standard"`` for others;
        None: none.
    special_values : dict or None, default=None
        ``{column: [codes]}``, cells of numbers that are none, such as -1 for "no such
        account". A special cell enters neither scales nor bounds nor what is proposed;
        the network sees the median and an indicator of its own for each code; and an
        answer neither leaves it nor enters it.
    missing : {"keep", "free"}, default="keep"
        What answers do with missing cells, which need no imputer: the network sees the
        median, or no category, and an indicator where `fit` saw any in the column.
        ``"keep"``: a missing cell stays missing, behind imputers, too; ``"free"``: it
        may be set. No answer empties a cell.
    handle_unknown : {"error", "ignore"}, default="error"
        What a category that `fit` has not seen is taken for: an error, or, with a
        warning, none of the known ones.
    generator : {"eccco", "generic", "revise"} or BaseGenerator, default="eccco"
        The search for counterfactuals; see `sklearn_ct.generators`.
    lambda_div, lambda_adv, lambda_reg : float, default=0.1, 0.5, 0.05
        Weights of divergence, adversarial loss and energy ridge.
        ``lambda_div=lambda_adv=0`` is conventional training.
    tau, tau_max : float, default=0.5, 0.95
        Probability of the target class at which a counterfactual is mature; in training
        each search draws its own between the two.
    epsilon : float, default=0.1
        Largest perturbation of a nascent counterfactual, in standard deviations of
        each column of the model's input space, one-hot columns among them.
    n_counterfactuals : int, float or "auto", default="auto"
        Rows searched in an epoch, or their share of the training rows; ``"auto"``:
        a quarter of them, between 1,000 and 2,000.
    n_positives : int, default=10
        Real rows drawn for each counterfactual; the nearest enters the divergence.
    swap_immutable : float, default=0.25
        Share of nascent counterfactuals with the immutable features of another row.
    burn_in : float, default=0.0
        Share of the epochs trained conventionally first; those before a warm start
        count.
    averaging : float, default=0.99
        Share of an exponential mean of the weights that stays at a step; the mean is
        what predicts. 0: the last weights. Conventional training has no mean.
    max_epochs : int, default=100
        Passes over the training rows.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch; ``"auto"``: between 32 and 1,000, a 32nd of the rows.
    lr, weight_decay : float, default=1e-3, 0.0
        Learning rate and l2 penalty of Adam.
    early_stopping : bool, default=False
        Whether to stop when the loss on a validation part no longer falls, and to go
        back to the best weights.
    validation_fraction : float, default=0.1
        Share of rows in the validation part.
    n_iter_no_change : int, default=10
        Epochs without a fall that early stopping waits for.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in all losses but divergence and ridge.
    warm_start : bool, default=False
        Whether `fit` goes on from the previous weights, with the first fit's scales.
    callbacks : list or None, default=None
        Callbacks of skorch.
    device : str, default="cpu"
        Torch device.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, shuffling and searches; global generators are left alone.
    verbose : int, default=0
        Whether to show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Columns seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where they are strings.
    net_ : CounterfactualNet
        The trained skorch net.
    relations_ : list of Relation
        What must hold between columns; printed as it is read, accepted as `relations`.
    encoder_ : TabularEncoder
        From the user's columns to the model's input space, and back.
    n_iter_, loss_curve_ : int, list of float
        Epochs trained, and the training loss of each.
    history_ : DataFrame
        A row an epoch: ``train_loss``, its unweighted terms ``loss_clf`` and so on
        (``div``, ``adv``, ``reg``), ``mature_share``, seconds ``dur``; see the guide.

    Notes
    -----
    Minimised is
    ``CE(M(x), y) + lambda_div mean[E(x+, y+) - E(x', y+)] + lambda_adv CE(M(x_n), y)
    + lambda_reg mean[E(x+, y+)^2 + E(x', y+)^2]``, with energies
    ``E(x, y) = -M(x)[y]``, counterfactuals ``x'``, real rows ``x+`` of the target class
    ``y+`` and nascent counterfactuals ``x_n``.

    In the end the intercepts of the last layer are refitted to the training rows, so
    that the mean predicted probability of each class is its (weighted) rate among
    them; conventional training needs no such thing.

    Protecting a feature does not remove what other features say about it. The fitted
    object keeps up to 1,000 encoded training rows of each class, and up to 5,000 of
    all, from which relations are learned behind pipelines.

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

    _parameter_constraints = PARAMETERS
    # Where the question mark of its HTML leads to.
    _doc_link_module = "sklearn_ct"
    _doc_link_template = (
        "https://sklearn-ct.github.io/sklearn-ct/api/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    def __init__(  # noqa: PLR0913 - flat, as scikit-learn needs it
        self,
        *,
        hidden_layer_sizes=(32,),
        activation="relu",
        module=None,
        mutability=None,
        relations="observed",
        domain="observed",
        categorical_features="auto",
        numeric_scaling="auto",
        special_values=None,
        missing="keep",
        handle_unknown="error",
        generator="eccco",
        lambda_div=0.1,
        lambda_adv=0.5,
        lambda_reg=0.05,
        tau=0.5,
        tau_max=0.95,
        epsilon=0.1,
        n_counterfactuals="auto",
        n_positives=10,
        swap_immutable=0.25,
        burn_in=0.0,
        averaging=0.99,
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
        self.relations = relations
        self.domain = domain
        self.categorical_features = categorical_features
        self.numeric_scaling = numeric_scaling
        self.special_values = special_values
        self.missing = missing
        self.handle_unknown = handle_unknown
        self.generator = generator
        self.lambda_div = lambda_div
        self.lambda_adv = lambda_adv
        self.lambda_reg = lambda_reg
        self.tau = tau
        self.tau_max = tau_max
        self.epsilon = epsilon
        self.n_counterfactuals = n_counterfactuals
        self.n_positives = n_positives
        self.swap_immutable = swap_immutable
        self.burn_in = burn_in
        self.averaging = averaging
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
        start, params = parameters_from(fitted, params)
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
            Rows in the user's own columns and units; cells may be missing. Sparse
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
            return train(self, X, y, sample_weight, "warm" if again else "new")

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
            return train(self, X, y, sample_weight, "first" if first else "further")

    def __sklearn_tags__(self):
        """Say which tables are taken; sparse matrices are made dense."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def __sklearn_is_fitted__(self):
        """Whether `fit` has finished."""
        return hasattr(self, "net_")

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
        return self.encoder_.transform(check_X(self, X, reset=False))

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `encode` gives.

        Parameters
        ----------
        input_features : None
            Not used.

        Returns
        -------
        ndarray of str of shape (n_codes,)
            A number has the name of its column, a category ``column_label``; behind
            them, indicators have ``column_code`` and ``column_missing``.
        """
        check_is_fitted(self)
        return self.encoder_.get_feature_names_out()

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
        codes = self.encode(X)
        return FrozenNetwork.of(self.net_.module_).probabilities(codes).numpy()

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
        return FrozenNetwork.of(self.net_.module_).logits(codes).numpy()

    # -- explanation ------------------------------------------------------------

    def explain(  # noqa: PLR0913 - public, flat for users
        self,
        X,
        target=None,
        *,
        mutability=None,
        domain=None,
        n_counterfactuals=1,
        max_changes=None,
        tau=None,
        min_plausibility=None,
        generator=None,
        feature_costs=None,
        glossary=None,
        effort="full",
        project=None,
        margin=0.0,
        noise=None,
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
            dicts in the order of the rows, or a DataFrame with the index of ``X`` in
            any order. They narrow those of the classifier.
        n_counterfactuals : int, default=1
            Answers for each row, all different; those that reach `tau` first, then the
            cheapest.
        max_changes : int, default=None
            Features that may change at most.
        tau : float, default=None
            Probability of the target to aim at; None: 0.7, at which answers outlast a
            training on other rows, or the classifier's if greater. Where it is out of
            reach, the strongest answer is given, and its reason says so.
        min_plausibility : float, default=None
            How high answers must stand among real rows of the target, 0 to 1: with
            0.05 none is rarer than the rarest 5 % of these. None: however low.
        generator : str or BaseGenerator, default=None
            None: the classifier's.
        feature_costs : dict, default=None
            ``{column: weight}`` of the distance, 1 for columns left out.
        glossary : dict or DataFrame, default=None
            What people call the columns and how they change them, for `letter`:
            ``{column: {"label": ..., "unit": ..., "step": ..., "smallest_change": ...,
            "kind": ..., "values": ...}}``, or a frame with a row for each column and
            these names as its columns; whatever is not said is left out. The search
            obeys it: a number that changes becomes a multiple of its ``step``, and by
            no less than its ``smallest_change``. ``kind`` is ``"action"``,
            ``"waiting"`` (time does it) or ``"history"`` (nobody can change it now:
            changed for rows alone that have no answer without it);
            ``values`` has words for categories. Columns that follow from others by
            ``project`` keep the values that it gives.
        effort : {"full", "walk"}, default="full"
            ``"walk"``: the generator's search alone, then rounding and the check;
            ``"full"``: with repair, sparsification and fallback.
        project : callable, default=None
            ``table -> table`` in the columns and units of ``X``, applied to every
            candidate: features that follow from others (a ratio, an age that rises
            with the years of employment). It must leave immutable columns alone but
            those that are ``"follows"``, which it is given as they are in ``X``, and
            what it has given as it is.
        margin : float, default=0.0
            Perturbation of the numbers, in the standardised units of the model (on
            heavy-tailed columns: of what they are scaled to) and in the direction
            that hurts most (to first order), under which the answer must stay valid.
        noise : float, default=None
            Standard deviation of Gaussian noise on the numbers, in standardised units.
            Where given, the result says for each answer which share of noisy copies
            is no longer predicted as the target, its ``invalidation_rate``.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise and of generators that draw; the search itself draws
            nothing. None: the same in every call.
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
        given = {k: v for k, v in locals().items() if k not in ("self", "X")}
        check_is_fitted(self)
        options = ExplainOptions(**given)
        table = check_X(self, X, reset=False)
        result = explain_table(table, subject_of(self), options)
        if is_polars(X):
            return result.map_tables(lambda table: to_polars(table, X))
        return result
