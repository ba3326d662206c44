"""The variational autoencoder: its loss, its decoder, its training."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence
from torch.nn.functional import one_hot

from sklearn_ct._core.vae import VAE, VAESpec, divergence, fit_vae

# Columns of numbers and of two groups, out of order.
GROUP = torch.tensor([1, -1, 0, 1, -1, 0, 1, -1])
NUMBERS = GROUP < 0
SETTINGS = {
    "latent_dim": 3,
    "hidden_dim": 16,
    "beta": 0.3,
    "n_steps": 300,
    "batch_size": 64,
    "lr": 0.01,
    "seed": 0,
}


def made(X, group, *, seed, **spec):
    return fit_vae(X, group, VAESpec(**spec), seed)


def rows(n, seed):
    """Two numbers and both categories follow from one latent variable."""
    draw = np.random.default_rng(seed)
    t = draw.uniform(-1, 1, n)
    noise = draw.normal(size=(n, 3))
    x = torch.zeros(n, 8)
    x[:, 1] = torch.as_tensor(3 * t + 0.1 * noise[:, 0] + 5)
    x[:, 4] = torch.as_tensor(100 * t**2 + 2 * noise[:, 1])
    x[:, 7] = torch.as_tensor(noise[:, 2])
    x[:, GROUP == 0] = one_hot(torch.as_tensor(t > 0).long(), 2).float()
    third = torch.as_tensor(np.digitize(t, [-0.3, 0.4]))
    x[:, GROUP == 1] = one_hot(third, 3).float()
    return x


@pytest.fixture(scope="module")
def fitted():
    return made(rows(1000, 0), GROUP, **SETTINGS)


@pytest.fixture
def codes():
    return torch.randn(40, 3, generator=torch.Generator().manual_seed(1))


def test_divergence():
    draw = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 7, 3, generator=draw, dtype=torch.float64)
    q = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_reconstruction_loss(fitted, codes):
    x = rows(40, 2).double()
    z = codes.double()
    decoded = fitted.decode(z)
    real = Normal(decoded[:, NUMBERS] / fitted.scale[NUMBERS], 1.0)
    numbers = x[:, NUMBERS] / fitted.scale[NUMBERS]
    # Up to the constant of the normal distribution.
    log_p = (real.log_prob(numbers) + np.log(2 * np.pi) / 2).sum(1)
    for k in (0, 1):
        choice = Categorical(decoded[:, k == GROUP])
        log_p += choice.log_prob(x[:, k == GROUP].argmax(1))
    torch.testing.assert_close(fitted.reconstruction_loss(x, z), -log_p)


def test_the_loss_of_numbers_alone():
    x = rows(50, 0)[:, NUMBERS]
    vae = VAE(x, torch.full((3,), -1), latent_dim=2, hidden_dim=4)
    z = torch.ones(50, 2)
    error = (x - vae.decode(z)) / x.std(0, correction=0)
    expected = error.square().sum(1) / 2
    torch.testing.assert_close(vae.reconstruction_loss(x, z), expected)


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_groups_are_on_the_simplex(fitted, codes, size, dtype):
    decoded = fitted.decode(size * codes.to(dtype))
    assert decoded.dtype == dtype
    assert decoded.isfinite().all()
    for k in (0, 1):
        part = decoded[:, k == GROUP]
        assert (part >= 0).all()
        torch.testing.assert_close(part.sum(1), torch.ones(40, dtype=dtype))


def test_held_out_rows_are_reconstructed(fitted):
    train, test = rows(1000, 0), rows(500, 3)
    found = fitted.decode(fitted.encode(test))
    error, spread = (
        (test - guess).square().mean(0) for guess in (found, train.mean(0))
    )
    assert (error[[1, 4]] < 0.2 * spread[[1, 4]]).all()
    for k in (0, 1):
        chosen, real = (part[:, k == GROUP].argmax(1) for part in (found, test))
        assert (chosen == real).float().mean() > 0.9


def test_a_great_beta_leaves_the_prior_and_the_mean():
    x = rows(1000, 0)
    vae = made(x, GROUP, **SETTINGS | {"beta": 100.0})
    mean, log_variance = vae.posterior(x)
    assert divergence(mean, log_variance).mean() < 0.01
    typical = vae.decode(mean)[:, 1]
    assert (typical - x[:, 1].mean()).abs().max() < 0.3 * x[:, 1].std()


def test_the_seed_decides(fitted):
    x = rows(1000, 0)
    short = SETTINGS | {"n_steps": 5}
    one, same, other = (
        made(x, GROUP, **short | {"seed": seed}).encode(x) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.allclose(one, other, atol=0.1)


def test_the_seed_decides_the_rows_drawn(monkeypatch):
    drawn = []

    def randint(*args, **kwargs):
        drawn.append(draw(*args, **kwargs))
        return drawn[-1]

    draw = torch.randint
    monkeypatch.setattr(torch, "randint", randint)
    for seed in (0, 0, 1):
        made(rows(50, 0), GROUP, **SETTINGS | {"n_steps": 1, "seed": seed})
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_global_generators_are_left_alone():
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    made(rows(50, 0), GROUP, **SETTINGS | {"n_steps": 2})
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    # And what they hold does not matter.
    torch.manual_seed(1)
    one = made(rows(50, 0), GROUP, **SETTINGS | {"n_steps": 2})
    torch.manual_seed(2)
    other = made(rows(50, 0), GROUP, **SETTINGS | {"n_steps": 2})
    torch.random.set_rng_state(before[0])
    assert torch.equal(one.encode(rows(9, 1)), other.encode(rows(9, 1)))


def test_no_gradients_are_needed_around_the_training():
    with torch.no_grad():
        vae = made(rows(50, 0), GROUP, **SETTINGS | {"n_steps": 2})
    assert not any(weight.requires_grad for weight in vae.parameters())


def test_units_do_not_matter(fitted):
    # A power of two, for equal rounding.
    x = rows(1000, 0)
    unit = torch.where(NUMBERS, 1024.0, 1.0)
    other = made(x * unit, GROUP, **SETTINGS)
    assert torch.equal(other.encode(x * unit), fitted.encode(x))
    z = fitted.encode(x)
    torch.testing.assert_close(other.decode(z), fitted.decode(z) * unit)


def test_precision_is_that_of_the_rows(fitted):
    x = rows(30, 4).double()
    double = deepcopy(fitted).double()
    z = fitted.encode(x)
    assert z.dtype == fitted.decode(z).dtype == torch.float64
    assert torch.equal(z, double.encode(x))
    assert torch.equal(fitted.decode(z), double.decode(z))
    single = fitted.decode(fitted.encode(x.float()))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double.decode(z), rtol=1e-4, atol=1e-4)


def test_a_row_alone_is_treated_as_in_a_batch(fitted):
    x = rows(30, 4).double()
    z = fitted.encode(x)
    decoded = fitted.decode(z)
    for i in range(0, 30, 7):
        alone = fitted.encode(x[[i]])
        torch.testing.assert_close(alone[0], z[i], rtol=0, atol=1e-12)
        torch.testing.assert_close(
            fitted.decode(alone)[0], decoded[i], rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("copy", [deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies(fitted, codes, copy):
    other = copy(fitted)
    x = rows(20, 5)
    assert torch.equal(other.encode(x), fitted.encode(x))
    assert torch.equal(other.decode(codes), fitted.decode(codes))


def test_constant_columns_and_a_single_row():
    x = rows(20, 0)
    x[:, 4] = 7.0
    vae = made(x, GROUP, **SETTINGS)
    found = vae.decode(vae.encode(x))
    assert found.isfinite().all()
    assert (found[:, 4] - 7).abs().max() < 0.1
    alone = made(x[:1], GROUP, **SETTINGS)
    torch.testing.assert_close(
        alone.decode(alone.encode(x[:1])), x[:1], rtol=0.05, atol=0.05
    )


def test_a_heavy_tail_does_not_spoil_the_training():
    x = rows(5000, 0)
    x[0, 4] = 1e6
    vae = made(x, GROUP, **SETTINGS | {"lr": 0.05})
    assert vae.decode(vae.encode(x)).isfinite().all()
    found = vae.decode(vae.encode(x[1:]))
    error = (found[:, 1] - x[1:, 1]).square().mean()
    assert error < 0.2 * x[1:, 1].var()
