from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from sklearn_ct._core.constraints import Constraints

INF = float("inf")


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def simplex_oracle(values):
    """Nearest point of the simplex, by sorting (Duchi et al. 2008)."""
    ordered = np.sort(values)[::-1]
    shift = (np.cumsum(ordered) - 1) / np.arange(1, len(values) + 1)
    last = np.flatnonzero(ordered > shift)[-1]
    return np.maximum(values - shift[last], 0)


def grouped(*sizes, numbers=0, ranks=None):
    """Constraints of some free numbers, then one-hot groups of these sizes."""
    d = numbers + sum(sizes)
    group = [-1] * numbers + [k for k, size in enumerate(sizes) for _ in range(size)]
    lower, upper = torch.full((1, d), -INF), torch.full((1, d), INF)
    lower[:, numbers:], upper[:, numbers:] = 0, 1
    return replace(
        Constraints.free(d),
        lower=lower.double(),
        upper=upper.double(),
        group=torch.tensor(group),
        rank=tensor(ranks or [0] * d),
    )


def one_hot(size, *places):
    return torch.eye(size, dtype=torch.float64)[list(places)]


def flags(*values):
    return torch.tensor([values], dtype=torch.bool)


# -- numbers ----------------------------------------------------------------------


def test_free_changes_nothing():
    new = tensor([[1e9, -1e9, 0.3]])
    free = Constraints.free(3)
    assert not free.one_way
    assert torch.equal(free.bind(-new).project(new, -new), new)
    assert torch.equal(free.protect(new, -new), new)


def test_directions_of_numbers():
    # free, may rise, may fall, frozen
    constraints = replace(
        Constraints.free(4),
        rise=flags(True, True, False, False),
        fall=flags(True, False, True, False),
    )
    x = tensor([[1.0, 1.0, 1.0, 1.0]] * 2)
    new = tensor([[3.0, 3.0, 3.0, 3.0], [-3.0, -3.0, -3.0, -3.0]])
    result = constraints.bind(x).project(new, x)
    assert result.tolist() == [[3.0, 3.0, 1.0, 1.0], [-3.0, 1.0, -3.0, 1.0]]


def test_a_forbidden_step_is_undone_not_sent_back_to_the_factual():
    may_rise = replace(Constraints.free(1), fall=flags(False))
    x, old = tensor([[0.0]]), tensor([[2.0]])
    # From 2 down to 1 is a forbidden step, though 1 is above the factual.
    assert may_rise.bind(x).project(tensor([[1.0]]), old).item() == 2


def test_domain_clips_each_row_to_its_own_bounds():
    constraints = replace(
        Constraints.free(2),
        lower=tensor([[-1.0, -2.0], [0.5, -INF]]),
        upper=tensor([[1.0, INF], [0.7, -3.0]]),
    )
    x = torch.zeros(2, 2, dtype=torch.float64)
    new = tensor([[5.0, -5.0], [-5.0, 5.0]])
    expected = [[1.0, -2.0], [0.5, -3.0]]
    assert constraints.bind(x).project(new, x).tolist() == expected


@pytest.mark.parametrize(
    ("rise", "fall", "x", "lowest", "highest"),
    [
        (True, True, 0.5, 0.0, 1.0),
        (True, False, 0.5, 0.5, 1.0),
        (False, True, 0.5, 0.0, 0.5),
        (False, False, 0.5, 0.5, 0.5),
        # The factual is outside the domain; the direction may contradict it.
        (True, True, 2.0, 0.0, 1.0),
        (False, True, 2.0, 0.0, 1.0),
        (True, False, 2.0, 2.0, 2.0),
        (False, False, 2.0, 2.0, 2.0),
        (True, False, -1.0, 0.0, 1.0),
        (False, True, -1.0, -1.0, -1.0),
    ],
)
def test_bind_turns_directions_into_bounds(rise, fall, x, lowest, highest):
    constraints = replace(
        Constraints.free(1),
        lower=tensor([[0.0]]),
        upper=tensor([[1.0]]),
        rise=flags(rise),
        fall=flags(fall),
    ).bind(tensor([[x]]))
    assert constraints.lower.expand(1, 1).item() == lowest
    assert constraints.upper.expand(1, 1).item() == highest


def test_frozen_numbers_keep_their_bits():
    x = tensor([[0.1 + 0.2, 1 / 3]])
    frozen = replace(
        Constraints.free(2),
        lower=tensor([[0.5, 0.5]]),
        rise=flags(False, False),
        fall=flags(False, False),
    )
    assert torch.equal(frozen.bind(x).project(x + 1, x), x)


