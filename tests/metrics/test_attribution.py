import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import (
    _attribution,
    flip_rate,
    integrated_gradients,
    protected_sensitivity,
)


def make_module(n_features=3, n_classes=4, activation=nn.Tanh, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(n_features, 16),
            activation(),
            nn.Dropout(0.5),
            nn.Linear(16, n_classes),
        ).double()


def make_linear(weights):
    weights = torch.tensor(weights, dtype=torch.float64)
    module = nn.Linear(weights.shape[1], weights.shape[0]).double()
    with torch.no_grad():
        module.weight.copy_(weights)
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


def logits(module, X):
    with torch.no_grad():
        return module.eval()(torch.tensor(X, dtype=torch.float64)).numpy()


@pytest.fixture
def X():
    X = np.random.default_rng(0).normal(size=(9, 3))
    X.flags.writeable = False
    return X


@pytest.mark.parametrize(
    ("activation", "n_steps", "tolerance"),
    [(nn.Tanh, 50, 1e-9), (nn.ReLU, 2000, 1e-3), (nn.Softplus, 20, 1e-9)],
)
@pytest.mark.parametrize("target", [2, [0, 3, 1, 2, 0, 3, 1, 1, 2]])
def test_attributions_sum_to_the_rise_of_the_logit(
    X, activation, n_steps, tolerance, target
):
    module = make_module(activation=activation)
    baseline = np.random.default_rng(1).uniform(-1, 1, size=X.shape)
    g = integrated_gradients(module, X, target, baseline=baseline, n_steps=n_steps)
    assert g.shape == X.shape
    rows, target = np.arange(len(X)), np.broadcast_to(target, len(X))
    rise = logits(module, X)[rows, target] - logits(module, baseline)[rows, target]
    np.testing.assert_allclose(g.sum(axis=1), rise, atol=tolerance)


def test_attributions_integrate_finite_differences(X):
    module = make_module()
    baseline = np.array([0.5, -1.0, 0.0])
    n_points, step = 400, 1e-6
    expected = np.zeros_like(X)
    for alpha in (np.arange(n_points) + 0.5) / n_points:
        point = baseline + alpha * (X - baseline)
        for d in range(3):
            nudge = np.eye(3)[d] * step
            rise = logits(module, point + nudge) - logits(module, point - nudge)
            expected[:, d] += rise[:, 1] / (2 * step) / n_points
    expected *= X - baseline
    g = integrated_gradients(module, X, 1, baseline=baseline)
    np.testing.assert_allclose(g, expected, atol=1e-5)


