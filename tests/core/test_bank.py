"""The counterfactuals of an epoch."""

from dataclasses import replace

import pytest
import torch

from sklearn_ct._core.bank import Plan, _Positives, generate
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct.generators import ECCCo, Generic


@pytest.fixture
def data():
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(120) % 2
    return torch.randn(120, 3, generator=draw) + 2 * y[:, None] - 1, y


@pytest.fixture
def classes():
    """Four classes of different sizes around the corners of a square."""
    draw = torch.Generator().manual_seed(1)
    y = torch.tensor([0] * 60 + [1] * 30 + [2] * 20 + [3] * 10)
    corners = torch.tensor([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0]])
    return corners[y] + 0.5 * torch.randn(120, 2, generator=draw), y


class Epoch:
    """A network, and how its counterfactuals are to be drawn."""

    def __init__(self, n_inputs=3, n_classes=2, *, seed=0, **options):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.module = MLP(n_inputs, n_classes, (8,))
        self.draw = torch.Generator().manual_seed(seed)
        self.generator = ECCCo()
        self.constraints = Constraints.free(n_inputs)
        self.n_counterfactuals = 50
        self.tau = self.tau_max = 0.5
        self.epsilon = 0.3
        self.n_positives = 1
        self.swap_immutable = 0.0
        vars(self).update(options)

    def generate(self, X, y, sample_weight=None):
        return self.go_on(X, y, sample_weight)[0]

    def go_on(self, X, y, sample_weight=None, **more):
        kept = {"module", "draw"}
        options = {k: v for k, v in vars(self).items() if k not in kept} | more
        before = options.pop("before", None)
        plan = Plan(**options)
        return generate(self.module, X, y, sample_weight, plan, self.draw, before)


def kept_results(monkeypatch, kind, name):
    """Keep what a method returns from now on, in a list."""
    kept, method = [], getattr(kind, name)
    monkeypatch.setattr(
        kind, name, lambda *a, **k: kept.append(method(*a, **k)) or kept[-1]
    )
    return kept


def test_targets_are_never_the_prediction_and_cover_the_other_classes(classes):
    X, y = classes
    # Without perturbation a nascent counterfactual is its row.
    net = Epoch(2, 4, epsilon=0.0, n_counterfactuals=120)
    pairs = set()
    for _ in range(20):
        batch = net.generate(X, y)
        predicted = net.module(batch.nascent).argmax(1)
        pairs |= set(zip(predicted.tolist(), batch.target.tolist(), strict=True))
    present = {p for p, _ in pairs}
    assert pairs == {(p, t) for p in present for t in range(4) if t != p}
    assert len(present) > 1


def test_rows_are_drawn_without_replacement(classes):
    X, y = classes
    net = Epoch(2, 4, epsilon=0.0, n_counterfactuals=70)
    first, second = net.generate(X, y), net.generate(X, y)
    assert len(first) == 70
    assert len(first.nascent.unique(dim=0)) == 70
    assert not torch.equal(first.nascent, second.nascent)
    where = (first.nascent[:, None] == X).all(2).int().argmax(1)
    assert torch.equal(first.label, y[where])
    net.n_counterfactuals = 1000
    everything = net.generate(X, y).nascent
    assert torch.equal(everything.unique(dim=0), X.unique(dim=0))


def test_positives_are_uniform_draws_of_the_target_class(classes):
    X, y = classes
    target = torch.tensor([3, 1]).repeat_interleave(2000)
    positives = _Positives(X, y, target, torch.Generator().manual_seed(0))
    real = positives()
    for k, chosen in ((3, real[:2000]), (1, real[2000:])):
        members, counts = chosen.unique(dim=0, return_counts=True)
        assert torch.equal(members, X[y == k].unique(dim=0))
        expected = 2000 / len(members)
        assert (counts - expected).abs().max() < 5 * expected**0.5


@pytest.mark.parametrize("left", [[0, 1, 2], [0, 2], [3]])
def test_a_class_without_rows_is_no_target(classes, left):
    X, y = classes
    net = Epoch(2, 4, epsilon=0.0, n_counterfactuals=90, tau=0.3)
    rows = torch.isin(y, torch.tensor(left))
    targets = set()
    for _ in range(5):
        batch = net.generate(X[rows], y[rows])
        targets |= set(batch.target.tolist())
        if len(left) > 1:
            assert (net.module(batch.nascent).argmax(1) != batch.target).all()
        # What it is compared with is a row of the target class.
        place = (X[:, None] == batch.real).all(2)
        assert place.any(0).all()
        mature = (batch.real != batch.found).any(1)
        assert torch.equal(y[place.int().argmax(0)][mature], batch.target[mature])
    assert targets == set(left)


