"""How often an answer fails when it is carried out imprecisely."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._core.frozen import FrozenNetwork
from sklearn_ct._recourse.robustness import DRAWS, invalidation_rate
from sklearn_ct.datasets import make_loan_applications, make_moons


class Subject:
    # A network, with a codec that says which codes are numbers.

    def __init__(self, module):
        self.network, self.codec = FrozenNetwork.of(module), Codec()

    def logits(self, codes):
        return self.network.logits(codes).numpy()


class Codec:
    def measured(self, codes):
        return np.broadcast_to(np.array([True, True, False, False]), codes.shape)


@pytest.fixture(scope="module")
def loans():
    X, y = make_loan_applications(300, random_state=0)
    clf = CounterfactualTrainedClassifier(
        mutability={"age": "none"}, max_epochs=5, lr=0.02, random_state=0
    ).fit(X, y)
    return clf, X[clf.predict(X) == "rejected"][:40]


def test_linear_networks_have_it_in_closed_form():
    module = torch.nn.Linear(4, 2)
    weight = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, -2.0, 5.0, -5.0]])
    module.weight.data, module.bias.data = weight, torch.zeros(2)
    codes = np.random.default_rng(0).normal(size=(400, 4))
    target = np.repeat([0, 1], 200)
    lead = np.where(target == 1, 1, -1) * (codes @ weight[1].numpy())
    # Noise of 0.5 on the two numbers moves the lead by a normal of sd 0.5 sqrt(5).
    expected = norm.cdf(-lead / (0.5 * np.sqrt(5)))
    rate = invalidation_rate(Subject(module), codes, target, 0.5, seed=0)
    np.testing.assert_allclose(rate, expected, atol=4 * np.sqrt(0.25 / DRAWS))
    assert abs(rate.mean() - expected.mean()) < 0.02


def test_at_the_boundary_it_does_not_depend_on_the_seed():
    module = torch.nn.Linear(4, 2)
    weight = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, -2.0, 5.0, -5.0]])
    module.weight.data, module.bias.data = weight, torch.tensor([0.0, 1e-6])
    model, codes = Subject(module), np.zeros((1, 4))
    for seed in range(5):
        # Of a copy and its mirror image one is lost.
        assert invalidation_rate(model, codes, np.array([1]), 0.5, seed) == 0.5


def test_column_on_request(loans):
    clf, X = loans
    assert clf.explain(X).invalidation_rate is None
    assert "invalidation_rate" not in clf.explain(X).to_frame()
    result = clf.explain(X, noise=0.2, random_state=3)
    frame = result.to_frame()
    np.testing.assert_array_equal(frame["invalidation_rate"], result.invalidation_rate)
    assert result.evaluate()["invalidation_rate"] == pytest.approx(
        result.invalidation_rate.mean()
    )
    assert 0 < result.invalidation_rate.mean() < 0.7
    alone = clf.explain(X[7:8], noise=0.2, random_state=3)
    np.testing.assert_array_equal(alone.invalidation_rate, frame.iloc[7:8, -1])


def test_answers_with_a_margin_fail_less_often(loans):
    clf, X = loans
    plain = clf.explain(X, noise=0.2).evaluate()
    wide = clf.explain(X, noise=0.2, margin=0.2).evaluate()
    assert wide["invalidation_rate"] < 0.5 * plain["invalidation_rate"]


def test_infeasible_rows_have_none(loans):
    clf, X = loans
    result = clf.explain(X, mutability=dict.fromkeys(X, "none"), noise=0.1)
    assert (result.status == "infeasible").all()
    assert np.isnan(result.invalidation_rate).all()
    assert np.isnan(result.evaluate()["invalidation_rate"])


def test_behind_a_pipeline():
    X, y = make_moons(200, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=10, lr=0.02, random_state=0)
    pipeline = make_pipeline(MinMaxScaler(), clf).fit(X, y)
    result = explain(pipeline, X[:10], noise=0.3)
    assert ((result.invalidation_rate > 0) & (result.invalidation_rate < 1)).any()


@pytest.mark.parametrize("noise", [0.0, -1, np.inf, "much"])
def test_bad_noise(loans, noise):
    clf, X = loans
    with pytest.raises(ValueError, match="'noise' parameter of explain"):
        clf.explain(X, noise=noise)
