"""The classifier among scikit-learn's tools and with users' tables."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch.callbacks import Callback
from torch import nn

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._training.net import CounterfactualNet
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.generators import ECCCo, Generic

X, Y = make_loan_applications(300, random_state=0)
NUMBERS = X.select_dtypes("number")
ARRAY = NUMBERS.to_numpy(dtype=float)
RULES = {"age": "increase", "dependents": "none", "education": "increase"}


def _make(**changes):
    settings = {
        "hidden_layer_sizes": (8,),
        "max_epochs": 4,
        "n_counterfactuals": 40,
        "lr": 0.01,
        "random_state": 0,
    }
    return CounterfactualTrainedClassifier(**(settings | changes))


def _weights(clf):
    parameters = clf.net_.module_.parameters()
    return np.concatenate([p.detach().numpy().ravel() for p in parameters])


def _same(one, other, rows=X[:20]):
    """Whether predictions and explanations of two classifiers are the same."""
    np.testing.assert_array_equal(one.predict_proba(rows), other.predict_proba(rows))
    first, second = one.explain(rows), other.explain(rows)
    np.testing.assert_array_equal(first.status, second.status)
    np.testing.assert_array_equal(first.cost, second.cost)
    if isinstance(rows, pd.DataFrame):
        pd.testing.assert_frame_equal(first.counterfactuals, second.counterfactuals)
    else:
        np.testing.assert_array_equal(first.counterfactuals, second.counterfactuals)


@pytest.fixture(scope="module")
def fitted():
    return _make(mutability=RULES).fit(X, Y)


@pytest.fixture(scope="module")
def on_array():
    return _make().fit(ARRAY, Y)


# -- copies ---------------------------------------------------------------------


def test_clone(fitted):
    fresh = clone(fitted)
    assert not hasattr(fresh, "net_")
    assert fresh.get_params() == fitted.get_params()
    _same(fresh.fit(X, Y), fitted)
    nested = clone(_make(generator=ECCCo(lambda_energy=2.0)))
    assert nested.get_params()["generator__lambda_energy"] == 2.0


@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"verbose": 1}])
def test_pickle(settings):
    clf = _make(**settings).fit(X, Y)
    _same(pickle.loads(pickle.dumps(clf)), clf)


def test_joblib(fitted):
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    _same(joblib.load(file), fitted)


def test_a_copy_can_be_trained_further(fitted):
    copy = pickle.loads(pickle.dumps(fitted)).partial_fit(X, Y)
    assert copy.n_iter_ == fitted.n_iter_ + 1


# -- scikit-learn's tools ---------------------------------------------------------


@pytest.mark.slow
def test_grid_search():
    grid = {"lambda_div": [0.0, 0.1], "generator__lambda_energy": [1.0]}
    search = GridSearchCV(_make(max_epochs=2), grid, cv=2, n_jobs=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.generator.lambda_energy == 1.0
    assert len(search.best_estimator_.explain(X[:3])) == 3


def test_calibration():
    calibrated = CalibratedClassifierCV(_make(), cv=2).fit(X, Y)
    assert calibrated.predict_proba(X).shape == (300, 2)


def test_voting():
    numbers = make_pipeline(StandardScaler(), LogisticRegression())
    voting = VotingClassifier([("ct", _make()), ("lr", numbers)], voting="soft")
    assert voting.fit(ARRAY, Y).score(ARRAY, Y) > 0.6


def test_cross_val_predict():
    for method, shape in (("predict_proba", (300, 2)), ("decision_function", (300,))):
        found = cross_val_predict(_make(max_epochs=2), X, Y, cv=2, method=method)
        assert found.shape == shape


def test_permutation_importance(fitted):
    found = permutation_importance(fitted, X, Y, n_repeats=2, random_state=0)
    assert found.importances_mean.shape == (X.shape[1],)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_of_a_pipeline(container):
    if container == "polars":
        pytest.importorskip("polars")
    encode = ColumnTransformer(
        [("housing", OneHotEncoder(sparse_output=False), ["housing"])],
        remainder=StandardScaler(),
        verbose_feature_names_out=False,
    )
    columns = ["housing", "income", "debt"]
    pipeline = make_pipeline(encode, _make()).set_output(transform=container)
    pipeline.fit(X[columns], Y)
    inner = pipeline[-1]
    block = ("housing_mortgage", "housing_own", "housing_rent")
    assert inner.encoder_.variables_[0].name == block
    assert list(inner.feature_names_in_) == [*block, "income", "debt"]
    assert pipeline.predict(X[columns]).shape == (300,)


def test_nested_parameters_of_the_default_generator():
    clf = _make().set_params(generator__lambda_energy=2.0)
    assert isinstance(clf.generator, ECCCo)
    assert clf.generator.lambda_energy == 2.0
    clf.set_params(generator="generic", generator__max_iter=7)
    assert isinstance(clf.generator, Generic)
    assert clf.get_params()["generator__max_iter"] == 7
    clf.set_params(generator__max_iter=9, tau=0.6)
    assert (clf.generator.max_iter, clf.tau) == (9, 0.6)
    pipeline = make_pipeline(StandardScaler(), _make())
    pipeline.set_params(counterfactualtrainedclassifier__generator__max_iter=3)
    assert pipeline[-1].generator.max_iter == 3
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        _make().set_params(generator__nonsense=1)


# -- tables -------------------------------------------------------------------------


def test_frames_come_back_as_they_were(fitted):
    rows = X[:30].set_axis([f"id {i // 2}" for i in range(30)])
    answer = fitted.explain(rows)
    assert answer.factuals.equals(rows)
    assert answer.counterfactuals.dtypes.equals(rows.dtypes)
    assert answer.counterfactuals.index.equals(rows.index)
    assert (answer.counterfactuals["dependents"] == rows["dependents"]).all()
    assert (answer.counterfactuals["age"] >= rows["age"]).all()
    reached = fitted.predict(answer.counterfactuals) == answer.target
    np.testing.assert_array_equal(reached, answer.valid)


def test_polars():
    polars = pytest.importorskip("polars")
    levels = polars.Enum(X["education"].cat.categories.to_list())
    frame = polars.DataFrame({name: X[name].to_list() for name in X})
    frame = frame.with_columns(
        polars.col("education").cast(levels), polars.col("age").cast(polars.Int8)
    )
    labels = polars.Series("decision", Y.to_list())
    clf = _make(mutability=RULES).fit(frame, labels)
    assert list(clf.feature_names_in_) == list(X)
    answer = clf.explain(frame[:20])
    assert isinstance(answer.counterfactuals, polars.DataFrame)
    assert answer.counterfactuals.schema == frame.schema
    assert answer.factuals.equals(frame[:20])
    assert answer.counterfactuals["dependents"].equals(frame[:20]["dependents"])
    assert answer.valid.any()
    reached = clf.predict(answer.counterfactuals) == answer.target
    np.testing.assert_array_equal(reached, answer.valid)


LABELS = {
    "object": Y.to_numpy(dtype=object),
    "string": Y.to_numpy().astype("U8"),
    "pandas string": Y.astype("string"),
    "category": Y.astype("category"),
    "bool": (Y == "approved").to_numpy(),
    "int": np.where(Y == "approved", 7, -3),
    "float": np.where(Y == "approved", 1.0, 0.0),
    "list": Y.to_list(),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels(kind):
    y = LABELS[kind]
    clf = _make().fit(X, y)
    assert clf.classes_.tolist() == sorted(set(np.asarray(y).tolist()))
    assert set(clf.predict(X)) <= set(clf.classes_)
    assert clf.score(X, y) > 0.5
    target = clf.classes_[1]
    for asked in (target, target.item() if hasattr(target, "item") else target):
        answer = clf.explain(X[:5], asked)
        assert answer.target.tolist() == [target] * 5
    answer = clf.explain(X[:2], clf.classes_[[1, 0]])
    assert answer.target.tolist() == clf.classes_[[1, 0]].tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda A: np.asfortranarray(A),
        lambda A: np.repeat(A, 2, axis=1)[:, ::2],
        lambda A: A.tolist(),
        lambda A: np.asarray(A, dtype=object),
    ],
)
def test_the_layout_in_memory_does_not_matter(on_array, change):
    _same(_make().fit(change(ARRAY), Y), on_array, ARRAY[:10])


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_read_only_arrays(dtype):
    rows = ARRAY.astype(dtype)
    rows.flags.writeable = False
    labels = LABELS["int"].copy()
    labels.flags.writeable = False
    weights = np.ones(300)
    weights.flags.writeable = False
    clf = _make().fit(rows, labels, sample_weight=weights)
    answer = clf.explain(rows[:10])
    assert answer.counterfactuals.dtype == rows.dtype
    assert clf.predict_proba(rows).dtype == np.float64
    np.testing.assert_array_equal(answer.factuals, rows[:10])


def test_the_callers_table_is_not_changed():
    rows, labels = X.copy(), Y.copy()
    clf = _make().fit(rows, labels)
    clf.explain(rows[:20])
    pd.testing.assert_frame_equal(rows, X)
    pd.testing.assert_series_equal(labels, Y)


def test_whole_numbers_in_a_float_column_stay_whole():
    rows = NUMBERS.astype(float)
    answer = _make(domain=None).fit(rows, Y).explain(rows[:40])
    assert answer.valid.any()
    whole = answer.counterfactuals.drop(columns="debt").to_numpy()
    np.testing.assert_array_equal(whole, whole.round())
    cents = 100 * answer.counterfactuals["debt"]
    np.testing.assert_allclose(cents, cents.round(), atol=1e-6)


def test_small_integers_do_not_overflow():
    rng = np.random.default_rng(0)
    rows = rng.integers(120, 128, size=(200, 2)).astype("int8")
    y = rows[:, 0] + rng.normal(size=200) < 124
    clf = _make(domain=None, max_epochs=10).fit(rows, y)
    answer = clf.explain(rows, True, effort="walk")
    assert (answer.counterfactuals[:, 0] > 0).all()  # 130 would be -126
    frame = pd.DataFrame(rows)
    frame_answer = _make(domain=None, max_epochs=10).fit(frame, y).explain(frame, True)
    assert (frame_answer.counterfactuals > 0).all(axis=None)


@pytest.mark.parametrize("dtype", [float, bool, "int8"])
@pytest.mark.parametrize("container", [pd.DataFrame, np.asarray])
def test_one_hot_blocks_stay_one_hot(container, dtype):
    dummies = pd.get_dummies(X[["housing", "purpose"]], dtype=dtype)
    rows = container(
        pd.concat([NUMBERS[["debt", "income"]].astype(float), dummies], axis=1)
    )
    if not isinstance(rows, pd.DataFrame):
        rows = rows.astype(float)
    clf = _make(domain=None).fit(rows, Y)
    assert [len(v.columns) for v in clf.encoder_.variables_] == [1, 1, 3, 5]
    answer = clf.explain(rows[:40])
    found = np.asarray(answer.counterfactuals, dtype=float)
    np.testing.assert_array_equal(found[:, 2:5].sum(axis=1), 1)
    np.testing.assert_array_equal(found[:, 5:].sum(axis=1), 1)
    assert np.isin(found[:, 2:], (0, 1)).all()
    assert (answer.n_changes <= 4).all()


@pytest.mark.parametrize(
    ("chosen", "sizes"),
    [
        ("auto", [1, 1, 3]),
        (["housing"], [1, 1, 3]),
        ([2], [1, 1, 3]),
        (["housing", "dependents"], [1, X["dependents"].nunique(), 3]),
    ],
)
def test_categorical_features(chosen, sizes):
    rows = X[["income", "dependents", "housing"]]
    clf = _make(categorical_features=chosen).fit(rows, Y)
    found = [v.slots.stop - v.slots.start for v in clf.encoder_.variables_]
    assert found == sizes
    assert clf.explain(rows[:5]).counterfactuals.dtypes.equals(rows.dtypes)


def test_categories_in_object_arrays_and_lists():
    columns = ["income", "debt", "housing"]
    rows = X[columns].astype({"housing": object}).to_numpy(dtype=object)
    for given in (rows, rows.tolist()):
        clf = _make(categorical_features=[2]).fit(given, Y)
        answer = clf.explain(given[:20])
        assert set(answer.counterfactuals[:, 2]) <= {"rent", "own", "mortgage"}
        assert all(isinstance(cell, int) for cell in answer.counterfactuals[:, 0])
        reached = clf.predict(answer.counterfactuals) == answer.target
        np.testing.assert_array_equal(reached, answer.valid)


def test_categories_alone():
    rows = X[["housing", "purpose", "education"]]
    answer = _make().fit(rows, Y).explain(rows[:10])
    assert answer.counterfactuals.dtypes.equals(rows.dtypes)


@pytest.mark.parametrize("scaling", ["auto", "standard", "quantile", None])
def test_numeric_scaling(scaling):
    rows = NUMBERS / NUMBERS.std()
    clf = _make(numeric_scaling=scaling).fit(rows, Y)
    codes = clf.encode(rows)
    if scaling is None:
        np.testing.assert_array_equal(codes, rows)
    else:
        np.testing.assert_allclose(codes.std(axis=0), 1, atol=1e-6)
    answer = clf.explain(rows[:10])
    reached = clf.predict(answer.counterfactuals) == answer.target
    np.testing.assert_array_equal(reached, answer.valid)


# -- randomness ----------------------------------------------------------------------


def test_the_same_seed_gives_the_same(fitted):
    again = _make(mutability=RULES).fit(X, Y)
    np.testing.assert_array_equal(_weights(again), _weights(fitted))
    _same(again, fitted)
    other = _make(mutability=RULES, random_state=1).fit(X, Y)
    assert not np.array_equal(_weights(other), _weights(fitted))
    first, second = (
        _make(random_state=np.random.RandomState(5)).fit(X, Y) for _ in range(2)
    )
    np.testing.assert_array_equal(_weights(first), _weights(second))


def test_the_callers_generators_and_threads_are_untouched():
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.append(*np.random.get_state()[1:3])
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    for seed in (0, np.random.RandomState(0)):
        clf = _make(random_state=seed, early_stopping=True).fit(X, Y)
    clf.predict(X)
    clf.explain(X[:10], random_state=0)
    _make().partial_fit(X, Y, classes=np.unique(Y)).partial_fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.append(*np.random.get_state()[1:3]), before[1])
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == dtype


def test_a_row_alone_is_answered_as_in_a_batch(fitted):
    together = fitted.explain(X[:60])
    for i in (0, 7, 31):
        alone = fitted.explain(X[i : i + 1])
        pd.testing.assert_frame_equal(
            alone.counterfactuals, together.counterfactuals.iloc[[i]]
        )
        assert alone.status[0] == together.status[i]


# -- training further ----------------------------------------------------------------


def test_warm_start_goes_on():
    clf = _make(warm_start=True).fit(X, Y)
    scale, first = clf.encoder_.scale_, _weights(clf)
    clf.fit(X[:200], Y[:200])
    assert clf.n_iter_ == len(clf.loss_curve_) == len(clf.history_) == 8
    assert clf.encoder_.scale_ is scale
    assert clf.history_["loss_clf"][4] < clf.history_["loss_clf"][0]
    assert not np.array_equal(_weights(clf), first)
    cold = _make().fit(X, Y).fit(X, Y)
    assert cold.n_iter_ == 4
    np.testing.assert_array_equal(_weights(cold), first)


def test_partial_fit():
    clf = _make()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        clf.partial_fit(X, Y)
    with pytest.raises(NotFittedError):
        clf.predict(X)
    only = (Y == "approved").to_numpy()
    clf.partial_fit(X[only], Y[only], classes=["rejected", "approved"])
    assert clf.classes_.tolist() == ["approved", "rejected"]
    assert clf.n_iter_ == 1
    before = _weights(clf)
    for calls in (2, 3):
        assert clf.partial_fit(X, Y) is clf
        assert clf.n_iter_ == len(clf.history_) == calls
    assert not np.array_equal(_weights(clf), before)
    assert len(clf.explain(X[:5])) == 5
    with pytest.raises(ValueError, match="labels \\['maybe'\\] that are not among"):
        clf.partial_fit(X, ["maybe"] * 300)
    assert clf.n_iter_ == 3


def test_partial_fit_heeds_what_was_set_since():
    clf = _make().partial_fit(X, Y, classes=np.unique(Y))
    assert clf.net_.constraints.rise.all()
    rules = {"age": "none"}
    clf.set_params(mutability=rules, lambda_div=0.7, epsilon=0.2).partial_fit(X, Y)
    age = clf.encoder_.slots_of(clf.encoder_.variable_of("age"))
    frozen = clf.net_.constraints.frozen.numpy()[0]
    np.testing.assert_array_equal(frozen, age)
    assert clf.net_.weights.div == 0.7
    assert clf.net_.epsilon == 0.2
    assert clf.n_iter_ == 2


def test_real_rows_of_classes_that_come_later():
    only, classes = (Y == "approved").to_numpy(), ["approved", "rejected"]
    clf = _make().partial_fit(X[only][:20], Y[only][:20], classes=classes)
    assert {k: len(rows) for k, rows in clf.references_.items()} == {0: 20}
    clf.partial_fit(X, Y)
    sizes = {0: 20 + int(only.sum()), 1: int((~only).sum())}
    assert {k: len(rows) for k, rows in clf.references_.items()} == sizes
    rejected = X[clf.predict(X) == "rejected"]
    approved = X[clf.predict(X) == "approved"]
    for asked, target in ((rejected, "approved"), (approved, "rejected")):
        result = clf.explain(asked[:5], target)
        assert np.isfinite(result.implausibility[result.valid]).all()
    warm = _make(warm_start=True).fit(X[:200], Y[:200]).fit(X, Y)
    assert sum(map(len, warm.references_.values())) == 300


def test_only_the_generator_of_the_cpu_is_seeded(monkeypatch):
    def seeded(*arguments):
        raise AssertionError

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    monkeypatch.setattr(torch, "manual_seed", seeded)
    clf = _make(max_epochs=1).fit(X, Y)
    assert len(clf.explain(X[:3])) == 3


class Stop(Callback):
    """Raises in the second epoch, as somebody at the keyboard or a callback would."""

    def __init__(self, at_the_keyboard):
        self.at_the_keyboard = at_the_keyboard

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) != 2:
            return
        if not self.at_the_keyboard:
            raise KeyboardInterrupt

        def interrupted(*arguments, **options):
            raise KeyboardInterrupt

        net.train_step = interrupted


def test_an_interrupted_fit_leaves_the_one_before():
    clf = _make().fit(X, Y)
    before = clf.predict_proba(X)
    clf.set_params(callbacks=[Stop(at_the_keyboard=True)], random_state=1)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.n_iter_ == 4


def test_a_callback_may_end_the_training():
    clf = _make(callbacks=[Stop(at_the_keyboard=False)]).fit(X, Y)
    assert clf.n_iter_ == 2
    assert len(clf.predict(X)) == len(X)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_mode_of_autograd_does_not_matter(mode):
    # Of batch normalisation autograd finds the gradient.
    layers = nn.Linear(9, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)
    clf = _make(module=nn.Sequential(*layers), categorical_features=None)
    with mode():
        inside = clone(clf).fit(ARRAY, Y)
        outside = clf.fit(ARRAY, Y)
    _same(inside, outside, ARRAY[:20])
    expected = outside.explain(ARRAY[:20], margin=0.02).cost
    with mode():
        found = outside.explain(ARRAY[:20], margin=0.02).cost
    np.testing.assert_array_equal(found, expected)


def test_threads_give_what_one_after_the_other_gives():
    clf = _make(max_epochs=2)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    expected = cross_val_predict(clf, X, Y, cv=3, method="predict_proba")
    with joblib.parallel_config(backend="threading"):
        found = cross_val_predict(clf, X, Y, cv=3, method="predict_proba", n_jobs=3)
        clf.fit(X, Y).explain(X, n_jobs=3)
    np.testing.assert_array_equal(found, expected)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_partial_fit_goes_on_from_fit():
    clf = _make().fit(X, Y)
    assert clf.partial_fit(X, Y).n_iter_ == 5


def test_early_stopping():
    clf = _make(early_stopping=True, n_iter_no_change=3, max_epochs=60, lr=0.05).fit(
        X, Y
    )
    loss = clf.history_["valid_loss"]
    best = int(np.argmin(loss))
    assert clf.n_iter_ == len(loss) == best + 1 + 3 < 60
    # The weights are those of the best epoch: training only so long gives them too.
    short = _make(
        early_stopping=True, n_iter_no_change=60, max_epochs=best + 1, lr=0.05
    ).fit(X, Y)
    np.testing.assert_array_equal(_weights(short), _weights(clf))


def test_a_failed_fit_leaves_the_one_before(fitted):
    clf = _make(mutability=RULES).fit(X, Y)
    holes = X.assign(debt=X["debt"].where(X.index != 4, np.inf))
    with pytest.raises(ValueError, match="infinity in column 'debt'"):
        clf.fit(holes, Y)
    _same(clf, fitted)
    for wrong in ({"mutability": {"agee": "none"}}, {"lambda_div": -1}):
        before = clf.get_params()
        with pytest.raises(ValueError, match="agee|lambda_div"):
            clf.set_params(**wrong).fit(X.assign(more=1.0), 1 - (Y == "approved"))
        clf.set_params(**{name: before[name] for name in wrong})
        _same(clf, fitted)
        assert clf.n_features_in_ == X.shape[1]
    _same(clf.fit(X, Y), fitted)


def test_a_failed_first_fit_leaves_nothing():
    clf = _make(mutability={"agee": "none"})
    with pytest.raises(ValueError, match="agee"):
        clf.fit(X, Y)
    assert not [name for name in vars(clf) if name.endswith("_")]
    with pytest.raises(NotFittedError):
        clf.explain(X)
    assert clf.set_params(mutability=None).fit(X, Y).n_iter_ == 4


# -- weights ---------------------------------------------------------------------------


def test_zero_weights_remove_rows():
    weight = np.ones(300)
    weight[200:] = 0
    one = _make().fit(X, Y, sample_weight=weight)
    other = _make().fit(X[:200], Y[:200], sample_weight=weight[:200])
    np.testing.assert_array_equal(_weights(one), _weights(other))
    _same(one, other)


def test_weights_shift_the_predictions():
    weight = np.where(Y == "approved", 20.0, 1.0)
    plain = (_make(max_epochs=10).fit(X, Y).predict(X) == "approved").mean()
    weighted = _make(max_epochs=10).fit(X, Y, sample_weight=weight)
    assert (weighted.predict(X) == "approved").mean() > plain + 0.1
    by_class = _make(max_epochs=10, class_weight={"approved": 20.0}).fit(X, Y)
    np.testing.assert_array_equal(_weights(weighted), _weights(by_class))


def test_balanced_classes():
    few = np.r_[np.flatnonzero(Y == "approved")[:15], np.flatnonzero(Y == "rejected")]
    rows, labels = X.iloc[few], Y.iloc[few]
    plain = _make(max_epochs=10).fit(rows, labels).predict_proba(rows)[:, 0].mean()
    balanced = _make(max_epochs=10, class_weight="balanced").fit(rows, labels)
    assert balanced.predict_proba(rows)[:, 0].mean() > 1.5 * plain


# -- the training loop -----------------------------------------------------------------


class _Recorder(Callback):
    def __init__(self):
        self.epochs = []
        self.shapes = set()

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(len(net.history))

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        X, y = batch
        self.shapes.add((X.shape[1], y.ndim))


def test_callbacks():
    recorder = _Recorder()
    clf = _make(callbacks=[recorder]).fit(X, Y)
    assert recorder.epochs == [1, 2, 3, 4]
    assert recorder.shapes == {(clf.encoder_.n_codes_, 1)}
    named = _Recorder()
    _make(callbacks=[("recorder", named)]).fit(X, Y)
    assert named.epochs == [1, 2, 3, 4]


def test_one_progress_bar(capsys):
    clf = _make(verbose=1).fit(X, Y)
    shown = capsys.readouterr()
    assert "training: 100%" in shown.err
    assert "4/4" in shown.err
    assert shown.err.count("\n") == 1  # a bar redraws its line, and ends it once
    clf.explain(X[:5], verbose=1)
    shown = capsys.readouterr()
    assert "explaining: 100%" in shown.err
    _make().fit(X, Y).explain(X[:5])
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_history(fitted):
    history = fitted.history_
    expected = {
        "train_loss",
        "loss_clf",
        "loss_div",
        "loss_adv",
        "loss_reg",
        "mature_share",
        "search_steps",
        "search_seconds",
        "dur",
    }
    assert expected <= set(history.columns)
    assert len(history) == fitted.n_iter_ == len(fitted.loss_curve_) == 4
    assert np.isfinite(history[sorted(expected)].to_numpy()).all()
    assert history["mature_share"].between(0, 1).all()
    assert fitted.loss_curve_ == history["train_loss"].tolist()
    assert (history["search_seconds"] <= history["dur"]).all()


def test_burn_in_is_conventional():
    clf = _make(burn_in=0.5).fit(X, Y)
    np.testing.assert_array_equal(clf.history_["mature_share"].isna(), [1, 1, 0, 0])
    conventional = _make(lambda_div=0, lambda_adv=0, lambda_reg=0)
    conventional.fit(X, Y)
    burnt = _make(burn_in=1.0).fit(X, Y)
    np.testing.assert_array_equal(_weights(conventional), _weights(burnt))


@pytest.mark.parametrize("others", [{"averaging": 0.5}, {"lambda_reg": 0.9}])
def test_without_divergence_and_adversarial_loss_it_is_conventional(others):
    none = {"lambda_div": 0, "lambda_adv": 0, "mutability": RULES}
    clf = _make(**none, **others).fit(X, Y)
    plain = _make(n_counterfactuals=0, mutability=RULES).fit(X, Y)
    np.testing.assert_array_equal(_weights(clf), _weights(plain))
    assert not {"mature_share", "search_steps", "search_seconds"} & set(clf.history_)
    terms = clf.history_[["loss_div", "loss_adv", "loss_reg"]]
    assert (terms == 0).all(axis=None)


@pytest.mark.parametrize(
    "change",
    [
        {"averaging": 0.0},
        {"tau_max": 0.5},
        {"n_positives": 1},
        {"swap_immutable": 0.0},
        {"epsilon": 0.3},
    ],
)
def test_every_setting_of_the_objective_reaches_the_training(fitted, change):
    other = _make(mutability=RULES, **change).fit(X, Y)
    assert not np.array_equal(_weights(other), _weights(fitted))


def test_nothing_is_swapped_where_nothing_is_immutable():
    one, other = (
        _make(mutability={"age": "increase"}, swap_immutable=share).fit(X, Y)
        for share in (0.0, 1.0)
    )
    np.testing.assert_array_equal(_weights(one), _weights(other))


@pytest.mark.parametrize(
    "settings",
    [
        {"averaging": 0, "swap_immutable": 0, "n_positives": 1},
        {"averaging": 0.999, "swap_immutable": 1, "tau": 0.01, "tau_max": 0.99},
        {"tau": 0.97, "tau_max": 0.97},
    ],
)
def test_settings_at_the_ends_of_their_ranges(settings):
    clf = _make(mutability=RULES, **settings).fit(X, Y)
    assert np.isfinite(_weights(clf)).all()
    assert len(clf.explain(X[:3])) == 3


def test_auto_is_a_quarter_of_the_rows_within_limits(monkeypatch):
    asked = []
    generate = CounterfactualNet.generate

    def counted(net, X, y):
        asked.append(net.n_counterfactuals)
        return generate(net, X[:50], y[:50])

    monkeypatch.setattr(CounterfactualNet, "generate", counted)
    for n in (300, 6_000, 9_000):
        rows = np.resize(ARRAY, (n, ARRAY.shape[1]))
        clf = _make(n_counterfactuals="auto", max_epochs=1, hidden_layer_sizes=())
        clf.fit(rows, np.resize(Y.to_numpy(), n))
    assert asked == [1000, 1500, 2000]


def test_the_loss_is_the_sum_of_its_terms(fitted):
    weights = {"clf": 1.0} | {
        name: getattr(fitted, f"lambda_{name}") for name in ("div", "adv", "reg")
    }
    total = sum(w * fitted.history_[f"loss_{name}"] for name, w in weights.items())
    np.testing.assert_allclose(fitted.loss_curve_, total, rtol=0.05)


# -- the network -----------------------------------------------------------------------


def test_linear():
    clf = _make(hidden_layer_sizes=()).fit(ARRAY, Y)
    layers = [m for m in clf.net_.module_.modules() if not list(m.children())]
    assert [type(layer) for layer in layers] == [nn.Linear]
    codes = clf.encode(ARRAY)
    weight = layers[0].weight.detach().numpy().astype(float)
    bias = layers[0].bias.detach().numpy().astype(float)
    logits = codes @ weight.T + bias
    np.testing.assert_allclose(
        clf.decision_function(ARRAY), logits[:, 1] - logits[:, 0], atol=1e-9
    )


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "elu", "gelu"])
def test_activations(activation):
    clf = _make(activation=activation, hidden_layer_sizes=[6, 4], max_epochs=1)
    assert np.isfinite(clf.fit(X, Y).decision_function(X)).all()


def test_a_trained_module_is_fine_tuned():
    torch_state = torch.get_rng_state()
    module = nn.Sequential(nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 2)).train()
    torch.set_rng_state(torch_state)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    clf = _make(module=module, lr=1e-6, max_epochs=1).fit(ARRAY, Y)
    assert module.training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
        tuned = clf.net_.module_.state_dict()[name]
        if name == "2.bias":
            continue  # the intercepts are refitted
        assert 0 < (tuned - value).abs().max() < 1e-4
    assert clf.module is module
    _same(pickle.loads(pickle.dumps(clf)), clf, ARRAY[:5])


def test_a_module_in_double_precision():
    module = nn.Linear(9, 2).double()
    clf = _make(module=module).fit(ARRAY, Y)
    assert clf.net_.module_.weight.dtype == torch.float64
    assert len(clf.explain(ARRAY[:5])) == 5


def test_more_than_two_classes():
    y = np.digitize(X["income"], X["income"].quantile([0.33, 0.66])).astype(str)
    clf = _make(max_epochs=15).fit(X, y)
    logits = clf.decision_function(X)
    assert logits.shape == clf.predict_proba(X).shape == (300, 3)
    assert clf.score(X, y) > 0.5
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[logits.argmax(axis=1)])
    answer = clf.explain(X[:30])
    second = np.argsort(clf.predict_proba(X[:30]), axis=1)[:, -2]
    np.testing.assert_array_equal(answer.target, clf.classes_[second])
    assert set(clf.explain(X[:5], "2").target) == {"2"}


def test_decision_function_agrees_with_the_rest(fitted):
    decision, proba = fitted.decision_function(X), fitted.predict_proba(X)
    assert decision.shape == (300,)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-decision)), atol=1e-12)
    predicted = fitted.classes_[(decision > 0).astype(int)]
    np.testing.assert_array_equal(fitted.predict(X), predicted)


@pytest.mark.parametrize("n_counterfactuals", [0, 1, 25, 0.1, 1.0, "auto"])
def test_n_counterfactuals(n_counterfactuals):
    clf = _make(n_counterfactuals=n_counterfactuals, max_epochs=1).fit(X, Y)
    assert ("mature_share" in clf.history_) == (n_counterfactuals != 0)
    assert len(clf.explain(X[:3])) == 3


def test_no_rows_to_predict(fitted):
    assert fitted.predict(X[:0]).shape == (0,)
    assert fitted.predict_proba(X[:0]).shape == (0, 2)


def test_sparse_tables_are_as_good_as_dense_ones():
    numbers = X.select_dtypes("number").to_numpy(dtype=float)
    dense, sparse = (_make().fit(table, Y) for table in (numbers, csr_array(numbers)))
    given = dense.predict_proba(numbers)
    np.testing.assert_array_equal(sparse.predict_proba(csr_array(numbers)), given)
    asked = numbers[dense.predict(numbers) == "rejected"][:5]
    expected = dense.explain(asked, "approved").to_frame()
    found = dense.explain(csr_array(asked), "approved")
    assert isinstance(found.counterfactuals, np.ndarray)
    pd.testing.assert_frame_equal(found.to_frame(), expected)
