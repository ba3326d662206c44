"""A random question: a table, a model of it, and a call of explain with its rules."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from sklearn_ct import CounterfactualTrainedClassifier

WORDS = ["red", "green", "blue", "black", "white"]
LEVELS = ["low", "middle", "high", "top"]
ROWS = 60  # asked about in a case


@dataclass
class Case:
    """What is asked.

    Attributes
    ----------
    model : estimator
        Fitted.
    seen, asked : DataFrame
        Training rows, and the rows of the call.
    pack : callable
        From a frame to the container that the model takes.
    target : label
    kinds : dict
        For each column "number", "whole", "word" or "level".
    options : dict
        Of explain: rules for all rows alike, or a list of them.
    link : callable or None
        Of a frame.
    blocks : list of lists of columns
        One-hot ones.
    name : str
        Of container and pipeline.
    """

    model: object
    seen: pd.DataFrame
    asked: pd.DataFrame
    pack: object
    target: object
    kinds: dict
    options: dict = field(default_factory=dict)
    link: object = None
    blocks: list = field(default_factory=list)
    name: str = ""


def draw(seed):
    """Draw a case."""
    rng = np.random.default_rng(seed)
    container = rng.choice(
        ["pandas", "array", "polars", "sparse"], p=[0.6, 0.2, 0.1, 0.1]
    )
    plain = container in ("array", "sparse")
    X, kinds = table(rng, plain)
    y = labels(rng, X)
    blocks = []
    if container == "pandas" and rng.random() < 0.2:
        X, kinds, blocks = with_dummies(X, kinds)
    linked = None
    numbers = [name for name in X if kinds[name] in ("number", "whole")]
    if not plain and len(numbers) > 1 and rng.random() < 0.15:
        X, kinds, linked = with_sum(X, kinds, numbers[:2])
    pack = PACKS[container]
    name, steps = pipeline(rng, kinds, blocks, plain)
    params = {"max_epochs": int(rng.integers(5, 15)), "lr": 0.02, "random_state": seed}
    clf = CounterfactualTrainedClassifier(**params)
    if "relations" in clf.get_params():
        clf.set_params(relations=None)  # what the rows have in common is no rule here
    half = len(X) // 2
    fit = slice(None) if rng.random() < 0.5 else slice(None, half)
    model = make_pipeline(*steps, clf) if steps else clf
    model.fit(pack(X[fit]), y[fit])
    seen = X[fit].reset_index(drop=True)
    known = np.all(
        [X[c].isin(seen[c].unique()) for c in X if kinds[c] in ("word", "level")]
        or [np.ones(len(X), dtype=bool)],
        axis=0,
    )
    X = X[known].reset_index(drop=True)
    predicted = model.predict(pack(X))
    values, counts = np.unique(predicted, return_counts=True)
    target = rng.choice(values[counts > 0]) if len(values) > 1 else rng.choice([0, 1])
    asked = X[predicted != target][:ROWS].reset_index(drop=True)
    case = Case(model, seen, asked, pack, target, kinds, {}, linked, blocks)
    case.name = f"{container}, {name}"
    case.options = rules(rng, case)
    return case


# -- tables ---------------------------------------------------------------------


def table(rng, plain):
    """Columns of random kinds."""
    n = int(rng.integers(120, 400))
    makers = {
        "whole": [
            lambda: rng.integers(rng.integers(-20, 20), 60, n),
            lambda: rng.poisson(3, n),
            lambda: np.where(rng.random(n) < 0.5, -1, rng.integers(0, 30, n)),
        ],
        "number": [
            lambda: rng.normal(rng.normal(0, 100), np.exp(rng.normal(0, 3)), n),
            lambda: rng.exponential(1000, n).round(2),
            lambda: np.exp(rng.normal(5, 2, n)).round(1),
            lambda: rng.normal(size=n).astype("float32"),
        ],
        "word": [lambda: rng.choice(WORDS[: rng.integers(2, 6)], n)],
        "level": [lambda: pd.Categorical(rng.choice(LEVELS, n), LEVELS, ordered=True)],
    }
    names = ["whole", "number"] if plain else [*makers, "whole", "number"]
    columns, kinds = {}, {}
    for j in range(int(rng.integers(2, 8))):
        kind = str(rng.choice(names))
        makers_of = makers[kind]
        columns[f"x{j}"] = makers_of[rng.integers(len(makers_of))]()
        kinds[f"x{j}"] = kind
    return pd.DataFrame(columns), kinds


def labels(rng, X):
    """Two classes by a random score with an interaction and noise."""
    parts = []
    for name in X:
        if X[name].dtype.kind in "if":
            parts.append(X[name].rank(pct=True).to_numpy() - 0.5)
        else:
            weight = dict(zip(X[name].unique(), rng.normal(size=9), strict=False))
            parts.append(0.4 * X[name].astype(object).map(weight).to_numpy(float))
    score = np.array(parts).T @ rng.normal(size=len(parts))
    score += 2 * parts[0] * parts[-1] + 0.1 * rng.normal(size=len(X))
    y = (score > np.quantile(score, rng.uniform(0.3, 0.7))).astype(int)
    y[:4] = [0, 1, 0, 1]
    return y


def with_dummies(X, kinds):
    """Replace the words by 0/1 columns of the user's own."""
    words = [name for name in X if kinds[name] == "word"]
    wide = pd.get_dummies(X, columns=words, dtype=int)
    blocks = [[c for c in wide if c.startswith(f"{name}_")] for name in words]
    kinds = {c: kinds.get(c, "whole") for c in wide}
    return wide, kinds, [block for block in blocks if len(block) > 1]


