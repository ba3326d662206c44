"""Whether answers are what they say, by the tables and `predict` alone."""

import numpy as np
import pandas as pd

from sklearn_ct import explain

CANDIDATES = 600  # for each row without an answer, of each search
LOOKED_AT = 25  # rows without an answer of a case
ALONE = 2  # rows of a case that are asked about by themselves
TAU = 0.7  # that `explain` aims at unless it is told otherwise


def frame_of(table, like):
    """Pandas frame of any container, with the names and kinds of another."""
    if hasattr(table, "toarray"):
        table = table.toarray()
    if isinstance(table, np.ndarray):
        return pd.DataFrame(table, columns=like.columns)
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame({name: table[name].to_list() for name in table.columns})
    for name in like:
        if isinstance(like[name].dtype, pd.CategoricalDtype):
            table[name] = pd.Categorical(
                table[name].astype(object), like[name].dtype.categories, ordered=True
            )
    return table.reset_index(drop=True)


def key_of(case, name):
    """Name of a column, or its position where there are none."""
    named = case.name.startswith(("pandas", "polars"))
    return name if named else list(case.asked).index(name)


def rule_of(case, name, what, rows):
    """Entry of each row for a column, None where there is none."""
    given, key = case.options.get(what) or {}, key_of(case, name)
    rest = "*" if what == "mutability" else None
    if isinstance(given, list):
        entries = [given[i].get(key, given[i].get(rest)) for i in rows]
    else:
        entries = [given.get(key, given.get(rest))] * len(rows)
    if what == "mutability" and case.always:
        own = case.always.get(key, case.always.get(rest))
        entries = [both(own, entry) for entry in entries]
    return entries


def both(one, other):
    """Word for what two words allow."""
    words = {one, other} - {None, "both"}
    if words >= {"increase", "decrease"} or "none" in words:
        return "none"
    return "follows" if "follows" in words else next(iter(words), "both")


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
    tables = numbers_of(case, before), numbers_of(case, after)
    over = [excess(case, table) for table in tables]
    demand("relations", (over[1] <= over[0]).all(axis=1))
    for j, name in enumerate(before):
        number = case.kinds[name] in ("number", "whole")
        old, new = ranks(before[name]), ranks(after[name])
        seen, blank = case.seen[name], is_none(case, name, case.seen[name])
        cells = new if number else after[name].astype(object).to_numpy()
        words = rule_of(case, name, "mutability", rows)
        entries = rule_of(case, name, "domain", rows)
        moved = changed[:, j]
        held = is_none(case, name, before[name])
        entered = is_none(case, name, after[name])
        left = before[name].isna().to_numpy() if case.free else np.zeros_like(held)
        demand("no cell", ~(moved & (entered | (held & ~left))))
        stuck, up, down = (
            np.array([word == each for word in words])
            for each in ("none", "increase", "decrease")
        )
        wrong = stuck | (up & ~(new >= old)) | (down & ~(new <= old))
        demand("mutability", ~(moved & wrong))
        own = seen[~blank].astype(float if number else object)
        if not number:
            known = np.isin(cells.astype(str), own.astype(str).unique())
            demand("observed", ~moved | known)
        elif case.bounded:
            low, high = own.min() - slack(case, own), own.max() + slack(case, own)
            demand("observed", ~moved | ((new >= low) & (new <= high)))
        for word in {
            repr(entry): entry for entry in entries if entry is not None
        }.values():
            mine = np.array([entry == word for entry in entries])
            inside = np.ones(len(before), dtype=bool)
            inside[mine] = is_among(cells[mine], word, number)
            # What holds no value, or one that was never seen, may stay.
            stays = held if number else ~np.isin(cells.astype(str), list(map(str, own)))
            demand("domain", inside | (stays & ~moved))
        if case.kinds[name] == "whole":
            demand("whole", ~moved | (new == np.floor(new)))
        if (entry := entry_of(case, name)) is not None:
            demand("glossary", ~moved | suits(entry, old, new, held))
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


def entry_of(case, name):
    """Read what the glossary says of a column."""
    return case.options.get("glossary", {}).get(key_of(case, name))


