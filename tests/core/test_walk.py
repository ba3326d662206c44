from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ct._core import walk as _walk
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread
from sklearn_ct._core.walk import Asked, WalkSpec, walk
from tests.core.walks import walked

FREE = Constraints.free(3)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():
        yield


def network(seed=0, sizes=(6,), n_inputs=3, n_classes=3, gain=1.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = MLP(n_inputs, n_classes, sizes, "tanh").double()
    for parameter in net.parameters():
        parameter.data *= gain
    return net


def rows(n, d=3, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=draw, dtype=torch.float64)


def targets(net, x, shift=1):
    """For each row a class that it is not predicted as."""
    with torch.no_grad():
        logits = net(x)
    return (logits.argmax(1) + shift) % logits.shape[1]


def probability(net, x, target):
    with torch.no_grad():
        return net(x).softmax(1).gather(1, target[:, None])[:, 0]


class Recorder(nn.Module):
    """Keeps every state of the walk; whole categories are asked without gradients."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.states = []

    def forward(self, x):
        if torch.is_grad_enabled():
            self.states.append(x.detach().clone())
        return self.net(x)


def numeric_walk(net, x, target, *, step_size, n_steps, cost, weights, penalty):
    """One row by central differences of the search objective, in numpy."""

    def loss(state, step):
        with torch.no_grad():
            logits = net(torch.from_numpy(state)[None])
        value = -logits.log_softmax(1)[0, target].item()
        value += cost * (weights * np.abs(state - x)).sum()
        return value + penalty(logits, torch.tensor([target]), step).item()

    state = x.copy()
    for step in range(1, n_steps + 1):
        gradient = np.empty_like(state)
        for d in range(len(state)):
            nudge = np.zeros_like(state)
            nudge[d] = 1e-6
            gradient[d] = loss(state + nudge, step) - loss(state - nudge, step)
        state = state - step_size * gradient / 2e-6
    return state


# -- the walk ---------------------------------------------------------------------


@pytest.mark.parametrize("n_steps", [1, 3])
def test_steps_against_finite_differences(n_steps):
    net, x = network(), rows(4)
    target = targets(net, x)
    weights = torch.tensor([1.0, 3.0, 0.0], dtype=torch.float64)

    def penalty(logits, target, step):
        own = logits.gather(1, target[:, None])[:, 0]
        return -own / step + 0.1 * own**2

    found = walked(
        net,
        x,
        target,
        FREE,
        tau=1 - 1e-9,
        max_iter=n_steps,
        step_size=0.2,
        lambda_cost=0.3,
        penalty=penalty,
        cost_weights=weights,
    )
    for i in range(len(x)):
        expected = numeric_walk(
            net,
            x[i].numpy(),
            int(target[i]),
            step_size=0.2,
            n_steps=n_steps,
            cost=0.3,
            weights=weights.numpy(),
            penalty=penalty,
        )
        np.testing.assert_allclose(found.counterfactual[i], expected, atol=1e-8)
    assert found.steps.tolist() == [n_steps] * 4
    assert not found.mature.any()


def test_mature_rows_stop_where_they_first_reached_tau():
    net, x = Recorder(network(gain=2.0)), rows(30)
    target = targets(net.net, x)
    net.states.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_walk, "DROP_SHARE", 1.0)
        found = walked(net, x, target, FREE, tau=0.6, max_iter=12)
    reached = torch.stack([probability(net.net, s, target) for s in net.states]) >= 0.6
    assert 0 < found.mature.sum() < 30
    for i in range(30):
        if found.mature[i]:
            first = int(reached[:, i].float().argmax())
            assert found.steps[i] == first
            assert torch.equal(found.counterfactual[i], net.states[first][i])
        else:
            assert found.steps[i] == 12
            assert torch.equal(found.counterfactual[i], net.states[12][i])
            assert not reached[:, i].any()
    assert found.steps.unique().numel() > 3


def test_maturity_is_the_probability_of_the_target():
    net, x = network(gain=2.0), rows(50)
    target = targets(net, x)
    found = walked(net, x, target, FREE, tau=0.6, max_iter=12)
    reached = probability(net, found.counterfactual, target) >= 0.6
    assert torch.equal(found.mature, reached)


def test_rows_that_are_mature_from_the_start_stay():
    net, x = network(), rows(10)
    target = targets(net, x, shift=0)
    for rule in (None, "exit", "last"):
        found = walked(net, x, target, FREE, tau=0.1, epsilon=0.3, nascent=rule)
        assert found.mature.all()
        assert torch.equal(found.steps, torch.zeros(10, dtype=torch.long))
        assert torch.equal(found.counterfactual, x)
        assert torch.equal(found.nascent, x)


def test_no_rows_at_all():
    net, x = network(), rows(0)
    none = torch.zeros(0, dtype=torch.long)
    found = walked(net, x, none, FREE, tau=0.5, epsilon=0.1, max_move=0.5)
    assert found.counterfactual.shape == found.nascent.shape == (0, 3)
    assert found.mature.shape == found.steps.shape == (0,)


def test_a_larger_distance_weight_stays_nearer():
    net, x = network(gain=2.0), rows(40)
    target = targets(net, x)
    walks = [
        walked(net, x, target, FREE, tau=1 - 1e-9, lambda_cost=cost)
        for cost in (0.0, 0.2)
    ]
    free, near = ((w.counterfactual - x).abs().sum(1).mean() for w in walks)
    assert near < free


# -- rows do not see each other ------------------------------------------------------


# Paths that never leave the ball, leave it late, at once, and come back to it.
WALKS = [
    {"step_size": 0.05, "epsilon": 0.3},
    {"step_size": 0.25, "epsilon": 0.3},
    {"step_size": 1.0, "epsilon": 0.05},
    {"step_size": 1.5, "epsilon": 0.3, "lambda_cost": 0.6},
]


def closely(a, b):
    for name in ("counterfactual", "nascent"):
        torch.testing.assert_close(
            getattr(a, name), getattr(b, name), rtol=0, atol=1e-12
        )
    assert torch.equal(a.mature, b.mature)
    assert torch.equal(a.steps, b.steps)


@pytest.fixture
def mixed():
    """Rows, targets and constraints of each row, with a one-hot group."""
    net = network(n_inputs=5, gain=4.0)
    x = torch.cat(
        [rows(40, 2), torch.eye(3, dtype=torch.float64)[[0, 1, 2, 1] * 10]], 1
    )
    draw = torch.Generator().manual_seed(5)
    numbers = torch.rand(40, 2, generator=draw)
    free = torch.ones(40, 3, dtype=torch.bool)
    constraints = replace(
        Constraints.free(5),
        lower=torch.tensor([[-3.0, -3.0, 0.0, 0.0, 0.0]]),
        upper=torch.tensor([[3.0, 3.0, 1.0, 1.0, 1.0]]),
        rise=torch.cat([numbers > 0.3, free], 1),
        group=torch.tensor([-1, -1, 0, 0, 0]),
    )
    return net, x, targets(net, x), constraints


def test_alone_equals_in_a_batch(mixed):
    net, x, target, constraints = mixed
    options = {"tau": 0.7, "epsilon": 0.3}
    batch = walked(net, x, target, constraints, **options)
    assert batch.steps.unique().numel() > 2
    for i in range(len(x)):
        row = torch.tensor([i])
        own = constraints.take(row)
        alone = walked(net, x[row], target[row], own, **options)
        closely(alone, type(batch)(**{k: v[row] for k, v in vars(batch).items()}))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_dropping_mature_rows_changes_nothing(mixed, monkeypatch, share):
    monkeypatch.setattr(_walk, "DROP_SHARE", share)
    dropped = walked(*mixed, tau=0.7, epsilon=0.3)
    monkeypatch.setattr(_walk, "DROP_SHARE", 1.0)
    kept = walked(*mixed, tau=0.7, epsilon=0.3)
    assert 0 < kept.mature.sum() < 40
    closely(dropped, kept)


def test_mature_rows_are_dropped(mixed):
    net, *others = mixed
    recorder = Recorder(net)
    walked(recorder, *others, tau=0.7)
    sizes = [len(state) for state in recorder.states]
    assert sizes[0] == 40
    assert sizes[-1] < sizes[0]
    assert sizes == sorted(sizes, reverse=True)


def test_the_walk_ends_when_all_rows_are_mature():
    net, x = Recorder(network(gain=3.0)), rows(10)
    found = walked(net, x, targets(net.net, x), FREE, tau=0.4, max_iter=500)
    assert found.mature.all()
    # With the one that it starts from.
    assert len(net.states) == int(found.steps.max()) + 1


# -- the spec ---------------------------------------------------------------------


def test_one_spec_serves_many_walks_and_stays_as_it_is(mixed):
    spec = WalkSpec(max_iter=7, nascent="exit", max_move=0.2)
    asked = Asked(tau=0.7, epsilon=0.3)
    first = walk(*mixed, spec, asked)
    walk(*mixed, replace(spec, step_size=1.0), asked)
    again = walk(*mixed, spec, asked)
    for one, other in zip(vars(first).values(), vars(again).values(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(FrozenInstanceError):
        spec.max_iter = 8


def test_every_field_of_a_spec_reaches_the_walk(mixed):
    slope = torch.tensor([0.3, -0.2, -0.1]).double()
    changes = {
        "max_iter": 2,
        "step_size": 0.7,
        "lambda_cost": 0.2,
        "penalty": lambda logits, target, step: (slope * logits).sum(1),
        "nascent": "exit",
        "max_move": 0.01,
    }
    asked = Asked(tau=0.95, epsilon=0.3)
    plain = walk(*mixed, WalkSpec(), asked)
    for name, value in changes.items():
        found = walk(*mixed, WalkSpec(**{name: value}), asked)
        pairs = zip(vars(plain).values(), vars(found).values(), strict=True)
        assert not all(torch.equal(one, other) for one, other in pairs), name
    # A slope is believed where one is given.
    wrong = WalkSpec(
        penalty=changes["penalty"],
        penalty_slope=lambda logits, target, step: torch.zeros_like(logits),
    )
    found = walk(*mixed, wrong, asked)
    assert torch.equal(plain.counterfactual, found.counterfactual)


# -- going on ---------------------------------------------------------------------


def carried(task, n_steps, **options):
    """The search in calls of ``n_steps``, each from where the one before ended."""
    paths = None
    for _ in range(-(-30 // n_steps)):
        paths = walked(*task, start=paths, max_iter=n_steps, **options)
    return paths


# Without those that swing around their factual, where rounding decides.
@pytest.mark.parametrize("options", [*WALKS[:3], {"epsilon": 0.3, "max_move": 0.2}])
@pytest.mark.parametrize("nascent", ["exit", "last"])
@pytest.mark.parametrize("n_steps", [1, 5])
def test_a_carried_search_equals_one_in_a_single_call(mixed, options, nascent, n_steps):
    options = options | {"nascent": nascent, "tau": 0.7}

    def penalty(logits, target, step):
        return logits.square().sum(1) / (5 + step)

    whole = walked(*mixed, penalty=penalty, **options)
    parts = carried(mixed, n_steps, penalty=penalty, **options)
    assert 0 < whole.mature.sum() < 40
    closely(parts, whole)
    assert torch.equal(parts.z, parts.counterfactual)


def test_what_is_carried_is_found_mature_by_the_present_network(mixed):
    net, *task = mixed
    before = walked(net, *task, tau=0.5)
    net = network(seed=3, n_inputs=5, gain=4.0)
    after = walked(net, *task, tau=0.5, start=before, max_iter=2)
    stayed = after.steps == before.steps
    p = probability(net, after.counterfactual, task[1])
    assert torch.equal(after.mature, p >= 0.5)
    assert torch.equal(after.counterfactual[stayed], before.counterfactual[stayed])
    assert (before.mature & ~after.mature).sum() > 0
    assert (after.steps - before.steps).max() == 2
    assert not before.mature.equal(after.mature)


def test_paths_are_chosen_row_by_row(mixed):
    first = walked(*mixed, tau=0.7, max_iter=2)
    second = walked(*mixed, tau=0.7, max_iter=4)
    chosen = torch.arange(40) % 3 == 0
    both = first.where(chosen, second)
    for name, value in vars(both).items():
        assert torch.equal(value[chosen], getattr(first, name)[chosen])
        assert torch.equal(value[~chosen], getattr(second, name)[~chosen])


# -- what is left as it was ------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_module_and_rows_are_left_as_they_were(training):
    net = nn.Sequential(network(), nn.Dropout(0.5)).train(training)
    before = [p.clone() for p in net.parameters()]
    x, copy = rows(6), rows(6)
    first, second = (
        walked(net, x, torch.zeros(6, dtype=torch.long), FREE, tau=0.9) for _ in "ab"
    )
    assert net.training is training
    assert all(m.training is training for m in net.modules())
    assert torch.equal(x, copy)
    # Dropout is off: the same walk twice.
    assert torch.equal(first.counterfactual, second.counterfactual)
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert parameter.grad is None
        assert parameter.requires_grad
        assert torch.equal(parameter, old)


def test_mode_is_put_back_after_an_error():
    net = network().train()
    with pytest.raises(RuntimeError):
        walked(net, rows(2, d=4), torch.tensor([0, 1]), Constraints.free(4), tau=0.5)
    assert net.training


def test_works_where_gradients_are_off():
    net, x = network(), rows(6)
    target = targets(net, x)
    with_gradients = walked(net, x, target, FREE, tau=0.9, epsilon=0.3)
    with torch.no_grad():
        without = walked(net, x, target, FREE, tau=0.9, epsilon=0.3)
        assert not torch.is_grad_enabled()
    closely(with_gradients, without)
    assert not without.counterfactual.requires_grad
    assert not without.nascent.requires_grad


# -- nascent ------------------------------------------------------------------------


def paths_of(net, x, target, **options):
    """The walk's result and every state of it, (n_states, n, d)."""
    recorder = Recorder(net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_walk, "DROP_SHARE", 1.0)
        found = walked(recorder, x, target, FREE, **options)
    return found, torch.stack(recorder.states)


def exit_oracle(path, epsilon):
    """Where a polyline first leaves the ball around its start, by bisection."""
    for old, new in zip(path[:-1], path[1:], strict=True):
        if np.abs(new - path[0]).max() > epsilon:
            inside, outside = 0.0, 1.0
            for _ in range(60):
                middle = (inside + outside) / 2
                point = old + middle * (new - old)
                within = np.abs(point - path[0]).max() <= epsilon
                inside, outside = (middle, outside) if within else (inside, middle)
            return old + inside * (new - old)
    return path[-1]


def last_oracle(path, epsilon):
    near = np.abs(path - path[0]).max(axis=1) <= epsilon
    return path[np.flatnonzero(near)[-1]]


@pytest.mark.parametrize("options", WALKS)
@pytest.mark.parametrize(
    ("rule", "oracle"), [("exit", exit_oracle), ("last", last_oracle)]
)
def test_nascent_against_the_oracle(options, rule, oracle):
    net, x = network(gain=2.0), rows(40)
    target = targets(net, x)
    found, path = paths_of(
        net, x, target, tau=0.8, max_iter=15, nascent=rule, **options
    )
    epsilon = options["epsilon"]
    for i in range(len(x)):
        expected = oracle(path[:, i].numpy(), epsilon)
        np.testing.assert_allclose(found.nascent[i], expected, atol=1e-9)
    assert (found.nascent - x).abs().max() <= epsilon + 1e-12


def test_exit_differs_from_its_row_where_the_search_moved():
    net, x = network(gain=3.0), rows(200)
    options = {"tau": 0.9, "epsilon": 0.3, "step_size": 1.0, "nascent": "exit"}
    found = walked(net, x, targets(net, x), FREE, **options)
    moved = (found.counterfactual != x).any(1)
    differs = (found.nascent != x).any(1)
    assert moved.sum() > 150
    assert differs[moved].float().mean() >= 0.95


@pytest.mark.parametrize("rule", ["sign", "exit", "last"])
def test_single_precision_nascent_stays_within_epsilon(rule):
    net, x = network(gain=3.0).float(), 30 * rows(200).float()
    options = {"tau": 0.9, "epsilon": 0.3, "step_size": 1.0, "nascent": rule}
    found = walked(net, x, targets(net, x), FREE, **options)
    rounding = 2 * torch.finfo(torch.float32).eps * x.abs()
    assert ((found.nascent - x).abs() <= 0.3 + rounding).all()


@pytest.mark.parametrize("rule", ["sign", "exit", "last"])
def test_without_epsilon_nascent_is_the_row(rule):
    net, x = network(), rows(5)
    found = walked(net, x, targets(net, x), FREE, tau=0.9, nascent=rule)
    assert torch.equal(found.nascent, x)


def test_without_a_rule_nascent_is_the_row(mixed):
    none = walked(*mixed, tau=0.7, epsilon=0.3)
    assert torch.equal(none.nascent, mixed[1])
    other = walked(*mixed, tau=0.7, epsilon=0.3, nascent="exit")
    assert not torch.equal(none.nascent, other.nascent)
    assert torch.equal(none.counterfactual, other.counterfactual)


# -- the length of a step ------------------------------------------------------------


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_long_steps_are_shortened(share):
    net, x = network(gain=3.0), rows(40)
    target = targets(net, x)
    asked = {"tau": 1 - 1e-9, "step_size": 0.4, "lambda_cost": 0.0, "max_iter": 1}
    plain = walked(net, x, target, FREE, **asked).counterfactual - x
    size = plain.abs().amax(1, keepdim=True)
    longest = share * size.max().item()
    found = walked(net, x, target, FREE, max_move=longest, **asked).counterfactual - x
    expected = plain * torch.where(size > longest, longest / size, 1.0)
    torch.testing.assert_close(found, expected)
    assert (size > longest).any() or share == 1


# -- the threshold -------------------------------------------------------------------


def test_each_row_has_its_own_threshold(mixed):
    net, x, target, constraints = mixed
    asked = torch.tensor([0.3, 0.6, 0.9, 0.99]).double().repeat(10)
    together = walked(net, x, target, constraints, tau=asked, epsilon=0.3)
    for tau in asked.unique():
        own = (asked == tau).nonzero().squeeze(1)
        alone = walked(
            net, x[own], target[own], constraints.take(own), tau=tau, epsilon=0.3
        )
        assert (
            probability(net, alone.counterfactual, target[own])[alone.mature] >= tau
        ).all()
        closely(alone, type(together)(**{k: v[own] for k, v in vars(together).items()}))
    assert 0 < together.mature.sum() < 40


@pytest.mark.parametrize("tau", [0.6, torch.tensor(0.6).double()])
def test_one_threshold_for_all_rows(tau):
    net, x = network(gain=2.0), rows(30)
    target = targets(net, x)
    one = walked(net, x, target, FREE, tau=tau)
    closely(one, walked(net, x, target, FREE, tau=torch.full((30,), 0.6).double()))


def test_a_threshold_is_not_rounded_to_single_precision():
    # A constant model of probability 0.6: rounded, the threshold would be above it.
    net = nn.Linear(3, 2).double()
    nn.init.zeros_(net.weight)
    net.bias.data = torch.tensor([0.6, 0.4], dtype=torch.float64).log()
    target = torch.zeros(1, dtype=torch.long)
    share = probability(net, rows(1), target).item()
    assert float(np.float32(share)) > share
    assert walked(net, rows(1), target, FREE, tau=share).mature.all()
    assert not walked(net, rows(1), target, FREE, tau=share + 1e-12).mature.any()


@pytest.mark.parametrize("far", [0.0, 1.0, 40.0])
@pytest.mark.parametrize("epsilon", [0.001, 0.1])
def test_an_exit_point_is_kept_when_a_search_goes_on(far, epsilon):
    net, x = network(), (rows(40) + far).float()
    net, target = net.float(), targets(net.float(), x)
    options = {"tau": 0.999, "epsilon": epsilon, "nascent": "exit"}
    whole = walked(net, x, target, FREE, max_iter=6, **options)
    first = walked(net, x, target, FREE, max_iter=2, **options)
    then = walked(net, x, target, FREE, max_iter=4, start=first, **options)
    assert torch.equal(then.nascent, whole.nascent)


# -- whole categories ------------------------------------------------------------------


def one_group(n_numbers, size):
    """Free numbers, then one one-hot group."""
    d = n_numbers + size
    bounds = torch.full((1, d), torch.inf)
    lower, upper = -bounds, bounds.clone()
    lower[:, n_numbers:], upper[:, n_numbers:] = 0.0, 1.0
    group = torch.tensor([-1] * n_numbers + [0] * size)
    return replace(Constraints.free(d), lower=lower, upper=upper, group=group)


class Mixture(nn.Module):
    """Log-odds of class 1: what the categories say, high only for a mixture of two."""

    def forward(self, x):
        lead = 40 * x[:, 0] * x[:, 1] - 2 + 3 * x[:, 2]
        return torch.stack([torch.zeros_like(lead), lead], 1)


def test_maturity_is_asked_of_whole_categories_too():
    net = Mixture().double()
    # Half of each of two categories is a point of the path, but nobody can be it.
    x = torch.tensor([[0.7, 0.3, 0.0], [0.1, 0.2, 0.7]], dtype=torch.float64)
    target, tau = torch.tensor([1, 1]), 0.6
    assert (probability(net, x, target) >= tau)[0]
    whole = torch.tensor([[1.0, 0, 0], [0, 0, 1]], dtype=torch.float64)
    reached = probability(net, whole, target) >= tau
    assert reached.tolist() == [False, True]
    group = one_group(0, 3)
    found = walked(net, x, target, group, tau=tau, max_iter=1, step_size=1e-9)
    assert found.mature.tolist() == [False, bool(probability(net, x, target)[1] >= tau)]
    # The same numbers without a group are mature where they are.
    free = walked(net, x[:1], target[:1], FREE, tau=tau)
    assert free.mature.all()
    assert torch.equal(free.counterfactual, x[:1])
    assert free.steps.item() == 0


def test_a_mature_row_is_so_with_and_without_whole_categories(mixed):
    net, x, target, constraints = mixed
    tau = torch.linspace(0.3, 0.95, 40, dtype=torch.float64)
    found = walked(net, x, target, constraints, tau=tau)
    soft = found.counterfactual
    whole = soft.clone()
    whole[:, 2:] = nn.functional.one_hot(soft[:, 2:].argmax(1), 3).double()
    reached = (probability(net, soft, target) >= tau) & (
        probability(net, whole, target) >= tau
    )
    assert torch.equal(found.mature, reached)
    assert 0 < reached.sum() < 40
    # What is kept is the state of the path, not the one with whole categories.
    assert not torch.equal(soft[reached], whole[reached])


# -- what users are given --------------------------------------------------------------


def test_maturity_is_asked_of_what_users_are_given_too():
    net, x = network(), rows(40)
    target = targets(net, x)

    def settle(states, numbers):
        return x[numbers] + (states - x[numbers]).round()

    tau = torch.linspace(0.3, 0.8, 40, dtype=torch.float64)
    options = {"tau": tau, "max_iter": 60, "step_size": 0.5}
    found = walked(net, x, target, FREE, **options, settle=settle)
    soft = found.counterfactual
    given = x + (soft - x).round()
    reached = probability(net, soft, target) >= tau
    assert torch.equal(found.mature, reached & (probability(net, given, target) >= tau))
    # Without it some stop where what users are given falls short.
    early = walked(net, x, target, FREE, **options)
    given = x + (early.counterfactual - x).round()
    short = early.mature & (probability(net, given, target) < tau)
    assert found.mature[short].any()
    assert (found.steps >= early.steps).all()


def test_settled_rows_do_not_depend_on_each_other():
    net, x = network(), rows(12)
    target = targets(net, x)

    def settle_of(home):
        return lambda states, numbers: home[numbers] + (states - home[numbers]).round()

    together = walked(net, x, target, FREE, tau=0.6, settle=settle_of(x))
    for i in range(len(x)):
        own = x[i : i + 1]
        alone = walked(net, own, target[[i]], FREE, tau=0.6, settle=settle_of(own))
        torch.testing.assert_close(alone.counterfactual[0], together.counterfactual[i])
        assert alone.mature.item() == together.mature[i].item()


def test_the_mode_of_every_part_is_put_back():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    module[1].eval()
    x = torch.zeros(3, 2)
    target = torch.ones(3, dtype=torch.long)
    walked(module, x, target, Constraints.free(2), tau=0.9, max_iter=2)
    assert module.training
    assert not module[1].training
