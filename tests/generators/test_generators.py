import pickle
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread
from sklearn_ct.datasets import make_loan_applications, make_moons
from sklearn_ct.generators import (
    GENERATORS,
    REVISE,
    BaseGenerator,
    ECCCo,
    Generic,
    _revise,
)
from sklearn_ct.metrics import constraint_violations, implausibility_distance
from tests.core.walks import walked

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
        "nascent": "sign",
        "max_move": 0.5,
        "epoch_steps": 5,
    }
    assert Generic().get_params() == shared
    assert ECCCo().get_params() == {**shared, "lambda_energy": 5.0}
    autoencoder = {
        "latent_dim": 8,
        "hidden_dim": 64,
        "beta": 0.5,
        "vae_steps": 1000,
        "vae_batch_size": 256,
        "vae_lr": 0.01,
        "vae": None,
    }
    assert REVISE().get_params() == {
        **shared,
        "step_size": 0.5,
        "max_move": None,
        **autoencoder,
    }


def test_names():
    assert GENERATORS["eccco"] is ECCCo
    assert GENERATORS["generic"] is Generic
    assert GENERATORS["revise"] is REVISE


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


@pytest.mark.parametrize("step", [3, torch.arange(1, 6)])
def test_the_slope_of_the_penalty_is_its_gradient(step):
    draw = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(5, 4, generator=draw, dtype=torch.float64)
    target = torch.tensor([0, 3, 1, 1, 2])
    generator = ECCCo(lambda_energy=2.5, max_iter=50)
    logits.requires_grad_()
    value = generator.penalty(logits, target, step)
    (expected,) = torch.autograd.grad(value.sum(), logits)
    found = generator.penalty_slope(logits.detach(), target, step)
    torch.testing.assert_close(found, expected)


def test_a_class_without_any_probability_has_no_slope():
    logits = torch.tensor([[1.0, -torch.inf, 2.0]])
    slope = ECCCo().penalty_slope(logits, torch.tensor([2]), 1)
    assert slope[0, :2].tolist() == [0.0, 0.0]
    assert slope[0, 2] < 0


def test_a_subclass_with_its_own_penalty_follows_its_gradient(task):
    class Steep(ECCCo):
        def penalty(self, logits, target, step):
            return 3 * super().penalty(logits, target, step)

    mine = Steep(lambda_energy=1.0).search(*task, tau=0.9)
    same(mine, ECCCo(lambda_energy=3.0).search(*task, tau=0.9))


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
    options = {"step_size": 0.4, "max_iter": 6, "lambda_cost": 0.05}
    options |= {"nascent": "last", "max_move": 0.3}
    weights = torch.tensor([1.0, 4.0]).double()
    mine = Generic(**options).search(*task, tau=0.6, epsilon=0.2, cost_weights=weights)
    same(mine, walked(*task, tau=0.6, epsilon=0.2, cost_weights=weights, **options))


def test_eccco_is_the_search_with_its_penalty(task):
    generator = ECCCo(lambda_energy=2.0, max_iter=20)
    expected = walked(
        *task,
        tau=0.6,
        epsilon=0.2,
        max_iter=20,
        penalty=generator.penalty,
        max_move=0.5,
    )
    same(generator.search(*task, tau=0.6, epsilon=0.2), expected)


@pytest.mark.parametrize("kind", [Generic, ECCCo])
def test_a_signed_nascent_is_not_of_the_path(task, kind):
    assert kind().nascent == "sign"
    found = kind().search(*task, tau=0.6, epsilon=0.2)
    assert torch.equal(found.nascent, task[1])
    assert not torch.equal(found.counterfactual, task[1])


@pytest.mark.parametrize("kind", [Generic, ECCCo])
def test_thresholds_of_each_row(task, kind):
    _, x, _, constraints = task
    # Linear, with three directions a third of a turn apart: every class is reached.
    steep = MLP(2, 3, ()).double()
    turns = torch.arange(3, dtype=torch.float64) * 2 * torch.pi / 3
    steep[0].weight.data = 3 * torch.stack([turns.cos(), turns.sin()], 1)
    target = (steep(x).argmax(1) + 1) % 3
    task = steep, x, target, constraints
    tau = torch.linspace(0.35, 0.95, 20, dtype=torch.float64)
    found = kind().search(*task, tau=tau)
    share = steep(found.counterfactual).softmax(1)[torch.arange(20), target]
    assert torch.equal(found.mature, share >= tau)
    assert found.mature.any()
    highest = kind().search(*task, tau=0.95)
    assert highest.steps.sum() > found.steps.sum()


