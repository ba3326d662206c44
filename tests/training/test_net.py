import pickle
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)
from torch import nn

from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread, threads
from sklearn_ct._training import net as _net
from sklearn_ct._training.callbacks import Progress, early_stopping
from sklearn_ct._training.net import (
    CounterfactualNet,
    NonFiniteLossWarning,
    threads_for,
)
from sklearn_ct.generators import ECCCo, Generic
from sklearn_ct.losses import Weights

FULL = Weights(0.5, 0.25, 0.1)
AR, CD = Weights(0, 0.25, 0), Weights(0.5, 0, 0.1)
BL = Weights(0.0, 0.0, 0.0)
TERMS = ["loss_clf", "loss_div", "loss_adv", "loss_reg"]
SEARCH = ["mature_share", "search_steps", "search_seconds"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():
        yield


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


def make_net(n_inputs=3, n_classes=2, *, sizes=(8,), weights=FULL, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = MLP(n_inputs, n_classes, sizes)
    defaults = {
        "generator": ECCCo(),
        "constraints": Constraints.free(n_inputs),
        "n_counterfactuals": 50,
        "classes": list(range(n_classes)),
        "max_epochs": 4,
        "batch_size": 30,
        "lr": 0.01,
        "callbacks__print_log": None,
        "verbose": 0,
    }
    return CounterfactualNet(module, weights=weights, **{**defaults, **options})


class Spy(Callback):
    """Keeps batches, gradient norms and thread counts."""

    def on_train_begin(self, net, **kwargs):
        self.norms, self.batches, self.threads = [], [], []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        norms = [p.grad.norm() for _, p in named_parameters]
        self.norms.append(torch.stack(norms).norm().item())

    def on_batch_end(self, net, batch, training, **kwargs):
        self.batches.append((training, batch))
        self.threads.append(torch.get_num_threads())


def parameters(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


def kept_results(monkeypatch, kind, name):
    """Keep what a method returns from now on, in a list."""
    kept, method = [], getattr(kind, name)
    monkeypatch.setattr(
        kind, name, lambda *a, **k: kept.append(method(*a, **k)) or kept[-1]
    )
    return kept


def ready(net):
    """Initialised, in an epoch: as `generate` finds it."""
    net.initialize()
    net.history.new_epoch()
    return net


# -- the objective --------------------------------------------------------------


def test_a_step_against_the_formula(data, monkeypatch):
    X, y = data
    weight = torch.linspace(0.5, 2, 120)
    banks = kept_results(monkeypatch, CounterfactualNet, "generate")
    net = make_net(
        weights=FULL,
        optimizer=torch.optim.SGD,
        lr=0.1,
        batch_size=120,
        max_epochs=1,
    )
    net.initialize()
    twin = deepcopy(net.module_)
    net.train(X, y, sample_weight=weight)
    (bank,) = banks
    rows = torch.arange(50)
    own = bank.weight  # of the rows searched, 1 on average over all rows
    assert set(own.tolist()) <= set((weight / weight.mean()).tolist())

    def log_probability(rows, label):
        return twin(rows).log_softmax(1)[torch.arange(len(rows)), label]

    real, found = (-twin(r)[rows, bank.target] for r in (bank.real, bank.found))
    start = X.clone().requires_grad_()
    log_probability(start, y).sum().backward()
    nascent = X - net.epsilon * start.grad.sign()
    twin.zero_grad()
    terms = [
        -(weight * log_probability(X, y)).sum() / weight.sum(),
        real.mean() - found.mean(),
        -(weight * log_probability(nascent, y)).sum() / weight.sum(),
        (real**2).mean() + (found**2).mean(),
    ]
    loss = terms[0] + 0.5 * terms[1] + 0.25 * terms[2] + 0.1 * terms[3]
    loss.backward()
    for new, old in zip(net.module_.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.1 * old.grad)
    row = net.history[-1]
    np.testing.assert_allclose(
        [row[name] for name in TERMS], [t.item() for t in terms], rtol=1e-4
    )
    assert row["train_loss"] == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("weights", [AR, CD, FULL, BL])
def test_partial_objectives(data, weights):
    # As many searches in every mini-batch, so that means are over equal parts.
    for row in make_net(weights=weights, n_counterfactuals=48).train(*data).history:
        clf, *others = (row[term] for term in TERMS)
        expected = clf + sum(w * t for w, t in zip(weights, others, strict=True))
        assert row["train_loss"] == pytest.approx(expected, rel=1e-4)
        # Signed nascent counterfactuals need no search.
        assert ("mature_share" in row) is (weights in (CD, FULL))
        for name, weight in zip(TERMS[1:], weights, strict=True):
            # Divergence and ridge are of the same rows.
            asked = weight or (name in ("loss_div", "loss_reg") and weights is CD)
            assert (row[name] != 0) is bool(asked)


@pytest.mark.parametrize("weights", [BL, Weights(0.0, 0.0, 0.1)])
def test_conventional_training_is_training_without_counterfactuals(
    data, weights, monkeypatch
):
    banks = kept_results(monkeypatch, CounterfactualNet, "generate")
    conventional = make_net(weights=weights).train(*data)
    assert not banks
    without = make_net(n_counterfactuals=0).train(*data)
    full = make_net().train(*data)
    assert torch.equal(parameters(conventional), parameters(without))
    assert not torch.equal(parameters(conventional), parameters(full))


def test_history_columns(data):
    X, y = data
    net = make_net()
    net.train(X, y, validation=(X[:40], y[:40]))
    for k, row in enumerate(net.history, start=1):
        assert row["epoch"] == k
        assert {"train_loss", "valid_acc", "dur", *TERMS, *SEARCH} <= set(row)
        assert 0 <= row["mature_share"] <= 1
        assert 0 < row["search_steps"] <= 30


def test_burn_in(data):
    net = make_net(first_epoch=2, max_epochs=5)
    conventional = make_net(weights=BL).train(*data, epochs=2)
    net.train(*data, epochs=2)
    assert torch.equal(parameters(net), parameters(conventional))
    net.train(*data, epochs=3)
    searched = ["mature_share" in row for row in net.history]
    assert searched == [False, False, True, True, True]
    assert [row["loss_adv"] != 0 for row in net.history] == searched


def test_history_tells_how_the_searches_went(data, monkeypatch):
    searched = kept_results(monkeypatch, Generic, "search")
    net = make_net(generator=Generic(max_iter=10), max_epochs=1).train(*data)
    (paths,) = searched
    assert 0 < paths.mature.sum() < 50
    row = net.history[-1]
    assert row["mature_share"] == pytest.approx(paths.mature.float().mean())
    assert row["search_steps"] == pytest.approx(paths.steps.float().mean())


def test_an_epoch_takes_a_few_steps_of_each_search(data, monkeypatch):
    searched = kept_results(monkeypatch, Generic, "search")
    net = make_net(generator=Generic(max_iter=12, epoch_steps=3), max_epochs=8)
    net.train(*data)
    steps = torch.stack([paths.steps for paths in searched])
    assert len(steps) == 8
    assert (steps[0] <= 3).all()
    assert steps.max() > 3
    assert max(row["search_steps"] for row in net.history) <= 3


def test_nothing_of_the_rows_stays_with_the_net(data):
    few = make_net().train(*data)
    X, y = data[0].repeat(20, 1), data[1].repeat(20)
    many = make_net(n_counterfactuals=1000, batch_size=600)
    many.train(X, y, sample_weight=torch.ones(2400), validation=(X, y))
    sizes = [len(pickle.dumps(net)) for net in (few, many)]
    assert sizes[1] < 1.1 * sizes[0]


@pytest.mark.parametrize("generator", [Generic(), Generic(epoch_steps=None)])
def test_a_single_epoch_takes_all_steps(data, monkeypatch, generator):
    searched = kept_results(monkeypatch, Generic, "search")
    net = make_net(generator=generator)
    for _ in range(2):
        net.train(*data, epochs=1)
    for paths in searched:
        assert (paths.mature | (paths.steps == 30)).all()
        assert paths.steps.max() > 5


def test_without_epoch_steps_an_epoch_ends_its_searches(data, monkeypatch):
    searched = kept_results(monkeypatch, Generic, "search")
    make_net(generator=Generic(epoch_steps=None)).train(*data, epochs=2)
    first, second = searched
    assert ((first.mature & second.mature) | (second.steps == 30)).any()
    assert second.steps.min() == 0 or second.steps.max() > 5


# -- skorch's callbacks ---------------------------------------------------------


def test_epoch_scoring_shows_four_classes_being_learned(classes):
    scoring = EpochScoring(
        "accuracy", lower_is_better=False, on_train=True, name="train_acc"
    )
    net = make_net(2, 4, callbacks=[scoring], max_epochs=40).train(*classes)
    first, last = net.history[0], net.history[-1]
    assert last["train_acc"] > 0.95 > first["train_acc"]
    assert last["loss_clf"] < first["loss_clf"] / 2
    assert last["mature_share"] > 0.5


def test_learning_rate_schedule(data):
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    net = make_net(callbacks=[schedule], lr=0.8, max_epochs=3).train(*data)
    assert net.optimizer_.param_groups[0]["lr"] == pytest.approx(0.1)


def test_gradient_clipping(data):
    free, clipped = Spy(), Spy()
    make_net(callbacks=[free]).train(*data)
    make_net(callbacks=[GradientNormClipping(0.01), clipped]).train(*data)
    assert min(free.norms) > 0.01
    assert max(clipped.norms) <= 0.01 * 1.001


def test_checkpoint(data, tmp_path):
    checkpoint = Checkpoint(
        monitor="train_loss_best", dirname=tmp_path, f_criterion=None, f_optimizer=None
    )
    net = make_net(callbacks=[checkpoint]).train(*data)
    assert net.history[-1]["train_loss_best"]
    fresh = make_net().initialize()
    fresh.load_params(f_params=tmp_path / "params.pt")
    assert torch.equal(parameters(fresh), parameters(net))


def test_early_stopping_on_the_training_loss(data):
    stop = EarlyStopping(monitor="train_loss", patience=2, sink=lambda *_: None)
    net = make_net(callbacks=[stop], lr=1e-12, max_epochs=50).train(*data)
    assert len(net.history) < 50


def test_early_stopping_goes_back_to_the_best_weights(data):
    X, y = (part[:50] for part in data)
    best = [("stop", early_stopping(3))]
    net = make_net(callbacks=best, lr=0.05, max_epochs=60)
    net.train(*data, validation=(X, y))
    assert len(net.history) < 60
    loss = torch.nn.functional.cross_entropy(net.module_(X), y).item()
    assert loss == pytest.approx(min(net.history[:, "valid_loss"]), rel=1e-5)


def test_early_stopping_goes_back_to_the_best_mean_weights(data):
    X, y = (part[:50] for part in data)
    best = [("stop", early_stopping(3))]
    net = make_net(callbacks=best, lr=0.05, max_epochs=60, averaging=0.9)
    net.train(*data, validation=(X, y))
    loss = torch.nn.functional.cross_entropy(net.module_(X), y).item()
    assert loss == pytest.approx(min(net.history[:, "valid_loss"]), rel=1e-5)


def test_the_mean_of_the_weights_predicts(data):
    last, mean = (make_net(averaging=kept).train(*data) for kept in (0.0, 0.9))
    # The same steps were taken.
    assert last.history[:, "train_loss"] == mean.history[:, "train_loss"]
    assert not torch.equal(parameters(last), parameters(mean))


def test_a_nascent_step_is_measured_in_standard_deviations_of_categories():
    rare = torch.zeros(100, 2)
    rare[:10, 0], rare[10:, 1] = 1, 1
    X = torch.cat([torch.randn(100, 1), rare], 1)
    constraints = replace(Constraints.free(3), group=torch.tensor([-1, 0, 0]))
    net = make_net(constraints=constraints, epsilon=0.5).initialize()
    expected = torch.tensor([1.0, 0.3, 0.3])
    torch.testing.assert_close(net._reach(X), expected)


def test_callbacks_see_rows_and_labels(data):
    X, y = data
    spy = Spy()
    net = make_net(callbacks=[spy], max_epochs=1, batch_size=50)
    net.train(X, y, validation=(X[:20], y[:20]))
    sizes = [(training, len(X)) for training, (X, _) in spy.batches]
    assert sizes == [(True, 50), (True, 50), (True, 20), (False, 20)]
    assert all(len(X) == len(y) for _, (X, y) in spy.batches)
    seen = torch.cat([X for training, (X, _) in spy.batches if training])
    assert torch.equal(seen.unique(dim=0), X.unique(dim=0))


# -- what goes wrong, and what stays as it was ----------------------------------


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("everywhere", [False, True])
def test_steps_that_are_not_finite_are_skipped(data, monkeypatch, bad, everywhere):
    objective, calls = _net.objective, []

    def spoiled(*args):
        calls.append(1)
        found = objective(*args)
        is_bad = everywhere or len(calls) == 3
        return found._replace(loss=found.loss * bad) if is_bad else found

    monkeypatch.setattr(_net, "objective", spoiled)
    net = make_net(max_epochs=2, callbacks=[GradientNormClipping(1.0)]).initialize()
    before = parameters(net)
    with pytest.warns(NonFiniteLossWarning, match="batch in epoch . is not finite"):
        net.train(*data)
    # Other batches go on.
    assert torch.equal(parameters(net), before) is everywhere
    assert torch.isfinite(parameters(net)).all()
    assert np.isnan([net.history[-1][name] for name in TERMS]).all() == everywhere


def test_a_runaway_objective_leaves_finite_weights(data):
    net = make_net(optimizer=torch.optim.SGD, lr=1e10)
    with pytest.warns(NonFiniteLossWarning, match="smaller lambda_div or lr"):
        net.train(*data)
    assert torch.isfinite(parameters(net)).all()


def test_the_number_of_threads_is_put_back(data):
    spy, before = Spy(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        make_net(callbacks=[spy], max_epochs=1).train(*data)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(spy.threads) == {1}


@pytest.mark.parametrize(
    ("module", "rows", "expected"),
    [
        (nn.Linear(10, 32), 1000, 1),
        (nn.Linear(300, 99), 1000, 1),  # 29.8 million multiplications
        (nn.Linear(300, 100), 1000, 3),
        (nn.Conv1d(1, 2, 3), 10, 3),
    ],
)
def test_large_networks_get_the_callers_threads(module, rows, expected):
    with threads(3):
        assert threads_for(module, rows) == expected


def test_the_callers_generators_are_untouched(data):
    torch.manual_seed(3)
    states = torch.get_rng_state(), np.append(*np.random.get_state()[1:3])
    first = parameters(make_net().train(*data))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.append(*np.random.get_state()[1:3]) == states[1]).all()
    torch.rand(1)
    assert torch.equal(first, parameters(make_net().train(*data)))
    assert not torch.equal(first, parameters(make_net(seed=1).train(*data)))


def test_one_progress_bar(data, capsys):
    make_net().train(*data)
    assert capsys.readouterr() == ("", "")
    make_net(callbacks=[("progress", Progress())]).train(*data, epochs=5)
    captured = capsys.readouterr()
    lines = [line for line in captured.err.split("\n") if line.strip()]
    assert captured.out == ""
    assert len(lines) == 1
    last = lines[0].split("\r")[-1]
    assert all(text in last for text in ("training: 100%", "5/5", "loss=", "mature="))


class Normed(torch.nn.Module):
    """Knows how often it was asked in training mode, and the mean of those rows."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.linear(self.norm(x))


def test_batches_are_normalised_by_their_own_rows(data):
    X, y = (value[:91] for value in data)  # the last row joins the batch before it
    net = CounterfactualNet(
        Normed(),
        generator=ECCCo(nascent="sign"),
        constraints=Constraints.free(3),
        weights=FULL,
        n_counterfactuals=50,
        classes=[0, 1],
        batch_size=30,
        callbacks__print_log=None,
        verbose=0,
    )
    net.train(X, y, epochs=8)
    norm = net.module_.norm
    assert norm.num_batches_tracked == 8 * 3
    # A moving average of the means of real rows, from zero.
    mean = norm.running_mean / (1 - (1 - norm.momentum) ** (8 * 3))
    assert ((mean - X.mean(0)).abs() < 0.02 * X.std(0)).all()
    assert np.isfinite(net.history[-1]["loss_div"])
