"""What answers come to: a row for each person, and what each column has to do."""

import numpy as np
import pandas as pd

from sklearn_ct._pipeline.explain import explain
from sklearn_ct._pipeline.unwrap import encode
from sklearn_ct._result.status import Status, below_tau
from sklearn_ct._tables.containers import is_polars, take_rows
from sklearn_ct.audit._features import as_pandas
from sklearn_ct.metrics import sparsity


def target_of(estimator, target, answers, caller):
    """Class that people want, the one that is given or the only one that can be meant.

    Raises
    ------
    ValueError
        Where it has to be given, or is no class.
    """
    classes = np.asarray(estimator.classes_).tolist()
    if target is None and answers is not None:
        asked = pd.unique(np.asarray(answers.target)).tolist()
        if len(asked) != 1:
            raise ValueError(
                f"The 'answers' parameter of {caller} must ask for one class. "
                f"Got {asked[:5]}."
            )
        target = asked[0]
    if target is None and classes in ([0, 1], [False, True], [-1, 1]):
        target = classes[1]
    if target is None:
        raise ValueError(
            f"The 'target' parameter of {caller} must be the class that people want, "
            f"one of {classes[:5]}: which it is cannot be told from the labels."
        )
    if target not in classes:
        raise ValueError(
            f"The 'target' parameter of {caller} must be one of the classes "
            f"{classes[:5]}. Got {target!r} instead."
        )
    return target


def explained(estimator, X, target, options):
    """Answers to the rows that are not predicted as the target; None without any."""
    rejected = np.flatnonzero(np.asarray(estimator.predict(X)) != target)
    if not len(rejected):
        return None, rejected
    return explain(estimator, take_rows(X, rejected), target, **options), rejected


def places(answers, X, rejected, caller):
    """Give the row of ``X`` that each query of answers made already is about.

    Raises
    ------
    ValueError
        Where the answers are neither to all rows nor to the rejected ones.
    """
    n_queries = len(np.unique(answers.query))
    rows = {len(X): np.arange(len(X)), len(rejected): rejected}.get(n_queries)
    if rows is None:
        raise ValueError(
            f"The 'answers' parameter of {caller} must answer all {len(X)} rows of X, "
            f"or the {len(rejected)} that are not predicted as the target, in order. "
            f"Got answers to {n_queries} rows."
        )
    first = np.unique(answers.query, return_index=True)[1]
    asked = as_pandas(take_rows(answers.factuals, first))
    given = as_pandas(X).iloc[rows]
    same = asked.shape == given.shape and bool(
        ((asked.to_numpy(object) == given.to_numpy(object)) | asked.isna().to_numpy())
        .all()
        .all()
    )
    if not same:
        raise ValueError(
            f"The 'answers' parameter of {caller} has other factuals than the rows of "
            "X: give the X that was explained."
        )
    return rows


def cheapest(answers):
    """Give the number of the answer that counts for each query: the cheapest one."""
    cost = np.where(answers.valid, answers.cost, np.inf)
    order = np.lexsort((cost, answers.query))
    return order[np.unique(answers.query[order], return_index=True)[1]]


