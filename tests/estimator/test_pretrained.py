"""Classifiers that start from the weights of a trained model."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications, make_moons
from sklearn_ct.generators import ECCCo
from sklearn_ct.metrics import implausibility_distance

X, Y = make_loan_applications(300, random_state=0)
NUMBERS = list(X.select_dtypes("number").columns)
CATEGORIES = list(X.select_dtypes("category").columns)
THREE = np.digitize(X["income"], X["income"].quantile([0.33, 0.66]))
# Two numbers of different sizes, a one-hot block of five columns, and a number of
# three values.
ARRAY = np.column_stack(
    (
        X["income"] / 20_000,
        X["late_payments"] + 2.0,
        pd.get_dummies(X["purpose"]),
        THREE - 1.0,
    )
)
STILL = {"lr": 1e-12, "max_epochs": 1, "n_counterfactuals": 20, "random_state": 0}

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"
)


def mlp(**settings):
    settings = {"max_iter": 20, "learning_rate_init": 0.01} | settings
    return MLPClassifier((7, 5), random_state=0, **settings)


def loan_pipeline(numbers=None, categories=None):
    """Network behind what encodes the columns of the loans, trained."""
    encoders = ColumnTransformer(
        [
            ("numbers", numbers or StandardScaler(), NUMBERS),
            ("categories", categories or OneHotEncoder(), CATEGORIES),
        ]
    )
    return make_pipeline(encoders, mlp()).fit(X, Y)


class Curved(nn.Module):
    """A network that does not begin with a linear layer."""

    def __init__(self, n_outputs=2, end=None):
        super().__init__()
        self.layer = nn.Linear(8, n_outputs)
        self.end = end or nn.Identity()

    def forward(self, x):
        return self.end(self.layer(torch.tanh(x / 10)))


def skorch_net(kind, criterion, *, fit=True, **settings):
    """Net of skorch, trained for a few epochs."""
    settings = {f"module__{name}": value for name, value in settings.items()}
    net = kind(Curved, criterion=criterion, max_epochs=20, lr=1.0, **settings)
    net.set_params(verbose=0, train_split=None)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = (Y == "approved").astype(int)
        if kind is NeuralNetBinaryClassifier:
            y = y.astype(np.float32)
        return net.fit(ARRAY.astype(np.float32), y) if fit else net


SKORCH = {
    "logits": lambda: skorch_net(NeuralNetClassifier, nn.CrossEntropyLoss),
    "probabilities": lambda: skorch_net(
        NeuralNetClassifier, nn.NLLLoss, end=nn.Softmax(dim=1)
    ),
    "one logit": lambda: skorch_net(
        NeuralNetBinaryClassifier, nn.BCEWithLogitsLoss, n_outputs=1
    ),
}


def started(model, rows, y, **settings):
    """Fit a classifier for an epoch that moves no weight."""
    clf = CounterfactualTrainedClassifier.from_pretrained(model, **(STILL | settings))
    return clf.fit(rows, y)


def assert_predicts_as(clf, model, rows):
    if isinstance(model, NeuralNet):
        expected = model.predict_proba(rows.astype(np.float32))
    else:
        expected = model.predict_proba(rows)
    assert np.ptp(expected[:, 0]) > 0.03
    np.testing.assert_allclose(clf.predict_proba(rows), expected, rtol=0, atol=2e-6)


def assert_same_weights(one, other):
    weights, others = one.net_.module_.state_dict(), other.net_.module_.state_dict()
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


# -- the predictions before the first epoch --------------------------------------------


@pytest.mark.parametrize("y", [Y, THREE], ids=["two", "three"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_an_mlp(activation, y):
    model = mlp(activation=activation).fit(ARRAY, y)
    # Rows with another mean and deviation than those that the MLP was trained on.
    clf = started(model, ARRAY[100:250], y[100:250])
    assert_predicts_as(clf, model, ARRAY)
    assert clf.classes_.tolist() == model.classes_.tolist()
    assert clf.encode(ARRAY[100:250])[:, :2].std() == pytest.approx(1)
    assert next(clf.net_.module_.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "n_codes"),
    [
        ({}, 8),
        ({"numeric_scaling": None, "categorical_features": None}, 8),
        ({"numeric_scaling": "auto"}, 8),
        ({"categorical_features": [[6, 4, 2, 3, 5]]}, 8),
        ({"categorical_features": [7, [2, 3, 4, 5, 6]]}, 10),
    ],
)
def test_an_mlp_behind_other_encodings(settings, n_codes):
    model = mlp().fit(ARRAY, Y)
    clf = started(model, ARRAY, Y, **settings)
    assert_predicts_as(clf, model, ARRAY)
    assert clf.encode(ARRAY).shape[1] == n_codes


def test_an_mlp_of_a_frame_knows_its_columns():
    frame = X[NUMBERS].assign(income=X["income"] / 1000, young=X["age"] < 30)
    model = make_pipeline(StandardScaler(), mlp()).fit(frame, Y)
    clf = started(model, frame, Y)
    assert_predicts_as(clf, model, frame)
    # A column of truth values is a category, of two codes.
    assert clf.encode(frame).shape[1] == frame.shape[1] + 1
    for other in (model, mlp().fit(frame, Y)):
        with pytest.raises(ValueError, match="feature names should match"):
            started(other, frame[frame.columns[::-1]], Y)


@pytest.mark.parametrize(
    ("numbers", "categories"),
    [
        (None, None),
        (MinMaxScaler(), OneHotEncoder(drop="first", sparse_output=False)),
        (make_pipeline(StandardScaler(), PCA(5)), OrdinalEncoder()),
        (None, make_pipeline(OneHotEncoder(sparse_output=False), PCA(4))),
    ],
)
@pytest.mark.parametrize("rows", [slice(None), slice(100, 250)])
def test_a_pipeline(numbers, categories, rows):
    model = loan_pipeline(numbers, categories)
    clf = started(model, X[rows], Y[rows])
    assert_predicts_as(clf, model, X)
    assert clf.feature_names_in_.tolist() == X.columns.tolist()
    (first, *_) = clf.net_.module_
    assert first.in_features == clf.encode(X).shape[1] == len(NUMBERS) + 4 + 3 + 5


def test_a_network_that_does_not_begin_linearly_keeps_its_scaling():
    net = skorch_net(NeuralNetClassifier, nn.CrossEntropyLoss)
    clf = CounterfactualTrainedClassifier.from_pretrained(
        net, max_epochs=3, lr=0.1, random_state=0
    ).fit(ARRAY, Y)
    still = started(net, ARRAY, Y)
    scaling, network = clf.net_.module_
    assert torch.equal(scaling.weight, still.net_.module_[0].weight)
    assert not torch.equal(network.layer.weight, still.net_.module_[1].layer.weight)
    clf = started(net, ARRAY, Y, numeric_scaling=None)
    assert isinstance(clf.net_.module_, Curved)


@pytest.mark.parametrize("kind", SKORCH)
def test_a_skorch_net(kind):
    net = SKORCH[kind]()
    assert_predicts_as(started(net, ARRAY[100:250], Y[100:250]), net, ARRAY)


def test_a_skorch_net_behind_a_scaler():
    net = skorch_net(NeuralNetClassifier, nn.CrossEntropyLoss, fit=False)
    single = ARRAY.astype(np.float32)
    model = make_pipeline(StandardScaler(), net).fit(single, (Y == "approved") * 1)
    assert_predicts_as(started(model, single[:200], Y[:200]), model, single)


@pytest.mark.parametrize("scaling", ["quantile", "standard"])
def test_a_classifier_of_this_package(scaling):
    model = CounterfactualTrainedClassifier(
        numeric_scaling=scaling, max_epochs=3, n_counterfactuals=0, random_state=0
    ).fit(X, Y)
    clf = started(model, X[100:250], Y[100:250], mutability={"age": "none"})
    np.testing.assert_allclose(
        clf.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-9
    )
    np.testing.assert_array_equal(clf.encode(X), model.encode(X))
    assert clf.numeric_scaling == scaling
    answer = clf.explain(X[:10])
    assert (answer.counterfactuals["age"] == X["age"][:10]).all()


def test_a_search():
    search = GridSearchCV(mlp(), {"alpha": [0.1, 1.0]}, cv=2).fit(ARRAY, Y)
    assert_predicts_as(started(search, ARRAY, Y), search, ARRAY)


def test_many_columns_some_of_them_constant():
    rng = np.random.default_rng(0)
    rows = rng.choice([-1.0, 0.1234567, 1.0], size=(40, 60)).astype(np.float32)
    rows[:, 5:20] = -1
    model = mlp().fit(rows, Y[:40])
    # More columns than rows.
    assert_predicts_as(started(model, rows[:30], Y[:30]), model, rows)


def test_categories_that_not_all_rows_know():
    rows = np.flatnonzero(X["purpose"] != "car")
    # The model knows a category that the rows of the fine-tuning lack.
    model = loan_pipeline()
    assert_predicts_as(started(model, X.iloc[rows], Y[rows]), model, X)
    # And the other way round: the type lists one that the model does not know.
    part = X.iloc[rows].assign(
        purpose=X["purpose"].astype("category").cat.add_categories(["boat"])[rows]
    )
    assert_predicts_as(started(model, part, Y[rows]), model, part)


# -- a classifier like any other -------------------------------------------------------

MODELS = {
    "mlp": lambda: mlp().fit(ARRAY, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), mlp()).fit(ARRAY, Y),
    "skorch": SKORCH["logits"],
    "own": lambda: CounterfactualTrainedClassifier(**STILL).fit(ARRAY, Y),
}


@pytest.mark.parametrize("kind", MODELS)
def test_it_is_stored_cloned_and_refitted(kind):
    model = MODELS[kind]()
    before = model.predict_proba(ARRAY.astype(np.float32))
    states = torch.get_rng_state(), np.append(*np.random.get_state()[1:3])
    clf = CounterfactualTrainedClassifier.from_pretrained(
        model, max_epochs=2, n_counterfactuals=30, lr=0.01, random_state=0
    )
    assert not hasattr(clf, "classes_")
    with pytest.raises(NotFittedError):
        clf.predict(ARRAY)
    again = clone(clone(clf)).fit(ARRAY, Y)
    clf.fit(ARRAY, Y)
    assert_same_weights(clf, again)
    assert_same_weights(clf, pickle.loads(pickle.dumps(clf)))
    assert_same_weights(clf, pickle.loads(pickle.dumps(clone(clf))).fit(ARRAY, Y))
    first = clf.predict_proba(ARRAY)
    np.testing.assert_array_equal(clf.fit(ARRAY, Y).predict_proba(ARRAY), first)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.append(*np.random.get_state()[1:3]), states[1])
    assert np.abs(first - before).max() > 1e-4
    np.testing.assert_array_equal(model.predict_proba(ARRAY.astype(np.float32)), before)
    assert type(model).__name__ in repr(clf) or kind == "pipeline"


def test_the_model_may_change_afterwards():
    model = make_pipeline(StandardScaler(), mlp()).fit(ARRAY, Y)
    expected = model.predict_proba(ARRAY)
    clf = CounterfactualTrainedClassifier.from_pretrained(model, **STILL)
    model.fit(ARRAY[:100] * 7 + 3, Y[:100])
    clf.fit(ARRAY, Y)
    np.testing.assert_allclose(clf.predict_proba(ARRAY), expected, atol=2e-6)


def test_it_can_be_tuned():
    model = make_pipeline(StandardScaler(), mlp()).fit(ARRAY, Y)
    clf = CounterfactualTrainedClassifier.from_pretrained(model, **STILL)
    folds = list(StratifiedKFold(2).split(ARRAY, Y))
    search = GridSearchCV(
        clf, {"lambda_div": [0.0, 0.5]}, cv=folds, error_score="raise"
    ).fit(ARRAY, Y)
    # Nothing moved: every candidate scores as the model does on the same rows.
    for k, (_, rows) in enumerate(folds):
        scores = search.cv_results_[f"split{k}_test_score"]
        np.testing.assert_array_equal(scores, model.score(ARRAY[rows], Y[rows]))
    assert_predicts_as(search, model, ARRAY)


def test_warm_start_and_partial_fit_go_on():
    model = mlp().fit(ARRAY, Y)
    clf = CounterfactualTrainedClassifier.from_pretrained(
        model, **STILL, warm_start=True
    )
    for n_epochs in (1, 2):
        assert clf.fit(ARRAY, Y).n_iter_ == n_epochs
        assert_predicts_as(clf, model, ARRAY)
    clf = CounterfactualTrainedClassifier.from_pretrained(model, **STILL)
    for rows in (slice(200), slice(200, 300)):
        clf.partial_fit(ARRAY[rows], Y[rows], classes=np.unique(Y))
        assert_predicts_as(clf, model, ARRAY)


def test_burn_in_counts_the_epochs_before_a_warm_start_but_not_the_models():
    settings = {"max_epochs": 4, "n_counterfactuals": 30, "random_state": 0}
    clf = CounterfactualTrainedClassifier.from_pretrained(
        mlp().fit(ARRAY, Y), **settings, burn_in=0.5, warm_start=True
    )
    for n_epochs in (4, 8):
        searched = clf.fit(ARRAY, Y).history_["mature_share"].notna()
        assert searched.tolist() == [False] * 2 + [True] * (n_epochs - 2)


def test_from_a_classifier_of_this_package_it_goes_on_as_a_warm_start():
    settings = {"max_epochs": 2, "n_counterfactuals": 30, "random_state": 0}
    plain = CounterfactualTrainedClassifier(
        **settings, lambda_div=0.0, lambda_adv=0.0, warm_start=True
    ).fit(X, Y)
    tuned = CounterfactualTrainedClassifier.from_pretrained(plain, **settings).fit(X, Y)
    weights = {name: getattr(tuned, name) for name in ("lambda_div", "lambda_adv")}
    plain.set_params(**weights).fit(X, Y)
    assert_same_weights(plain, tuned)
    assert plain.history_["loss_div"].tolist()[:2] == [0, 0]
    assert (
        plain.history_["loss_div"][2:].tolist() == tuned.history_["loss_div"].tolist()
    )


# -- the parameter module --------------------------------------------------------------


@pytest.mark.parametrize("kind", SKORCH)
def test_module_takes_a_skorch_net(kind):
    net = SKORCH[kind]()
    settings = STILL | {"numeric_scaling": None, "categorical_features": None}
    clf = CounterfactualTrainedClassifier(module=net, **settings)
    assert_predicts_as(clf.fit(ARRAY, Y), net, ARRAY)
    assert clf.module is net
    # A clone keeps the weights, as it does those of a torch module.
    assert_predicts_as(clone(clf).fit(ARRAY, Y), net, ARRAY)
    before = net.predict_proba(ARRAY.astype(np.float32))
    clf.set_params(lr=0.1).fit(ARRAY, Y)
    np.testing.assert_array_equal(net.predict_proba(ARRAY.astype(np.float32)), before)


def test_module_takes_a_net_that_is_not_fitted():
    net = NeuralNetClassifier(Curved, criterion=nn.CrossEntropyLoss)
    clf = CounterfactualTrainedClassifier(module=net, **STILL).fit(ARRAY, Y)
    assert isinstance(clf.net_.module_, Curved)
    assert not hasattr(net, "module_")
    assert_same_weights(clf, clone(clf).fit(ARRAY, Y))
    module = Curved()
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss)
    clf = CounterfactualTrainedClassifier(module=net, **STILL).fit(ARRAY, Y)
    assert torch.equal(clf.net_.module_.layer.weight, module.layer.weight)


# -- what cannot be --------------------------------------------------------------------


def from_pretrained(model, rows=ARRAY, y=Y, **settings):
    return started(model, rows, y, **settings)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: from_pretrained(mlp()), NotFittedError, "MLPClassifier"),
        (
            lambda: from_pretrained(make_pipeline(StandardScaler(), mlp())),
            NotFittedError,
            "MLPClassifier",
        ),
        (
            lambda: from_pretrained(CounterfactualTrainedClassifier()),
            NotFittedError,
            "CounterfactualTrainedClassifier",
        ),
        (
            lambda: from_pretrained(NeuralNetClassifier(Curved)),
            NotFittedError,
            "NeuralNetClassifier",
        ),
        (
            lambda: from_pretrained(LogisticRegression().fit(ARRAY > 0, Y)),
            TypeError,
            r"takes a fitted MLPClassifier, .* Got LogisticRegression\(",
        ),
        (lambda: from_pretrained(Curved()), TypeError, "is the parameter 'module'"),
        (
            lambda: from_pretrained(MODELS["mlp"](), module=Curved()),
            TypeError,
            "'module'",
        ),
        (
            lambda: from_pretrained(MODELS["own"](), numeric_scaling="standard"),
            ValueError,
            "'numeric_scaling' parameter cannot be given to from_pretrained",
        ),
        (
            lambda: from_pretrained(mlp().fit(ARRAY, np.eye(3)[THREE][:, :2])),
            ValueError,
            "fitted to 2 labels a row",
        ),
        (
            lambda: from_pretrained(
                skorch_net(NeuralNet, nn.NLLLoss, end=nn.LogSoftmax(dim=1))
            ),
            ValueError,
            "Got NLLLoss instead: give a torch module",
        ),
        (
            lambda: from_pretrained(MODELS["mlp"](), y=THREE),
            ValueError,
            r"the classes of .*\['approved', 'rejected'\]. Got \[0, 1, 2\] instead",
        ),
        (
            lambda: from_pretrained(MODELS["mlp"](), ARRAY[:, :5]),
            ValueError,
            "5 features, but MLPClassifier is expecting 8",
        ),
        (
            lambda: from_pretrained(MODELS["own"](), ARRAY[:, :5]),
            ValueError,
            r"fitted to, \[0, 1, 2, 3, 4, \.\.\.\]. Got \[0, 1, 2, 3, 4\] instead",
        ),
        (
            lambda: from_pretrained(MODELS["skorch"](), ARRAY[:, :5]),
            ValueError,
            "'module' parameter must take the encoded input",
        ),
        (
            lambda: from_pretrained(MODELS["skorch"](), y=THREE),
            ValueError,
            "one logit for each of the 3 classes",
        ),
        (
            lambda: from_pretrained(MODELS["mlp"](), numeric_scaling="quantile"),
            ValueError,
            "cannot be put behind .* numeric_scaling='standard'",
        ),
        (
            lambda: from_pretrained(
                make_pipeline(PolynomialFeatures(2), mlp()).fit(ARRAY, Y)
            ),
            ValueError,
            "cannot be put behind .* something else",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# -- what it is for --------------------------------------------------------------------


def test_fine_tuning_for_half_the_epochs_keeps_most_of_the_gain():
    rows, y = make_moons(400, random_state=0)
    unseen, labels = make_moons(200, random_state=1)
    model = MLPClassifier(
        (32,), max_iter=30, batch_size=30, learning_rate_init=0.01, random_state=0
    ).fit(rows, y)
    settings = {
        "lambda_div": 0.5,
        "lambda_adv": 0.25,
        "lambda_reg": 0.25,
        "averaging": 0.0,
        "generator": ECCCo(nascent="last", max_move=None, epoch_steps=None),
        "n_counterfactuals": 200,
        "batch_size": 30,
        "lr": 0.01,
        "numeric_scaling": None,
        "random_state": 0,
    }
    full = CounterfactualTrainedClassifier(**settings, max_epochs=30)
    half = CounterfactualTrainedClassifier.from_pretrained(
        model, **settings, max_epochs=15
    )
    implausibility = []
    before = started(model, rows, y, numeric_scaling=None)
    for clf in (before, full.fit(rows, y), half.fit(rows, y)):
        answer = clf.explain(
            unseen, tau=0.95, effort="walk", generator=ECCCo(max_move=None)
        )
        assert answer.valid.all()
        assert clf.score(unseen, labels) > 0.98
        implausibility.append(
            implausibility_distance(
                answer.counterfactuals, rows, target=answer.target, y_reference=y
            )
        )
    before, full, half = implausibility
    assert before - full > 0.1 * before
    assert before - half > 0.6 * (before - full)
