"""Counterfactual generators: hyperparameters of the search, tunable like any other.

A generator decides what the gradient walk minimises and in which space it walks. The
same generator serves training and explaining.
"""

from numbers import Integral, Real

from sklearn.base import BaseEstimator

from sklearn_ct._compat import Interval, StrOptions
from sklearn_ct._search import search
from sklearn_ct.losses import energy

__all__ = ["GENERATORS", "BaseGenerator", "ECCCo", "Generic"]


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
    nascent : {"exit", "last"}, default="exit"
        Which point of a path is the nascent counterfactual: where the path leaves
        the epsilon ball, or its last state within the ball. With the usual step size
        the first step often leaves the ball at once; ``"last"``, the reading of the
        paper's code, is then the unmoved row.
    """

    _parameter_constraints: dict = {
        "step_size": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "lambda_cost": [Interval(Real, 0, None, closed="left")],
        "nascent": [StrOptions({"exit", "last"})],
    }

    # Maps to the space of the walk and back; None: the model's input space.
    encode = None
    decode = None
    # A further term of the search objective, (logits, target, step) -> (n,).
    penalty = None

    def __init__(
        self, *, step_size=0.25, max_iter=30, lambda_cost=0.001, nascent="exit"
    ):
        self.step_size = step_size
        self.max_iter = max_iter
        self.lambda_cost = lambda_cost
        self.nascent = nascent

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

    def search(
        self, module, x, target, constraints, *, tau, epsilon=0.0, cost_weights=None
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
        tau, epsilon : float
            Maturity threshold and largest nascent perturbation.
        cost_weights : Tensor of shape (d,), optional
            Weights of the columns in the l1 distance.

        Returns
        -------
        Paths
        """
        return search(
            module,
            x,
            target,
            constraints,
            tau=tau,
            epsilon=epsilon,
            max_iter=self.max_iter,
            step_size=self.step_size,
            lambda_cost=self.lambda_cost,
            penalty=self.penalty,
            nascent=self.nascent,
            encode=self.encode,
            decode=self.decode,
            cost_weights=cost_weights,
        )


class Generic(BaseGenerator):
    """Nearest counterfactuals: nothing but the classification loss and the distance.

    Parameters
    ----------
    step_size, max_iter, lambda_cost, nascent
        See `BaseGenerator`.

    Notes
    -----
    ``min CE(M(x'), y+) + lambda_cost ||x' - x||_1``.

    References
    ----------
    S. Wachter, B. Mittelstadt, C. Russell, "Counterfactual explanations without
    opening the black box", Harvard Journal of Law & Technology 31, 2017.

    Examples
    --------
    >>> from sklearn_ct.generators import Generic
    >>> Generic(max_iter=50)
    Generic(max_iter=50)
    """


class ECCCo(BaseGenerator):
    """Energy-constrained counterfactuals: drawn to where the model finds its class.

    Parameters
    ----------
    step_size, max_iter, lambda_cost, nascent
        See `BaseGenerator`.
    lambda_energy : float, default=5.0
        Weight of the energy of the counterfactual for its target class.

    Notes
    -----
    ``min CE(M(x'), y+) + lambda_cost ||x' - x||_1
    + lambda_energy phi_t (E(x', y+) + 1e-3 E(x', y+)^2)`` with the schedule
    ``phi_t = a (b + t)^(-0.9)``, ``b = round(T / 25)``, ``a = b / 10``.

    References
    ----------
    P. Altmeyer et al., "Faithful model explanations through energy-constrained
    conformal counterfactuals", AAAI 2024; here without the conformal term.

    Examples
    --------
    >>> from sklearn_ct.generators import ECCCo
    >>> ECCCo(lambda_energy=1.0).schedule(1)
    0.0535...
    """

    _parameter_constraints: dict = {
        **BaseGenerator._parameter_constraints,
        "lambda_energy": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        step_size=0.25,
        max_iter=30,
        lambda_cost=0.001,
        nascent="exit",
        lambda_energy=5.0,
    ):
        super().__init__(
            step_size=step_size,
            max_iter=max_iter,
            lambda_cost=lambda_cost,
            nascent=nascent,
        )
        self.lambda_energy = lambda_energy

    def schedule(self, step):
        """Share ``phi_t`` of the energy term at a step, counted from 1."""
        b = round(self.max_iter / 25)
        return b / 10 * (b + step) ** -0.9

    def penalty(self, logits, target, step):
        """Energy term of the search objective, shape (n,)."""
        value = energy(logits, target)
        weight = self.lambda_energy * self.schedule(step)
        return weight * (value + 1e-3 * value.square())


GENERATORS = {"eccco": ECCCo, "generic": Generic}