def number_oracle(new, old, x, lower, upper, rise, fall):
    """One number: mutability, then domain, as the method has them."""
    if (new > old and not rise) or (new < old and not fall):
        new = old
    if not rise and not fall:
        return x
    if not rise:
        lower, upper = min(lower, x), min(upper, x)
    if not fall:
        lower, upper = max(lower, x), max(upper, x)
    return min(max(new, lower), upper)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.data())
def test_numbers_against_the_oracle(data):
    value = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 1.0, 3.0])
    d = data.draw(st.integers(1, 4))
    row = st.lists(value, min_size=d, max_size=d)
    new, x = data.draw(row), data.draw(row)
    low, high = np.sort([data.draw(row), data.draw(row)], axis=0)
    choices = st.lists(st.booleans(), min_size=d, max_size=d)
    rise, fall = data.draw(choices), data.draw(choices)
    constraints = replace(
        Constraints.free(d),
        lower=tensor(low.tolist())[None],
        upper=tensor(high.tolist())[None],
        rise=flags(*rise),
        fall=flags(*fall),
    )
    bound = constraints.bind(tensor([x]))
    # Start from what is allowed, as a walk does.
    old = bound.project(tensor([x]), tensor([x]))
    result = bound.project(tensor([new]), old)
    expected = [
        number_oracle(*cell)
        for cell in zip(new, old[0].tolist(), x, low, high, rise, fall, strict=True)
    ]
    assert result.tolist() == [expected]


# -- one-hot groups ---------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_groups_are_projected_to_their_simplex(scale):
    rng = np.random.default_rng(0)
    sizes = [3, 1, 5, 2]
    constraints = grouped(*sizes, numbers=2)
    new = scale * rng.normal(size=(50, 13))
    result = constraints.project(torch.from_numpy(new), torch.zeros(50, 13)).numpy()
    expected = new.copy()
    for row in expected:
        start = 2
        for size in sizes:
            row[start : start + size] = simplex_oracle(row[start : start + size])
            start += size
    np.testing.assert_allclose(result, expected, atol=1e-12 * max(1, scale))


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("scale", [0.3, 3.0, 1e3, 1e9])
def test_each_row_has_its_own_allowed_categories(kind, scale):
    rng = np.random.default_rng(4)
    n, sizes = 60, [4, 1, 6]
    starts, d = [2, 6, 7], 13
    open_ = rng.random((n, d)) < 0.6
    open_[:, starts] = True
    upper = np.where(open_, 1.0, 0.0)
    upper[:, :2] = INF
    constraints = replace(grouped(*sizes, numbers=2), upper=tensor(upper.tolist()))
    new = torch.from_numpy(scale * rng.normal(size=(n, d))).to(kind)
    constraints = constraints.to(new)
    # The first guess of what is left are the categories of the old state.
    old = constraints.project(torch.from_numpy(rng.normal(size=(n, d))).to(kind), new)
    result = constraints.project(new, old)
    assert result.dtype == kind
    assert torch.equal(result[:, :2], new[:, :2])
    close = 1e-12 if kind == torch.float64 else 1e-6
    for i, start, size in (
        (i, *g) for i in range(n) for g in zip(starts, sizes, strict=True)
    ):
        columns = np.arange(start, start + size)
        left = columns[open_[i, columns]]
        assert (result[i, np.setdiff1d(columns, left)] == 0).all()
        # In double precision: what is tested is the rounding of the projection.
        expected = simplex_oracle(new[i, left].double().numpy())
        # The oracle itself rounds where the values are large.
        error = close + 1e-15 * scale
        np.testing.assert_allclose(result[i, left], expected, rtol=0, atol=error)
        assert result[i, left].sum().item() == pytest.approx(1, abs=close)


