"""The names, signatures and defaults that users rely on."""

import importlib
import inspect
import re
from importlib.resources import files
from pathlib import Path

import pytest

import sklearn_ct
from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier

NAMES = {
    "sklearn_ct": "CounterfactualTrainedClassifier explain Counterfactuals",
    "sklearn_ct.generators": "Generic ECCCo REVISE",
    "sklearn_ct.metrics": (
        "implausibility_distance relative_implausibility mmd_distance "
        "ynn_score inlier_score nearest_target_distance "
        "counterfactual_cost validity_score sparsity redundancy constraint_violations "
        "fgsm pgd robust_accuracy_score robust_accuracy_curve integrated_gradients "
        "protected_sensitivity flip_rate plausibility_score"
    ),
    "sklearn_ct.scoring": (
        "neg_implausibility_scorer neg_mmd_scorer neg_cost_scorer validity_scorer "
        "robust_accuracy_scorer make_recourse_scorer recourse_scoring "
        "most_plausible_within plausibility_scorer"
    ),
    "sklearn_ct.plotting": (
        "AnswerDisplay ChangesDisplay DecisionSurfaceDisplay GroupsDisplay "
        "PlausibilityDisplay ProxiesDisplay "
        "RecourseRatioDisplay RecourseReachDisplay RobustAccuracyDisplay "
        "SurvivalDisplay"
    ),
    "sklearn_ct.audit": "audit_recourse proxy_report recourse_survival",
    "sklearn_ct.datasets": (
        "make_loan_applications loan_approval_probability "
        "loan_application_is_possible make_linearly_separable make_overlapping "
        "make_circles "
        "make_moons fetch_adult fetch_california_housing fetch_credit_default "
        "fetch_gmsc fetch_german_credit fetch_compas fetch_mnist"
    ),
}

CONSTRUCTOR = {
    "hidden_layer_sizes": (32,),
    "activation": "relu",
    "module": None,
    "mutability": None,
    "relations": "observed",
    "domain": "observed",
    "categorical_features": "auto",
    "numeric_scaling": "auto",
    "special_values": None,
    "missing": "keep",
    "handle_unknown": "error",
    "generator": "eccco",
    "lambda_div": 0.1,
    "lambda_adv": 0.5,
    "lambda_reg": 0.05,
    "tau": 0.5,
    "tau_max": 0.95,
    "epsilon": 0.1,
    "n_counterfactuals": "auto",
    "n_positives": 10,
    "swap_immutable": 0.25,
    "burn_in": 0.0,
    "averaging": 0.99,
    "max_epochs": 100,
    "batch_size": "auto",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "n_iter_no_change": 10,
    "class_weight": None,
    "warm_start": False,
    "callbacks": None,
    "device": "cpu",
    "random_state": None,
    "verbose": 0,
}

EXPLAIN = {
    "mutability": None,
    "domain": None,
    "n_counterfactuals": 1,
    "max_changes": None,
    "tau": None,
    "min_plausibility": None,
    "generator": None,
    "feature_costs": None,
    "glossary": None,
    "effort": "full",
    "project": None,
    "margin": 0.0,
    "noise": None,
    "random_state": None,
    "n_jobs": None,
    "verbose": 0,
}

ANSWER = """
factuals counterfactuals target status valid probability cost implausibility
plausibility n_changes query alternative to_frame changes describe evaluate pareto
letter letters to_json
_repr_html_ __len__ __getitem__
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, names in NAMES.items() for name in names.split()],
)
def test_name_can_be_imported(module, name):
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module", NAMES)
def test_all_is_sorted_and_true(module):
    module = importlib.import_module(module)
    # The order of scikit-learn and ruff: constants, classes, functions.
    order = sorted(module.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n))
    assert list(module.__all__) == order
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("module", [*NAMES, "sklearn_ct.losses"])
def test_every_public_name_is_on_the_site(module):
    page = Path(__file__).parents[2] / "docs" / "api" / "index.rst"
    _, *parts = re.split(r"currentmodule:: (\S+)", page.read_text(encoding="utf-8"))
    entries = dict(zip(parts[::2], parts[1::2], strict=True))
    written = re.findall(r"^   (\w+)$", entries[module], re.MULTILINE)
    assert len(written) == len(set(written))
    module = importlib.import_module(module)
    public = getattr(module, "__all__", None) or [
        name
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__
    ]
    # A constant has no page: it stands in the text.
    constants = {name for name in public if name.isupper() and name != "REVISE"}
    assert set(written) == set(public) - constants


def _keywords(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def test_constructor():
    assert _keywords(CounterfactualTrainedClassifier) == CONSTRUCTOR
    assert list(_keywords(CounterfactualTrainedClassifier)) == list(CONSTRUCTOR)
    assert len(inspect.signature(CounterfactualTrainedClassifier).parameters) == len(
        CONSTRUCTOR
    )


def test_every_parameter_is_checked_and_documented():
    constraints = CounterfactualTrainedClassifier._parameter_constraints
    assert set(constraints) == set(CONSTRUCTOR)
    documentation = CounterfactualTrainedClassifier.__doc__
    assert [name for name in CONSTRUCTOR if name not in documentation] == []


def test_explain_method():
    explain = CounterfactualTrainedClassifier.explain
    assert _keywords(explain) == EXPLAIN
    assert list(inspect.signature(explain).parameters)[:3] == ["self", "X", "target"]
    assert inspect.signature(explain).parameters["target"].default is None


def test_explain_function():
    parameters = inspect.signature(sklearn_ct.explain).parameters
    assert list(parameters)[:3] == ["estimator", "X", "target"]
    assert parameters["target"].default is None


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("from_pretrained", ["fitted", "params"]),
        ("fit", ["self", "X", "y", "sample_weight"]),
        ("partial_fit", ["self", "X", "y", "classes", "sample_weight"]),
        ("predict", ["self", "X"]),
        ("predict_proba", ["self", "X"]),
        ("decision_function", ["self", "X"]),
        ("score", ["self", "X", "y", "sample_weight"]),
    ],
)
def test_method(method, arguments):
    method = getattr(CounterfactualTrainedClassifier, method)
    assert list(inspect.signature(method).parameters) == arguments


@pytest.mark.parametrize("name", ANSWER.split())
def test_answer_has(name):
    assert name in dir(Counterfactuals) or name in Counterfactuals.__annotations__


def test_types_are_shipped():
    assert files("sklearn_ct").joinpath("py.typed").is_file()
