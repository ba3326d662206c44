"""One call of `explain`: targets, rules, rows in blocks, answers written back."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_ct._core.torch_state import one_thread, seeded
from sklearn_ct._recourse.alternatives import Found, find_all
from sklearn_ct._recourse.robustness import invalidation_rate
from sklearn_ct._recourse.task import Request, cost_parts
from sklearn_ct._result.counterfactuals import Counterfactuals
from sklearn_ct._result.status import TOO_RARE, Status
from sklearn_ct._rules.bounds import Bounds
from sklearn_ct._rules.derived import Link, differ
from sklearn_ct._rules.glossary import in_words, lying_in_the_past, narrowed, parse
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.containers import is_frame, take_rows
from sklearn_ct.generators import GENERATORS

BLOCK = 2000


def explain_table(X, subject, options):
    """Answer the rows of a table.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n, n_features)
        Validated.
    subject : Subject
    options : ExplainOptions

    Returns
    -------
    Counterfactuals
    """
    codec, n = subject.codec, len(X)
    labels = X.index if is_frame(X) else None
    asked = Rules.parse(codec, options.mutability, options.domain, n, labels)
    rules = subject.rules.narrow(asked, codec)
    glossary = parse(options.glossary, codec)
    if glossary:
        codec = narrowed(codec, glossary)
        subject = subject.under(codec)
    factual = codec.read(X)
    before = _predict(subject, X)
    target = _targets(options.target, subject.classes, before)
    link = None
    if options.project is not None:
        link = Link(options.project, codec, rules, X, factual)
        link.check()
    request = Request(
        generator=subject.generator(options.generator),
        tau=subject.tau if options.tau is None else options.tau,
        effort=options.effort,
        max_changes=options.max_changes,
        cost=options.costs(codec),
        margin=float(options.margin),
        link=link,
        min_plausibility=float(options.min_plausibility or 0.0),
    )
    # Without a seed the caller's generator is left alone, too.
    draw = check_random_state(
        0 if options.random_state is None else options.random_state
    )
    seed = draw.randint(np.iinfo(np.int32).max)
    bounds = _bounds(X, subject, rules, factual)
    open_ = np.flatnonzero(before.argmax(axis=1) != target) if n else np.arange(0)
    past = np.isin(np.arange(len(codec.variables_)), lying_in_the_past(glossary))
    now = bounds.freeze(past) if past.any() else bounds
    found = Found.none(factual, options.n_counterfactuals, Status.ALREADY)
    _answer_all(found, open_, subject, now, target, request, options, seed)
    if past.any():  # which is asked for where nothing else is an answer
        open_ = open_[(found.status[open_] == Status.INFEASIBLE).all(axis=1)]
        _answer_all(found, open_, subject, bounds, target, request, options, seed)
    infeasible = found.status == Status.INFEASIBLE
    for none, sentence in subject.relations.out_of_reach(rules):
        found.reason[infeasible & np.broadcast_to(none, n)[:, None]] = sentence
    result = _result(X, subject, factual, target, found, request, options.noise, seed)
    if options.glossary is not None:
        result = replace(result, glossary=in_words(codec, glossary))
    return result


def _bounds(X, subject, rules, factual):
    """Apply rules to rows, whose special and missing cells stay unless told."""
    special = subject.codec.special(factual)
    missing = subject.codec.missing(X, factual)
    held = missing if subject.missing == "keep" else np.zeros_like(missing)
    bounds = Bounds.of(rules, subject.codec, factual)
    return bounds.hold(special | missing, held | (special & ~missing))


def _answer_all(found, open_, subject, bounds, target, request, options, seed):
    """Write the answers of the open rows, in blocks, one or more for each process."""
    n, k = len(target), options.n_counterfactuals
    # Blocks bound the memory; every process gets as many, of the same size.
    jobs = effective_n_jobs(options.n_jobs)
    n_blocks = jobs * -(-len(open_) // (jobs * BLOCK))
    blocks = [rows for rows in np.array_split(open_, n_blocks or 1) if len(rows)]
    part = subject.for_search()
    asked = (
        delayed(_answer)(
            part,
            bounds.take(rows),
            target[rows],
            request,
            rows,
            k,
            seed,
        )
        for rows in blocks
    )
    if jobs == 1:
        answered = (answer(*args) for answer, args, _ in asked)
    else:
        # Not every backend hands blocks on one by one, which moves the progress bar.
        backend, _ = get_active_backend()
        return_as = "generator" if backend.supports_return_generator else "list"
        answered = Parallel(n_jobs=options.n_jobs, return_as=return_as)(asked)
    bar = tqdm(total=n, desc="explaining", unit="row", disable=not options.verbose)
    with bar:
        bar.update(n - len(open_))
        for rows, block in zip(blocks, answered, strict=True):
            found.put(rows, slice(None), block)
            bar.update(len(rows))


def _answer(subject, bounds, target, request, rows, k, seed):
    """Find the ``k`` answers of a block of rows."""
    plain = type(request.generator) in GENERATORS.values()
    draws = not plain or subject.network.ask.has_modes
    with one_thread(), seeded(seed) if draws else nullcontext():
        return find_all(subject, bounds, target, request, rows, k)


def _result(X, subject, factual, target, found, request, noise, seed):
    """Write the answers back to tables, which what users would call judges."""
    codec, k = subject.codec, found.status.shape[1]
    query = np.repeat(np.arange(len(factual)), k)
    factual, target = factual[query], target[query]
    values = found.values.reshape(len(query), found.values.shape[-1])
    # Plain words for users.
    status = found.status.ravel().astype(str).astype(object)
    reason = found.reason.ravel()
    table = codec.write(values, X, query, factual)
    after = _predict(subject, table)
    answered = ~np.isin(status, [Status.INFEASIBLE, Status.ALREADY])
    failed = (after.argmax(axis=1) != target) & (status != Status.INFEASIBLE)
    broken, rare = np.zeros((2, len(values)), dtype=bool)
    if request.link is not None:
        linked = request.link(values[answered], query[answered])
        broken[answered] = differ(linked, values[answered]).any(axis=1)
    if request.min_plausibility:
        # Codes made in other company may differ in their last bits.
        codes = codec.embed(values[answered])
        asked = request.min_plausibility
        rare[answered] = ~subject.stands(codes, target[answered], asked)
    if (failed | broken | rare).any():
        values, reason = values.copy(), reason.copy()
        reason[rare] = TOO_RARE.format(request.min_plausibility)
        reason[failed] = "the answer found is not predicted as the target"
        reason[broken] = "the answer found is not left as it is by 'project'"
        failed |= broken | rare
        values[failed] = factual[failed]
        status[failed] = str(Status.INFEASIBLE)
        table = codec.write(values, X, query, factual)
        after = _predict(subject, table)
    codes = codec.embed(values)
    valid = status != Status.INFEASIBLE
    rate = None
    if noise is not None:
        rate = np.full(len(valid), np.nan)
        with one_thread():
            rate[valid] = invalidation_rate(
                subject, codes[valid], target[valid], noise, seed
            )
    classes, references = subject.classes, subject.references
    return Counterfactuals(
        factuals=codec.write(factual, X, query, factual),
        counterfactuals=table,
        query=query,
        target=classes[target],
        status=status,
        reason=reason,
        probability=after[np.arange(len(target)), target],
        cost=_costs_of(codec, codes, factual, request.cost),
        diversity=_diversity(codes, valid, query),
        invalidation_rate=rate,
        _features=[(v.name, v.columns) for v in codec.variables_],
        _changed=values != factual,
        _codes=codes,
        _standings={classes[k]: real.standing for k, real in references.items()},
    )


def _predict(subject, table):
    """Class probabilities of a table, in blocks of bounded memory."""
    parts = [
        subject.predict_proba(take_rows(table, slice(start, start + BLOCK)))
        for start in range(0, len(table), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(subject.classes)))


def _costs_of(codec, codes, factual, weights):
    """Cost of each answer, (m,), in blocks of bounded memory."""
    cost = np.empty(len(codes))
    for start in range(0, len(codes), BLOCK):
        part = slice(start, start + BLOCK)
        home = codec.embed(factual[part])
        cost[part] = cost_parts(codec, codes[part], home, weights).sum(axis=1)
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
    try:
        which, given = pd.factorize(labels, use_na_sentinel=False)
    except TypeError:  # no label: it has no hash
        raise ValueError(
            "The 'target' parameter must be a label or one label for each of the "
            f"{n} rows. Got {target!r} instead."
        ) from None
    place = np.array([known.get(label, -1) for label in given.tolist()], dtype=int)
    place = place[which]
    if unknown := labels[place < 0].tolist():
        raise ValueError(
            f"The 'target' parameter has the unknown label {unknown[0]!r}. "
            f"Classes: {classes.tolist()[:5]}."
        )
    return place
