"""The equations and the proposition of the paper.

P. Altmeyer et al., "Counterfactual training: teaching models plausible and actionable
explanations", arXiv:2601.16205.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._core.bank import _Positives
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread
from sklearn_ct._training.net import CounterfactualNet
from sklearn_ct.datasets import make_moons
from sklearn_ct.generators import ECCCo, Generic
from sklearn_ct.losses import contrastive_divergence, energy


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():
        yield


def linear(d=3, n_classes=3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MLP(d, n_classes, hidden_layer_sizes=()).double()


def divergence_gradient(model, real, found, target):
    model.zero_grad()
    contrastive_divergence(
        energy(model(real), target), energy(model(found), target)
    ).backward()
    return model[0].weight.grad, model[0].bias.grad


REAL = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
FOUND = torch.tensor([[1.5, 0.5, -0.7]], dtype=torch.float64)


def test_gradient_of_the_divergence_is_found_less_real():
    # E(x, y) = -w_y'x - b_y, so d/dw_y+ [E(x+, y+) - E(x', y+)] = x' - x+.
    weight, bias = divergence_gradient(linear(), REAL, FOUND, torch.tensor([1]))
    expected = torch.zeros(3, 3, dtype=torch.float64)
    expected[1] = FOUND[0] - REAL[0]
    torch.testing.assert_close(weight, expected)
    assert torch.equal(bias, torch.zeros_like(bias))


def test_gradient_of_the_divergence_is_a_mean_over_rows():
    real = torch.cat([REAL, 2 * REAL, -REAL])
    found = torch.cat([FOUND, FOUND, 3 * FOUND])
    weight, _ = divergence_gradient(linear(), real, found, torch.tensor([0, 0, 2]))
    step = found - real
    torch.testing.assert_close(weight[0], (step[0] + step[1]) / 3)
    assert torch.equal(weight[1], torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(weight[2], step[2] / 3)


@pytest.mark.parametrize(
    ("rise", "fall", "zero"),
    [
        ([True, True, True], [True, True, True], []),
        ([False, True, True], [False, True, True], [0]),
        # From x' to x+: feature 0 falls, 1 falls, 2 rises.
        ([True, True, False], [True, False, True], [1, 2]),
        ([False, False, True], [True, True, False], []),
    ],
)
def test_protection_zeroes_the_gradient_of_the_protected_feature(rise, fall, zero):
    constraints = replace(
        Constraints.free(3), rise=torch.tensor([rise]), fall=torch.tensor([fall])
    )
    protected = constraints.protect(REAL, FOUND)
    gradient, _ = divergence_gradient(linear(), protected, FOUND, torch.tensor([1]))
    expected = FOUND[0] - REAL[0]
    expected[zero] = 0
    torch.testing.assert_close(gradient[1], expected)


def gaussians(n, seed, means=(1.0, 1.5)):
    """Two Gaussian classes with a common diagonal covariance."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 2
    centre = np.outer(2 * y - 1, [*means, 0.0])
    return centre + np.array([1.0, 1.0, 0.5]) * draw.normal(size=(n, 3)), y


# The objective and the searches of the paper, without what this package adds.
PAPER = {
    "n_positives": 1,
    "swap_immutable": 0.0,
    "epsilon": 0.3,
    "averaging": 0.0,
    "generator": ECCCo(nascent="last", max_move=None, epoch_steps=None),
}


def relative_weight(X, y, mutability, lambda_div):
    """Weight of feature 0, relative to that of the mutable feature 1."""
    clf = CounterfactualTrainedClassifier(
        hidden_layer_sizes=(),
        mutability=mutability,
        numeric_scaling=None,
        lambda_div=lambda_div,
        lambda_adv=0.0,
        lambda_reg=0.1,
        tau=0.5,
        tau_max=0.5,
        max_epochs=20,
        lr=0.02,
        random_state=0,
        **PAPER,
    ).fit(X, y)
    weight = next(clf.net_.module_.parameters()).detach().numpy()
    sensitivity = np.abs(weight[1] - weight[0])
    return sensitivity[0] / sensitivity[1]


