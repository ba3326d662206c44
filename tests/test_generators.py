import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._constraints import Constraints
from sklearn_ct._module import MLP
from sklearn_ct._net import one_thread
from sklearn_ct._search import search
from sklearn_ct.generators import GENERATORS, BaseGenerator, ECCCo, Generic

X = torch.zeros(3, 2)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():
        yield


@pytest.fixture
def task():
    """A module, rows, targets and constraints."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = MLP(2, 3, (5,)).double()
        x = torch.randn(20, 2, dtype=torch.float64)
    target = (module(x).argmax(1) + 1) % 3
    return module, x, target, Constraints.free(2)


def same(a, b):
    for name, value in vars(a).items():
        torch.testing.assert_close(value, vars(b)[name], rtol=0, atol=1e-9)


def test_parameters_and_defaults():
    shared = {
        "step_size": 0.25,
        "max_iter": 30,
        "lambda_cost": 0.001,
        "nascent": "exit",
    }
    assert Generic().get_params() == shared
    assert ECCCo().get_params() == {**shared, "lambda_energy": 5.0}


def test_names():
    assert GENERATORS["eccco"] is ECCCo
    assert GENERATORS["generic"] is Generic


@pytest.mark.parametrize("kind", [Generic, ECCCo])
def test_clone_and_set_params(kind):
    generator = kind(step_size=0.1, max_iter=7, lambda_cost=0.2, nascent="last")
    copy = clone(generator)
    assert copy is not generator
    assert copy.get_params() == generator.get_params()
    assert copy.set_params(max_iter=9).max_iter == 9
    assert generator.max_iter == 7
    assert generator.fit(X) is generator


@pytest.mark.parametrize(
    ("max_iter", "step", "value"),
    [
        # T = 30: b = 1, a = 0.1
        (30, 1, 0.1 * 2**-0.9),
        (30, 30, 0.1 * 31**-0.9),
        # T = 50: b = 2, a = 0.2
        (50, 1, 0.2 * 3**-0.9),
        (50, 17, 0.2 * 19**-0.9),
        # T = 100: b = 4, a = 0.4
        (100, 4, 0.4 * 8**-0.9),
    ],
)
def test_energy_schedule(max_iter, step, value):
    assert ECCCo(max_iter=max_iter).schedule(step) == pytest.approx(value, rel=1e-12)


def test_energy_penalty():
    logits = torch.tensor([[1.0, -2.0, 5.0], [0.5, 7.0, -3.0]], dtype=torch.float64)
    value = np.array([-5.0, 3.0])  # energies of the targets
    penalty = ECCCo(lambda_energy=2.5, max_iter=50).penalty(
        logits, torch.tensor([2, 2]), 3
    )
    expected = 2.5 * 0.2 * 5**-0.9 * (value + 1e-3 * value**2)
    np.testing.assert_allclose(penalty, expected, rtol=1e-12)


def test_the_penalty_lowers_the_energy(task):
    module, x, target, _ = task
    low, high = (
        ECCCo(lambda_energy=weight).search(*task, tau=1 - 1e-9).counterfactual
        for weight in (20.0, 0.0)
    )
    at = np.arange(20), target
    with torch.no_grad():
        assert module(low)[at].mean() > module(high)[at].mean() + 0.1


def test_generic_is_the_search_without_penalty(task):
    options = {"step_size": 0.4, "max_iter": 6, "lambda_cost": 0.05, "nascent": "last"}
    weights = torch.tensor([1.0, 4.0]).double()
    mine = Generic(**options).search(*task, tau=0.6, epsilon=0.2, cost_weights=weights)
    same(mine, search(*task, tau=0.6, epsilon=0.2, cost_weights=weights, **options))


def test_eccco_is_the_search_with_its_penalty(task):
    generator = ECCCo(lambda_energy=2.0, max_iter=20)
    expected = search(
        *task, tau=0.6, epsilon=0.2, max_iter=20, penalty=generator.penalty
    )
    same(generator.search(*task, tau=0.6, epsilon=0.2), expected)


def test_without_energy_eccco_is_generic(task):
    without = ECCCo(lambda_energy=0).search(*task, tau=0.7)
    same(without, Generic().search(*task, tau=0.7))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        *(
            (kind, name, value)
            for kind in (Generic, ECCCo)
            for name, value in [
                ("step_size", 0),
                ("step_size", -1.0),
                ("step_size", "big"),
                ("max_iter", 0),
                ("max_iter", 1.5),
                ("lambda_cost", -0.1),
                ("nascent", "first"),
            ]
        ),
        (ECCCo, "lambda_energy", -1.0),
        (ECCCo, "lambda_energy", None),
    ],
)
def test_bad_parameters(kind, name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of"):
        kind(**{name: value}).fit(X)


def test_bad_parameters_stop_the_classifier():
    clf = CounterfactualTrainedClassifier(generator=ECCCo(max_iter=0), max_epochs=1)
    with pytest.raises(InvalidParameterError, match="'max_iter' parameter of ECCCo"):
        clf.fit([[0.0], [1.0]], [0, 1])


class Mirrored(BaseGenerator):
    """Walks in a latent space learned in `fit`: rows scaled by their spread."""

    def fit(self, X, *, constraints=None, seed=0):
        super().fit(X, constraints=constraints, seed=seed)
        self.scale_ = -2 * X.std(0)
        return self

    def encode(self, x):
        return x / self.scale_.to(x)

    def decode(self, z):
        return z * self.scale_.to(z)


def test_a_subclass_walks_in_its_latent_space(task):
    module, x, target, constraints = task
    generator = Mirrored(max_iter=1, lambda_cost=0.0).fit(x)
    found = generator.search(*task, tau=0.99)
    plain = Generic(max_iter=1, lambda_cost=0.0).search(*task, tau=0.99)
    step = (plain.counterfactual - x) * generator.scale_**2
    torch.testing.assert_close(found.counterfactual, x + step)


def test_a_latent_space_serves_training_and_explaining():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(80, 3))
    label = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    generator = Mirrored(max_iter=20)
    clf = CounterfactualTrainedClassifier(
        generator=generator,
        mutability=["both", "none", "both"],
        max_epochs=10,
        lr=0.02,
        random_state=0,
    ).fit(rows, label)
    assert not hasattr(generator, "scale_")  # what the user handed over stays as it was
    assert clf.history_["mature_share"].max() > 0
    found = clf.explain(rows, effort="walk")
    assert found.valid.any()
    np.testing.assert_array_equal(found.counterfactuals[:, 1], rows[:, 1])


def test_a_name_becomes_a_generator_with_nested_parameters():
    clf = CounterfactualTrainedClassifier(generator="eccco")
    clf.set_params(generator__lambda_energy=0.5)
    assert isinstance(clf.generator, ECCCo)
    assert clf.get_params()["generator__lambda_energy"] == 0.5