def test_without_energy_eccco_is_generic(task):
    without = ECCCo(lambda_energy=0).search(*task, tau=0.7)
    same(without, Generic().search(*task, tau=0.7))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        *(
            (kind, name, value)
            for kind in (Generic, ECCCo, REVISE)
            for name, value in [
                ("step_size", 0),
                ("step_size", -1.0),
                ("step_size", "big"),
                ("max_iter", 0),
                ("max_iter", 1.5),
                ("lambda_cost", -0.1),
                ("nascent", "first"),
                ("max_move", 0.0),
            ]
        ),
        (ECCCo, "lambda_energy", -1.0),
        (ECCCo, "lambda_energy", None),
        (REVISE, "latent_dim", 0),
        (REVISE, "hidden_dim", 2.5),
        (REVISE, "beta", -1.0),
        (REVISE, "vae_steps", 0),
        (REVISE, "vae_batch_size", 0),
        (REVISE, "vae_lr", 0.0),
        (REVISE, "vae", "vae"),
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


# -- REVISE -----------------------------------------------------------------------

QUICK = {"latent_dim": 3, "hidden_dim": 16, "vae_steps": 200, "vae_batch_size": 64}
GROUP = torch.tensor([-1, 0, 0, 0, -1, 1, 1])


@pytest.fixture(scope="module")
def mixed():
    """A module, rows with two one-hot groups, targets, constraints; in double."""
    draw = np.random.default_rng(0)
    x = torch.zeros(300, 7, dtype=torch.float64)
    t = draw.normal(size=300)
    x[:, 0] = torch.as_tensor(t + 0.2 * draw.normal(size=300))
    x[:, 4] = torch.as_tensor(t**2 + 0.2 * draw.normal(size=300))
    place = torch.as_tensor(np.digitize(t, [-0.5, 0.5]))
    x[torch.arange(300), 1 + place] = 1
    x[torch.arange(300), 5 + torch.as_tensor(t > 0).long()] = 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        module = MLP(7, 3, (8,)).double()
    target = (module(x).argmax(1) + 1) % 3
    inside = torch.where(GROUP >= 0, 0.0, -torch.inf)
    constraints = replace(
        Constraints.free(7),
        lower=inside.unsqueeze(0),
        upper=torch.where(GROUP >= 0, 1.0, torch.inf).unsqueeze(0),
        group=GROUP,
        rank=torch.tensor([0.0, 0, 1, 2, 0, 0, 0]),
    )
    return module, x, target, constraints


@pytest.fixture(scope="module")
def revise(mixed):
    _, x, _, constraints = mixed
    return REVISE(**QUICK).fit(x.float(), constraints=constraints)


def test_revise_is_the_search_between_encoder_and_decoder(mixed, revise):
    options = {"tau": 0.8, "epsilon": 0.2, "max_iter": 15, "nascent": "last"}
    mine = REVISE(
        max_iter=15, nascent="last", step_size=0.7, lambda_cost=0.01, vae=revise.vae_
    ).fit(mixed[1], constraints=mixed[3])
    expected = walked(
        *mixed,
        **options,
        step_size=0.7,
        lambda_cost=0.01,
        encode=revise.vae_.encode,
        decode=revise.vae_.decode,
    )
    same(mine.search(*mixed, tau=0.8, epsilon=0.2), expected)


def test_a_carried_search_of_revise_equals_one_in_a_single_call(mixed, revise):
    near = torch.quantile(mixed[0](mixed[1]).softmax(1), 0.5, dim=0)[mixed[2]]
    options = {"tau": near.detach(), "epsilon": 0.2}
    whole = revise.search(*mixed, n_steps=12, **options)
    assert 0 < whole.mature.sum() < 300
    paths = None
    for _ in range(4):
        paths = revise.search(*mixed, start=paths, n_steps=3, **options)
    same(paths, whole)


