"""What the input columns of a pipeline hold, told from the rows that were kept."""

import numpy as np
import pandas as pd

from sklearn_ct._pipeline.invert import categories_of
from sklearn_ct._tables.containers import is_frame, number_type, take_column
from sklearn_ct._tables.discover import MAX_DECIMALS
from sklearn_ct._tables.encoder import TRUTH_VALUES
from sklearn_ct._tables.feature import limits

# Stands for every cell of a column that is held as it is.
HELD = "-"
# So many of the classifier's columns are moved one by one; more of them all at once.
FEW = 100
# Of its largest value, what an inverse may lose of a number.
LOST = 1e-6
# How parameters of imputers call what they learn: a category that people have.
LEARNT = ("most_frequent", "frequent", "mode")
# What scikit-learn's imputers fill words in with, if they are not told.
MADE_UP = "missing_value"
# Pipelines that are asked at most which columns may have missing cells.
ASKED = 16


def learn(codec, real):
    """Tell what the input columns hold from rows that the classifier has kept.

    Parameters
    ----------
    codec : PipelineCodec
        So far it can only `invert`.
    real : ndarray of shape (n, n_inner)
        Values of the rows, as the classifier reads them.

    Returns
    -------
    DataFrame
        The n rows, and after them some with what `fit` saw and they may lack; in the
        types that the outer encoder is to see.
    set of int
        Columns that were not had back, which are held as they are.
    dict
        ``{position: sentence}`` of those among them that act on the classifier.
    """
    back, said = codec.invert(codec.inner.table(real))
    around = seen_around(codec, real[:1])
    frame = pd.concat([back, around[_is_new(around, back)]], ignore_index=True)
    background, held = typed(codec, frame)
    blocked = {}
    for j in held:
        if said.get(codec.names[j]):
            blocked[j] = said[codec.names[j]]
        elif not back.iloc[:, j].isna().all():
            blocked[j] = (
                "The pipeline's input columns of times cannot be explained: they are "
                "neither numbers nor categories"
            )
    return background, held, blocked


def _is_new(around, back):
    """Which rows have a cell that no row has, or beyond all of them.

    The others would only show combinations that nobody has: two of a block's columns.
    """
    float64 = np.dtype(float)
    both = zip(around.dtypes, back.dtypes, strict=True)
    floats = np.array([one == other == float64 for one, other in both], dtype=bool)
    x, seen = (each.loc[:, floats].to_numpy() for each in (around, back))
    new = _is_beyond(x, seen).any(axis=1)
    for j in np.flatnonzero(~floats):
        cells, known = around.iloc[:, j], back.iloc[:, j]
        if _are_words(cells, None) or _are_words(known, None):
            new |= (~cells.isin(set(known)) & cells.notna()).to_numpy()
        else:
            new |= _is_beyond(cells.to_numpy(dtype=float), known.to_numpy(dtype=float))
    return new


def _is_beyond(x, seen):
    """Which numbers are farther out than all that were seen in their column."""
    error = LOST * np.fmax.reduce(np.abs(seen), initial=0.0)
    low = np.fmin.reduce(seen, initial=np.inf)
    high = np.fmax.reduce(seen, initial=-np.inf)
    return (x < low - error) | (x > high + error)


def seen_around(codec, row):
    """Invert a row with one cell changed to what `fit` saw and the sample may lack.

    These are the categories and the ends of the numbers; where one cell moves
    several columns (PCA), nobody has seen the row that results.
    """
    moved = []
    for j, variable in enumerate(codec.inner.variables_):
        if variable.is_number:
            seen = [codec.inner.lower_[j], codec.inner.upper_[j]]
        else:
            seen = np.flatnonzero(codec.inner.observed_[variable.slots])
        moved.append(np.asarray(seen, dtype=float))
    if len(moved) > FEW:
        return _together(codec, row, moved)
    tables = []
    for j, seen in enumerate(moved):
        rows = np.repeat(row, len(seen), axis=0)
        rows[:, j] = seen
        tables.append(rows)
    frame, _ = codec.invert(codec.inner.table(np.vstack([row, *tables])))
    differs = _differs(frame)
    return frame[differs.sum(axis=1) == 1]


