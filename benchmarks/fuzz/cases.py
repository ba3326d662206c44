"""A random question: a table, a model of it, and a call of explain with its rules."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
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
ROWS = 250  # asked about in a case
CODE = -7.0  # of cells that are no number


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
    target : ndarray of shape (n,)
        One for each row asked.
    kinds : dict
        For each column "number", "whole", "word" or "level".
    options : dict
        Of explain: rules for all rows alike, or a list of them.
    always : dict
        The classifier's own ``mutability``.
    bounded : bool
        Whether answers stay within what was seen.
    special : dict
        For some columns the values that are no numbers.
    free : bool
        Whether answers may set missing cells.
    relations : list of dict
        What must hold between columns.
    link : callable or None
        Of a frame.
    blocks : list of lists of columns
        One-hot ones.
    name : str
        Of container and pipeline.
    as_frame : bool
        Whether words for each row are a frame.
    """

    model: object
    seen: pd.DataFrame
    asked: pd.DataFrame
    pack: object
    target: object
    kinds: dict
    options: dict = field(default_factory=dict)
    always: dict = field(default_factory=dict)
    bounded: bool = True
    special: dict = field(default_factory=dict)
    free: bool = False
    relations: list = field(default_factory=list)
    link: object = None
    blocks: list = field(default_factory=list)
    name: str = ""
    as_frame: bool = False

    def call(self, rows=None):
        """Keywords of explain, for all rows or for some, as users write them."""
        rows = np.arange(len(self.asked)) if rows is None else rows
        keywords = dict(self.options)
        keywords["target"] = np.asarray(self.target)[rows]
        for what in ("mutability", "domain"):
            if isinstance(keywords.get(what), list):
                keywords[what] = [keywords[what][i] for i in rows]
        words = keywords.get("mutability")
        if isinstance(words, list) and self.as_frame and all(map(len, words)):
            # In any order: the labels tell.
            frame = pd.DataFrame(words, index=self.asked.index[rows])
            keywords["mutability"] = frame.iloc[::-1]
        return keywords


def draw(seed):
    """Draw a case."""
    rng = np.random.default_rng(seed)
    container = str(
        rng.choice(["pandas", "array", "polars", "sparse"], p=[0.6, 0.2, 0.1, 0.1])
    )
    plain, named = container in ("array", "sparse"), container in ("pandas", "polars")
    X, kinds = table(rng, plain)
    y = labels(rng, X)
    case = Case(None, X, X, PACKS[container], None, kinds)
    numbers = [name for name in X if kinds[name] in ("number", "whole")]
    if container == "pandas" and rng.random() < 0.2:
        X, kinds, case.blocks = with_dummies(X, kinds)
    small = all(np.abs(X[name].to_numpy(float)).max() < 1e6 for name in numbers[:2])
    if not plain and len(numbers) > 1 and small and rng.random() < 0.15:
        X, kinds, case.link = with_sum(X, kinds, numbers[:2])
    elif not plain and numbers and rng.random() < 0.3:
        X, kinds, case.relations = with_order(rng, X, kinds, numbers[0])
    name, steps = pipeline(rng, kinds, case.blocks, plain, container == "sparse")
    if name == "PCA":  # behind it the classifier knows no column by its name
        case.relations = []
    case.kinds, own = kinds, bool(case.relations)
    if case.link is None and container in ("pandas", "array") and name != "PCA":
        if not steps and len(numbers) > 1 and rng.random() < 0.2:
            X, case.special = with_codes(rng, X, numbers[1])
        elif rng.random() < 0.25:
            X, steps = with_gaps(rng, X, [*numbers, *texts_of(kinds)], steps)
    case.free, case.bounded = bool(rng.random() < 0.3), bool(rng.random() < 0.9)
    # Behind steps it is not seen from here what was learned of the input.
    learned = not steps and rng.random() < 0.5
    clf = CounterfactualTrainedClassifier(
        max_epochs=int(rng.integers(5, 15)),
        lr=0.02,
        random_state=seed,
        missing="free" if case.free else "keep",
        handle_unknown="ignore",
        relations="observed" if learned else case.relations or None,
        special_values={key_of(container, X, n): [CODE] for n in case.special},
        domain="observed" if case.bounded else None,
    )
    case.name = f"{container}, {name}"
    if (named or not steps) and name != "PCA" and rng.random() < 0.2:
        case.always = mutability(rng, case, X, one_way=not steps)
        clf.set_params(mutability=case.always)
    model = make_pipeline(*steps, clf) if steps else clf
    if steps and (own or case.always):  # so that the classifier knows the names
        model[:-1].set_output(transform="pandas")
    fit = slice(None, int(rng.integers(120, 400)))
    model.fit(case.pack(X[fit]), y[fit])
    case.model, case.seen = model, X[fit].reset_index(drop=True)
    if learned:
        case.relations = [vars(each) for each in clf.relations_]
    case.asked, case.target = questions(rng, case, X, bool(steps))
    case.options = rules(rng, case)
    return case