@pytest.mark.parametrize("n_steps", [1, 2, 50])
@pytest.mark.parametrize("baseline", [0.0, 2.5, np.array([1.0, -2.0, 0.5])])
def test_attributions_of_a_linear_model_are_exact(X, baseline, n_steps):
    weights = np.array([[1.0, -2.0, 0.0], [0.5, 3.0, -1.0]])
    g = integrated_gradients(
        make_linear(weights), X, 1, baseline=baseline, n_steps=n_steps
    )
    np.testing.assert_allclose(g, (X - baseline) * weights[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("n_steps", [5, 50])
def test_attributions_are_those_of_captum(X, activation, n_steps):
    attr = pytest.importorskip(
        "captum.attr", reason="captum, the other implementation, is not installed"
    )
    module = make_module(activation=activation).eval()
    target = np.array([0, 3, 1, 2, 0, 3, 1, 1, 2])
    baseline = np.random.default_rng(1).uniform(-1, 1, size=X.shape)
    expected = attr.IntegratedGradients(module).attribute(
        torch.tensor(X),
        baselines=torch.tensor(baseline),
        target=torch.tensor(target),
        n_steps=n_steps,
        method="gausslegendre",
    )
    g = integrated_gradients(module, X, target, baseline=baseline, n_steps=n_steps)
    # Captum rounds its quadrature weights to single precision.
    np.testing.assert_allclose(g, expected.detach().numpy(), rtol=0, atol=1e-8)


def test_the_uniform_baseline_is_drawn_for_each_row_from_minus_1_to_1():
    X = np.zeros((4000, 2))
    module = make_linear([[1.0, 1.0], [0.0, 0.0]])
    baseline = -integrated_gradients(module, X, 0, random_state=0)
    assert -1 <= baseline.min() < -0.99
    assert 0.99 < baseline.max() <= 1
    assert abs(baseline.mean()) < 0.02
    assert len(np.unique(baseline)) == baseline.size
    again = -integrated_gradients(module, X, 0, random_state=0)
    np.testing.assert_array_equal(baseline, again)
    other = -integrated_gradients(module, X, 0, random_state=1)
    assert not np.array_equal(baseline, other)


def test_the_default_target_is_the_predicted_class(X):
    module = make_module()
    predicted = logits(module, X).argmax(axis=1)
    assert len(np.unique(predicted)) > 1
    np.testing.assert_array_equal(
        integrated_gradients(module, X, baseline=0.0),
        integrated_gradients(module, X, predicted, baseline=0.0),
    )


def test_chunks_and_company_do_not_change_a_row(X, monkeypatch):
    module = make_module()
    together = integrated_gradients(module, X, baseline=0.0)
    monkeypatch.setattr(_attribution, "_CHUNK", 400)
    chunked = integrated_gradients(module, X, baseline=0.0)
    np.testing.assert_allclose(chunked, together, rtol=1e-10)
    alone = [integrated_gradients(module, x[None], baseline=0.0)[0] for x in X]
    np.testing.assert_allclose(alone, together, rtol=1e-10)


def brute_sensitivity(weights, X, feature, target, n_bootstrap, n_rows, seed):
    """The definition for a linear model, whose attributions have a closed form."""
    rng = np.random.RandomState(seed)
    rounds = []
    for _ in range(n_bootstrap):
        rows = rng.randint(len(X), size=n_rows)
        baselines = rng.uniform(-1, 1, size=(n_rows, X.shape[1]))
        values = []
        for i, b in zip(rows, baselines, strict=True):
            g = (X[i] - b) * weights[target[i]]
            spread = max(g) - min(g)
            if X.shape[1] == 2:
                values.append(abs(g[feature]) / spread)
            else:
                values.append((g[feature] - min(g)) / spread)
        rounds.append(np.mean(values))
    return np.median(rounds)


@pytest.mark.parametrize("n_features", [2, 3, 5])
@pytest.mark.parametrize("feature", [0, 1])
def test_sensitivity_is_the_definition(n_features, feature):
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(3, n_features))
    X = rng.normal(size=(20, n_features))
    module = make_linear(weights)
    sizes = {"n_bootstrap": 7, "n_rows": 31}
    predicted = logits(module, X).argmax(axis=1)
    for target in (None, 1):
        used = predicted if target is None else np.full(20, target)
        expected = brute_sensitivity(weights, X, feature, used, **sizes, seed=3)
        value = protected_sensitivity(
            module, X, feature, target=target, **sizes, random_state=3
        )
        assert isinstance(value, float)
        assert value == pytest.approx(expected, rel=1e-9)


def test_sensitivity_of_features_that_do_not_matter_or_matter_alone():
    X = np.random.default_rng(4).normal(size=(50, 2))
    options = {"n_bootstrap": 5, "n_rows": 40}
    module = make_linear([[0.0, 2.0], [0.0, -1.0]])
    assert protected_sensitivity(module, X, 0, **options) == 0
    assert protected_sensitivity(module, X, 1, **options) == pytest.approx(1)
    # No attribution at all: 0, not a division by 0.
    module = make_linear([[0.0, 0.0], [0.0, 0.0]])
    assert protected_sensitivity(module, X, 1, **options) == 0


def test_sensitivity_of_several_features_is_their_mean():
    X = np.random.default_rng(5).normal(size=(50, 4))
    module = make_module(4)
    options = {"n_bootstrap": 1, "n_rows": 40}
    each = [protected_sensitivity(module, X, d, **options) for d in (0, 3)]
    both = protected_sensitivity(module, X, [0, 3], **options)
    assert both == pytest.approx(np.mean(each))


def test_sensitivity_of_columns():
    X, y = make_loan_applications(120, random_state=0)
    dummies = pd.get_dummies(X.pop("housing"), prefix="housing").astype(float)
    X = pd.concat([X, dummies], axis=1)
    clf = CounterfactualTrainedClassifier(
        hidden_layer_sizes=(8,), max_epochs=1, n_counterfactuals=0, random_state=0
    ).fit(X, y)
    codes = pd.DataFrame(clf.encode(X))
    options = {"n_bootstrap": 1, "n_rows": 40}

    def by_positions(places):
        return np.mean([protected_sensitivity(clf, X, d, **options) for d in places])

    # Where each column is among the codes, found by what the codes hold.
    (age,) = (d for d in codes if abs(np.corrcoef(codes[d], X["age"])[0, 1]) > 0.999)
    purposes = [(X["purpose"] == name) for name in sorted(X["purpose"].unique())]
    purpose = [next(d for d in codes if (codes[d] == p).all()) for p in purposes]
    first = next(d for d in codes if (codes[d] == dummies.iloc[:, 0]).all())
    for feature, expected in [
        ("age", by_positions([age])),
        (["age"], by_positions([age])),
        ("purpose", by_positions(purpose)),
        (dummies.columns[0], by_positions([first])),
        # Columns count alike, however many codes they have.
        (["age", "purpose"], (by_positions([age]) + by_positions(purpose)) / 2),
    ]:
        value = protected_sensitivity(clf, X, feature, **options)
        assert value == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="Unknown column 'agee'. Did you mean 'age'"):
        protected_sensitivity(clf, X, ["agee"], **options)