def test_a_step_of_revise_follows_finite_differences(task):
    module, x, target, constraints = task
    generator = REVISE(**QUICK | {"step_size": 0.3, "max_iter": 1, "lambda_cost": 0.01})
    generator.fit(x.float())
    found = generator.search(*task, tau=1 - 1e-12)
    vae = generator.vae_
    z = vae.encode(x)
    h = 1e-6

    def loss(z):
        state = vae.decode(z)
        log_p = module(state).log_softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
        return -log_p + 0.01 * (state - x).abs().sum(1)

    slope = [(loss(z + h * e) - loss(z - h * e)) / (2 * h) for e in torch.eye(3)]
    expected = vae.decode(z - 0.3 * torch.stack(slope, 1))
    torch.testing.assert_close(found.counterfactual, expected, rtol=0, atol=1e-6)
    assert (found.steps == 1).all()


def test_revise_starts_at_the_reconstruction(mixed, revise):
    module, x, _, constraints = mixed
    start = revise.decode(revise.encode(x))
    target = module(start).argmax(1)
    frozen = replace(
        constraints,
        rise=torch.tensor([[False, *6 * [True]]]),
        fall=torch.tensor([[False, *6 * [True]]]),
    )
    exits = clone(revise).set_params(nascent="exit", vae=revise.vae_)
    exits.fit(x, constraints=constraints)
    found = exits.search(module, x, target, frozen, tau=1e-9, epsilon=0.05)
    assert found.mature.all()
    assert (found.steps == 0).all()
    assert torch.equal(found.counterfactual[:, 0], x[:, 0])
    torch.testing.assert_close(found.counterfactual[:, 1:], start[:, 1:])
    # On the way from the row to its reconstruction, within the ball.
    way = found.counterfactual - x
    share = (0.05 / way.abs().amax(1, keepdim=True)).clamp(max=1)
    torch.testing.assert_close(found.nascent, x + share * way)


def test_revise_in_single_and_double_precision(mixed, revise):
    module, x, target, constraints = mixed
    double = revise.search(*mixed, tau=0.7)
    single = revise.search(
        deepcopy(module).float(), x.float(), target, constraints, tau=0.7
    )
    assert double.counterfactual.dtype == torch.float64
    assert single.counterfactual.dtype == torch.float32
    agree = (double.counterfactual - single.counterfactual).abs().amax(1) < 1e-3
    assert agree.float().mean() > 0.95


def test_revise_answers_a_row_alone_as_in_a_batch(mixed, revise):
    module, x, target, constraints = mixed
    together = revise.search(*mixed, tau=0.7, epsilon=0.1)
    for i in range(0, 300, 50):
        alone = revise.search(
            module, x[[i]], target[[i]], constraints, tau=0.7, epsilon=0.1
        )
        for name, value in vars(alone).items():
            torch.testing.assert_close(
                value[0], vars(together)[name][i], rtol=0, atol=1e-9
            )


