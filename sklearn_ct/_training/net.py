"""skorch runs the training loop; each epoch gets its bank of counterfactuals."""

import math
import time
import warnings
from dataclasses import dataclass, field, fields

import torch
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from sklearn_ct._core.averaging import RunningMean
from sklearn_ct._core.bank import Plan, Searches, generate, swap_frozen
from sklearn_ct._core.objective import Bank, objective, weights_of
from sklearn_ct._core.step import Attack, Passes, passes_of
from sklearn_ct._core.torch_state import threads
from sklearn_ct._training.batches import Batches, Epoch
from sklearn_ct.losses import Terms, Weights

CONVENTIONAL = Weights(0.0, 0.0, 0.0)
# Multiplications of a pass over a mini-batch from which on more threads are faster.
LARGE_PASS = 3e7


class NonFiniteLossWarning(UserWarning):
    """A mini-batch with a loss that is not finite was left out of the training."""


@dataclass
class Run:
    """What a training keeps while it runs; nothing of the rows outlives it.

    Attributes
    ----------
    epochs : int
        How many it is to take.
    sample_weight : Tensor of shape (n,) or None
        Of the training rows.
    interrupted : bool
        Whether it has not come to an end of its own, so far.
    searches : Searches or None
        Of the last epoch, for the next one to go on with.
    bank : Bank or None
        The epoch's counterfactuals.
    own : list of Tensor
        Two for each mini-batch of the epoch: the losses of its rows, as they are and
        attacked.
    logits : list of Tensor of shape (r, K)
        Of the counterfactuals of each mini-batch of the epoch.
    passes : Passes or None
        Those of the network, for the epoch.
    reach : Tensor of shape (d,) or None
        Standard deviation of each column, which a nascent step is measured in.
    mean : RunningMean or None
        What follows the weights.
    """

    epochs: int = 0
    sample_weight: torch.Tensor | None = None
    interrupted: bool = True
    searches: Searches | None = None
    bank: Bank | None = None
    own: list[torch.Tensor] = field(default_factory=list)
    logits: list[torch.Tensor] = field(default_factory=list)
    passes: Passes | None = None
    reach: torch.Tensor | None = None
    mean: RunningMean | None = None