def codes_of(codec, row, background):
    """Values that input columns have where the classifier reads special ones.

    Parameters
    ----------
    codec : PipelineCodec
    row : ndarray of shape (1, n_inner)
        Values of a row, as the classifier reads them.
    background : DataFrame
        As `learn` gives it.

    Returns
    -------
    dict
        ``{column: list of float}``.
    """
    inner, moved = codec.inner, [inner_row := codec.inner.ordinary(row)]
    for j, variable in enumerate(inner.variables_):
        for code in variable.states if variable.is_number else ():
            if code != variable.missing:
                moved.append(np.where(np.arange(row.shape[1]) == j, code, inner_row))
    if len(moved) == 1:
        return {}
    frame, _ = codec.invert(inner.table(np.vstack(moved)))
    differs, codes = _differs(frame), {}
    for i in np.flatnonzero(differs.sum(axis=1) == 1):
        k = int(differs[i].argmax())
        if pd.api.types.is_numeric_dtype(background.dtypes.iloc[k]):
            code = float(frame.iat[i, k])
            codes.setdefault(background.columns[k], []).append(code)
    return codes


def _together(codec, row, moved):
    """Move all of many columns at once, for those that do not mix."""
    n = len(moved)
    rows = np.repeat(row, max(map(len, moved)), axis=0)
    for j, seen in enumerate(moved):
        rows[: len(seen), j] = seen
    # Half of the columns, then the other half: who answers to both is mixed.
    half = np.arange(n) % 2 == 0
    tests = [np.where(half, rows, row), np.where(half, row, rows)]
    frame, _ = codec.invert(codec.inner.table(np.vstack([row, rows, *tests])))
    differs = _differs(frame)
    k = len(rows)
    mixed = differs[1 + k : 1 + 2 * k].any(axis=0) & differs[1 + 2 * k :].any(axis=0)
    return frame[1 : 1 + k].mask(np.broadcast_to(mixed, (k, len(mixed))))


def _differs(frame):
    """Which cells differ from those of the first row."""
    cells = frame.astype(object).to_numpy()
    return (cells != cells[0]) & ~(pd.isna(cells) & pd.isna(cells[0]))


def typed(codec, frame):
    """Columns with the types that the outer encoder is to see.

    Returns
    -------
    DataFrame
    set of int
        Columns that were not had back, which are held as they are.
    """
    categories = {}
    steps = [*codec.steps, ("", codec.classifier)]
    origins = categories_of(steps, codec.takes, categories)
    for variable in codec.inner.variables_:
        if not variable.is_number and not variable.is_block:
            known = (variable.categories, variable.ordered)
            categories.setdefault(origins[variable.columns[0]], known)
    plain = _plain_numbers(codec, frame, categories)
    columns, held = {}, set()
    dtypes = _dtypes(codec)
    for j, name in enumerate(codec.names):
        if j in plain:
            columns[j] = plain[j]
            continue
        column, dtype = frame.iloc[:, j], dtypes[j]
        if column.isna().all() or _is_time(dtype):
            held.add(j)
            column = pd.Series(pd.Categorical([HELD] * len(frame)), frame.index)
        elif name in categories or _are_words(column, dtype):
            known = categories.get(name) or (_labels(column, dtype), False)
            column = _category(column, dtype, *known)
        else:
            _refuse_other_cells(codec, j, column, dtype)
            column = _number(codec, column, dtype)
        columns[j] = column
    table = pd.DataFrame(columns)
    table.columns = codec.names
    return table, held