def with_sum(X, kinds, names):
    """Add a column that is the sum of two others, and the link that keeps it so."""

    def link(frame):
        one, other = (frame[name] for name in names)
        total = one.astype(float) + other.astype(float)
        return frame.assign(total=total.astype(X_total.dtype))

    both = all(kinds[name] == "whole" for name in names)
    X_total = X[names[0]].astype(float) + X[names[1]].astype(float)
    X_total = X_total.astype("int64") if both else X_total
    kind = "whole" if both else "number"
    return X.assign(total=X_total), kinds | {"total": kind}, link


def to_polars(X):
    """Polars frame; ordered categories become an Enum."""
    import polars

    def series(cells):
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return polars.Series(cells.name, cells.tolist(), dtype=polars.Enum(LEVELS))
        numbers = pd.api.types.is_numeric_dtype(cells.dtype)
        return polars.Series(
            cells.name, cells.to_numpy() if numbers else cells.tolist()
        )

    return polars.DataFrame([series(X[name]) for name in X])


PACKS = {
    "pandas": lambda X: X,
    "array": lambda X: X.to_numpy(dtype=float),
    "sparse": lambda X: csr_matrix(X.to_numpy(dtype=float)),
    "polars": to_polars,
}


# -- models ---------------------------------------------------------------------


def pipeline(rng, kinds, blocks, plain):
    """Name and steps in front of the classifier."""
    texts = [name for name, kind in kinds.items() if kind in ("word", "level")]
    scaler = [StandardScaler(), MinMaxScaler(), RobustScaler()][rng.integers(3)]
    if blocks or rng.random() < 0.4:
        return "alone", []
    if plain or not texts:
        if rng.random() < 0.3:
            return "PCA", [StandardScaler(with_mean=False), PCA()]
        return "StandardScaler", [StandardScaler(with_mean=False)]
    numbers = [name for name in kinds if name not in texts]
    words = [
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OneHotEncoder(drop="first", sparse_output=False),
        OrdinalEncoder(),
    ][rng.integers(3)]
    steps = [make_column_transformer((scaler, numbers), (words, texts))]
    return f"{type(scaler).__name__} and {type(words).__name__}", steps


# -- rules ----------------------------------------------------------------------


def rules(rng, case):
    """Random keywords of explain."""
    options = {"target": case.target, "n_counterfactuals": int(rng.integers(1, 5))}
    by_row = rng.random() < 0.2
    n = len(case.asked) if by_row else 1
    if rng.random() < 0.7:
        words = [mutability(rng, case) for _ in range(n)]
        options["mutability"] = words if by_row else words[0]
    if rng.random() < 0.6:
        entries = [domain(rng, case) for _ in range(n)]
        options["domain"] = entries if by_row else entries[0]
    if rng.random() < 0.4:
        options["max_changes"] = int(rng.integers(1, 4))
    if rng.random() < 0.2:
        options["feature_costs"] = {
            key(case, name): float(rng.choice([0.0, 0.01, 100.0]))
            for name in single(case)
        }
    if rng.random() < 0.1:
        options["margin"] = 0.1
    if rng.random() < 0.1:
        options["tau"] = float(rng.uniform(0.5, 0.95))
    if case.link is not None:
        options["project"] = case.link
    return options


def key(case, name):
    """Name of a column, or its position where there are none."""
    named = case.name.startswith(("pandas", "polars"))
    return name if named else list(case.asked).index(name)


def single(case):
    """Columns that have rules of their own: no part of a block, nothing linked."""
    inside = {name for block in case.blocks for name in block}
    return [n for n in case.asked if n not in inside and n != "total"]


def mutability(rng, case):
    """Words for some columns."""
    words = {}
    for name in single(case):
        ways = ["both", "none"]
        if case.kinds[name] != "word":
            ways += ["increase", "decrease"]
        if rng.random() < 0.5:
            words[key(case, name)] = str(rng.choice(ways))
    return words


def domain(rng, case):
    """Ranges and lists for some columns, with at least one value that was seen."""
    entries = {}
    for name in single(case):
        if rng.random() > 0.3:
            continue
        cells = case.seen[name]
        if case.kinds[name] in ("word", "level"):
            size = int(rng.integers(1, cells.nunique() + 1))
            words = rng.choice(np.unique(cells.astype(object)), size, replace=False)
            entries[key(case, name)] = words.tolist()
        elif rng.random() < 0.3:
            entries[key(case, name)] = [
                float(v) for v in rng.choice(cells, int(rng.integers(1, 6)))
            ]
        else:
            low, high = sorted(float(v) for v in rng.choice(cells, 2))
            entries[key(case, name)] = [(low, high), (low, None), (None, high)][
                rng.integers(3)
            ]
    return entries