# The mutable feature alone leads to the other class before it leads past its mean.
# (Where it does not, the counterfactuals overshoot, x' - x+ points the other way, and
# the divergence takes weight from the mutable feature instead.)
@pytest.mark.parametrize("means", [(1.0, 1.5), (0.5, 1.5), (2.0, 2.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_protection_lowers_the_weight_of_the_protected_feature(means, seed):
    rows = gaussians(400, seed, means)
    protected = ["none", "both", "both"]
    with_protection = relative_weight(*rows, protected, 0.5)
    without_protection = relative_weight(*rows, None, 0.5)
    conventional = relative_weight(*rows, protected, 0.0)
    assert with_protection < 0.6 * without_protection
    assert with_protection < 0.6 * conventional


@pytest.mark.parametrize(("n_steps", "b", "a"), [(30, 1, 0.1), (50, 2, 0.2)])
def test_energy_schedule(n_steps, b, a):
    generator = ECCCo(max_iter=n_steps, max_move=None)
    schedule = [generator.schedule(t) for t in range(1, n_steps + 1)]
    expected = a * (b + np.arange(1, n_steps + 1)) ** -0.9
    np.testing.assert_allclose(schedule, expected, rtol=1e-12)
    assert (np.diff(schedule) < 0).all()


def test_energy_term_of_the_search():
    # One step of the search on a linear model, by hand:
    # the gradient of CE is W'(p - e_y+), that of the energy term
    # lambda phi_1 (1 + 2e-3 E) (-w_y+).
    model, target = linear(), torch.tensor([2])
    walk = ECCCo(lambda_energy=5.0, lambda_cost=0.0, max_move=None)
    one = first_state(walk, model, FOUND, target)
    with torch.no_grad():
        weight, logits = model[0].weight, model(FOUND)
        error = logits.softmax(1)[0] - torch.eye(3, dtype=torch.float64)[2]
        slope = 5.0 * 0.1 * 2**-0.9 * (1 + 2e-3 * -logits[0, 2])
        gradient = error @ weight - slope * weight[2]
    torch.testing.assert_close(one, FOUND - 0.25 * gradient)


def first_state(generator, model, x, target):
    """The state after the first of the generator's steps."""
    states = []
    hook = model.register_forward_pre_hook(lambda _, args: states.append(args[0]))
    generator.search(model, x, target, Constraints.free(x.shape[1]), tau=1 - 1e-12)
    hook.remove()
    return states[1].detach()


@pytest.mark.parametrize("positive_target", [True, False])
@pytest.mark.parametrize("domain", ["three_sigma", "observed"])
def test_three_sigma_domain(domain, positive_target):
    draw = np.random.default_rng(0)
    # Column 0: the range is within three standard deviations of the mean; column 1:
    # it ends beyond them above and within them below.
    X = np.column_stack([draw.uniform(-3, 1, 300), draw.exponential(1.0, 300)])
    assert X[:, 1].max() > X[:, 1].mean() + 3 * X[:, 1].std()
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    clf = CounterfactualTrainedClassifier(
        hidden_layer_sizes=(),
        domain=domain,
        numeric_scaling="standard",
        n_counterfactuals=0,
        max_epochs=20,
        lr=0.05,
        random_state=0,
    ).fit(X, y)
    query = X[clf.predict(X) == (0 if positive_target else 1)][:5]
    # A walk that asks for more than there is ends in the corner of the domain.
    far = clf.explain(
        query,
        tau=1 - 1e-12,
        generator=Generic(step_size=50.0, max_iter=200, lambda_cost=0.0, max_move=None),
        effort="walk",
    ).counterfactuals
    if positive_target:
        bound = X.max(axis=0)
        three = np.maximum(X.mean(axis=0) + 3 * X.std(axis=0), bound)
    else:
        bound = X.min(axis=0)
        three = np.minimum(X.mean(axis=0) - 3 * X.std(axis=0), bound)
    expected = three if domain == "three_sigma" else bound
    np.testing.assert_allclose(far, np.tile(expected, (5, 1)), rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module", params=["moons", "gaussians"])
def trained(request):
    if request.param == "moons":
        X, y = make_moons(600, random_state=0)
    else:
        X, y = gaussians(600, 0)
    clf = CounterfactualTrainedClassifier(
        lambda_div=0.5,
        lambda_adv=0.25,
        lambda_reg=0.25,
        tau=0.75,
        tau_max=0.75,
        max_epochs=20,
        random_state=0,
        **PAPER,
    ).fit(X, y)
    return clf.net_.module_, torch.from_numpy(clf.encode(X)).float()


def test_the_settings_of_the_paper_give_its_objective(trained_by_the_paper):
    # What the history says is the loss: CE + 0.5 div + 0.25 adv + 0.1 reg, with the
    # points of the searches that nothing but the paper's rules has touched.
    clf, bank, paths, positives = trained_by_the_paper
    assert paths.mature.any()
    share = bank_probability(clf, paths.counterfactual, bank.target)
    assert torch.equal(paths.mature, share >= 0.75)
    (real,) = positives
    assert torch.equal(bank.nascent, paths.nascent)
    found = torch.where(paths.mature[:, None], paths.counterfactual, real)
    assert torch.equal(bank.found, found)
    protected = real.clone()
    protected[:, 0] = found[:, 0]
    assert torch.equal(bank.real, protected)
    row = clf.history_.iloc[-1]
    terms = row[["loss_clf", "loss_div", "loss_adv", "loss_reg"]].to_numpy(float)
    assert row["train_loss"] == pytest.approx(terms @ [1.0, 0.5, 0.25, 0.1], rel=1e-4)


@pytest.fixture
def trained_by_the_paper(monkeypatch):
    """One epoch of one mini-batch, its bank of counterfactuals, paths and positives."""
    kept = []
    for kind, name in (
        (CounterfactualNet, "generate"),
        (ECCCo, "search"),
        (_Positives, "__call__"),
    ):
        method, results = getattr(kind, name), []

        def keep(*arguments, method=method, results=results, **options):
            results.append(method(*arguments, **options))
            return results[-1]

        monkeypatch.setattr(kind, name, keep)
        kept.append(results)
    X, y = gaussians(400, 0)
    clf = CounterfactualTrainedClassifier(
        lambda_div=0.5,
        lambda_adv=0.25,
        lambda_reg=0.1,
        tau=0.75,
        tau_max=0.75,
        mutability=["none", "both", "both"],
        n_counterfactuals=100,
        batch_size=400,
        lr=1e-12,
        max_epochs=1,
        random_state=0,
        **PAPER,
    ).fit(X, y)
    (bank,), (paths,), positives = kept
    return clf, bank, paths, positives


def bank_probability(clf, x, target):
    with torch.no_grad():
        return clf.net_.module_(x).softmax(1).gather(1, target[:, None])[:, 0]


@pytest.mark.parametrize("rule", ["exit", "last", "sign"])
@pytest.mark.parametrize("epsilon", [0.05, 0.3])
@pytest.mark.parametrize("generator", [ECCCo, Generic])
def test_nascent_never_exceeds_epsilon(trained, generator, epsilon, rule):
    module, x = trained
    target = 1 - module(x).argmax(1)
    free = Constraints.free(x.shape[1])
    found = generator(nascent=rule).search(
        module, x, target, free, tau=0.75, epsilon=epsilon
    )
    largest = (found.nascent - x).abs().amax(1)
    assert (largest <= epsilon * (1 + 1e-5)).all()
    moved = (found.counterfactual != x).any(1)
    assert moved.float().mean() > 0.95
    if rule == "exit":
        differs = (found.nascent != x).any(1)
        assert differs[moved].float().mean() >= 0.95
        # Where the path goes on, its nascent point is on the boundary.
        left = (found.counterfactual - x).abs().amax(1) > epsilon
        assert left.any()
        assert (largest[left] >= epsilon * (1 - 1e-5)).all()