def _refuse_other_cells(codec, j, column, dtype):
    """Raise where text or truth values are asked about, but numbers come back."""
    if codec.few is None or not is_frame(codec.like):
        return
    name = codec.names[j]
    if pd.api.types.is_bool_dtype(dtype) and (column - 0.5).abs().median() > 1:
        raise ValueError(TRUTH_VALUES.format(name))
    if pd.api.types.is_numeric_dtype(dtype):
        return
    cells = take_column(codec.few, j)
    if pd.api.types.infer_dtype(cells, skipna=True) == "string":
        raise ValueError(
            f"Column {name!r} is text, but the pipeline takes numbers of it. Convert "
            "it to numbers."
        )


def _dtypes(codec):
    """Type of each column asked about, None where there is no frame."""
    if not is_frame(codec.like):
        return [None] * len(codec.names)
    return codec.like.dtypes.to_list()


def _plain_numbers(codec, frame, categories):
    """Columns of float64 that had nothing but finite numbers back, all at once."""
    dtypes = zip(_dtypes(codec), frame.dtypes, codec.names, strict=True)
    float64 = np.dtype(float)
    where = [
        j
        for j, (asked, back, name) in enumerate(dtypes)
        if asked is not None and asked == back == float64 and name not in categories
    ]
    cells = frame.iloc[:, where].to_numpy(dtype=float)
    finite = np.isfinite(cells).all(axis=0) & (len(cells) > 0)
    where, cells = np.array(where, dtype=int)[finite], cells[:, finite]
    return dict(zip(where.tolist(), _rounded(cells).T, strict=True))


def _are_words(column, dtype):
    """Whether the cells are labels, which no encoder that is known has listed."""
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    if dtype is not None and pd.api.types.is_numeric_dtype(dtype):
        return False
    kind = pd.api.types.infer_dtype(column, skipna=True)
    return kind not in ("floating", "integer", "mixed-integer-float", "decimal")


def _is_time(dtype):
    """Whether cells are times, which are neither numbers nor categories here."""
    is_period = isinstance(dtype, pd.PeriodDtype)
    return is_period or getattr(dtype, "kind", "") in ("m", "M")


def _labels(column, dtype):
    """Labels that have been had back, in the order of their type, or sorted."""
    seen = list(pd.unique(column.dropna()))
    if isinstance(dtype, pd.CategoricalDtype):
        known = set(seen)
        return [label for label in dtype.categories if label in known]
    try:
        return sorted(seen)
    except TypeError:
        return sorted(seen, key=str)


def _category(column, dtype, labels, ordered):
    if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        inside = [c for c in dtype.categories if c in set(labels)]
        labels, ordered = inside, True
    elif dtype is not None and pd.api.types.is_bool_dtype(dtype):
        ordered = True  # as the classifier has it
    dtype = pd.CategoricalDtype(labels, ordered=ordered)
    # By value: scikit-learn may give numbers for truth values.
    codes = pd.Index(labels, dtype=object).get_indexer(column.astype(object))
    new = pd.Series(pd.Categorical.from_codes(codes, dtype=dtype), column.index)
    # Missing cells as a category of their own are no advice to give.
    return new.fillna(new.mode().iloc[0])


def _number(codec, column, dtype):
    column = column.astype(float)
    column = column.fillna(column.median())
    column = pd.Series(_rounded(column.to_numpy()[:, None])[:, 0], column.index)
    if dtype is None:
        dtype = _number_like(codec, column)
    if dtype is not None and number_type(dtype).kind in "iub":
        # What a lossy inverse gives may lie beyond the type.
        column = column.round().clip(*limits(number_type(dtype)))
    return column.astype(dtype or float)


def _rounded(x):
    """Numbers with the decimals that they had before an inverse lost the last bits.

    Of shape (n, n_columns).
    """
    x, few, largest = x.copy(), x[:50], np.abs(x).max(axis=0, initial=0.0)
    left = np.arange(x.shape[1])
    for decimals in range(MAX_DECIMALS + 1):
        error = np.minimum(LOST * largest[left], 0.01 * 10.0**-decimals)
        off = np.abs(few[:, left] - few[:, left].round(decimals)) <= error
        found = off.mean(axis=0) > 0.5
        own = x[:, left[found]]
        near = own.round(decimals)
        x[:, left[found]] = np.where(np.abs(own - near) <= error[found], near, own)
        left = left[~found]
    return x


