"""Searches under constraints, in the input space and in a latent one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread
from tests.core.walks import walked

FREE = Constraints.free(3)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():
        yield


def network(seed=0, n_inputs=3, gain=1.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = MLP(n_inputs, 3, (6,), "tanh").double()
    for parameter in net.parameters():
        parameter.data *= gain
    return net


def rows(n, d=3, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=draw, dtype=torch.float64)


def targets(net, x):
    """For each row a class that it is not predicted as."""
    with torch.no_grad():
        return (net(x).argmax(1) + 1) % 3


def orthogonal(d):
    return torch.linalg.qr(rows(d, d, seed=9))[0]


@pytest.mark.parametrize("rule", ["sign", "exit"])
def test_an_orthogonal_latent_space_walks_the_same_path(rule):
    # Gradient steps do not depend on the choice of an orthonormal basis.
    net, x, basis = network(), rows(10), orthogonal(3)
    target = targets(net, x)
    # (The l1 distance would see the rounding of the way there and back.)
    options = {"tau": 0.7, "epsilon": 0.3, "lambda_cost": 0.0, "nascent": rule}
    direct = walked(net, x, target, FREE, **options)
    latent = walked(
        net,
        x,
        target,
        FREE,
        encode=lambda x: x @ basis,
        decode=lambda z: z @ basis.T,
        **options,
    )
    torch.testing.assert_close(latent.counterfactual, direct.counterfactual)
    torch.testing.assert_close(latent.nascent, direct.nascent)
    assert torch.equal(latent.steps, direct.steps)


def test_latent_steps_go_by_the_latent_gradient():
    net, x = network(), rows(4)
    target, scale = targets(net, x), torch.tensor([2.0, 0.5, 3.0]).double()
    options = {"tau": 0.99, "max_iter": 1, "lambda_cost": 0.0}
    direct = walked(net, x, target, FREE, **options)
    latent = walked(
        net, x, target, FREE, encode=lambda x: x / scale, decode=scale.mul, **options
    )
    step = (direct.counterfactual - x) * scale**2
    torch.testing.assert_close(latent.counterfactual, x + step)


def test_mutability_and_domain_hold_on_the_decoded_row():
    net, x, basis = network(gain=2.0), rows(60).clamp(-2, 2), orthogonal(3)
    constraints = replace(
        FREE,
        lower=torch.tensor([[-2.0, -2.0, -2.0]]),
        upper=torch.tensor([[2.0, 2.0, 2.0]]),
        rise=torch.tensor([[False, True, True]]),
        fall=torch.tensor([[False, False, True]]),
    )
    found = walked(
        net,
        x,
        targets(net, x),
        constraints,
        tau=0.9,
        step_size=2.0,
        epsilon=0.3,
        nascent="exit",
        encode=lambda x: x @ basis,
        decode=lambda z: z @ basis.T,
    )
    for result in (found.counterfactual, found.nascent):
        assert torch.equal(result[:, 0], x[:, 0])
        assert (result[:, 1] >= x[:, 1]).all()
        assert (result.abs() <= 2).all()
    change = found.counterfactual - x
    assert (change[:, 1] > 0.1).any()
    assert (change[:, 2] > 0.1).any()
    assert (change[:, 2] < -0.1).any()
    assert (found.counterfactual[:, 2].abs() == 2).any()
    with torch.no_grad():
        reached = net(found.counterfactual).softmax(1)[range(60), targets(net, x)]
    reached = reached >= 0.9
    assert torch.equal(found.mature, reached)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    seed=st.integers(0, 2**31),
    n_numbers=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 4), max_size=3),
    by_row=st.booleans(),
    latent=st.booleans(),
    step_size=st.sampled_from([0.25, 2.0]),
    single=st.booleans(),
    rule=st.sampled_from(["exit", "last"]),
)
def test_every_answer_is_allowed(
    seed, n_numbers, sizes, by_row, latent, step_size, single, rule
):
    draw = np.random.default_rng(seed)
    n, d = 12, n_numbers + sum(sizes)
    n_rules = n if by_row else 1
    group = np.repeat([*[-1] * n_numbers, *range(len(sizes))], [1] * n_numbers + sizes)
    x = np.empty((n, d))
    x[:, :n_numbers] = draw.uniform(-1, 1, (n, n_numbers))
    rise, fall = (draw.random((n_rules, d)) < 0.7 for _ in range(2))
    lower, upper = np.zeros((n_rules, d)), np.ones((n_rules, d))
    lower[:, :n_numbers], upper[:, :n_numbers] = -1.2, 1.1
    rank = np.zeros(d)
    for k, size in enumerate(sizes):
        columns = np.flatnonzero(group == k)
        rise[:, columns], fall[:, columns] = rise[:, columns[:1]], fall[:, columns[:1]]
        rank[columns] = draw.permutation(size)
        here = draw.integers(size, size=n)
        x[:, columns] = np.eye(size)[here]
        upper[:, columns] = draw.random((n_rules, size)) < 0.8
        # The factual's category is allowed.
        own = np.eye(size)[here] if by_row else np.bincount(here, minlength=size)
        upper[:, columns] = np.maximum(upper[:, columns], own > 0)
    constraints = Constraints(
        *map(torch.from_numpy, (lower, upper, rise, fall, group, rank))
    )
    net = network(seed=seed % 1000, n_inputs=d, gain=4.0)
    kind = torch.float32 if single else torch.float64
    rows_ = torch.from_numpy(x).to(kind)
    basis = orthogonal(d).to(kind)
    maps = {"encode": lambda x: x @ basis, "decode": lambda z: z @ basis.T}
    net = net.to(kind)
    found = walked(
        net,
        rows_,
        targets(net, rows_),
        constraints,
        tau=0.8,
        epsilon=0.2,
        step_size=step_size,
        max_iter=10,
        nascent=rule,
        **(maps if latent else {}),
    )
    x = rows_.numpy()
    close = 1e-5 if single else 1e-9
    up, down = np.broadcast_to(rise, x.shape), np.broadcast_to(fall, x.shape)
    for result in (found.counterfactual.numpy(), found.nascent.numpy()):
        change = result - x
        frozen = ~up & ~down
        numbers = np.broadcast_to(group < 0, x.shape)
        assert (result[frozen] == x[frozen]).all()
        assert (change[numbers & ~up] <= 0).all()
        assert (change[numbers & ~down] >= 0).all()
        assert (result >= lower - close).all()
        assert (result <= upper + close).all()
        for k in range(len(sizes)):
            columns = np.flatnonzero(group == k)
            part, place = result[:, columns], rank[columns]
            np.testing.assert_allclose(part.sum(1), 1, atol=close)
            start = x[:, columns] @ place
            taken = part > close
            below = (taken & (place < start[:, None])).any(1)
            above = (taken & (place > start[:, None])).any(1)
            assert not (above & ~up[:, columns[0]]).any()
            assert not (below & ~down[:, columns[0]]).any()


def test_a_factual_outside_the_domain_is_pulled_into_it():
    net, x = network(), rows(5) + 10
    bounded = replace(FREE, upper=torch.tensor([[1.0, 2.0, 3.0]]))
    found = walked(net, x, targets(net, x), bounded, tau=0.999, max_iter=3)
    assert (found.counterfactual <= torch.tensor([1.0, 2.0, 3.0])).all()