@pytest.mark.parametrize("n_positives", [1, 4])
def test_what_did_not_mature_gets_its_real_row(classes, monkeypatch, n_positives):
    X, y = classes
    walk = Generic(max_iter=2)
    net = Epoch(2, 4, generator=walk, tau=0.3, tau_max=0.3, n_positives=n_positives)
    searched = kept_results(monkeypatch, Generic, "search")
    batch = net.generate(X, y)
    (paths,) = searched
    mature = paths.mature
    assert 0 < mature.sum() < 50
    assert torch.equal(batch.found[~mature], batch.real[~mature])
    assert torch.equal(batch.found[mature], paths.counterfactual[mature])
    where = (batch.real[:, None] == X).all(2).int().argmax(1)
    assert torch.equal(X[where], batch.real)
    assert torch.equal(y[where], batch.target)


def test_protection(data):
    X, y = data
    constraints = replace(
        Constraints.free(3),
        rise=torch.tensor([[False, True, False]]),
        fall=torch.tensor([[False, False, True]]),
    )
    batch = Epoch(constraints=constraints, tau=0.3).generate(X, y)
    mature = (batch.found != batch.real).any(1)
    assert mature.any()
    assert torch.equal(batch.real[:, 0], batch.found[:, 0])
    assert (batch.real[:, 1] >= batch.found[:, 1]).all()
    assert (batch.real[:, 2] <= batch.found[:, 2]).all()


@pytest.mark.parametrize(
    ("tau", "tau_max"), [(0.3, 0.9), (0.5, 0.5), (0.97, 0.95), (0.97, 0.2)]
)
def test_thresholds_are_drawn_from_their_range(classes, monkeypatch, tau, tau_max):
    asked = []
    method = Generic.search

    def search(*arguments, **options):
        asked.append(options["tau"])
        return method(*arguments, **options)

    monkeypatch.setattr(Generic, "search", search)
    net = Epoch(
        2,
        4,
        generator=Generic(max_iter=1),
        tau=tau,
        tau_max=tau_max,
        n_counterfactuals=120,
    )
    for _ in range(20):
        net.generate(*classes)
    asked = torch.stack(asked)
    assert asked.shape == (20, 120)
    highest = max(tau, tau_max)
    assert asked.min() >= tau - 1e-7
    assert asked.max() <= highest + 1e-7
    # Uniform: the deciles of 2400 draws.
    expected = torch.linspace(0.1, 0.9, 9) * (highest - tau) + tau
    found = asked.flatten().quantile(torch.linspace(0.1, 0.9, 9))
    assert (found - expected).abs().max() <= 0.05 * (highest - tau) + 1e-6
    assert len(asked.unique()) > 1000 or highest == tau


def test_the_positive_is_the_nearest_of_those_drawn(classes, monkeypatch):
    X, y = classes
    net = Epoch(2, 4, n_positives=5, n_counterfactuals=120, tau=0.3)
    drawn = kept_results(monkeypatch, _Positives, "__call__")
    searched = kept_results(monkeypatch, ECCCo, "search")
    batch = net.generate(X, y)
    assert len(drawn) == 5
    rows = torch.stack(drawn)  # (5, m, d)
    distance = (rows - searched[0].counterfactual).abs().sum(2)
    expected = rows[distance.argmin(0), torch.arange(120)]
    assert torch.equal(batch.real, expected)
    assert (distance.argmin(0) > 0).any()
    # It is of the target class.
    where = (batch.real[:, None] == X).all(2).int().argmax(1)
    assert torch.equal(y[where], batch.target)


def test_one_positive_is_the_first_draw(classes, monkeypatch):
    net = Epoch(2, 4, n_positives=1)
    drawn = kept_results(monkeypatch, _Positives, "__call__")
    batch = net.generate(*classes)
    (real,) = drawn
    assert torch.equal(batch.real, real)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_nascent_takes_over_the_immutable_columns(data, share):
    X, y = data
    constraints = replace(
        Constraints.free(3),
        rise=torch.tensor([[False, True, False]]),
        fall=torch.tensor([[False, False, True]]),
    )
    # Without perturbation a nascent counterfactual is its row.
    net = Epoch(
        constraints=constraints,
        swap_immutable=share,
        n_counterfactuals=120,
        epsilon=0.0,
    )
    swapped = 0
    for _ in range(10):
        nascent = net.generate(X, y).nascent
        # The row is found by the columns that may still move one way, which stay.
        row = (X[:, None, 1:] == nascent[:, 1:]).all(2).int().argmax(0)
        assert torch.equal(X[row, 1:], nascent[:, 1:])
        # The other column is that of a row, too, and over all rows every one's.
        assert (X[:, None, 0] == nascent[:, 0]).any(0).all()
        swapped += int((X[row, 0] != nascent[:, 0]).sum())
        if share == 1:
            assert torch.equal(nascent[:, 0].sort()[0], X[:, 0].sort()[0])
    spread = (1200 * share * (1 - share)) ** 0.5
    # One row in 120 gets its own.
    assert abs(swapped - 1200 * share) <= 4 * spread + 1200 / 30 * share


