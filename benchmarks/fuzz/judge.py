"""Whether answers are what they say, by the tables and `predict` alone."""

import numpy as np
import pandas as pd

CANDIDATES = 600  # for each row without an answer, of each search
LOOKED_AT = 25  # rows without an answer of a case


def frame_of(table, like):
    """Pandas frame of any container, with the names and kinds of another."""
    if hasattr(table, "toarray"):
        table = table.toarray()
    if isinstance(table, np.ndarray):
        return pd.DataFrame(table, columns=like.columns)
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame({name: table[name].to_list() for name in table.columns})
    table = table.reset_index(drop=True)
    for name in like:
        if isinstance(like[name].dtype, pd.CategoricalDtype):
            table[name] = pd.Categorical(
                table[name].astype(object), like[name].dtype.categories, ordered=True
            )
    return table


def rule_of(case, name, what, rows):
    """Entry of each row for a column, None where there is none."""
    given = case.options.get(what)
    key = name
    if not case.name.startswith(("pandas", "polars")):
        key = list(case.asked).index(name)
    if isinstance(given, list):
        return [given[i].get(key) for i in rows]
    return [(given or {}).get(key)] * len(rows)


def ranks(cells):
    """Cells as numbers that have their order; words have none."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells.cat.codes.to_numpy(float)
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.to_numpy(float)
    return np.full(len(cells), np.nan)


def is_among(cells, entry, number):
    """Whether cells lie in a given domain: a tuple is a range, a list holds values."""
    if isinstance(entry, tuple):
        low = -np.inf if entry[0] is None else entry[0]
        high = np.inf if entry[1] is None else entry[1]
        return (cells >= low) & (cells <= high)
    if number:
        return np.isin(cells.astype(float), np.asarray(entry, dtype=float))
    return np.isin(cells.astype(str), [str(word) for word in entry])


def kept(case, before, after, rows):
    """Whether each answer keeps every rule, (m,), and the words of those it breaks."""
    ok, broken = np.ones(len(before), dtype=bool), set()

    def demand(name, holds):
        nonlocal ok
        if not holds.all():
            broken.add(name)
        ok &= holds

    changed = differs(before, after)
    for j, name in enumerate(before):
        number = case.kinds[name] in ("number", "whole")
        old, new = ranks(before[name]), ranks(after[name])
        seen = case.seen[name]
        cells = new if number else after[name].astype(object).to_numpy()
        words = rule_of(case, name, "mutability", rows)
        entries = rule_of(case, name, "domain", rows)
        moved = changed[:, j]
        stuck = np.array([word == "none" for word in words])
        up = np.array([word == "increase" for word in words])
        down = np.array([word == "decrease" for word in words])
        wrong = stuck | (up & (new < old)) | (down & (new > old))
        demand("mutability", ~(moved & wrong))
        own = np.asarray(seen.astype(float) if number else seen.astype(object))
        if number:
            demand("observed", ~moved | ((new >= own.min()) & (new <= own.max())))
        else:
            demand("observed", ~moved | np.isin(cells.astype(str), own.astype(str)))
        for word in {
            repr(entry): entry for entry in entries if entry is not None
        }.values():
            mine = np.array([entry == word for entry in entries])
            inside = np.ones(len(before), dtype=bool)
            inside[mine] = is_among(cells[mine], word, number)
            demand("domain", inside)
        if case.kinds[name] == "whole":
            demand("whole", ~moved | (new == np.floor(new)))
    for block in case.blocks:
        cells = after[block].to_numpy(float)
        one = np.isin(cells, (0, 1)).all(axis=1) & (cells.sum(axis=1) == 1)
        demand("block", one)
    limit = case.options.get("max_changes")
    if limit is not None:
        demand("max_changes", count(case, before, changed) <= limit)
    if case.link is not None:
        demand("link", ~differs(case.link(after), after).any(axis=1))
    return ok, broken


def differs(one, other):
    """Cells that differ, (m, n_columns)."""
    pairs = [(one[n].astype(object), other[n].astype(object)) for n in one]
    return np.column_stack([np.asarray(a) != np.asarray(b) for a, b in pairs])


def count(case, before, changed):
    """Features changed; a block is one."""
    names = list(before)
    inside = [names.index(n) for block in case.blocks for n in block]
    alone = [j for j in range(len(names)) if j not in inside]
    total = changed[:, alone].sum(axis=1)
    for block in case.blocks:
        total = total + changed[:, [names.index(n) for n in block]].any(axis=1)
    return total


def judge(case, result, rng):
    """Count what there is and what is wrong; with the words of broken rules."""
    k = case.options["n_counterfactuals"]
    rows = np.repeat(np.arange(len(case.asked)), k)
    before = case.asked.iloc[rows].reset_index(drop=True)
    after = frame_of(result.counterfactuals, case.asked)
    status = np.asarray(result.status)
    answered = status != "infeasible"
    said = case.model.predict(result.counterfactuals) == case.target
    faults = {"rows": len(case.asked), "answers": int(answered.sum())}
    faults["false valid"] = int((answered & ~said).sum())
    faults["moved without an answer"] = int(differs(before, after)[~answered].sum())
    ok, broken = (
        kept(case, before[answered], after[answered], rows[answered])
        if answered.any()
        else (np.ones(0, dtype=bool), set())
    )
    faults["broken rules"] = int((~ok).sum())
    twice = after[answered].astype(object).assign(row=rows[answered]).astype(str)
    faults["given twice"] = int(twice.duplicated().sum())
    none = np.flatnonzero(~answered.reshape(-1, k).any(axis=1))
    faults["without an answer"] = len(none)
    looked = none[:LOOKED_AT] if not case.options.get("margin") else none[:0]
    faults["looked at"] = len(looked)
    found = [i for i in looked if is_possible(case, i, rng)]
    faults["falsely without"] = len(found)
    return faults, broken, found


def is_possible(case, i, rng):
    """Whether random search, or a search of training rows, finds an answer to a row."""
    for propose in (singles, random_changes, training_rows):
        table = propose(case, i, rng)
        if case.link is not None:
            table = case.link(table)
        before = case.asked.iloc[[i] * len(table)].reset_index(drop=True)
        ok, _ = kept(case, before, table, np.full(len(table), i))
        if ok.any():
            good = table[ok].reset_index(drop=True)
            if (case.model.predict(case.pack(good)) == case.target).any():
                return True
    return False


def start(case, i, n):
    """Copy a row."""
    return case.asked.iloc[[i] * n].reset_index(drop=True)


def values_of(case, i, name):
    """List what a column may be set to: training cells, what its domain names."""
    cells = case.seen[name].to_numpy()
    entry = rule_of(case, name, "domain", [i])[0]
    if case.kinds[name] in ("number", "whole") and entry is not None:
        more = np.array([v for v in entry if v is not None], dtype=float)
        cells = np.append(cells.astype(float), more).astype(cells.dtype)
    ok = np.ones(len(cells), dtype=bool)
    if entry is not None:
        ok = is_among(cells, entry, case.kinds[name] in ("number", "whole"))
    return cells[ok] if ok.any() else cells


def features(case):
    """Columns, and blocks as one, that may be changed together."""
    inside = {name for block in case.blocks for name in block}
    return [[n] for n in case.asked if n not in inside and n != "total"] + case.blocks


def put(case, i, table, rows, feature, rng):
    """Set a feature of some rows of a table to random values."""
    if len(feature) > 1:
        table.loc[rows, feature] = np.eye(len(feature), dtype=int)[
            rng.integers(len(feature), size=len(rows))
        ]
        return
    name = feature[0]
    cells = rng.choice(values_of(case, i, name), len(rows))
    column = table[name].astype(object)
    column.iloc[rows] = cells
    table[name] = column.astype(case.asked[name].dtype)


def forced(case, i):
    """Features whose present value a given domain does not allow."""
    out = []
    for feature in features(case):
        entry = rule_of(case, feature[0], "domain", [i])[0]
        cell = case.asked[feature[0]].iloc[[i]].to_numpy()
        number = case.kinds[feature[0]] in ("number", "whole")
        given = len(feature) == 1 and entry is not None
        if given and not is_among(cell, entry, number).all():
            out.append(feature)
    return out


def free(case, i):
    """Features that may change at all."""
    words = {f[0]: rule_of(case, f[0], "mutability", [i])[0] for f in features(case)}
    return [f for f in features(case) if words[f[0]] != "none"]


def singles(case, i, rng):
    """One feature at a time, its ends among the values, beside those that must."""
    must, open_ = forced(case, i), free(case, i)
    parts = []
    for feature in open_:
        n = CANDIDATES // max(len(open_), 1)
        table = start(case, i, n)
        for other in must:
            if other != feature:
                put(case, i, table, np.arange(n), other, rng)
        put(case, i, table, np.arange(n), feature, rng)
        if len(feature) == 1 and case.kinds[feature[0]] in ("number", "whole"):
            cells = np.sort(values_of(case, i, feature[0]))
            ends = np.where(np.arange(n) % 2 == 0, cells[0], cells[-1])
            mine = np.arange(n) < n // 10
            column = table[feature[0]].to_numpy(copy=True)
            column[mine] = ends[mine]
            table[feature[0]] = column
        parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else start(case, i, 1)


def random_changes(case, i, rng):
    """Random features set to random values of training rows."""
    table, open_ = start(case, i, CANDIDATES), free(case, i)
    must = forced(case, i)
    limit = case.options.get("max_changes") or len(open_)
    for feature in must:
        put(case, i, table, np.arange(CANDIDATES), feature, rng)
    others = [f for f in open_ if f not in must]
    room = max(limit - len(must), 0)
    if not others or not room:
        return table
    order = rng.random((CANDIDATES, len(others))).argsort(axis=1)
    size = rng.integers(1, min(room, len(others)) + 1, CANDIDATES)
    for j, feature in enumerate(others):
        rows = np.flatnonzero((order == j).argmax(axis=1) < size)
        put(case, i, table, rows, feature, rng)
    return table


def training_rows(case, i, rng):
    """Training rows, what may not change put back to the row's own cells."""
    limit = case.options.get("max_changes")
    table = case.seen[list(case.asked)].copy()
    table = table.iloc[rng.permutation(len(table))[:CANDIDATES]].reset_index(drop=True)
    row = start(case, i, len(table))
    for feature in features(case):
        one = feature[0]
        word = rule_of(case, one, "mutability", [i])[0]
        entry = rule_of(case, one, "domain", [i])[0]
        old, new = ranks(row[one]), ranks(table[one])
        back = np.full(len(table), word == "none")
        back |= (word == "increase") & (new < old)
        back |= (word == "decrease") & (new > old)
        if entry is not None and len(feature) == 1:
            number = case.kinds[one] in ("number", "whole")
            back |= ~is_among(table[one].to_numpy(), entry, number)
        if limit is not None:
            back |= rng.random(len(table)) > limit / len(features(case))
        for name in feature:
            column = table[name].astype(object).where(~back, row[name].astype(object))
            table[name] = column.astype(case.asked[name].dtype)
    return table
