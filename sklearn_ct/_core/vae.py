"""A variational autoencoder of encoded rows: numbers and one-hot groups."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import seeded

# Longer gradients are cut: a row of a heavy tail can be a hundred deviations away.
LONGEST_GRADIENT = 5.0


class VAE(nn.Module):
    """Variational autoencoder of encoded rows; `fit_vae` makes fitted ones.

    The decoder gives numbers as they are and each one-hot group by a softmax, so that
    decoded groups lie on the simplex. Encoding and decoding draw nothing, treat each
    row on its own, and compute in the precision of what they are given.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Rows that give the numbers' means and standard deviations.
    group : Tensor of shape (d,)
        Number of the one-hot group of a column, counted from 0; -1 for a number.
    latent_dim : int
        Width ``k`` of the latent space.
    hidden_dim : int
        ReLU units of the hidden layer of encoder and decoder.
    """

    group: Tensor
    center: Tensor  # (d,), 0 for categories
    scale: Tensor  # (d,), 1 for categories
    order: Tensor  # (d,), columns as the decoder has them: numbers, group after group
    place: Tensor  # (d,), where the decoder has a column

    def __init__(
        self, X: Tensor, group: Tensor, *, latent_dim: int, hidden_dim: int
    ) -> None:
        super().__init__()
        spread = X.std(0, correction=0)
        number = group < 0
        scaled = number & (spread > 0)
        self.register_buffer("group", group)
        self.register_buffer("center", torch.where(number, X.mean(0), 0.0))
        self.register_buffer("scale", torch.where(scaled, spread, 1.0))
        self.register_buffer("order", group.argsort(stable=True))
        self.register_buffer("place", self.order.argsort())
        self.sizes = torch.bincount(group + 1, minlength=1).tolist()
        width = len(group)
        self.encoder = MLP(width, 2 * latent_dim, (hidden_dim,))
        self.decoder = MLP(latent_dim, width, (hidden_dim,))

    def encode(self, x: Tensor) -> Tensor:  # (n, d) -> (n, k)
        """Mean of the approximate posterior."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:  # (n, k) -> (n, d)
        """Rows: the means of numbers, and a probability for each category."""
        numbers, *logits = self._decoded(z)
        parts = [numbers, *(part.softmax(1) for part in logits)]
        row = torch.cat(parts, 1).index_select(1, self.place)
        return row * self.scale.to(z) + self.center.to(z)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of ``q(z | x)``, each (n, k)."""
        mean, log_variance = _run(self.encoder, self._standardised(x)).chunk(2, 1)
        return mean, log_variance

    def reconstruction_loss(self, x: Tensor, z: Tensor) -> Tensor:  # (n,)
        """Half the squared error of the numbers, cross-entropy of each group.

        That is ``-log p(x | z)`` up to a constant, where the standardised numbers have
        unit variance around the decoded ones.
        """
        real = self._standardised(x).index_select(1, self.order)
        numbers, *logits = self._decoded(z)
        n = self.sizes[0]
        loss = (numbers - real[:, :n]).square().sum(1) / 2
        if logits:
            log_p = torch.cat([part.log_softmax(1) for part in logits], 1)
            loss = loss - (real[:, n:] * log_p).sum(1)
        return loss

    def _standardised(self, x: Tensor) -> Tensor:
        return (x - self.center.to(x)) / self.scale.to(x)

    def _decoded(self, z: Tensor) -> tuple[Tensor, ...]:
        # The standardised numbers, and the logits of each group.
        return torch.split(_run(self.decoder, z), self.sizes, 1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:  # (n, k) -> (n,)
    """Kullback-Leibler divergence of ``N(mean, variance)`` from ``N(0, 1)``.

    Examples
    --------
    >>> divergence(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    terms = mean.square() + log_variance.exp() - 1 - log_variance
    return terms.sum(1) / 2


@dataclass(frozen=True)
class VAESpec:
    """How an autoencoder is made and trained.

    Attributes
    ----------
    latent_dim, hidden_dim : int
        Width of the latent space and of the hidden layers.
    beta : float
        Weight of the divergence from the prior.
    n_steps, batch_size : int
        Gradient steps, and rows drawn for each.
    lr : float
        Learning rate of Adam; it falls linearly to 0.
    """

    latent_dim: int
    hidden_dim: int
    beta: float
    n_steps: int
    batch_size: int
    lr: float


def fit_vae(
    X: Tensor,  # (n, d)
    group: Tensor,  # (d,)
    spec: VAESpec,
    seed: int,
) -> VAE:
    """Fit a variational autoencoder to rows.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Encoded rows.
    group : Tensor of shape (d,)
        Number of the one-hot group of a column; -1 for a number.
    spec : VAESpec
    seed : int
        Of the weights, the rows drawn and the noise. The global generators are left
        alone.

    Returns
    -------
    VAE
        Its weights take no gradient any more.

    Notes
    -----
    Minimised is the mean over rows of
    ``-log p(x | z) + beta KL(q(z | x) || N(0, 1))``, ``z`` drawn from ``q(z | x)``.

    References
    ----------
    D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
    I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
    variational framework", ICLR 2017.
    """
    with seeded(seed):
        widths = {"latent_dim": spec.latent_dim, "hidden_dim": spec.hidden_dim}
        vae = VAE(X, group, **widths).to(X)
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(vae.parameters(), lr=spec.lr, fused=True)
    with torch.enable_grad():
        for step in range(spec.n_steps):
            rows = torch.randint(len(X), (spec.batch_size,), generator=draw)
            shape = spec.batch_size, spec.latent_dim
            noise = torch.randn(shape, generator=draw, dtype=torch.float32)
            optimizer.param_groups[0]["lr"] = spec.lr * (1 - step / spec.n_steps)
            x = X[rows.to(X.device)]
            mean, log_variance = vae.posterior(x)
            z = mean + (log_variance / 2).exp() * noise.to(x)
            prior = spec.beta * divergence(mean, log_variance)
            loss = vae.reconstruction_loss(x, z) + prior
            optimizer.zero_grad()
            torch.autograd.backward(loss.mean())
            nn.utils.clip_grad_norm_(vae.parameters(), LONGEST_GRADIENT)
            optimizer.step()
    return vae.eval().requires_grad_(False)


def _run(layers: MLP, x: Tensor) -> Tensor:
    # In the precision of the rows: training is in single, explaining in double.
    for layer in layers:
        if isinstance(layer, nn.Linear):
            x = linear(x, layer.weight.to(x), layer.bias.to(x))
        else:
            x = layer(x)
    return x