NEITHER = {"rise": torch.zeros(1, 2).bool(), "fall": torch.zeros(1, 2).bool()}


def test_the_draws_of_an_epoch_are_reproducible(classes):
    options = {"tau": 0.3, "tau_max": 0.9, "n_positives": 3, "swap_immutable": 0.5}
    constraints = replace(Constraints.free(2), **NEITHER)
    options |= {"constraints": constraints, "n_counterfactuals": 40}
    first, second, other = (
        vars(Epoch(2, 4, seed=seed, **options).generate(*classes)) for seed in (5, 5, 6)
    )
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert name == "weight" or not torch.equal(value, other[name]), name


def test_weights_are_one_on_average_over_the_training_rows(data):
    X, y = data
    weight = torch.linspace(0.5, 2, 120)
    batch = Epoch(epsilon=0.0, n_counterfactuals=60).generate(X, y, weight)
    rows = (batch.nascent[:, None] == X).all(2).int().argmax(1)
    torch.testing.assert_close(batch.weight, (weight / weight.mean())[rows])
    assert (Epoch().generate(X, y).weight == 1).all()


# -- searches carried from epoch to epoch ------------------------------------------


def test_searches_are_carried_until_they_are_mature_or_used_up(classes):
    net = Epoch(2, 4, n_counterfactuals=120, tau=0.4, tau_max=0.9)
    net.generator = Generic(max_iter=6, epoch_steps=2)
    for parameter in net.module.parameters():
        parameter.data *= 3
    before, ages = None, set()
    for _ in range(12):
        batch, now, taken = net.go_on(*classes, before=before, n_steps=2)
        paths = now.paths
        assert (taken <= 2).all()
        assert torch.equal(batch.target, now.target)
        assert torch.equal(batch.label, classes[1][now.rows])
        if before is not None:
            # The network is the same: what was mature takes no step.
            same = (now.rows == before.rows) & (paths.steps > taken)
            assert torch.equal(now.tau[same], before.tau[same])
            assert torch.equal(now.target[same], before.target[same])
            old = before.paths
            unfinished = ~old.mature & (old.steps < 6)
            assert same[unfinished].all()
            assert not same[~old.mature & (old.steps >= 6)].any()
            assert (taken[same & old.mature] == 0).all()
        ages |= set(paths.steps.tolist())
        before = now
    assert ages == set(range(1, 7))


def test_mature_searches_are_renewed_in_their_share(classes):
    net = Epoch(2, 4, n_counterfactuals=120, tau=0.0, tau_max=0.0)
    net.generator = Generic(max_iter=10, epoch_steps=2)
    before, renewed = None, 0
    for _ in range(20):
        now = net.go_on(*classes, before=before, n_steps=2)[1]
        assert now.paths.mature.all()
        if before is not None:
            renewed += int((now.rows != before.rows).sum())
        before = now
    # A fifth of 19 times 120; a new search may be of the same row again.
    assert abs(renewed - 456) < 4 * (2280 * 0.2 * 0.8) ** 0.5 + 456 / 120


def test_an_epoch_takes_no_more_steps_than_a_search_has(classes):
    net = Epoch(2, 4, tau=0.9, tau_max=0.9)
    net.generator = Generic(max_iter=2, epoch_steps=5)
    _, before, taken = net.go_on(*classes, n_steps=5)
    assert taken.max() == 2
    draw = torch.Generator().manual_seed(0)
    assert not before.unfinished(net.generator, draw).any()


def test_a_search_of_all_steps_is_renewed_at_once(classes):
    net = Epoch(2, 4, n_counterfactuals=120, tau=0.4)
    net.generator = Generic(max_iter=4, epoch_steps=4)
    before = net.go_on(*classes, n_steps=4)[1]
    draw = torch.Generator().manual_seed(0)
    assert not before.unfinished(net.generator, draw).any()