def suits(entry, old, new, was_none=False):
    """Whether changes are multiples of a step, and no less than the smallest."""
    times = new / entry.get("step", 1.0)
    ok = np.abs(new - old) >= entry.get("smallest_change", 0.0) * (1 - 1e-6)
    ok |= was_none
    if "step" in entry:
        ok &= np.abs(times - np.round(times)) <= 1e-6 * (1 + np.abs(times))
    return ok


def is_code(case, name, cells):
    """Tell the cells that have the special value of their column."""
    if name not in case.special:
        return np.zeros(len(cells), dtype=bool)
    return (cells == case.special[name]).to_numpy()


def is_none(case, name, cells):
    """Which cells hold no value: missing ones, and special ones."""
    return cells.isna().to_numpy() | is_code(case, name, cells)


def numbers_of(case, table):
    """Cells for what holds between columns: those that hold no value are missing."""
    cells = {name: table[name].mask(is_none(case, name, table[name])) for name in table}
    for block in case.blocks:
        one_hot = table[block].to_numpy(float)
        labels = np.append(np.array(block, dtype=object), None)
        place = np.where(one_hot.sum(axis=1) == 1, one_hot.argmax(axis=1), -1)
        cells[tuple(block)] = pd.Series(labels[place], index=table.index)
    return cells


def excess(case, table):
    """By how much each row breaks each relation, (m, n_relations)."""
    rows, names = len(next(iter(table.values()))), list(table)
    columns = [np.zeros(rows)]
    for relation in case.relations:
        what = {key: value for key, value in relation.items() if value is not None}
        name, minus = (
            names[c] if isinstance(c, int | np.integer) else c
            for c in (what["column"], what.get("minus"))
        )
        if "among" in what or "never" in what:
            words = table[name]
            bad = words.isin(what.get("never", ())).to_numpy()
            if "among" in what:
                bad = ~words.isin(what["among"]).to_numpy()
            # A label that was never seen is left alone.
            known = (
                words.notna()
                if isinstance(name, tuple)
                else words.isin(case.seen[name])
            )
            over = (bad & known.to_numpy()).astype(float)
        else:
            size = table[name].to_numpy(float)
            size = size - (0 if minus is None else table[minus].to_numpy(float))
            low, high = what.get("at_least", -np.inf), what.get("at_most", np.inf)
            over = np.nan_to_num(np.maximum(np.maximum(low - size, size - high), 0.0))
        for column, entry in what.get("where", {}).items():
            column = names[column] if isinstance(column, int | np.integer) else column
            cells = table[column]
            if isinstance(entry, tuple) and isinstance(entry[0], float):
                inside = is_among(cells.to_numpy(float), entry, True)
            else:
                given = entry if isinstance(entry, list | tuple) else [entry]
                inside = cells.isin(given).to_numpy()
            over = over * inside
        columns.append(over)
    return np.column_stack(columns)


def slack(case, cells):
    """Say how exactly numbers are had back: from steps up to their rounding errors."""
    return 0.0 if case.name.endswith("alone") else 1e-12 * np.abs(cells).max()


def differs(one, other):
    """Cells that differ, (m, n_columns); missing ones are alike."""
    cells = [(one[n].astype(object), other[n].astype(object)) for n in one]
    return np.column_stack(
        [np.asarray((a != b) & ~(a.isna() & b.isna()), dtype=bool) for a, b in cells]
    )


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
    n, k = len(case.asked), case.options["n_counterfactuals"]
    rows = np.repeat(np.arange(n), k)
    before = case.asked.iloc[rows].reset_index(drop=True)
    after = frame_of(result.counterfactuals, case.asked)
    status = np.asarray(result.status)
    none, there = status == "infeasible", status == "already"
    answered = ~none & ~there
    said = case.model.predict(result.counterfactuals) == case.target[rows]
    now = case.model.predict(case.pack(case.asked)) == case.target
    faults = {"rows": n, "answers": int(answered.sum())}
    faults["false valid"] = int((~none & ~said).sum() + (there != now[rows]).sum())
    moved = differs(before, after).any(axis=1)
    faults["moved without an answer"] = int((moved & ~answered).sum())
    broken, faults["broken rules"] = set(), 0
    if answered.any():
        parts = before[answered], after[answered], rows[answered]
        ok, broken = kept(
            case, *(p.reset_index(drop=True) for p in parts[:2]), parts[2]
        )
        faults["broken rules"] = int((~ok).sum())
    twice = after[answered].astype(object).assign(row=rows[answered]).astype(str)
    faults["given twice"] = int(twice.duplicated().sum())
    faults["out of order"] = out_of_order(case, result, answered.reshape(-1, k))
    faults["another one alone"] = alone(case, after, k, rng)
    without = np.flatnonzero(none.reshape(-1, k).all(axis=1))
    faults["without an answer"] = len(without)
    asks_less = not case.options.get("margin") and "effort" not in case.options
    looked = rng.permutation(without)[:LOOKED_AT] if asks_less else without[:0]
    faults["looked at"] = len(looked)
    found = possible(case, looked, rng)
    faults["falsely without"] = len(found)
    return faults, broken, found