def _number_like(codec, column):
    """Type of an array asked about, if it holds such a column's numbers."""
    if codec.like.dtype.kind == "f":
        return codec.like.dtype
    if codec.like.dtype.kind in "iu":
        cells = column.dropna().astype(float)
        if np.allclose(cells, cells.round(), rtol=0, atol=1e-6):
            return codec.like.dtype
    return None


def without_stand_ins(codec, values):
    """Observed ends and categories, without what only stands for missing cells.

    Parameters
    ----------
    codec : PipelineCodec
    values : ndarray of shape (n, n_variables)
        All that was had back of what `fit` saw.

    Returns
    -------
    lower, upper : ndarray of shape (n_variables,)
    observed : boolean ndarray of shape (n_slots,)
    """
    lower, upper = codec.lower_.copy(), codec.upper_.copy()
    observed = codec.observed_.copy()
    for j, cell in stand_ins(codec).items():
        variable, own = codec.variables_[j], values[:, j]
        own = own[~np.isin(own, variable.states)]
        if variable.is_number:
            others = own[np.abs(own - cell) > LOST * np.abs(own).max()]
            if len(others):
                lower[j], upper[j] = others.min(), others.max()
        elif _is_made_up(codec, j, int(cell)):
            slots = observed[variable.slots]
            if slots.sum() > slots[int(cell)]:
                slots[int(cell)] = False
    return lower, upper, observed


def stand_ins(codec):
    """Values that the pipeline takes a missing cell for, ``{variable: value}``."""
    columns = {
        v.columns[0]: j
        for j, v in enumerate(codec.variables_)
        if not v.is_block and not codec.is_dropped(j)
    }
    table = codec.input(codec.dependence.template)
    made, left = {}, [list(columns)]
    for _ in range(ASKED):
        if not left:
            break
        part = left.pop(0)
        try:
            cells = codec.filled(without_cells(table, part))
        except Exception:  # a step that takes no missing cell, whoever made it
            half = len(part) // 2
            left += [part[:half], part[half:]] if half else []
            continue
        made |= {columns[k]: cells.iloc[0, k] for k in part}
    values = {}
    for j, cell in made.items():
        if pd.isna(cell):
            continue
        variable = codec.variables_[j]
        if variable.is_number:
            values[j] = float(cell)
        elif (place := codec.place_of(j, cell)) >= 0:
            values[j] = place
    return values


def without_cells(table, columns):
    """One row with some cells missing."""
    if not is_frame(table):
        table = table.astype(object if table.dtype == object else float)
        table[:, columns] = np.nan
        return table
    gone = set(columns)
    cells = {
        k: pd.Series([np.nan], dtype=_with_missing(dtype)) if k in gone else own
        for k, (dtype, (_, own)) in enumerate(
            zip(table.dtypes, table.items(), strict=True)
        )
    }
    new = pd.DataFrame(cells)
    new.columns = table.columns
    return new


def _with_missing(dtype):
    """Type of a column that has a missing cell."""
    plain = isinstance(dtype, np.dtype) and dtype.kind in "iub"
    return float if plain else dtype


def _is_made_up(codec, j, place):
    """Whether a category that a missing cell is taken for is no category of people.

    An imputer may learn it, because it is frequent; or the missing cell is told from it
    after all, by codes that only came back as this category.
    """
    words = []
    for _, step in codec.steps:
        params = step.get_params() if hasattr(step, "get_params") else {}
        words += [value for value in params.values() if isinstance(value, str)]
    if codec.variables_[j].categories[place] in (*words, MADE_UP):
        return True
    if any(word in LEARNT for word in words):
        return False
    values = codec.dependence.template.copy()
    values[:, j] = place
    table = codec.input(values)
    other = without_cells(table, [codec.variables_[j].columns[0]])
    both = [pd.DataFrame(codec.transformed(each)) for each in (table, other)]
    return both[0].equals(both[1])