@settings(max_examples=80, deadline=None, database=None)
@given(
    rise=st.lists(st.booleans(), min_size=4, max_size=4),
    fall=st.lists(st.booleans(), min_size=4, max_size=4),
    ends=st.tuples(st.floats(-3, 0), st.floats(0, 3)),
    closed=st.sampled_from([None, 1, 2, 3]),
    step_size=st.sampled_from([0.1, 1.0, 20.0]),
    rule=st.sampled_from(["exit", "last"]),
)
def test_revise_keeps_the_constraints(
    mixed, revise, rise, fall, ends, closed, step_size, rule
):
    module, x, target, constraints = mixed
    # One direction for each of the two numbers and two groups.
    variable = torch.tensor([0, 2, 2, 2, 1, 3, 3])
    rise, fall = torch.tensor(rise)[variable], torch.tensor(fall)[variable]
    bounds = constraints.lower.clone(), constraints.upper.clone()
    bounds[0][0, 0], bounds[1][0, 0] = ends
    if closed is not None:
        bounds[1][0, closed] = 0.0
    rules = replace(
        constraints,
        lower=bounds[0],
        upper=bounds[1],
        rise=rise.unsqueeze(0),
        fall=fall.unsqueeze(0),
    )
    rows = slice(0, 40)
    walker = REVISE(step_size=step_size, nascent=rule, max_iter=6, vae=revise.vae_)
    walker.fit(x, constraints=rules)
    found = walker.search(module, x[rows], target[rows], rules, tau=0.9, epsilon=0.2)
    x, new = x[rows], found.counterfactual
    assert new.isfinite().all()
    frozen = ~rise & ~fall
    assert torch.equal(new[:, frozen], x[:, frozen])
    for column in (0, 4):
        if not rise[column]:
            assert (new[:, column] <= x[:, column]).all()
        if not fall[column]:
            assert (new[:, column] >= x[:, column]).all()
    if rise[0] and fall[0]:
        assert ((new[:, 0] >= bounds[0][0, 0]) & (new[:, 0] <= bounds[1][0, 0])).all()
    for k in (0, 1):
        part = new[:, k == GROUP]
        assert (part >= 0).all()
        torch.testing.assert_close(part.sum(1), torch.ones_like(part[:, 0]))
    if closed is not None and rise[1] and fall[1]:
        assert not new[:, closed].any()
    if not fall[1]:
        # The group's order: no weight on places below the factual's.
        below = torch.arange(3) < x[:, 1:4].argmax(1, keepdim=True)
        stuck = (closed is not None) & (below | (torch.arange(3) + 1 == closed)).all(1)
        assert not new[:, 1:4][~stuck][below[~stuck]].any()
    assert ((found.nascent - x).abs() <= 0.2 + 1e-12).all()


def test_a_fitted_autoencoder_is_not_trained_again(mixed, revise, monkeypatch):
    monkeypatch.delattr(_revise, "fit_vae")
    _, x, _, constraints = mixed
    given = REVISE(vae=revise.vae_, max_iter=40)
    assert given.get_params()["vae"] is revise.vae_
    assert given.fit(x, constraints=constraints).vae_ is revise.vae_
    copy = clone(given)
    assert copy.vae is not revise.vae_
    assert not hasattr(copy, "vae_")
    copy.fit(x, constraints=constraints)
    assert copy.max_iter == 40
    assert torch.equal(copy.encode(x), revise.encode(x))


def test_fit_trains_again_without_one(mixed, revise):
    _, x, _, constraints = mixed
    again = deepcopy(revise).set_params(latent_dim=2)
    again.fit(x.float(), constraints=constraints)
    assert again.encode(x).shape == (300, 2)
    one, other = (
        clone(revise).fit(x.float(), constraints=constraints, seed=seed).encode(x)
        for seed in (0, 1)
    )
    assert torch.equal(one, revise.encode(x))
    assert not torch.allclose(one, other, atol=0.1)


def test_a_fitted_autoencoder_of_other_columns(mixed, revise):
    message = (
        "The 'vae' parameter of REVISE must be fitted to rows of the same columns. Got "
        "one of 7 columns with 2 one-hot groups for rows of 7 columns with 0 one-hot"
    )
    with pytest.raises(ValueError, match=message):
        REVISE(vae=revise.vae_).fit(mixed[1])
    with pytest.raises(ValueError, match="rows of 2 columns with 0 one-hot"):
        REVISE(vae=revise.vae_).fit(X)


def test_revise_needs_its_fit(mixed):
    with pytest.raises(NotFittedError, match="REVISE"):
        REVISE().search(*mixed, tau=0.5)


