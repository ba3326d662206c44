"""What all counterfactual generators share."""

from numbers import Integral, Real

from sklearn.base import BaseEstimator

from sklearn_ct._compat import Interval, StrOptions
from sklearn_ct._core.walk import Asked, WalkSpec, walk


class BaseGenerator(BaseEstimator):
    """Base class of the generators.

    A subclass overrides `penalty` to change what the walk minimises, and `fit`,
    `encode` and `decode` to walk in a latent space.

    Parameters
    ----------
    step_size : float, default=0.25
        Length of a gradient step.
    max_iter : int, default=30
        Steps at most.
    lambda_cost : float, default=0.001
        Weight of the l1 distance to the factual.
    nascent : {"sign", "exit", "last"}, default="sign"
        Which points are the nascent counterfactuals: every row of a mini-batch after
        one signed gradient step of length epsilon, in every column, also those that
        must not change (as the fast gradient sign method has it); where the path of a
        search leaves the epsilon ball; or its last state within the ball. With the
        usual step size the first step often leaves the ball at once; ``"last"``, the
        reading of the paper's code, is then the unmoved row.
    max_move : float or None, default=0.5
        Farthest that a step moves a column; a longer step is shortened, its direction
        kept, so that it does not carry a row past the class. None: no limit.
    epoch_steps : int or None, default=5
        Steps that a search takes at most in an epoch of training; the next epoch goes
        on with it, until it has taken at least `max_iter`. Of the mature ones the share
        ``epoch_steps / max_iter`` is replaced by new searches. None: an epoch starts
        all its searches and ends them, as in the paper.
    """

    _parameter_constraints: dict = {
        "step_size": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "lambda_cost": [Interval(Real, 0, None, closed="left")],
        "nascent": [StrOptions({"sign", "exit", "last"})],
        "max_move": [Interval(Real, 0, None, closed="neither"), None],
        "epoch_steps": [Interval(Integral, 1, None, closed="left"), None],
    }

    # Maps to the space of the walk and back; None: the model's input space.
    encode = None
    decode = None
    # A further term of the search objective, (logits, target, step) -> (n,).
    penalty = None
    # Its gradient with respect to the logits, (n, K); None: found by autograd.
    penalty_slope = None

    def __init_subclass__(cls, **kwargs):
        """Forget the inherited gradient of a penalty that the subclass overrides."""
        super().__init_subclass__(**kwargs)
        if "penalty" in vars(cls) and "penalty_slope" not in vars(cls):
            cls.penalty_slope = None

    def __init__(
        self,
        *,
        step_size=0.25,
        max_iter=30,
        lambda_cost=0.001,
        nascent="sign",
        max_move=0.5,
        epoch_steps=5,
    ):
        self.step_size = step_size
        self.max_iter = max_iter
        self.lambda_cost = lambda_cost
        self.nascent = nascent
        self.max_move = max_move
        self.epoch_steps = epoch_steps

    def fit(self, X, *, constraints=None, seed=0):
        """Learn what the search needs from the training rows; here: nothing.

        Parameters
        ----------
        X : Tensor of shape (n, d)
            Encoded training rows.
        constraints : Constraints, optional
            Mutability, domain and one-hot groups of the columns.
        seed : int, default=0
            Seed of whatever is drawn.

        Returns
        -------
        self
        """
        self._validate_params()
        return self

    def search(  # noqa: PLR0913 - public, subclasses override it
        self,
        module,
        x,
        target,
        constraints,
        *,
        tau,
        epsilon=0.0,
        cost_weights=None,
        settle=None,
        start=None,
        n_steps=None,
    ):
        """Walk from the rows ``x`` towards their target classes.

        Parameters
        ----------
        module : torch.nn.Module
            ``(n, d) -> (n, K)`` logits.
        x, target : Tensor of shape (n, d), (n,)
            Factuals and indices of their target classes.
        constraints : Constraints
            Mutability, domain and one-hot groups.
        tau : float or Tensor of shape (n,)
            Maturity threshold.
        epsilon : float
            Largest nascent perturbation.
        cost_weights : Tensor of shape (d,), optional
            Weights of the columns in the l1 distance.
        settle : callable, optional
            ``(states, rows) -> states``, of shapes (s, d) and (s,): what users are
            given for states of the rows of those numbers. They, too, must reach the
            target. Default: states with whole categories.
        start : Paths, optional
            The search goes on from where an earlier one of the same rows ended.
        n_steps : int, optional
            Steps at most in this call, if fewer than `max_iter`.

        Returns
        -------
        Paths
        """
        spec = WalkSpec(
            max_iter=min(self.max_iter, n_steps or self.max_iter),
            step_size=self.step_size,
            lambda_cost=self.lambda_cost,
            penalty=self.penalty,
            penalty_slope=self.penalty_slope,
            nascent=None if self.nascent == "sign" else self.nascent,
            encode=self.encode,
            decode=self.decode,
            max_move=self.max_move,
        )
        asked = Asked(tau, epsilon, cost_weights, settle, start)
        return walk(module, x, target, constraints, spec, asked)