def outcome(answers, rows, n):
    """Say what became of each of ``n`` rows.

    Parameters
    ----------
    answers : Counterfactuals or None
        One for each of ``rows``.
    rows : ndarray of int
        The rows of the table that were asked about.

    Returns
    -------
    DataFrame of shape (n, 8)
        ``rejected``, ``infeasible``, ``fallback``, ``below_tau`` (weaker than was asked
        for), ``status`` ("already" where nobody asked), ``cost`` (NaN where
        not rejected, infinite where infeasible), ``n_changes``, ``probability``.
    """
    status = np.full(n, str(Status.ALREADY), dtype=object)
    infeasible, weak = np.zeros((2, n), dtype=bool)
    cost, n_changes, probability = (np.full(n, np.nan) for _ in range(3))
    if answers is not None:
        status[rows] = answers.status
        valid = np.asarray(answers.valid)
        infeasible[rows] = ~valid
        weak[rows] = valid & below_tau(answers.reason)
        cost[rows] = np.where(valid, answers.cost, np.inf)
        n_changes[rows] = np.where(valid, answers.n_changes, np.nan)
        probability[rows] = np.where(valid, answers.probability, np.nan)
    rejected = status != Status.ALREADY
    for values in (cost, n_changes, probability):
        values[~rejected] = np.nan
    return pd.DataFrame(
        {
            "rejected": rejected,
            "infeasible": infeasible,
            "fallback": status == Status.FALLBACK,
            "below_tau": weak,
            "status": status,
            "cost": cost,
            "n_changes": n_changes,
            "probability": probability,
        }
    )


def spread(estimator, answers, feature_costs=None):
    """Which columns each answer changes, and how much of its cost each carries.

    The cost of a column is the distance in the model's input space that its change
    alone makes.

    Returns
    -------
    changed : DataFrame of bool of shape (m, n_features)
    cost : DataFrame of shape (m, n_features)
    """
    before, after = as_pandas(answers.factuals), as_pandas(answers.counterfactuals)
    names = list(before.columns)
    blocks = [
        name
        for name in pd.unique(answers.changes()["feature"])
        if isinstance(name, tuple) and name not in names
    ]
    grouped = {column for block in blocks for column in block}
    changed, cost = {}, {}
    for feature in [c for c in names if c not in grouped] + blocks:
        columns = list(feature) if feature in blocks else [feature]
        positions = [names.index(c) for c in columns]
        moved = sparsity(before[columns], after[columns], average=False) > 0
        moved &= answers.valid
        label = " | ".join(map(str, columns)) if feature in blocks else feature
        changed[label], cost[label] = moved, np.zeros(len(before))
        if moved.any():
            of = np.flatnonzero(moved)
            start = take_rows(answers.factuals, of)
            end = swapped(start, take_rows(answers.counterfactuals, of), positions)
            distance = np.abs(encode(estimator, end) - encode(estimator, start))
            weight = (feature_costs or {}).get(feature, 1.0)
            cost[label][moved] = weight * distance.sum(axis=1)
    return pd.DataFrame(changed), pd.DataFrame(cost)


def shares(changed, cost, groups, rejected_codes):
    """Share of a group's rejected rows asked to change a column, and of their cost.

    Parameters
    ----------
    changed, cost : DataFrame of shape (m, n_features)
    groups : Groups
    rejected_codes : ndarray of int of shape (m,)
        The group of each answer.

    Returns
    -------
    asked, cost_share : DataFrame of shape (n_groups, n_features)
    """
    index = pd.MultiIndex.from_tuples(
        [(groups.name, label) for label in groups.labels], names=["feature", "group"]
    )
    codes = range(len(groups.labels))
    asked = changed.groupby(rejected_codes).mean().reindex(codes)
    total = cost.groupby(rejected_codes).sum().reindex(codes)
    total = total.div(total.sum(axis=1).replace(0.0, np.nan), axis=0)
    return asked.set_axis(index), total.set_axis(index)


def advice_by_column(changed, cost):
    """Share of rows asked to change each column, and its share of the cost."""
    total = cost.to_numpy().sum()
    return pd.DataFrame(
        {
            "asked": changed.mean(),
            "cost_share": cost.sum() / (total if total else np.nan),
        }
    )


def swapped(before, after, positions):
    """Rows with some columns of other rows, in their container."""
    if is_polars(before):
        return before.with_columns(after.get_columns()[j] for j in positions)
    if isinstance(before, np.ndarray):
        table = before.copy()
        table[:, positions] = after[:, positions]
        return table
    table = before.copy()
    for j in positions:
        table.isetitem(j, after.iloc[:, j].set_axis(table.index))
    return table