@pytest.mark.parametrize("copy", [deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_of_revise(mixed, revise, copy):
    same(copy(revise).search(*mixed, tau=0.6), revise.search(*mixed, tau=0.6))


def classifier(**parameters):
    return CounterfactualTrainedClassifier(
        **{"max_epochs": 5, "lr": 0.02, "n_counterfactuals": 200, "random_state": 0}
        | parameters
    )


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(1200, random_state=0)


@pytest.fixture(scope="module")
def by_revise(loans):
    """A classifier trained with REVISE, one feature frozen and one one-way."""
    return classifier(
        generator="revise",
        mutability={"age": "none", "employment_years": "increase"},
    ).fit(*loans)


def test_revise_trains_and_explains_frames(by_revise, loans):
    X, _ = loans
    # Searches mature as the network learns where to lead them.
    assert by_revise.history_["mature_share"].iloc[-1] > 0.8
    asked = X[by_revise.predict(X) == "rejected"][:100]
    found = by_revise.explain(asked, effort="walk")
    assert found.valid.mean() > 0.6
    new = found.counterfactuals
    pd.testing.assert_series_equal(new["age"], asked["age"], check_exact=True)
    rules = {"age": "none", "employment_years": "increase"}
    numbers = X.select_dtypes("number")
    domain = {name: (numbers[name].min(), numbers[name].max()) for name in numbers}
    broken = constraint_violations(asked, new, mutability=rules, domain=domain)
    assert not broken.to_numpy().any()
    assert (by_revise.predict(new[found.valid]) == "approved").all()
    backwards = by_revise.explain(asked[::-1], effort="walk").counterfactuals
    pd.testing.assert_frame_equal(backwards[::-1], new, check_exact=True)


def test_revise_stays_near_the_data(by_revise, loans):
    X, y = loans
    asked = X[by_revise.predict(X) == "rejected"][:100]
    real = by_revise.encode(X[y == "approved"])
    walked = [
        by_revise.explain(asked, generator=generator, effort="walk")
        for generator in (None, "generic")
    ]
    mine, generic = (
        implausibility_distance(by_revise.encode(w[w.valid].counterfactuals), real)
        for w in walked
    )
    assert mine < generic - 0.5


def test_revise_on_moons():
    X, y = make_moons(600, random_state=0)
    clf = classifier(generator=REVISE(vae_steps=300), max_epochs=15).fit(X, y)
    assert clf.history_["mature_share"].iloc[-5:].min() > 0.9
    assert clf.explain(X[:200], 1 - clf.predict(X[:200]), effort="walk").valid.all()


@pytest.mark.slow
def test_revise_explains_a_model_trained_otherwise(loans):
    X, y = loans
    clf = classifier(generator="generic", mutability={"age": "none"}).fit(X, y)
    asked = X[clf.predict(X) == "rejected"][:60]
    before = torch.random.get_rng_state()
    found = clf.explain(asked, generator="revise", effort="walk")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert found.valid.mean() > 0.6
    assert (found.counterfactuals["age"] == asked["age"]).all()


def test_an_autoencoder_fitted_once_serves_many_calls(by_revise, loans, monkeypatch):
    asked = loans[0][:40]
    monkeypatch.delattr(_revise, "fit_vae")
    vae = by_revise.net_.generator.vae_
    found = by_revise.explain(asked, generator=REVISE(vae=vae), effort="walk")
    own = by_revise.explain(asked, effort="walk")
    pd.testing.assert_frame_equal(
        found.counterfactuals, own.counterfactuals, check_exact=True
    )


def test_a_classifier_with_revise_is_pickled_and_the_same_again(by_revise, loans):
    X, y = loans
    asked = X[:10]
    expected = by_revise.explain(asked).to_frame()
    torch.manual_seed(5)
    for other in (pickle.loads(pickle.dumps(by_revise)), clone(by_revise).fit(X, y)):
        pd.testing.assert_frame_equal(
            other.explain(asked).to_frame(), expected, check_exact=True
        )


@pytest.mark.slow
def test_revise_in_a_grid_search_behind_a_pipeline():
    X, y = make_moons(200, random_state=0)
    model = make_pipeline(StandardScaler(), classifier(generator=REVISE(**QUICK)))
    grid = {
        "counterfactualtrainedclassifier__generator__latent_dim": [1, 2],
        "counterfactualtrainedclassifier__generator__step_size": [0.2],
    }
    tuned = GridSearchCV(model, grid, cv=2).fit(X, y)
    generator = tuned.best_estimator_[-1].net_.generator
    assert generator.encode(torch.zeros(1, 2)).shape[1] == generator.latent_dim
    found = explain(tuned, X[:50], 1 - tuned.predict(X[:50]))
    assert found.valid.all()


def test_revise_by_name_with_nested_parameters():
    clf = classifier(generator="revise").set_params(generator__latent_dim=4)
    assert isinstance(clf.generator, REVISE)
    assert clf.get_params()["generator__latent_dim"] == 4