def test_flip_rate_by_brute_force():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=40), "b": rng.choice(list("xyz"), 40)})

    def predict(X):
        return np.where(X["b"] == "x", "p", np.where(X["a"] > 0.5, "q", "r"))

    pairs = [(i, j) for i in range(40) for j in range(40) if i != j]
    for feature in ("a", "b", ["a", "b"]):
        swapped = X.iloc[[i for i, _ in pairs]].reset_index(drop=True)
        other = X.iloc[[j for _, j in pairs]].reset_index(drop=True)
        swapped[feature] = other[feature]
        before = predict(X)[[i for i, _ in pairs]]
        expected = (predict(swapped) != before).mean()
        rate = flip_rate(predict, X, feature, n_repeats=400)
        assert rate == pytest.approx(expected, abs=0.01)
    assert flip_rate(predict, X, "a") == flip_rate(predict, X, "a")
    array = X[["a"]].to_numpy()
    assert flip_rate(lambda rows: rows[:, 0] > 0, array, 0) > 0.3
    assert flip_rate(lambda rows: rows[:, 0] > 9, array, 0) == 0


def test_flip_rate_of_a_pipeline():
    X, y = make_loan_applications(200, random_state=0)
    X = X[["income", "age", "savings"]]
    model = make_pipeline(
        StandardScaler(),
        CounterfactualTrainedClassifier(max_epochs=5, lr=0.05, random_state=0),
    ).fit(X, y)
    every = flip_rate(model, X, list(X))
    assert 0 < flip_rate(model, X, "income") < 1
    assert every > 0
    assert flip_rate(model.predict, X, list(X)) == every


def test_sensitivity_repeats_with_its_seed(X):
    module = make_module()
    options = {"n_bootstrap": 3, "n_rows": 10}
    value = protected_sensitivity(module, X, 0, **options)
    assert value == protected_sensitivity(module, X, 0, **options)
    other = protected_sensitivity(module, X, 0, **options, random_state=1)
    assert value != other