def test_projection_against_a_quadratic_program():
    rng = np.random.default_rng(5)
    constraints = grouped(5)
    for new in 0.8 * rng.normal(size=(6, 5)):
        found = minimize(
            lambda p, new=new: ((p - new) ** 2).sum(),
            np.full(5, 0.2),
            jac=lambda p, new=new: 2 * (p - new),
            bounds=[(0, 1)] * 5,
            constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        result = constraints.project(torch.from_numpy(new)[None], one_hot(5, 0))
        np.testing.assert_allclose(result[0], found.x, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("large", [3e7, 1e20, 1e38, INF])
def test_however_far_a_step_leads_it_ends_in_the_domain(kind, large):
    constraints = grouped(3, 1, 2, numbers=1)
    constraints = replace(constraints, lower=constraints.lower.clamp(min=-4.0))
    constraints = replace(constraints, upper=constraints.upper.clamp(max=4.0))
    old = tensor([[0.5, 1, 0, 0, 1, 0, 1]] * 6).to(kind)
    signs = [
        [1, 1, 0, 0, 1, 1, 0],
        [-1, 0, 0, 1, -1, 0, 1],
        [0, -1, -1, 0, 0, -1, 0],
        [1, 1, 1, 1, 1, 1, 1],
        [-1, -1, -1, -1, -1, -1, -1],
        [0, 1, -1, 0, 0, 0, 0],
    ]
    step = torch.where(tensor(signs) == 0, 0.0, tensor(signs) * large).to(kind)
    result = constraints.to(old).project(old + step, old)
    half, third = 0.5, 1 / 3
    expected = [
        [4.0, 1, 0, 0, 1, 1, 0],
        [-4.0, 0, 0, 1, 1, 0, 1],
        [0.5, 0, 0, 1, 1, 0, 1],
        [4.0, third, third, third, 1, half, half],
        [-4.0, third, third, third, 1, half, half],
        [0.5, 1, 0, 0, 1, 0, 1],
    ]
    expected = tensor(expected).to(kind)
    if large == 3e7 and kind == torch.float64:
        # The sums still see where the step began.
        expected[3:5, 1:] = old[3:5, 1:]
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_value_that_is_no_number_ends_and_stays_in_its_row(kind, place):
    constraints = grouped(3, 2, numbers=1).to(torch.zeros(1, dtype=kind))
    old = tensor([[0.5, 1, 0, 0, 0, 1]] * 3).to(kind)
    new = old + torch.linspace(-1, 1, 18, dtype=kind).reshape(3, 6)
    bad = new.clone()
    bad[1, place] = torch.nan
    result = constraints.project(bad, old)
    assert result[1, place].isnan()
    good = constraints.project(new, old)
    assert torch.equal(result[[0, 2]], good[[0, 2]])


def test_a_point_of_the_simplex_stays():
    constraints = grouped(3)
    inside = tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(constraints.project(inside, inside), inside)
    assert torch.equal(constraints.project(inside[1:], inside[1:]), inside[1:])


def test_categories_outside_the_domain_stay_empty():
    constraints = grouped(4)
    constraints = replace(constraints, upper=tensor([[1.0, 0.0, 1.0, 0.0]]))
    rng = np.random.default_rng(1)
    new = rng.normal(size=(20, 4))
    result = constraints.project(torch.from_numpy(new), one_hot(4, *[0] * 20)).numpy()
    assert (result[:, [1, 3]] == 0).all()
    for row, moved in zip(new, result, strict=True):
        np.testing.assert_allclose(moved[[0, 2]], simplex_oracle(row[[0, 2]]))


def test_allowed_categories_may_differ_from_row_to_row():
    constraints = replace(grouped(3), upper=tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    x = one_hot(3, 0, 0)
    result = constraints.bind(x).project(tensor([[0.2, 0.2, 9.0]] * 2), x)
    torch.testing.assert_close(result, tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]))


def test_frozen_groups_keep_their_bits_beside_moving_ones():
    constraints = replace(
        grouped(3, 2),
        rise=flags(False, False, False, True, True),
        fall=flags(False, False, False, True, True),
    )
    x = torch.cat([tensor([[0.1, 0.2, 0.7], [0.0, 1.0, 0.0]]), one_hot(2, 0, 1)], 1)
    bound = constraints.bind(x)
    result = bound.project(x + tensor([[3.0, -1.0, 2.0, -5.0, 5.0]]), x)
    assert torch.equal(result[:, :3], x[:, :3])
    torch.testing.assert_close(result[:, 3:], one_hot(2, 1, 1))


@pytest.mark.parametrize(
    ("rise", "fall", "place", "open_"),
    [
        (True, False, 0, [0, 1, 2, 3]),
        (True, False, 2, [2, 3]),
        (True, False, 3, [3]),
        (False, True, 0, [0]),
        (False, True, 2, [0, 1, 2]),
        (True, True, 1, [0, 1, 2, 3]),
        (False, False, 1, [1]),
    ],
)
def test_ordered_categories_move_one_way(rise, fall, place, open_):
    # The columns are not in the order of the ranks: rank 2, 0, 3, 1.
    ranks = [2, 0, 3, 1]
    constraints = replace(
        grouped(4, ranks=ranks),
        rise=torch.full((1, 4), rise),
        fall=torch.full((1, 4), fall),
    )
    x = one_hot(4, ranks.index(place))
    bound = constraints.bind(x)
    columns = [ranks.index(rank) for rank in open_]
    for column in range(4):
        pushed = bound.project(x + 9 * one_hot(4, column), x)
        best = column if column in columns else ranks.index(place)
        assert pushed.argmax(1).item() == best
        assert pushed.sum().item() == pytest.approx(1)
        closed = [c for c in range(4) if c not in columns]
        assert (pushed[:, closed] == 0).all()


def test_a_group_with_no_category_left_keeps_the_factual():
    # Only rank 0 is allowed, and the factual of rank 2 may only rise.
    constraints = replace(
        grouped(3, numbers=1, ranks=[0, 0, 1, 2]),
        upper=tensor([[INF, 1.0, 0.0, 0.0]]),
        fall=flags(True, False, False, False),
    )
    x = torch.cat([torch.zeros(2, 1), one_hot(3, 2, 0)], 1)
    result = constraints.bind(x).project(x + 1.0, x)
    expected = torch.cat([torch.ones(2, 1), one_hot(3, 2, 0)], 1)
    torch.testing.assert_close(result, expected)


def test_projection_passes_gradients_on():
    constraints = replace(grouped(3, numbers=1), upper=tensor([[0.5, 1.0, 1.0, 1.0]]))
    new = tensor([[0.2, 0.4, 0.9, -2.0], [0.7, 0.4, 0.9, -2.0]]).requires_grad_()
    weight = tensor([[2.0, 1.0, 5.0, 7.0]])
    (constraints.project(new, torch.zeros(2, 4)) * weight).sum().backward()
    # Within the simplex's active columns the mean is taken off; a clip stops it.
    assert new.grad.tolist() == [[2.0, -2.0, 2.0, 0.0], [0.0, -2.0, 2.0, 0.0]]


# -- whole categories -------------------------------------------------------------


def harden_oracle(row, group):
    result = row.copy()
    for k in set(group) - {-1}:
        columns = [d for d in range(len(row)) if group[d] == k]
        result[columns] = 0
        result[max(columns, key=lambda d: (row[d], -d))] = 1
    return result


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
def test_harden_takes_the_first_of_the_largest_columns(kind):
    rng = np.random.default_rng(6)
    # The columns of a group need not stand side by side. Few values: many ties.
    group = np.array([1, -1, 0, 0, 2, 1, -1, 0, 1])
    constraints = replace(Constraints.free(9), group=torch.from_numpy(group)).to(
        torch.zeros(1, dtype=kind)
    )
    x = rng.choice([-1.5, 0.0, 0.25, 1.0], size=(200, 9))
    result = constraints.simplices.harden(torch.from_numpy(x).to(kind))
    assert result.dtype == kind
    expected = np.array([harden_oracle(row, group) for row in x])
    np.testing.assert_array_equal(result, expected)


def test_a_huge_number_stays_whatever_the_other_rows_are():
    limits = grouped(2, numbers=1)
    old = tensor([[1e35, 1, 0], [0, 1, 0]])
    new = old + tensor([[0, -0.2, 0.3], [0.1, -50, 60]])
    together = limits.project(new, old)
    assert together[0].tolist() == pytest.approx([1e35, 0.75, 0.25])
    assert together[1].tolist() == [0.1, 0, 1]
    assert torch.equal(together[:1], limits.project(new[:1], old[:1]))


def test_harden_leaves_numbers_and_whole_categories():
    constraints = grouped(3, 2, numbers=2)
    numbers = tensor([[0.1 + 0.2, -1e9], [INF, 1 / 3]])
    soft = tensor([[0.2, 0.5, 0.3, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3, 0.0, 1.0]])
    whole = torch.cat([one_hot(3, 1, 0), one_hot(2, 0, 1)], 1)
    x = torch.cat([numbers, soft], 1)
    copy, result = x.clone(), constraints.simplices.harden(x)
    assert torch.equal(result, torch.cat([numbers, whole], 1))
    assert torch.equal(constraints.simplices.harden(result), result)
    assert torch.equal(x, copy)
    assert constraints.simplices.harden(x[:0]).shape == (0, 7)
    assert torch.equal(Constraints.free(2).simplices.harden(numbers), numbers)


# -- protection -------------------------------------------------------------------


def test_protection_of_numbers_against_the_oracle():
    rng = np.random.default_rng(0)
    real, found = rng.normal(size=(2, 200, 4)).round(1)
    rise, fall = flags(True, True, False, False), flags(True, False, True, False)
    constraints = replace(Constraints.free(4), rise=rise, fall=fall)
    expected = real.copy()
    for i, d in np.ndindex(real.shape):
        up, down = bool(rise[0, d]), bool(fall[0, d])
        immutable = not up and not down
        only_falls = down and not up and real[i, d] > found[i, d]
        only_rises = up and not down and real[i, d] < found[i, d]
        if immutable or only_falls or only_rises:
            expected[i, d] = found[i, d]
    result = constraints.protect(torch.from_numpy(real), torch.from_numpy(found))
    np.testing.assert_array_equal(result.numpy(), expected)
    assert (result.numpy() != real).any(axis=0).tolist() == [False, True, True, True]


def test_protection_differs_from_row_to_row():
    constraints = replace(
        Constraints.free(1),
        rise=torch.tensor([[False], [True]]),
        fall=torch.tensor([[False], [True]]),
    )
    result = constraints.protect(tensor([[1.0], [1.0]]), tensor([[5.0], [5.0]]))
    assert result.tolist() == [[5.0], [1.0]]


@pytest.mark.parametrize(
    ("rise", "fall", "real", "protected"),
    [
        (False, False, 0, True),
        (False, False, 2, True),
        (True, False, 0, True),
        (True, False, 2, False),
        (False, True, 0, False),
        (False, True, 2, True),
        (True, True, 0, False),
    ],
)
def test_protection_sets_a_group_as_a_whole(rise, fall, real, protected):
    ranks = [0.0, 2, 0, 1]  # a number, then columns of rank 2, 0, 1
    constraints = replace(
        grouped(3, numbers=1, ranks=ranks),
        rise=flags(True, rise, rise, rise),
        fall=flags(True, fall, fall, fall),
    )
    columns = [ranks[1:].index(rank) for rank in (real, 1)]
    real_row = torch.cat([tensor([[4.0]]), one_hot(3, columns[0])], 1)
    soft = 0.8 * one_hot(3, columns[1]) + 0.2 / 3  # found is seldom one-hot
    found_row = torch.cat([tensor([[-4.0]]), soft], 1)
    result = constraints.protect(real_row, found_row)
    expected = found_row if protected else real_row
    assert result[0, 0].item() == 4
    assert torch.equal(result[:, 1:], expected[:, 1:])


# -- rows and types ---------------------------------------------------------------


def test_take_restricts_what_differs_from_row_to_row():
    constraints = replace(
        grouped(2, numbers=1),
        lower=tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]),
        rise=torch.tensor([[True] * 3, [False, True, True], [True] * 3]),
    )
    taken = constraints.take(torch.tensor([2, 1]))
    assert taken.lower[:, 0].tolist() == [2.0, 1.0]
    assert taken.rise[:, 0].tolist() == [True, False]
    for name in ("upper", "fall", "group", "rank"):
        assert getattr(taken, name) is getattr(constraints, name)
    assert constraints.take(torch.tensor([0])).lower.tolist() == [[0.0, 0.0, 0.0]]


