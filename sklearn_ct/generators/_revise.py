"""Counterfactuals from a latent space."""

from numbers import Integral, Real

import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_ct._compat import Interval
from sklearn_ct._core.vae import VAE, VAESpec, fit_vae
from sklearn_ct.generators._base import BaseGenerator


class REVISE(BaseGenerator):
    """Counterfactuals from the latent space of a variational autoencoder.

    The autoencoder learns the training rows once, in `fit`; the walk then moves in its
    latent space, and the counterfactual is what it decodes there. Mutability and domain
    are enforced on the decoded row.

    Parameters
    ----------
    step_size : float, default=0.5
        Length of a gradient step, in the latent space.
    max_iter, lambda_cost, nascent, epoch_steps
        See `BaseGenerator`. The walk starts at the reconstruction of the row;
        ``nascent="exit"`` is a point on the way from the row to there.
    max_move : float or None, default=None
        See `BaseGenerator`; of a step in the latent space.
    latent_dim : int, default=8
        Width of the latent space.
    hidden_dim : int, default=64
        Hidden units of encoder and decoder.
    beta : float, default=0.5
        Weight of the divergence from the prior when the autoencoder is trained. Small
        values reconstruct rows closely; great ones keep to the typical.
    vae_steps, vae_batch_size, vae_lr : int, int, float, default=1000, 256, 0.01
        Gradient steps of the autoencoder's training, rows drawn for each, and the
        learning rate, which falls linearly to 0.
    vae : VAE, default=None
        The ``vae_`` of a fitted `REVISE`, to be used as it is. None: `fit` trains one.

    Attributes
    ----------
    vae_ : VAE
        The autoencoder.

    Notes
    -----
    ``min_z CE(M(g(z)), y+) + lambda_cost ||g(z) - x||_1`` with the decoder ``g``, from
    the mean ``z`` of ``q(z | x)``. The autoencoder's objective is
    ``-log p(x | z) + beta KL(q(z | x) || N(0, 1))``, with the squared error of the
    standardised numbers and the cross-entropy of each category.

    References
    ----------
    S. Joshi, O. Koyejo, W. Vijitbenjaronk, B. Kim, J. Ghosh, "Towards realistic
    individual recourse and actionable explanations in black-box decision making
    systems", arXiv:1907.09615.

    Examples
    --------
    >>> from sklearn_ct.generators import REVISE
    >>> revise = REVISE(latent_dim=2, vae_steps=50).fit(torch.randn(100, 3))
    >>> revise.encode(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    >>> REVISE(max_iter=60, vae=revise.vae_).fit(torch.zeros(5, 3)).vae_ is revise.vae_
    True
    """

    _parameter_constraints: dict = {
        **BaseGenerator._parameter_constraints,
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "vae_steps": [Interval(Integral, 1, None, closed="left")],
        "vae_batch_size": [Interval(Integral, 1, None, closed="left")],
        "vae_lr": [Interval(Real, 0, None, closed="neither")],
        "vae": [VAE, None],
    }

    def __init__(  # noqa: PLR0913 - flat, as scikit-learn needs it
        self,
        *,
        step_size=0.5,
        max_iter=30,
        lambda_cost=0.001,
        nascent="sign",
        max_move=None,
        epoch_steps=5,
        latent_dim=8,
        hidden_dim=64,
        beta=0.5,
        vae_steps=1000,
        vae_batch_size=256,
        vae_lr=0.01,
        vae=None,
    ):
        super().__init__(
            step_size=step_size,
            max_iter=max_iter,
            lambda_cost=lambda_cost,
            nascent=nascent,
            max_move=max_move,
            epoch_steps=epoch_steps,
        )
        self.latent_dim = latent_dim
        self.hidden_dim = hidden_dim
        self.beta = beta
        self.vae_steps = vae_steps
        self.vae_batch_size = vae_batch_size
        self.vae_lr = vae_lr
        self.vae = vae

    def fit(self, X, *, constraints=None, seed=0):
        """Train the autoencoder, unless one was given.

        Parameters
        ----------
        X : Tensor of shape (n, d)
            Encoded training rows.
        constraints : Constraints, optional
            Its one-hot groups are decoded as such. None: every column is a number.
        seed : int, default=0
            Seed of the training; torch's global generators are left alone.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Where `vae` was fitted to other columns.
        """
        super().fit(X, constraints=constraints, seed=seed)
        group = torch.full((X.shape[1],), -1, device=X.device)
        if constraints is not None:
            group = constraints.group
        if self.vae is None:
            spec = VAESpec(
                latent_dim=self.latent_dim,
                hidden_dim=self.hidden_dim,
                beta=self.beta,
                n_steps=self.vae_steps,
                batch_size=self.vae_batch_size,
                lr=self.vae_lr,
            )
            self.vae_ = fit_vae(X, group, spec, seed)
            return self
        if not torch.equal(self.vae.group.cpu(), group.cpu()):
            raise ValueError(
                "The 'vae' parameter of REVISE must be fitted to rows of the same "
                f"columns. Got one of {_width(self.vae.group)} for rows of "
                f"{_width(group)} instead; fit another with vae=None."
            )
        self.vae_ = self.vae
        return self

    def encode(self, x):
        """Mean of a row's approximate posterior, (n, d) to (n, k)."""
        check_is_fitted(self)
        return self.vae_.encode(x)

    def decode(self, z):
        """Rows of a latent code, one-hot groups on the simplex, (n, k) to (n, d)."""
        return self.vae_.decode(z)


def _width(group):
    return f"{len(group)} columns with {len(group[group >= 0].unique())} one-hot groups"
