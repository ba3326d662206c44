"""The written-out passes of a training step against those of autograd."""

import itertools

import pytest
import torch
from torch import nn

from sklearn_ct._core.network import ACTIVATIONS, MLP
from sklearn_ct._core.objective import Chunk, objective, weights_of
from sklearn_ct._core.step import Attack, AutogradPasses, WrittenPasses, passes_of

N, D, K = 12, 4, 3
KINDS = {"written": WrittenPasses, "autograd": AutogradPasses}


class Doubled(nn.Sequential):
    """A sequence with a forward pass of its own, which nothing is written out for."""

    def forward(self, x):
        return 2 * super().forward(x)


def network(activation="relu", sizes=(7, 5), seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MLP(D, K, sizes, activation).double()


def shared_layer():
    """A layer that stands in two places, without intercepts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.Linear(D, D, bias=False)
        return nn.Sequential(layer, nn.Tanh(), layer, nn.ReLU(), nn.Linear(D, K))


def batches(weighted=True, searched=5, n_steps=60):
    """Rows, labels, weights and chunks of mini-batches."""
    draw = torch.Generator().manual_seed(1)

    def rand(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    for _ in range(n_steps):
        label = torch.randint(K, (N,), generator=draw)
        weight = rand(N).exp() if weighted else None
        chunk = None
        if searched:
            target = torch.randint(K, (searched,), generator=draw)
            linear, square = rand(2, searched, 1)
            chunk = Chunk(
                rand(searched, D),
                rand(searched, K).softmax(1),
                rand(searched, 1).exp(),
                torch.eye(K).double()[target],
                linear,
                square.exp() / 10,
            )
        yield rand(N, D), label, weight, chunk


def train(module, passes, batches, adv=0.3, swap=None):
    """Losses of some steps of Adam."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for x, label, weight, chunk in batches:
        optimizer.zero_grad()
        attack = Attack(label, weights_of(label, weight, x), 0.1, swap) if adv else None
        rows = None if chunk is None else chunk.rows
        logits, to_weights = passes(x, attack, rows)
        assert not logits.requires_grad
        found = objective(logits, label, weight, chunk, adv)
        to_weights(found.slope)
        optimizer.step()
        losses.append(found.loss.item())
    return losses


def both(make, *, adv=0.3, swap=None, **options):
    """Losses and weights of both kinds of passes, trained alike."""
    for kind in KINDS.values():
        module = make()
        passes = passes_of(module, module)
        assert isinstance(passes, WrittenPasses)
        if kind is AutogradPasses:
            passes = AutogradPasses(module, passes.stack)
        losses = train(module, passes, batches(**options), adv, swap)
        yield losses, torch.nn.utils.parameters_to_vector(module.parameters())


def assert_alike(first, second):
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(
            torch.as_tensor(one), torch.as_tensor(other), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(
    ("activation", "sizes"),
    [*((name, (7, 5)) for name in ACTIVATIONS), ("relu", ()), ("tanh", (3,))],
)
def test_steps_are_those_of_autograd(activation, sizes):
    assert_alike(*both(lambda: network(activation, sizes)))


@pytest.mark.parametrize(
    ("weighted", "searched", "adv"),
    list(itertools.product([True, False], [5, 0], [0.3, 0])),
)
def test_steps_with_and_without_each_part(weighted, searched, adv):
    options = {"weighted": weighted, "searched": searched, "adv": adv}
    assert_alike(*both(network, n_steps=10, **options))


def test_a_layer_may_stand_in_two_places():
    assert_alike(*both(lambda: shared_layer().double(), n_steps=10))


def test_nascent_rows_may_be_changed_further():
    def swap(nascent, x):
        return torch.cat((nascent[:, :2], x.flip(0)[:, 2:]), 1)

    swapped, expected = both(network, n_steps=10, swap=swap)
    assert_alike(swapped, expected)
    assert swapped[0] != next(both(network, n_steps=10))[0]


def test_gradients_add_up():
    module = network()
    (x, label, _, _), passes = next(batches()), passes_of(module, module)
    for _ in range(2):
        logits, to_weights = passes(x, None, None)
        to_weights(objective(logits, label, None, None).slope)
    loss = 2 * nn.functional.cross_entropy(module(x), label)
    expected = torch.autograd.grad(loss, list(module.parameters()))
    for weight, gradient in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def hooked(module):
    module[0].register_forward_hook(lambda layer, args, out: 2 * out)


def watched(module):
    module[0].weight.register_hook(lambda gradient: gradient / 2)


def told(module):
    module[0].weight.register_post_accumulate_grad_hook(lambda weight: None)


def fixed(module):
    module[0].requires_grad_(False)


@pytest.mark.parametrize("change", [hooked, watched, told, fixed])
def test_what_others_wait_for_is_left_to_autograd(change):
    module = network()
    change(module)
    passes = passes_of(module, module)
    assert isinstance(passes, AutogradPasses)
    x, label, weight, chunk = next(batches())
    attack = Attack(label, weights_of(label, weight, x), 0.1)
    logits, to_weights = passes(x, attack, chunk.rows)
    slope = objective(logits, label, weight, chunk, 0.3).slope
    to_weights(slope)
    # The rows that were passed are those of the network as it is.
    torch.testing.assert_close(logits[:N], module(x))
    assert (module[0].weight.grad is None) is (change is fixed)
    assert module[2].weight.grad is not None


def test_a_wrapper_around_the_network_is_left_to_autograd():
    module = network()
    assert isinstance(passes_of(nn.Sequential(module), module), AutogradPasses)
    assert isinstance(passes_of(Doubled(*module), module), AutogradPasses)


def test_networks_note_real_rows_alone():
    layers = nn.Linear(D, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, K)
    module = nn.Sequential(*layers).double().train()
    (x, label, _, chunk) = next(batches())
    passes = passes_of(module, module)
    attack = Attack(label, weights_of(label, None, x), 0.1)
    passes(x, attack, chunk.rows)
    assert module.training
    expected = module[0](x).mean(0).detach() * 0.1  # the momentum of its mean
    torch.testing.assert_close(module[1].running_mean, expected)


@pytest.mark.parametrize("module", [network(), Doubled(nn.Linear(D, K)).double()])
def test_nascent_rows_are_a_signed_step_that_raises_the_loss(module):
    x, label, _, _ = next(batches())

    def loss(rows):
        return nn.functional.cross_entropy(module(rows), label, reduction="none")

    expected = torch.empty_like(x)
    for i, row in enumerate(x):
        row = row.clone().requires_grad_()
        (-module(row[None]).log_softmax(1)[0, label[i]]).backward()
        expected[i] = x[i] + 0.1 * row.grad.sign()
    for epsilon in (0.1, 1e-4):
        seen = []
        attack = Attack(
            label,
            weights_of(label, None, x),
            epsilon,
            lambda nascent, x, seen=seen: seen.append(nascent) or nascent,
        )
        logits, _ = passes_of(module, module)(x, attack, None)
        torch.testing.assert_close(logits[N:], module(seen[0]))
        if epsilon == 0.1:
            torch.testing.assert_close(seen[0], expected)
        assert epsilon == 0.1 or (loss(seen[0]) > loss(x)).all()