class CounterfactualNet(NeuralNetClassifier):
    """A skorch net that trains on the objective of counterfactual training.

    Parameters
    ----------
    module : torch.nn.Module or type
        ``(n, d) -> (n, K)`` logits.
    generator : BaseGenerator
        Fitted; it runs the searches.
    constraints : Constraints
        Mutability, domain and one-hot groups of the input space.
    weights : Weights
        Of the terms of the objective.
    tau, tau_max : float
        Range that the maturity threshold of each search is drawn from.
    epsilon : float
        Largest nascent perturbation.
    n_positives : int
        Real rows drawn for each search; the nearest to its counterfactual is ``x+``.
    swap_immutable : float
        Share of the nascent counterfactuals that take over immutable columns.
    n_counterfactuals : int
        Rows searched in an epoch.
    first_epoch : int
        Epochs trained conventionally first (the burn-in).
    averaging : float
        Share of an exponential mean of the weights that stays at a step; 0: none.
    seed : int
        Of the shuffling, and of the draws of rows, targets and positives.
    **kwargs
        Of `skorch.NeuralNetClassifier`.

    Notes
    -----
    A mini-batch is ``(X, (y, sample_weight, counterfactuals))``; callbacks see
    ``(X, y)``.
    """

    def __init__(  # noqa: PLR0913 - flat, as skorch needs it
        self,
        module,
        *,
        generator=None,
        constraints=None,
        weights=CONVENTIONAL,
        tau=0.5,
        tau_max=0.5,
        epsilon=0.3,
        n_positives=1,
        swap_immutable=0.0,
        n_counterfactuals=0,
        first_epoch=0,
        averaging=0.0,
        seed=0,
        **kwargs,
    ):
        self.generator = generator
        self.constraints = constraints
        self.weights = weights
        self.tau = tau
        self.tau_max = tau_max
        self.epsilon = epsilon
        self.n_positives = n_positives
        self.swap_immutable = swap_immutable
        self.n_counterfactuals = n_counterfactuals
        self.first_epoch = first_epoch
        self.averaging = averaging
        self.seed = seed
        kwargs.setdefault("criterion", torch.nn.CrossEntropyLoss)
        kwargs.setdefault("optimizer", torch.optim.Adam)
        kwargs.setdefault("train_split", None)
        super().__init__(module, **kwargs)

    def train(self, X, y, *, sample_weight=None, validation=None, epochs=None):
        """Train on tensors for some epochs, on from where the net stands.

        Parameters
        ----------
        X, y : Tensor of shape (n, d), (n,)
            Encoded rows and class indices.
        sample_weight : Tensor of shape (n,), optional
        validation : tuple of Tensor, optional
            Encoded rows and class indices of the validation part.
        epochs : int, optional
            Default: ``max_epochs``. Over a single one no mean is taken.

        Returns
        -------
        self

        Raises
        ------
        KeyboardInterrupt
            As soon as somebody interrupts it; a callback that does ends the training.
        """
        if not self.initialized_:
            self.initialize()
        epochs = self.max_epochs if epochs is None else epochs
        self.run_ = Run(epochs, sample_weight, reach=self._reach(X))
        self.train_split = (
            None if validation is None else predefined_split(Dataset(*validation))
        )
        with threads(threads_for(self.module_, self.batch_size)):
            self.partial_fit(Dataset(X, y), None, epochs=epochs)
        if self.run_.interrupted:  # skorch takes what there is for the result
            raise KeyboardInterrupt
        # Nothing of the rows stays with the net.
        self.run_, self.train_split = Run(), None
        return self

    def initialize(self):
        """Initialise module, optimiser and callbacks, and seed the draws."""
        super().initialize()
        self.draw_ = torch.Generator().manual_seed(self.seed)
        self.run_ = Run()
        return self

    def get_iterator(self, dataset, training=False):
        """Whole-tensor batches for training; skorch's own otherwise."""
        if not isinstance(dataset, Dataset) or not torch.is_tensor(dataset.X):
            return super().get_iterator(dataset, training=training)
        X, y = dataset.X.to(self.device), dataset.y
        if y is not None and torch.is_tensor(y):
            y = y.to(self.device)
        if training:
            return Epoch(self, X, y, self.run_.sample_weight)
        return Batches(X, y, max(self.batch_size, 10_000))

    def fit_loop(self, *args, **kwargs):
        """Train, and note whether it came to its end."""
        super().fit_loop(*args, **kwargs)
        self.run_.interrupted = False
        return self

    def notify(self, method_name, **cb_kwargs):
        """Show callbacks ``(X, y)`` as the batch; they may end the training."""
        if isinstance(batch := cb_kwargs.get("batch"), tuple):
            X, y = batch
            cb_kwargs["batch"] = X, (y[0] if isinstance(y, tuple) else y)
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            self.run_.interrupted = False
            raise

    def train_step(self, batch, **fit_params):
        """Take a step, which the mean of the weights follows."""
        step = super().train_step(batch, **fit_params)
        run = self.run_
        if self.searching and self.averaging and run.epochs > 1:
            if run.mean is None:
                run.mean = RunningMean(self.network, self.averaging)
            run.mean.update()
        return step

    def infer(self, x, **fit_params):
        """Ask the network; of a validation part the one with the mean weights."""
        if self.run_.mean and not self.module_.training:
            return self.averaged(x)
        return super().infer(x, **fit_params)

    @property
    def averaged(self):
        """The network with the mean of the weights, where they are averaged."""
        return self.run_.mean.module if self.run_.mean else self.network

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Take over the mean of the weights; callbacks may know better ones."""
        super().on_train_end(net, X, y, **kwargs)
        if self.run_.mean:
            self.network.load_state_dict(self.averaged.state_dict())

    def train_step_single(self, batch, **fit_params):
        """One pass over the batch and its counterfactuals, and the gradient."""
        X, (y, sample_weight, chunk) = batch
        adv = self.weights.adv if self.searching and self.signed else 0.0
        if not self.module_.training:
            self._set_training(True)
        found, to_weights = self._passes(
            X,
            self._attack(X, y, sample_weight) if adv else None,
            None if chunk is None else chunk.rows,
        )
        loss, clf, attacked, slope = objective(found, y, sample_weight, chunk, adv)
        searched = found[(2 if adv else 1) * len(X) :]
        if math.isfinite(loss.item()):
            to_weights(slope)
            self.run_.own += clf, attacked
            self.run_.logits.append(searched)
        else:
            self.run_.logits.append(torch.full_like(searched, torch.nan))
            warnings.warn(
                f"The loss of a mini-batch in epoch {len(self.history)} is not "
                "finite; its step is skipped. A smaller lambda_div or lr, or a larger "
                "lambda_reg, keeps the energies in bounds.",
                NonFiniteLossWarning,
                stacklevel=2,
            )
        return {"loss": loss, "y_pred": found[: len(X)]}

    def _reach(self, X):
        """Length of a nascent step of one in each column: a standard deviation.

        Numbers come scaled; a category that few rows have is not to be half switched
        on in all others.
        """
        reach = torch.ones_like(X[0])
        if self.constraints is not None:
            numbers = self.constraints.group.to(X.device) < 0
            numbers[self.constraints.states[:, 1].to(X.device)] = False
            reach = torch.where(numbers, reach, X.std(0, correction=0))
        return reach.to(self.device)

    @property
    def network(self):
        """The network that searches ask; a wrapper of it may do the training."""
        return self.module_

    @property
    def signed(self):
        """Whether nascent counterfactuals are a signed step from every row."""
        return getattr(self.generator, "nascent", None) == "sign"

    @property
    def weights_of_searches(self):
        """Weights of the terms that the searches of an epoch enter."""
        return self.weights._replace(adv=0.0) if self.signed else self.weights

    @property
    def _passes(self):
        """Those of the epoch, made with the hooks that callbacks have set by now."""
        if self.run_.passes is None:
            self.run_.passes = passes_of(self.module_, self.network)
        return self.run_.passes

    def _attack(self, X, y, sample_weight):
        weight = weights_of(y, sample_weight, like=X)
        return Attack(y, weight, self.epsilon * self.run_.reach, self._swap)

    def _swap(self, nascent, X):
        return swap_frozen(
            nascent, X, self.constraints, self.swap_immutable, self.draw_
        )

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Start the epoch's record."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        run = self.run_
        run.bank, run.own, run.logits, run.passes = None, [], [], None

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Record the mean of each term."""
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        terms = dict.fromkeys(
            Terms._fields, torch.tensor(0.0 if self.run_.own else torch.nan)
        )
        if self.run_.own:
            own = torch.stack(self.run_.own).view(-1, 2).mean(0)
            terms |= dict(zip(("clf", "adv"), own, strict=True))
        if self.run_.bank is not None:
            terms |= self.run_.bank.terms(torch.cat(self.run_.logits))
        for name, term in terms.items():
            self.history.record(f"loss_{name}", term.item())

    def generate(self, X, y):
        """Search the counterfactuals of an epoch, and record how that went.

        Parameters
        ----------
        X, y : Tensor of shape (n, d), (n,)
            Training rows and class indices.

        Returns
        -------
        CounterfactualBatch
        """
        start = time.perf_counter()
        self.module_.eval()
        n_steps = getattr(self.generator, "epoch_steps", None)
        if self.run_.epochs == 1:  # nothing to go on with, nor afterwards
            n_steps = None
        taken = [field.name for field in fields(Plan) if field.name != "n_steps"]
        plan = Plan(**{name: getattr(self, name) for name in taken}, n_steps=n_steps)
        batch, searches, taken = generate(
            self.network,
            X,
            y,
            self.run_.sample_weight,
            plan,
            self.draw_,
            self.run_.searches,
        )
        self.run_.searches = None if n_steps is None else searches
        mature = searches.paths.mature
        self.history.record("mature_share", mature.float().mean().item())
        self.history.record("search_steps", taken.float().mean().item())
        self.history.record("search_seconds", time.perf_counter() - start)
        return batch

    @property
    def searching(self):
        """Whether this epoch has counterfactuals."""
        return (
            not self.weights.conventional
            and self.n_counterfactuals > 0
            and len(self.history) > self.first_epoch
        )


def threads_for(module, n_rows):
    """Give the number of threads that trains a module on ``n_rows`` at a time fastest.

    One for a small network, whose operations are shorter than sharing them out takes;
    for a large one, or one whose weights meet each row many times, the caller's.
    """
    weights = list(module.parameters())
    convolves = any(weight.dim() > 2 for weight in weights)
    products = n_rows * sum(weight.numel() for weight in weights)
    return torch.get_num_threads() if convolves or products >= LARGE_PASS else 1
