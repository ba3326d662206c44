import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sklearn_ct.metrics import (
    _robustness,
    fgsm,
    pgd,
    robust_accuracy_curve,
    robust_accuracy_score,
)


def make_module(n_features=3, n_classes=4, dropout=0.0, seed=0):
    """Make a small double network, of doubles so that finite differences are exact."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Linear(n_features, 16),
            nn.Tanh(),
            nn.BatchNorm1d(16),
            nn.Dropout(dropout),
            nn.Linear(16, n_classes),
        )
        module.double()(torch.randn(64, n_features, dtype=torch.float64))
        return module


class Classifier:
    """What a fitted classifier shows of itself, without its training."""

    def __init__(self, module, classes, scale):
        self.net_ = type("Net", (), {"module_": module})()
        self.classes_ = np.asarray(classes)
        self.scale = scale

    def encode(self, X):
        return np.asarray(X, dtype=np.float32) / np.float32(self.scale)

    def predict(self, X):
        raise AssertionError


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 3))
    y = rng.integers(4, size=9)
    X.flags.writeable = y.flags.writeable = False
    return X, y


def cross_entropy(module, x, label):
    with torch.no_grad():
        logits = module.eval()(torch.tensor(x)[None])[0].numpy()
    return np.log(np.exp(logits).sum()) - logits[label]


def finite_difference(module, x, label, step=1e-5):
    gradient = np.empty_like(x)
    for d in range(len(x)):
        up, down = x.copy(), x.copy()
        up[d] += step
        down[d] -= step
        rise = cross_entropy(module, up, label) - cross_entropy(module, down, label)
        gradient[d] = rise / (2 * step)
    return gradient


def test_fgsm_steps_by_the_sign_of_the_gradient(data):
    X, y = data
    module = make_module()
    attacked = fgsm(module, X, y, epsilon=0.3)
    for x, label, x_attacked in zip(X, y, attacked, strict=True):
        sign = np.sign(finite_difference(module, x, label))
        np.testing.assert_allclose(x_attacked, x + 0.3 * sign, rtol=1e-12)


def test_fgsm_leaves_features_without_gradient():
    module = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[2.0, 0.0], [-1.0, 0.0]]))
    np.testing.assert_array_equal(
        fgsm(module, [[0.0, 5.0], [0.0, 6.0]], [0, 1], epsilon=0.5),
        [[-0.5, 5.0], [0.5, 6.0]],
    )


def test_pgd_takes_its_steps_from_a_random_start(data):
    X, y = data
    module = make_module()
    epsilon, step_size = 0.1, 0.03
    rng = np.random.RandomState(7)
    expected = X + rng.uniform(-epsilon, epsilon, X.shape)
    for _ in range(3):
        gradients = [
            finite_difference(module, x, label)
            for x, label in zip(expected, y, strict=True)
        ]
        expected = expected + step_size * np.sign(gradients)
        expected = np.clip(expected, X - epsilon, X + epsilon)
    attacked = pgd(
        module,
        X,
        y,
        epsilon=epsilon,
        step_size=step_size,
        max_iter=3,
        random_state=7,
    )
    np.testing.assert_allclose(attacked, expected, rtol=1e-12)


@pytest.mark.parametrize("epsilon", [0.0, 0.02, 0.1, 0.7])
def test_pgd_stays_in_the_ball_and_raises_the_loss(data, epsilon):
    X, y = data
    module = make_module()
    step_size = max(0.01, epsilon / 10)  # from anywhere in the ball to its other side
    attacked = pgd(module, X, y, epsilon=epsilon, step_size=step_size, random_state=0)
    assert np.abs(attacked - X).max() <= epsilon + 1e-12
    for x, x_attacked, label in zip(X, attacked, y, strict=True):
        gain = cross_entropy(module, x_attacked, label) - cross_entropy(
            module, x, label
        )
        assert gain >= (0 if epsilon == 0 else 1e-4)


def test_pgd_of_a_linear_model_is_the_corner_of_the_ball():
    module = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[2.0, -1.0], [-1.0, 3.0]]))
    X = np.array([[0.3, 0.1], [-2.0, 4.0]])
    corner = X + 0.1 * np.array([[-1, 1], [1, -1]])
    attacked = pgd(module, X, [0, 1], random_state=0)
    np.testing.assert_allclose(attacked, corner, rtol=1e-12)
    np.testing.assert_allclose(fgsm(module, X, [0, 1]), corner, rtol=1e-12)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_robust_accuracy_has_a_closed_form_for_a_linear_model(attack):
    # The margin of (1, -2) . x falls by epsilon * 3 under the worst perturbation.
    module = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.5, -1.0], [-0.5, 1.0]]))
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 2))
    margin = X @ [1.0, -2.0]
    y = np.where(rng.random(400) < 0.9, margin < 0, margin > 0).astype(int)
    signed = np.where(y == 0, margin, -margin)
    for epsilon in (0.0, 0.05, 0.1):
        score = robust_accuracy_score(module, X, y, epsilon=epsilon, attack=attack)
        assert isinstance(score, float)
        assert score == pytest.approx((signed > 3 * epsilon).mean(), abs=1e-9)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize("chunk", [1, 100, 2**22])
def test_the_curve_is_the_accuracy_of_each_attack(attack, chunk, monkeypatch):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 3)), rng.integers(4, size=60)
    module = make_module(dropout=0.5)
    epsilons = [0.3, 0.0, 0.05, 1.0]
    attacks = {
        "fgsm": fgsm,
        "pgd": lambda *args, **kwargs: pgd(*args, **kwargs, random_state=5),
    }
    expected = []
    for epsilon in epsilons:
        attacked = attacks[attack](module, X, y, epsilon=epsilon)
        with torch.no_grad():
            predicted = module.eval()(torch.tensor(attacked)).argmax(1).numpy()
        expected.append((predicted == y).mean())
        score = robust_accuracy_score(
            module, X, y, epsilon=epsilon, attack=attack, random_state=5
        )
        assert score == pytest.approx(expected[-1])
    assert len(set(expected)) > 2
    monkeypatch.setattr(_robustness, "_CHUNK", chunk)
    accuracies, given = robust_accuracy_curve(
        module, X, y, epsilons=epsilons, attack=attack, random_state=5
    )
    np.testing.assert_allclose(accuracies, expected)
    np.testing.assert_array_equal(given, epsilons)


def test_the_curve_spans_the_range_of_the_paper(data):
    accuracies, epsilons = robust_accuracy_curve(make_module(), *data)
    np.testing.assert_allclose(epsilons, np.arange(11) / 100)
    assert accuracies.shape == (11,)


@pytest.mark.parametrize(
    "attack", [fgsm, lambda *args: pgd(*args, random_state=0)], ids=["fgsm", "pgd"]
)
class TestTheModelIsLeftAlone:
    def test_modes_gradients_and_generators(self, data, attack):
        module = make_module(dropout=0.5)
        module.train()
        module[2].eval()
        module[0].weight.grad = torch.ones_like(module[0].weight)
        statistics = module[2].running_mean.clone()
        torch_state = torch.get_rng_state()
        numpy_state = np.random.get_state()[1].copy()
        attack(module, *data)
        assert [m.training for m in module.modules()] == [
            True, True, True, False, True, True,
        ]  # fmt: skip
        assert torch.equal(module[0].weight.grad, torch.ones_like(module[0].weight))
        assert module[4].weight.grad is None
        assert torch.equal(module[2].running_mean, statistics)
        assert torch.equal(torch.get_rng_state(), torch_state)
        np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
        assert torch.is_grad_enabled()

    def test_modes_come_back_after_an_error(self, data, attack):
        module = make_module(n_features=2).train()
        with pytest.raises(RuntimeError, match="shape"):
            attack(module, *data)
        assert all(m.training for m in module.modules())
        assert torch.is_grad_enabled()

    def test_dropout_is_off(self, data, attack):
        module = make_module(dropout=0.5)
        np.testing.assert_array_equal(attack(module, *data), attack(module, *data))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_mode_of_autograd_does_not_matter(data, mode):
    module, x, label = make_module(), *data
    expected = fgsm(module, x, label)
    with mode():
        np.testing.assert_array_equal(fgsm(module, x, label), expected)


def test_a_row_alone_equals_the_row_among_others(data):
    X, y = data
    module = make_module()
    together = fgsm(module, X, y)
    for i in range(len(X)):
        np.testing.assert_array_equal(fgsm(module, X[[i]], y[[i]]), together[[i]])


def test_a_classifier_takes_its_own_rows_and_labels(data):
    X, y = data
    module = make_module().float()
    labels = np.array(["a", "b", "c", "d"])
    classifier = Classifier(module, labels, scale=10.0)
    frame = pd.DataFrame(X * 10, columns=["one", "two", "three"])
    np.testing.assert_allclose(
        fgsm(classifier, frame, labels[y]), fgsm(module, X, y), rtol=1e-5
    )
    np.testing.assert_allclose(
        pgd(classifier, frame, labels[y], random_state=0),
        pgd(module, X, y, random_state=0),
        rtol=1e-4,
    )
    for attack in ("fgsm", "pgd"):
        np.testing.assert_array_equal(
            robust_accuracy_curve(classifier, frame, labels[y], attack=attack),
            robust_accuracy_curve(module, X, y, attack=attack),
        )


def test_a_module_with_a_method_called_encode_is_a_module(data):
    class Coder(nn.Linear):
        def encode(self, X):
            raise AssertionError

    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert fgsm(Coder(3, 4), *data).shape == (9, 3)


MODULE = nn.Linear(2, 2)
X, Y = [[0.0, 1.0], [2.0, 3.0]], [0, 1]


@pytest.mark.parametrize("attack", [fgsm, pgd, robust_accuracy_score])
@pytest.mark.parametrize(
    ("args", "options", "error", "message"),
    [
        (("module", X, Y), {}, TypeError, "must be a callable .* Got str instead"),
        ((MODULE, [0.0], Y), {}, ValueError, "Expected 2D array"),
        ((MODULE, [[np.nan, 0]], [0]), {}, ValueError, "X contains NaN"),
        ((MODULE, X, [0]), {}, ValueError, "inconsistent numbers of samples"),
        ((MODULE, X, [0, 2]), {}, ValueError, "classes of the model, 0, 1. Got 2"),
        ((MODULE, X, ["a", "b"]), {}, ValueError, "Mix of label input types"),
        ((MODULE, X, Y), {"epsilon": -0.1}, ValueError, "epsilon == -0.1, must be >="),
        ((MODULE, X, Y), {"epsilon": "big"}, TypeError, "epsilon must be an instance"),
    ],
)
def test_errors(attack, args, options, error, message):
    with pytest.raises(error, match=message):
        attack(*args, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pgd(MODULE, X, Y, step_size=-1), "step_size == -1, must be >= 0"),
        (lambda: pgd(MODULE, X, Y, max_iter=-1), "max_iter == -1, must be >= 0"),
        (
            lambda: robust_accuracy_score(MODULE, X, Y, attack="cw"),
            "must be 'fgsm' or 'pgd'. Got 'cw' instead",
        ),
        (
            lambda: robust_accuracy_curve(MODULE, X, Y, epsilons=[0.1, -0.1]),
            "epsilon == -0.1, must be >= 0",
        ),
        (
            lambda: robust_accuracy_curve(MODULE, X, Y, epsilons=0.1),
            "should be a 1d array",
        ),
    ],
)
def test_errors_of_one(call, message):
    with pytest.raises(ValueError, match=message):
        call()
