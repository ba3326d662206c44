"""Every bad input, the exception that it gives, and what the message says."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.generators import ECCCo

X, Y = make_loan_applications(120, random_state=0)
ARRAY = X.select_dtypes("number").to_numpy(dtype=float)
DUMMIES = pd.concat(
    [X[["income", "debt"]], pd.get_dummies(X["housing"], dtype=int)], axis=1
)


def _make(**changes):
    settings = {
        "hidden_layer_sizes": (4,),
        "max_epochs": 1,
        "n_counterfactuals": 10,
        "random_state": 0,
    }
    return CounterfactualTrainedClassifier(**(settings | changes))


def _with(column, value, row=3):
    changed = X.copy()
    changed[column] = changed[column].astype(float if value != "boat" else object)
    changed.loc[row, column] = value
    return changed


def _array_with(value):
    changed = ARRAY.copy()
    changed[5, 2] = value
    return changed


class _Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return "logits"


FITTED = {
    "frame": lambda: _make(mutability={"age": "none"}).fit(X, Y),
    "array": lambda: _make().fit(ARRAY, Y),
    "dummies": lambda: _make().fit(DUMMIES, Y),
    "narrow": lambda: _make(domain={"income": (20_000, 30_000)}).fit(X, Y),
    "none": lambda: _make(),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: make() for name, make in FITTED.items()}


FINITE = "Replace it by a number, or by NaN"

# What the constructor takes, looked at in fit: (id, parameters, message).
RULES = [
    ("mutability-unknown", {"mutability": {"agee": "none"}},
     r"'mutability' parameter: Unknown column 'agee'. Did you mean 'age'\?"),
    ("mutability-unknown-position", {"mutability": {99: "none"}},
     r"'mutability' parameter: Unknown column 99. Columns: 'age', .*, \.\.\."),
    ("mutability-word", {"mutability": {"age": "up"}},
     "'mutability' of column 'age' must be one of 'both', .* Got 'up' instead"),
    ("mutability-number", {"mutability": {"age": 1}},
     "'mutability' of column 'age' must be one of .* Got '1' instead"),
    ("mutability-length", {"mutability": ["none"] * 3},
     "'mutability' parameter must have one entry for each of the 12 columns. Got 3"),
    ("mutability-per-row", {"mutability": [{"age": "none"}] * 120},
     r"'mutability' parameter of a classifier must be a dict .* go to explain\(\)"),
    ("mutability-frame", {"mutability": pd.DataFrame({"age": ["none"]})},
     "'mutability' parameter of a classifier must be a dict"),
    ("mutability-unordered", {"mutability": {"housing": "increase"}},
     "'mutability' 'increase' of column 'housing' needs an order.*ordered pandas"),
    ("mutability-no-block", {"mutability": {("age", "income"): "none"}},
     r"'mutability' parameter has the key \('age', 'income'\), .* no one-hot block"),
    ("domain-unknown", {"domain": {"incom": (0, 1)}},
     r"'domain' parameter: Unknown column 'incom'. Did you mean 'income'\?"),
    ("domain-order", {"domain": {"income": (5, 1)}},
     r"'domain' of column 'income' must have low <= high. Got \(5, 1\) instead"),
    ("domain-nan", {"domain": {"income": (np.nan, 1)}},
     "'domain' of column 'income' must have low <= high"),
    ("domain-infinite", {"domain": {"income": (np.inf, np.inf)}},
     "'domain' of column 'income' must have low <= high"),
    ("domain-scalar", {"domain": {"income": 5}},
     r"'domain' of column 'income', a number, must be a range \(low, high\), .* Got 5"),
    ("domain-triple", {"domain": {"income": (1, 2, 3)}},
     "'domain' of column 'income', a number, must be a range"),
    ("domain-words", {"domain": {"income": ("low", "high")}},
     "'domain' of column 'income', a number, must be a range"),
    ("domain-text", {"domain": {"income": "observed"}},
     "'domain' of column 'income', a number, must be a range"),
    ("domain-no-whole-number", {"domain": {"age": (30.2, 30.8)}},
     "'domain' of column 'age' is empty"),
    ("domain-category", {"domain": {"housing": ["rent", "boat"]}},
     r"'domain' of column 'housing' has the unknown category 'boat'. "
     r"Categories: \['rent', 'mortgage', 'own'\]"),
    ("domain-category-text", {"domain": {"housing": "rent"}},
     "'domain' of column 'housing', a category, must be a list of allowed values"),
    ("domain-no-category", {"domain": {"housing": []}},
     "'domain' of column 'housing' allows no category"),
    ("domain-list", {"domain": [{"age": (1, 2)}]}, "The 'domain' parameter"),
    ("categorical-unknown", {"categorical_features": ["housin"]},
     r"'categorical_features' parameter: Unknown column 'housin'. Did you mean"),
    ("categorical-left-out", {"categorical_features": ["housing"]},
     "Column 'education' of type category is neither a number nor a category"),
    ("categorical-none", {"categorical_features": None},
     "Column 'education' of type category is neither a number nor a category"),
    ("categorical-twice", {"categorical_features": ["housing", "housing"]},
     "'categorical_features' parameter must have each column once. Got 'housing'"),
    ("categorical-mask", {"categorical_features": [True] + [False] * 11},
     "'categorical_features' parameter: Unknown column True"),
    ("categorical-no-block", {"categorical_features": [["age", "income"]]},
     r"columns \['age', 'income'\] of categorical_features are not one-hot"),
    ("categorical-block-words", {"categorical_features": [["housing", "purpose"]]},
     r"columns \['housing', 'purpose'\] of categorical_features are not one-hot"),
    ("module-inputs", {"module": torch.nn.Linear(3, 2)},
     "'module' parameter must take the encoded input of 21 columns"),
    ("module-outputs", {"module": torch.nn.Linear(21, 5)},
     r"'module' parameter must give one logit for each of the 2 classes.*\(n, 5\)"),
    ("module-one-output", {"module": torch.nn.Linear(21, 1)},
     "'module' parameter must give one logit for each of the 2 classes"),
    ("module-words", {"module": _Words()}, "'module' parameter must take .* a tensor"),
    ("special-unknown", {"special_values": {"agee": [-1]}},
     r"'special_values' parameter: Unknown column 'agee'. Did you mean 'age'\?"),
    ("special-category", {"special_values": {"housing": ["other"]}},
     "'special_values' of column 'housing' .* a number, but the column is a category"),
    ("special-text", {"special_values": {"age": ["none"]}},
     r"'special_values' of column 'age' must be a list of numbers, .* Got \['none'\]"),
    ("special-word", {"special_values": {"age": "-1"}},
     "'special_values' of column 'age' must be a list of numbers, .* Got '-1'"),
    ("special-nan", {"special_values": {"age": [np.nan]}},
     r"'age' must be a list of numbers, .*\(Missing cells need not be listed"),
    ("special-none", {"special_values": {"age": None}}, "must be a list of numbers"),
    ("module-no-parameters", {"module": torch.nn.Identity()},
     "'module' parameter must be a torch.nn.Module with parameters"),
    ("class-weight-negative", {"class_weight": {"approved": -1, "rejected": 1}},
     "'class_weight' of class 'approved' must be a finite number, zero or greater"),
    ("class-weight-nan", {"class_weight": {"approved": np.nan, "rejected": 1}},
     "'class_weight' of class 'approved' must be a finite number"),
    ("class-weight-text", {"class_weight": {"approved": "much"}},
     "'class_weight' of class 'approved' must be a finite number"),
    ("class-weight-zero", {"class_weight": {"approved": 0, "rejected": 0}},
     "'class_weight' parameter leaves every row without weight"),
    ("mutability-none", {"mutability": {"age": None}},
     "'mutability' of column 'age' must be one of .* Got None instead; leave"),
    ("domain-mapping", {"domain": {"income": {"low": 1}}},
     "'domain' of column 'income', a number, must be a range"),
    ("domain-category-mapping", {"domain": {"housing": {"rent": 1}}},
     "'domain' of column 'housing', a category, must be a list"),
    ("domain-list-words", {"domain": {"income": ["low"]}},
     "'domain' of column 'income', a number, must be a range"),
    ("domain-list-empty", {"domain": {"income": []}},
     "'domain' of column 'income', a number, must be a range"),
    ("tau-max", {"tau": 0.9, "tau_max": 0.5},
     "'tau_max' parameter must be at least tau=0.9. Got 0.5 instead"),
    ("device-meta", {"device": "meta"}, "'device' parameter .* Got 'meta' instead"),
    ("callbacks-words", {"callbacks": ["a"]},
     "'callbacks' parameter .* must be a list of skorch callbacks.* Got 'a'"),
    ("callbacks-pair", {"callbacks": [("a", 1)]},
     r"'callbacks' parameter .* Got \('a', 1\) among them"),
    ("class-weight", {"class_weight": {"maybe": 1.0}}, "class_weight"),
    ("generator-parameter", {"generator": ECCCo(max_iter=0)}, "'max_iter' parameter"),
]  # fmt: skip

# Values that the constructor's parameters may not have.
PARAMETERS = {
    "hidden_layer_sizes": [5, "32", None],
    "activation": ["nonsense", None],
    "module": ["linear", torch.nn.Linear],
    "mutability": ["nonsense", 1],
    "relations": ["nonsense", 1, {"column": "age"}],
    "domain": ["nonsense", 1],
    "categorical_features": ["nonsense", 1],
    "numeric_scaling": ["minmax", 1],
    "special_values": ["nonsense", [-1], 1],
    "missing": ["drop", None, True],
    "handle_unknown": ["warn", None, True],
    "generator": ["nonsense", None, 1],
    "lambda_div": [-0.1, "0.1", None, np.nan],
    "lambda_adv": [-0.1, "0.1", None],
    "lambda_reg": [-0.1, "0.1", None],
    "averaging": [-0.1, 1.0, "0.1", None, np.nan],
    "tau": [0, 1, -0.5, 1.5, "0.5", None, np.nan],
    "tau_max": [0, 1, -0.5, 1.5, "0.5", None, np.nan],
    "epsilon": [-0.1, "0.3", None],
    "n_counterfactuals": [-1, 0.0, 1.5, -0.5, "all", None],
    "n_positives": [0, -1, 1.5, "all", None],
    "swap_immutable": [-0.1, 1.1, "0.5", None, np.nan],
    "burn_in": [-0.1, 1.1, None],
    "max_epochs": [0, -1, 1.5, None],
    "batch_size": [0, 1.5, "all", None],
    "lr": [0, -1e-3, "fast", None],
    "weight_decay": [-1e-3, None],
    "early_stopping": ["yes", None],
    "validation_fraction": [0, 1, -0.1, None],
    "n_iter_no_change": [0, 1.5, None],
    "class_weight": ["nonsense", 1],
    "warm_start": ["yes", None],
    "callbacks": ["nonsense", 1],
    "device": [0, None],
    "random_state": ["nonsense", -1, 0.5],
    "verbose": [-1, "loud", None],
}

# What fit is given: (id, X, y, message).
TABLES = [
    ("inf", _with("debt", np.inf), Y, f"infinity in column 'debt'.*{FINITE}"),
    ("inf-array", _array_with(-np.inf), Y, f"infinity in column 2.*{FINITE}"),
    ("nothing-in-words", X.assign(job=pd.Series([None] * 120, dtype="category")), Y,
     "neither|Every cell of column 'job' is missing.*Drop the column"),
    ("dates", X.assign(day=pd.Timestamp("2020-01-01")), Y,
     "Column 'day' of type datetime.* is neither a number nor a category"),
    ("lists", X.assign(many=[[1]] * 120), Y, "Column 'many' of type object is neither"),
    ("words-in-an-array", X.to_numpy(dtype=object), Y, "could not convert string"),
    ("no-columns", X[[]], Y, r"0 feature\(s\) .* while a minimum of 1 is required"),
    ("no-rows", X[:0], Y[:0], r"0 sample\(s\) .* while a minimum of 1 is required"),
    ("one-dimension", ARRAY[:, 0], Y, "Expected 2D array, got 1D array instead"),
    ("text-of-numbers", X.assign(age=X["age"].astype(object).where(X.index > 2, "30")),
     Y, "Column 'age' of type object is neither .* text of numbers too"),
    ("one-class", X, ["yes"] * 120, "at least two classes; got the one class 'yes'"),
    ("continuous", X, np.linspace(0, 1, 120), "Unknown label type"),
    ("y-nan", X, [np.nan] + [0.0, 1.0] * 59 + [1.0], "Input y contains NaN"),
    ("y-none", X, [None, *Y[1:]], "label type"),
    ("y-length", X, Y[:-1], "inconsistent numbers of samples"),
    ("y-columns", X, np.column_stack([Y, Y]), "should be a 1d array"),
    ("y-missing", X, None, "requires y to be passed, but the target y is None"),
]  # fmt: skip

# Other calls: (id, fitted classifier, call, exception, message).
ROWS = X[:3]
CALLS = [
    ("weight-length", "none", lambda c: c.fit(X, Y, sample_weight=[1.0]),
     ValueError, "sample_weight"),
    ("weight-negative", "none", lambda c: c.fit(X, Y, sample_weight=[-1.0] * 120),
     ValueError, "Negative values in data passed to `sample_weight`"),
    ("weight-zero", "none", lambda c: c.fit(X, Y, sample_weight=[0.0] * 120),
     ValueError, "sample_weight of every row is zero|at least one non-zero"),
    ("weight-nan", "none", lambda c: c.fit(X, Y, sample_weight=[np.nan] * 120),
     ValueError, "sample_weight contains NaN"),
    ("partial-no-rows", "frame", lambda c: c.partial_fit(X[:0], Y[:0]),
     ValueError, r"0 sample\(s\) .* while a minimum of 1 is required"),
    ("stopping-rare-class", "none",
     lambda c: _make(early_stopping=True).fit(X, ["rare", *["often"] * 119]),
     ValueError, "early_stopping=True .* of class 'rare' only 1"),
    ("stopping-few-rows", "none",
     lambda c: _make(early_stopping=True).fit(X[:6], [*"aaabbb"]),
     ValueError, "early_stopping=True .* 'validation_fraction' 0.1"),
    ("predict-before-fit", "none", lambda c: c.predict(X),
     NotFittedError, "is not fitted yet"),
    ("explain-before-fit", "none", lambda c: c.explain(X),
     NotFittedError, "is not fitted yet"),
    ("encode-before-fit", "none", lambda c: c.encode(X),
     NotFittedError, "is not fitted yet"),
    ("partial-label", "frame", lambda c: c.partial_fit(X, ["maybe"] * 120),
     ValueError, r"labels \['maybe'\] that are not among the classes"),
    ("partial-classes", "frame", lambda c: c.partial_fit(X, Y, classes=["a", "b"]),
     ValueError, "classes=.* is not the same as on last call"),
    ("target-dict", "frame", lambda c: c.explain(ROWS, {"a": 1}),
     ValueError, "'target' parameter must be a label or one label for each .* Got {"),
    ("verbose", "frame", lambda c: c.explain(ROWS, verbose=np.array([1, 2])),
     ValueError, "'verbose' parameter of explain must be"),
    ("target-unknown", "frame", lambda c: c.explain(ROWS, "aproved"),
     ValueError, "'target' parameter has the unknown label 'aproved'. Classes: "),
    ("target-type", "frame", lambda c: c.explain(ROWS, 1),
     ValueError, "'target' parameter has the unknown label 1"),
    ("target-one-unknown", "frame",
     lambda c: c.explain(ROWS, ["approved", "rejected", "x"]),
     ValueError, "'target' parameter has the unknown label 'x'"),
    ("target-count", "frame", lambda c: c.explain(ROWS, ["approved"] * 2),
     ValueError, "'target' parameter must be a label or one .* each of the 3 rows"),
    ("mutability-unknown", "frame", lambda c: c.explain(ROWS, mutability={"agee": "n"}),
     ValueError, r"'mutability' parameter: Unknown column 'agee'. Did you mean 'age'"),
    ("mutability-word", "frame", lambda c: c.explain(ROWS, mutability={"age": "up"}),
     ValueError, "'mutability' of column 'age' must be one of"),
    ("mutability-row-word", "frame",
     lambda c: c.explain(ROWS, mutability=[None, {"age": "up"}, None]),
     ValueError, "'mutability' of column 'age' must be one of .* Got 'up'"),
    ("mutability-text", "frame", lambda c: c.explain(ROWS, mutability="stays"),
     ValueError, "'mutability' parameter, .* one of 'both', .* Got 'stays' instead"),
    ("mutability-rest", "frame", lambda c: c.explain(ROWS, mutability={"*": "up"}),
     ValueError, "'mutability' of column .* must be one of .* Got 'up'"),
    ("mutability-rest-unordered", "frame",
     lambda c: c.explain(ROWS, mutability={"*": "increase", "age": "none"}),
     ValueError, "'mutability' 'increase' of column 'housing' needs an order"),
    ("mutability-frame-index", "frame",
     lambda c: c.explain(ROWS, mutability=pd.DataFrame({"age": "none"}, [7, 8, 9])),
     ValueError, r"index is not that of X.* set_axis\(X.index\)"),
    ("mutability-number", "frame", lambda c: c.explain(ROWS, mutability=5),
     ValueError, "'mutability' parameter must be None or a dict .* Got 5"),
    ("mutability-rows", "frame", lambda c: c.explain(ROWS, mutability=[{}] * 2),
     ValueError, "'mutability' parameter must have one entry for each of the 3 rows"),
    ("mutability-frame-rows", "frame",
     lambda c: c.explain(ROWS, mutability=pd.DataFrame({"age": ["none"] * 4})),
     ValueError, "one entry for each of the 3 rows. Got 4 instead"),
    ("domain-unknown", "frame", lambda c: c.explain(ROWS, domain={"incom": (0, 1)}),
     ValueError, r"'domain' parameter: Unknown column 'incom'. Did you mean 'income'"),
    ("domain-rows", "frame", lambda c: c.explain(ROWS, domain=[{}] * 4),
     ValueError, "'domain' parameter must have one entry for each of the 3 rows"),
    ("domain-word", "frame", lambda c: c.explain(ROWS, domain="nonsense"),
     ValueError, "'domain' parameter must be 'observed', .* Got 'nonsense' instead"),
    ("domain-number", "frame", lambda c: c.explain(ROWS, domain=5),
     ValueError, "'domain' parameter must be None or a dict .* Got 5"),
    ("domain-contradiction", "narrow",
     lambda c: c.explain(ROWS, domain={"income": (40_000, 50_000)}),
     ValueError, "'domain' of column 'income' is empty: from 40000 to 30000"),
    ("domain-row-contradiction", "narrow",
     lambda c: c.explain(ROWS, domain=[None, {"income": (40_000, 50_000)}, None]),
     ValueError, "'domain' of column 'income' of row 1 is empty"),
    ("domain-empty", "frame", lambda c: c.explain(ROWS, domain={"housing": []}),
     ValueError, "'domain' of column 'housing' allows no category"),
    ("block-part", "dummies", lambda c: c.explain(DUMMIES, mutability={"own": "none"}),
     ValueError, r"column 'own' cannot be set alone: .* block \('rent', 'mortgage'"),
    ("block-part-domain", "dummies",
     lambda c: c.explain(DUMMIES, domain={"own": (0, 1)}),
     ValueError, "column 'own' cannot be set alone: it is part of the one-hot block"),
    ("block-two-words", "dummies",
     lambda c: c.explain(
         DUMMIES, mutability={"own": "none", "rent": "both", "mortgage": "both"}
     ),
     ValueError, "cannot be set alone: it is part of the one-hot block"),
    ("block-direction", "dummies",
     lambda c: c.explain(
         DUMMIES, mutability={("rent", "mortgage", "own"): "increase"}
     ),
     ValueError, "'mutability' 'increase' of column .* needs an order"),
    ("costs-unknown", "frame", lambda c: c.explain(ROWS, feature_costs={"agee": 1}),
     ValueError, "Unknown column 'agee'. Did you mean 'age'"),
    ("costs-negative", "frame", lambda c: c.explain(ROWS, feature_costs={"age": -1}),
     ValueError, "'feature_costs' of column 'age' must be a finite number, zero or"),
    ("costs-nan", "frame", lambda c: c.explain(ROWS, feature_costs={"age": np.nan}),
     ValueError, "'feature_costs' of column 'age' must be a finite number"),
    ("costs-block", "dummies",
     lambda c: c.explain(DUMMIES, feature_costs={"own": 1, "rent": 2}),
     ValueError, "'feature_costs' of column 'rent' is 2, and that of its one-hot"),
    ("costs-text", "frame", lambda c: c.explain(ROWS, feature_costs={"age": "high"}),
     ValueError, "'feature_costs' of column 'age' must be a finite number"),
    *[
        (f"{name}-{value}", "frame",
         lambda c, name=name, value=value: c.explain(ROWS, **{name: value}),
         ValueError, f"'{name}' parameter.* must be .* Got {value!r} instead")
        for name, values in {
            "n_counterfactuals": [0, -1, 1.5, "auto", True, None],
            "max_changes": [0, -1, 1.5, "few"],
            "tau": [0, 1, 1.5, "high"],
            "effort": ["nonsense", None],
            "n_jobs": ["a", 1.5, 0],
            "generator": ["nonsense", 5],
        }.items()
        for value in values
    ],
    ("generator-parameter", "frame",
     lambda c: c.explain(ROWS, generator=ECCCo(step_size=0)),
     ValueError, "'step_size' parameter of ECCCo"),
    ("random-state", "frame", lambda c: c.explain(ROWS, random_state="x"),
     ValueError, "cannot be used to seed"),
    ("option", "frame", lambda c: c.explain(ROWS, nonsense=1),
     TypeError, "nonsense"),
]  # fmt: skip

# Rows that neither predict nor explain takes: (id, classifier, X, message).
QUERIES = [
    ("names", "frame", X.rename(columns={"age": "years"}),
     "feature names should match those that were passed during fit"),
    ("order", "frame", X[X.columns[::-1]], "feature names should match"),
    ("fewer", "frame", X.drop(columns="age"), "feature names should match"),
    ("more", "frame", X.assign(more=1), "feature names should match"),
    ("width", "array", ARRAY[:, :-1], "has 8 features, but .* is expecting 9"),
    ("one-row", "array", ARRAY[0], "Expected 2D array, got 1D array instead"),
    ("category", "frame", _with("housing", "boat"),
     r"unknown categories \['boat'\] in column 'housing'; fit saw \['rent', "),
    ("type", "frame", X.assign(age=["old"] * 120),
     "Column 'age' of type .* is neither a number nor a category"),
    ("one-row", "frame", X.iloc[0], r"like one row of a frame .* X.iloc\[\[0\]\]"),
    ("text-of-numbers", "frame", X.assign(age=X["age"].astype(str)),
     "Column 'age' of type .* is neither .* text of numbers too"),
    ("truth-values", "frame", X.assign(age=X["age"] > 40),
     "Column 'age' has truth values, but numbers other than 0 and 1"),
    ("truth-values-array", "array", ARRAY > 40,
     "Column 0 has truth values, but numbers other than 0 and 1"),
    ("lists", "frame", X.assign(housing=[["rent"]] * 120),
     "Column 'housing' has cells that are no labels"),
    ("inf", "frame", _with("debt", np.inf), f"infinity in column 'debt'.*{FINITE}"),
    ("inf-array", "array", _array_with(np.inf), f"infinity in column 2.*{FINITE}"),
    ("nan-in-a-block", "dummies",
     DUMMIES.astype(float).assign(own=np.where(DUMMIES.index == 3, np.nan, 0)),
     "NaN in column 'own'.*one-hot block"),
]  # fmt: skip


def _of(name, method, X):
    return lambda fitted: getattr(fitted[name], method)(X)


CASES = [
    *[
        (f"fit-{name}", lambda _, p=parameters: _make(**p).fit(X, Y), ValueError, text)
        for name, parameters, text in RULES
    ],
    *[
        (
            f"parameter-{name}-{k}",
            lambda _, name=name, value=value: _make(**{name: value}).fit(X, Y),
            ValueError,  # InvalidParameterError is one
            f"The '{name}' parameter of CounterfactualTrainedClassifier must be .* Got",
        )
        for name, values in PARAMETERS.items()
        for k, value in enumerate(values)
    ],
    *[
        (f"table-{name}", lambda _, t=table, y=y: _make().fit(t, y), ValueError, text)
        for name, table, y, text in TABLES
    ],
    *[
        (f"call-{name}", lambda fitted, n=which, f=call: f(fitted[n]), kind, text)
        for name, which, call, kind, text in CALLS
    ],
    *[
        (f"{method}-{name}", _of(which, method, table), ValueError, text)
        for name, which, table, text in QUERIES
        for method in ("predict", "predict_proba", "explain")
    ],
]


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [pytest.param(*case, id=name) for name, *case in CASES],
)
def test_bad_input(fitted, call, exception, message):
    with pytest.raises(exception, match=f"(?s){message}"):
        call(fitted)


def test_every_parameter_is_in_the_table():
    assert set(PARAMETERS) == set(_make().get_params(deep=False))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_device_that_is_not_there(device):
    clf = CounterfactualTrainedClassifier(device=device, max_epochs=1)
    with pytest.raises(ValueError, match="'device' parameter .* must be a torch"):
        clf.fit(X, Y)