def test_a_classifier_takes_its_own_rows_and_labels(X):
    module = make_module().float()
    labels = np.array(["a", "b", "c", "d"])
    classifier = Classifier(module, labels, scale=10.0)
    frame = pd.DataFrame(X * 10, columns=["one", "two", "three"])
    np.testing.assert_allclose(
        integrated_gradients(classifier, frame, "c", baseline=0.5),
        integrated_gradients(module, X, 2, baseline=0.5),
        atol=1e-6,
    )
    options = {"n_bootstrap": 3, "n_rows": 10}
    assert protected_sensitivity(
        classifier, frame, 1, target="b", **options
    ) == pytest.approx(protected_sensitivity(module, X, 1, target=1, **options))


@pytest.mark.parametrize(
    "measure",
    [
        lambda module, X: integrated_gradients(module, X, random_state=0),
        lambda module, X: protected_sensitivity(module, X, 0, n_bootstrap=2, n_rows=5),
    ],
    ids=["integrated_gradients", "protected_sensitivity"],
)
def test_the_model_and_the_callers_generators_are_left_alone(X, measure):
    module = make_module().train()
    module[1].eval()
    module[0].weight.grad = torch.ones_like(module[0].weight)
    torch_state, numpy_state = (
        torch.get_rng_state(),
        np.append(*np.random.get_state()[1:3]),
    )
    np.testing.assert_array_equal(measure(module, X), measure(module, X))
    assert [m.training for m in module.modules()] == [True, True, False, True, True]
    assert torch.equal(module[0].weight.grad, torch.ones_like(module[0].weight))
    assert module[3].weight.grad is None
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.append(*np.random.get_state()[1:3]), numpy_state)


MODULE = nn.Linear(2, 2)
ROWS = [[0.0, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: integrated_gradients(1, ROWS), TypeError, "Got int instead"),
        (lambda: integrated_gradients(MODULE, ROWS, 2), ValueError, "0, 1. Got 2 inst"),
        (lambda: integrated_gradients(MODULE, ROWS, "a"), ValueError, "Mix of label"),
        (lambda: integrated_gradients(MODULE, ROWS, [1]), ValueError, "inconsistent"),
        (
            lambda: integrated_gradients(MODULE, ROWS, n_steps=0),
            ValueError,
            "n_steps == 0, must be >= 1",
        ),
        (
            lambda: integrated_gradients(MODULE, ROWS, baseline="zero"),
            ValueError,
            "must be 'uniform', a number, .* Got 'zero' instead",
        ),
        (
            lambda: integrated_gradients(MODULE, ROWS, baseline=[1.0, 2.0, 3.0]),
            ValueError,
            r"shape \(2,\) or \(2, 2\). Got \(3,\) instead",
        ),
        (lambda: flip_rate(1, ROWS, 0), TypeError, "have a 'predict' method. Got int"),
        (lambda: flip_rate(np.sum, ROWS, 2), ValueError, "not in X: 2"),
        (lambda: flip_rate(np.sum, ROWS[:1], 0), ValueError, "Got 1 rows"),
        (lambda: flip_rate(np.sum, ROWS, []), ValueError, "a column at least"),
        (lambda: flip_rate(np.sum, ROWS, 0, n_repeats=0), ValueError, ">= 1"),
        (lambda: flip_rate(np.sum, ROWS, 0), ValueError, "a class for each row"),
        (lambda: protected_sensitivity(MODULE, ROWS, 2), ValueError, "Got 2 with 2"),
        (lambda: protected_sensitivity(MODULE, ROWS, -1), ValueError, "Got -1 with 2"),
        (lambda: protected_sensitivity(MODULE, ROWS, "age"), ValueError, "Got 'age'"),
        (lambda: protected_sensitivity(MODULE, ROWS, []), ValueError, "be positions"),
        (
            lambda: protected_sensitivity(nn.Linear(1, 2), [[1.0]], 0),
            ValueError,
            "two at least, .* Got 0 with 1 features",
        ),
        (
            lambda: protected_sensitivity(MODULE, ROWS, 0, n_bootstrap=0),
            ValueError,
            "n_bootstrap == 0, must be >= 1",
        ),
        (
            lambda: protected_sensitivity(MODULE, ROWS, 0, n_rows=0),
            ValueError,
            "n_rows == 0, must be >= 1",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