def questions(rng, case, X, behind):
    """Rows to be asked about and their targets; behind steps no unknown labels."""
    known = [
        X[c].isin(case.seen[c].unique()) | (not behind and case.kinds[c] == "word")
        for c in texts_of(case.kinds)
    ]
    X = X[np.all(known or [np.ones(len(X), dtype=bool)], axis=0)]
    predicted, classes = case.model.predict(case.pack(X)), case.model.classes_
    target = np.full(len(X), rng.choice(classes))
    if rng.random() < 0.3:
        target = rng.choice(classes, len(X))
    # A few have what they ask for.
    open_ = (predicted != target) | (rng.random(len(X)) < 0.03)
    asked, target = X[open_][:ROWS], target[open_][:ROWS]
    labels = rng.permutation(len(asked)) if rng.random() < 0.3 else range(len(asked))
    return asked.set_axis(labels, axis=0), target


# -- tables ---------------------------------------------------------------------


def table(rng, plain):
    """Columns of random kinds."""
    n = int(rng.integers(500, 1200))
    makers = {
        "whole": [
            lambda: rng.integers(rng.integers(-20, 20), 60, n),
            lambda: rng.poisson(3, n),
            lambda: np.where(rng.random(n) < 0.5, -1, rng.integers(0, 30, n)),
            lambda: rng.integers(0, 10 ** int(rng.integers(6, 13)), n),
        ],
        "number": [
            lambda: rng.normal(rng.normal(0, 100), np.exp(rng.normal(0, 3)), n),
            lambda: rng.exponential(1000, n).round(2),
            lambda: np.exp(rng.normal(5, 2, n)).round(1),
            lambda: rng.normal(size=n).astype("float32"),
        ],
        "word": [
            lambda: rng.choice(WORDS[: rng.integers(2, 6)], n),
            lambda: np.where(rng.random(n) < 0.01, "rare", rng.choice(WORDS[:3], n)),
            lambda: rng.random(n) < 0.4,
        ],
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
    """Two classes or three by a random score with an interaction and noise."""
    parts = []
    for name in X:
        if X[name].dtype.kind in "if":
            parts.append(X[name].rank(pct=True).to_numpy() - 0.5)
        else:
            weight = dict(zip(X[name].unique(), rng.normal(size=9), strict=False))
            parts.append(0.4 * X[name].astype(object).map(weight).to_numpy(float))
    score = np.array(parts).T @ rng.normal(size=len(parts))
    score += 2 * parts[0] * parts[-1] + 0.1 * rng.normal(size=len(X))
    cuts = rng.uniform(0.3, 0.7, 1) if rng.random() < 0.8 else [0.35, 0.7]
    y = np.searchsorted(np.quantile(score, cuts), score)
    y[:6] = np.arange(6) % (len(cuts) + 1)
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


def with_order(rng, X, kinds, name):
    """Add a column that is never below another one, and the relation that says so."""
    gap = rng.poisson(4, len(X)) * (rng.random(len(X)) < 0.8)
    more = X[name].astype(float) + gap * max(float(X[name].std()), 1.0) // 4
    more = more.astype("int64") if kinds[name] == "whole" else more.round(6)
    if (more.astype(float) < X[name].astype(float)).any():  # what rounding took
        return X, kinds, []
    order = {"column": "most", "minus": name, "at_least": 0.0}
    return X.assign(most=more), kinds | {"most": kinds[name]}, [order]


def with_codes(rng, X, name):
    """Put a code in place of some cells of a number."""
    cells = X[name].astype(float)
    cells = cells.where(rng.random(len(X)) > 0.15, CODE)
    return X.assign(**{name: cells}), {name: CODE}


def with_gaps(rng, X, names, steps):
    """Empty some cells, with an imputer in front of the steps or without."""
    X = X.copy()
    for name in names:
        if name in X and rng.random() < 0.5:
            wider = {"i": float, "b": object}.get(X[name].dtype.kind, X[name].dtype)
            X[name] = X[name].astype(wider).mask(rng.random(len(X)) < 0.1)
    texts = X.select_dtypes(exclude="number").columns
    if steps and not len(texts) and rng.random() < 0.5:
        strategy = ["mean", "median", "most_frequent"][rng.integers(3)]
        return X, [SimpleImputer(strategy=strategy), *steps]
    truth = any(X[name].map(type).eq(bool).any() for name in texts)
    if steps and len(texts) and not truth and rng.random() < 0.5:
        parts = [
            (make_pipeline(SimpleImputer(strategy=way), step), columns)
            for way, (_, step, columns) in zip(
                ("median", "most_frequent"), steps[0].transformers, strict=True
            )
        ]
        return X, [make_column_transformer(*parts, verbose_feature_names_out=False)]
    return X, steps


def texts_of(kinds):
    """Columns of words and of ordered categories."""
    return [name for name, kind in kinds.items() if kind in ("word", "level")]


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


def pipeline(rng, kinds, blocks, plain, is_sparse):
    """Name and steps in front of the classifier."""
    texts = texts_of(kinds)
    scaler = [StandardScaler(), MinMaxScaler(), RobustScaler()][rng.integers(3)]
    if blocks or rng.random() < 0.4:
        return "alone", []
    if plain or not texts:
        if not is_sparse and rng.random() < 0.15:  # of which it drops a component
            return "PCA", [StandardScaler(with_mean=False), PCA()]
        return "StandardScaler", [StandardScaler(with_mean=False)]
    numbers = [name for name in kinds if name not in texts]
    words = [
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OneHotEncoder(drop="first", sparse_output=False),
        OrdinalEncoder(),
    ][rng.integers(3)]
    steps = [
        make_column_transformer(
            (scaler, numbers), (words, texts), verbose_feature_names_out=False
        )
    ]
    return f"{type(scaler).__name__} and {type(words).__name__}", steps


# -- rules ----------------------------------------------------------------------


def rules(rng, case):
    """Random keywords of explain."""
    k = int(rng.choice([1, 2, 3, 4], p=[0.6, 0.2, 0.1, 0.1]))
    options = {"n_counterfactuals": k}
    by_row = rng.random() < 0.2
    case.as_frame = case.name.startswith("pandas") and rng.random() < 0.3
    n = len(case.asked) if by_row else 1
    if rng.random() < 0.7:
        words = [mutability(rng, case, case.asked) for _ in range(n)]
        options["mutability"] = words if by_row else words[0]
    if rng.random() < 0.6:
        entries = [domain(rng, case) for _ in range(n)]
        options["domain"] = entries if by_row else entries[0]
    if rng.random() < 0.4:
        options["max_changes"] = int(rng.integers(1, 4))
    if rng.random() < 0.2:
        options["feature_costs"] = {
            key(case, name): float(rng.choice([0.0, 0.01, 100.0]))
            for name in single(case, case.asked)
        }
    if rng.random() < 0.2:
        options["glossary"] = glossary(rng, case)
    for what, value, share in (
        ("margin", 0.1, 0.03),
        ("tau", float(rng.uniform(0.5, 0.95)), 0.1),
        ("effort", "walk", 0.03),
        ("generator", "generic", 0.1),
        ("n_jobs", 2, 0.01),
    ):
        if rng.random() < share:
            options[what] = value
    if case.link is not None:
        options["project"] = case.link
    return options


def key(case, name):
    """Name of a column, or its position where there are none."""
    return key_of(case.name, case.asked, name)


def key_of(container, X, name):
    """Name of a column of a container."""
    return name if container.startswith(("pandas", "polars")) else list(X).index(name)


def single(case, X):
    """Columns that have rules of their own: no part of a block, nothing linked."""
    inside = {name for block in case.blocks for name in block}
    return [name for name in X if name not in inside and name != "total"]


def mutability(rng, case, X, one_way=True):
    """Words for some columns; of labels that are encoded before no direction."""
    words = {}
    for name in single(case, X):
        ways = ["both", "none"]
        number = case.kinds[name] in ("whole", "number")
        if number or (one_way and case.kinds[name] == "level"):
            ways += ["increase", "decrease"]
        if rng.random() < 0.5:
            words[key_of(case.name, X, name)] = str(rng.choice(ways))
    if case.link is not None and rng.random() < 0.5:
        words["total"] = "follows"
    if rng.random() < 0.15:
        words["*"] = str(rng.choice(["none", "both"]))
        if case.link is not None and words["*"] == "none":
            words.setdefault("total", "follows")
    return words


def glossary(rng, case):
    """Draw steps, smallest changes and kinds of some numbers."""
    entries = {}
    for name in single(case, case.asked):
        if case.kinds[name] not in ("whole", "number") or rng.random() < 0.5:
            continue
        spread = float(np.nanstd(case.seen[name].to_numpy(float)))
        step = int(rng.integers(1, 6)) * 10.0 ** max(round(np.log10(spread)) - 1, 0)
        entry = {"step": step, "smallest_change": 2 * step, "kind": "action"}
        entry["kind"] = str(rng.choice(["action", "waiting", "history"]))
        if rng.random() < 0.3:
            del entry[str(rng.choice(["step", "smallest_change"]))]
        entries[key(case, name)] = entry
    return entries


def domain(rng, case):
    """Ranges and lists for some columns, with at least one value that was seen."""
    entries = {}
    for name in single(case, case.asked):
        if rng.random() > 0.3:
            continue
        cells = case.seen[name].dropna()
        cells = cells[cells != case.special.get(name)]
        if case.kinds[name] in ("word", "level"):
            size = int(rng.integers(1, cells.nunique() + 1))
            words = rng.permutation(cells.astype(object).unique())[:size]
            entries[key(case, name)] = list(words)
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