def test_take_commutes_with_bind_and_project():
    rng = np.random.default_rng(3)
    constraints = replace(
        grouped(3, numbers=2, ranks=[0, 0, 1, 0, 2]),
        fall=flags(True, False, False, False, False),
    )
    numbers = torch.from_numpy(rng.normal(size=(6, 2)))
    x = torch.cat([numbers, one_hot(3, 0, 1, 2, 0, 1, 2)], 1)
    new = x + torch.from_numpy(rng.normal(size=(6, 5)))
    rows = torch.tensor([4, 0, 5])
    bound = constraints.bind(x)
    part = bound.take(rows).project(new[rows], x[rows])
    torch.testing.assert_close(part, bound.project(new, x)[rows], rtol=0, atol=1e-15)


def test_to_moves_to_the_type_of_the_rows():
    moved = grouped(2, numbers=1).to(torch.zeros(1, 3, dtype=torch.float32))
    kinds = {moved.lower.dtype, moved.upper.dtype, moved.rank.dtype}
    assert kinds == {torch.float32}
    assert moved.rise.dtype == torch.bool
    assert moved.group.dtype == torch.int64


def test_no_rows_to_project():
    constraints = grouped(3)
    none = one_hot(3)
    assert constraints.project(none, none).shape == (0, 3)