def out_of_order(case, result, answered):
    """Count the rows whose answers are not those that reach ``tau``, then the cheap."""
    if "effort" in case.options:
        return 0
    tau = case.options.get("tau", TAU) - 1e-6
    short = np.asarray(result.probability).reshape(answered.shape) < tau
    cost = np.asarray(result.cost).reshape(answered.shape)
    later, sooner = (slice(None), slice(1, None)), (slice(None), slice(None, -1))
    both = answered[later] & answered[sooner]
    wrong = short[sooner] & ~short[later]
    wrong |= (short[sooner] == short[later]) & (cost[sooner] > cost[later] * (1 + 1e-6))
    return int((both & wrong).any(axis=1).sum())


def alone(case, after, k, rng):
    """Count the rows, of a few, that are answered otherwise by themselves."""
    n = len(case.asked)
    rows = rng.permutation(n)[: ALONE if "n_jobs" not in case.options else 4 * ALONE]
    wrong = 0
    for i in rows:
        one = case.asked.iloc[[i]]
        options = case.call([i]) | {"n_jobs": None}
        result = explain(case.model, case.pack(one), **options)
        mine = frame_of(result.counterfactuals, case.asked)
        theirs = after.iloc[i * k : i * k + k].reset_index(drop=True)
        wrong += bool(differs(mine, theirs).any())
    return wrong


def possible(case, rows, rng):
    """Rows to which random search, or one of training rows, finds an answer."""
    rows, found = np.asarray(rows), []
    for propose in (singles, random_changes, training_rows):
        if not len(rows):
            break
        tables = [propose(case, i, rng) for i in rows]
        owner = np.repeat(rows, list(map(len, tables)))
        table = pd.concat(tables, ignore_index=True)
        if case.link is not None:
            table = case.link(table)
        before = case.asked.iloc[owner].reset_index(drop=True)
        ok, _ = kept(case, before, table, owner)
        if ok.any():
            good, of = table[ok].reset_index(drop=True), owner[ok]
            hit = case.model.predict(case.pack(good)) == case.target[of]
            found += np.unique(of[hit]).tolist()
            rows = np.setdiff1d(rows, found)
    return sorted(found)


def start(case, i, n):
    """Copy a row."""
    return case.asked.iloc[[i] * n].reset_index(drop=True)


def values_of(case, i, name):
    """List what a column may be set to: training cells, what its domain names."""
    cells = case.seen[name]
    cells = cells[~is_none(case, name, cells)].to_numpy()
    entry = rule_of(case, name, "domain", [i])[0]
    if case.kinds[name] in ("number", "whole") and entry is not None:
        more = np.array([v for v in entry if v is not None], dtype=float)
        cells = np.append(cells.astype(float), more).astype(cells.dtype)
    if (step := (entry_of(case, name) or {}).get("step")) is not None:
        cells = np.round(cells.astype(float) / step) * step
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
        given &= not is_none(case, feature[0], case.asked[feature[0]].iloc[[i]])[0]
        if given and not is_among(cell, entry, number).all():
            out.append(feature)
    return out


def free(case, i):
    """Features that may change at all."""
    words = {f[0]: rule_of(case, f[0], "mutability", [i])[0] for f in features(case)}
    row = case.asked.iloc[[i]]
    held = {
        name
        for name in row
        if is_code(case, name, row[name])[0]
        or (row[name].isna().all() and not case.free)
    }
    return [f for f in features(case) if words[f[0]] != "none" and f[0] not in held]


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
        back |= is_none(case, one, row[one]) | is_none(case, one, table[one])
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
