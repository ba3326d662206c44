"""One call of `explain`: targets, rules, rows in blocks, answers written back."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_ct._core.torch_state import one_thread, seeded
from sklearn_ct._recourse.find import Options, cost_parts, find
from sklearn_ct._recourse.robustness import invalidation_rate
from sklearn_ct._result.counterfactuals import Counterfactuals
from sklearn_ct._rules.bounds import Bounds
from sklearn_ct._rules.derived import Link
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.containers import take_rows

BLOCK = 2000


def explain_table(
    X,
    *,
    model,
    predict_proba,
    classes,
    rules,
    references,
    generator,
    target,
    mutability,
    domain,
    n_counterfactuals,
    max_changes,
    tau,
    feature_costs,
    effort,
    project,
    margin,
    noise,
    random_state,
    n_jobs,
    verbose,
):
    """Answer the rows of a table.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n, n_features)
        Validated.
    model : Model
        Network and codec.
    predict_proba : callable
        ``table -> (n, n_classes)``, what users would call; it has the last word.
    classes : ndarray of shape (n_classes,)
        Class labels.
    rules : Rules
        Of the classifier.
    references : dict
        Of `References`: real rows of each class index.
    **options
        As in `CounterfactualTrainedClassifier.explain`.

    Returns
    -------
    Counterfactuals
    """
    codec = model.codec
    n = len(X)
    _check_options(n_counterfactuals, max_changes, tau, effort, project, margin, noise)
    call = Rules.parse(codec, mutability, domain, n_rows=n)
    rules = rules.narrow(call, codec)
    factual = codec.read(X)
    before = _predict(predict_proba, X, classes)
    target = _targets(target, classes, before)
    options = Options(
        generator=generator,
        tau=tau,
        effort=effort,
        max_changes=max_changes,
        cost=_costs(feature_costs, codec),
        margin=float(margin),
        link=None if project is None else Link(project, codec, rules, X, factual),
    )
    open_ = np.flatnonzero(before.argmax(axis=1) != target) if n else np.arange(0)
    # Blocks bound the memory; every process gets as many, of the same size.
    jobs = effective_n_jobs(n_jobs)
    n_blocks = jobs * -(-len(open_) // (jobs * BLOCK))
    blocks = [rows for rows in np.array_split(open_, n_blocks or 1) if len(rows)]
    # Without a seed the caller's generator is left alone, too.
    draw = check_random_state(0 if random_state is None else random_state)
    seed = draw.randint(np.iinfo(np.int32).max)
    # Not every backend hands the blocks on one by one, which moves the progress bar.
    backend, _ = get_active_backend()
    return_as = "generator" if backend.supports_return_generator else "list"
    answered = Parallel(n_jobs=n_jobs, return_as=return_as)(
        delayed(_answer)(
            model,
            Bounds.of(rules.take(rows), codec, factual[rows]),
            target[rows],
            options,
            references,
            rows,
            n_counterfactuals,
            seed,
        )
        for rows in blocks
    )
    k = n_counterfactuals
    values = np.repeat(factual[:, None], k, axis=1)
    status = np.full((n, k), "already", dtype=object)
    reason = np.full((n, k), "", dtype=object)
    with tqdm(total=n, desc="explaining", unit="row", disable=not verbose) as bar:
        bar.update(n - len(open_))
        for rows, (new, statuses, reasons) in zip(blocks, answered, strict=True):
            values[rows], status[rows], reason[rows] = new, statuses, reasons
            bar.update(len(rows))
    query = np.repeat(np.arange(n), k)
    return _result(
        X,
        model,
        predict_proba,
        classes,
        references,
        options,
        query,
        target[query],
        factual[query],
        values.reshape(n * k, values.shape[-1]),
        status.ravel(),
        reason.ravel(),
        noise,
        seed,
    )


def _answer(model, bounds, target, options, references, rows, k, seed):
    """Find the ``k`` answers of a block of rows, cheapest first."""
    with one_thread(), seeded(seed):
        answers = [find(model, bounds, target, options, references, rows)]
        home = model.codec.embed(bounds.factual)

        def parts(answers):
            codes = model.codec.embed(answers.values)
            return cost_parts(model.codec, codes, home, options)

        closed = np.zeros(bounds.factual.shape, dtype=bool)
        for _ in range(1, k):
            # Another answer must do without the costliest change of each one so far.
            changed = (answers[-1].values != bounds.factual) & ~bounds.must
            closed |= _costliest(parts(answers[-1]), changed)
            narrower = bounds.freeze(closed)
            other = find(model, narrower, target, options, references, rows)
            none = (other.status == "infeasible") & (answers[0].status != "infeasible")
            other.reason[none] = (
                "no further answer without the changes of the others was found"
            )
            answers.append(other)
    values = np.stack([a.values for a in answers], axis=1)
    status = np.stack([a.status for a in answers], axis=1)
    reason = np.stack([a.reason for a in answers], axis=1)
    cost = np.stack([parts(a).sum(axis=1) for a in answers], axis=1)
    order = np.argsort(
        np.where(status == "infeasible", np.inf, cost), axis=1, kind="stable"
    )
    return (
        np.take_along_axis(values, order[:, :, None], axis=1),
        np.take_along_axis(status, order, axis=1),
        np.take_along_axis(reason, order, axis=1),
    )


def _costliest(parts, changed):
    """Mark the costliest change of each row, (n, n_variables), though it be free."""
    chosen = np.zeros(parts.shape, dtype=bool)
    first = np.where(changed, parts, -1.0).argmax(axis=1)
    np.put_along_axis(chosen, first[:, None], True, axis=1)
    return chosen & changed


def _result(
    X,
    model,
    predict_proba,
    classes,
    references,
    options,
    query,
    target,
    factual,
    values,
    status,
    reason,
    noise,
    seed,
):
    codec = model.codec
    table = codec.write(values, X, query, factual)
    after = _predict(predict_proba, table, classes)
    # What users would call has the last word.
    failed = (after.argmax(axis=1) != target) & (status != "infeasible")
    if failed.any():
        values, status, reason = values.copy(), status.copy(), reason.copy()
        values[failed] = factual[failed]
        status[failed] = "infeasible"
        reason[failed] = "the answer found is not predicted as the target"
        table = codec.write(values, X, query, factual)
        after = _predict(predict_proba, table, classes)
    codes = codec.embed(values)
    valid = status != "infeasible"
    rate = None
    if noise is not None:
        rate = np.full(len(valid), np.nan)
        with one_thread():
            rate[valid] = invalidation_rate(
                model, codes[valid], target[valid], noise, seed
            )
    return Counterfactuals(
        factuals=codec.write(factual, X, query, factual),
        counterfactuals=table,
        query=query,
        target=classes[target],
        status=status,
        reason=reason,
        probability=after[np.arange(len(target)), target],
        cost=_costs_of(codec, codes, factual, options),
        diversity=_diversity(codes, valid, query),
        invalidation_rate=rate,
        _features=[(v.name, v.columns) for v in codec.variables_],
        _changed=values != factual,
        _codes=codes,
        _references={classes[k]: real.codes for k, real in references.items()},
    )


def _predict(predict_proba, table, classes):
    """Class probabilities of a table, in blocks of bounded memory."""
    parts = [
        predict_proba(take_rows(table, slice(start, start + BLOCK)))
        for start in range(0, len(table), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(classes)))


def _costs_of(codec, codes, factual, options):
    """Cost of each answer, (m,), in blocks of bounded memory."""
    cost = np.empty(len(codes))
    for start in range(0, len(codes), BLOCK):
        part = slice(start, start + BLOCK)
        home = codec.embed(factual[part])
        cost[part] = cost_parts(codec, codes[part], home, options).sum(axis=1)
    return cost


def _diversity(codes, valid, query):
    """Mean l1 distance of each answer to the other answers of its row, (m,)."""
    k = np.bincount(query).max(initial=1)
    total, others = np.zeros(len(codes)), np.zeros(len(codes))
    for shift in range(1, k):
        first = np.flatnonzero(query[shift:] == query[:-shift])
        first = first[valid[first] & valid[first + shift]]
        distance = np.abs(codes[first] - codes[first + shift]).sum(axis=1)
        for end in (first, first + shift):
            total[end] += distance
            others[end] += 1
    return np.divide(total, others, out=np.full(len(codes), np.nan), where=others > 0)


def _targets(target, classes, probability):
    n = len(probability)
    if target is None:
        masked = probability.copy()
        np.put_along_axis(masked, masked.argmax(axis=1)[:, None], -1.0, axis=1)
        return masked.argmax(axis=1)
    labels = np.asarray(target)
    if labels.ndim == 0:
        labels = np.full(n, labels[()], dtype=np.asarray([target]).dtype)
    if labels.shape != (n,):
        raise ValueError(
            f"The 'target' parameter must be a label or one label for each of the {n} "
            f"rows. Got shape {labels.shape} instead."
        )
    known = {label: k for k, label in enumerate(classes.tolist())}
    which, given = pd.factorize(labels, use_na_sentinel=False)
    place = np.array([known.get(label, -1) for label in given.tolist()], dtype=int)
    place = place[which]
    if unknown := labels[place < 0].tolist():
        raise ValueError(
            f"The 'target' parameter has the unknown label {unknown[0]!r}. "
            f"Classes: {classes.tolist()[:5]}."
        )
    return place


def _costs(feature_costs, codec):
    costs, given = np.ones(len(codec.variables_)), {}
    if feature_costs is not None and not isinstance(feature_costs, dict):
        raise ValueError(
            "The 'feature_costs' parameter of explain must be None or a dict "
            f"{{column: weight}}. Got {feature_costs!r} instead."
        )
    for column, weight in (feature_costs or {}).items():
        if not isinstance(weight, Real) or not weight >= 0 or np.isinf(weight):
            raise ValueError(
                f"The 'feature_costs' of column {column!r} must be a finite number, "
                f"zero or greater. Got {weight!r} instead."
            )
        block = isinstance(column, tuple) and column not in codec.names_
        for part in column if block else (column,):
            try:
                j = codec.variable_of(part)
            except ValueError as error:
                raise ValueError(f"In the 'feature_costs' parameter: {error}") from None
            if given.setdefault(j, weight) != weight:
                raise ValueError(
                    f"The 'feature_costs' of column {part!r} is {weight!r}, and that "
                    f"of its one-hot block {given[j]!r}: a block has one weight."
                )
            costs[j] = weight
    return costs


def _check_options(n_counterfactuals, max_changes, tau, effort, project, margin, noise):
    def whole(value):
        return isinstance(value, Integral) and not isinstance(value, bool)

    if not whole(n_counterfactuals) or n_counterfactuals < 1:
        raise ValueError(
            "The 'n_counterfactuals' parameter of explain must be an int of at least "
            f"1. Got {n_counterfactuals!r} instead."
        )
    if max_changes is not None and (not whole(max_changes) or max_changes < 1):
        raise ValueError(
            "The 'max_changes' parameter of explain must be None or an int of at "
            f"least 1. Got {max_changes!r} instead."
        )
    if not isinstance(tau, Real) or not 0 < tau < 1:
        raise ValueError(
            "The 'tau' parameter of explain must be a float in the range (0, 1). "
            f"Got {tau!r} instead."
        )
    if effort not in ("full", "walk"):
        raise ValueError(
            "The 'effort' parameter of explain must be 'full' or 'walk'. "
            f"Got {effort!r} instead."
        )
    if project is not None and not callable(project):
        raise ValueError(
            "The 'project' parameter of explain must be None or a function of a table. "
            f"Got {project!r} instead."
        )
    if not isinstance(margin, Real) or not 0 <= margin < np.inf:
        raise ValueError(
            "The 'margin' parameter of explain must be a finite number, zero or "
            f"greater. Got {margin!r} instead."
        )
    if noise is not None and (not isinstance(noise, Real) or not 0 < noise < np.inf):
        raise ValueError(
            "The 'noise' parameter of explain must be None or a finite number greater "
            f"than zero. Got {noise!r} instead."
        )
