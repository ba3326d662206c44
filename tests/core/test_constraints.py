from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ct._core.constraints import Constraints
from tests.core.groups import INF, flags, grouped, one_hot, tensor

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


# -- cells that hold nothing to move ------------------------------------------

# A number and two indicators, a pair of categories and its indicator.
STATES = replace(
    Constraints.free(6),
    lower=torch.tensor([[-9.0, 0, 0, 0, 0, 0]]),
    upper=torch.tensor([[9.0, 1, 1, 1, 1, 1]]),
    group=torch.tensor([-1, -1, -1, 0, 0, -1]),
    states=torch.tensor([[0, 1], [0, 2], [3, 5], [4, 5]]),
)
CELLS = torch.tensor(
    [
        [2.0, 0, 0, 1, 0, 0],
        [0.5, 0, 1, 0, 1, 0],
        [2.0, 0, 0, 0, 0, 1],
        [0.5, 1, 0, 0, 0, 1],
    ]
)


def test_what_indicators_hold_does_not_move():
    bound = STATES.bind(CELLS)
    moved = bound.project(CELLS + torch.tensor([1.0, 1, 1, 0.5, 0, -1]), CELLS)
    expected = CELLS.clone()
    expected[[0, 2], 0] += 1
    expected[1, 3:5] = torch.tensor([0.25, 0.75])
    torch.testing.assert_close(moved, expected)
    torch.testing.assert_close(bound.take(torch.tensor([2])).lower, bound.lower[[2]])


def test_directions_hold_beside_indicators():
    fall = torch.tensor([[False, True, True, True, True, True]])
    bound = replace(STATES, fall=fall).bind(CELLS)
    moved = bound.project(CELLS - 1, CELLS)
    torch.testing.assert_close(moved[:, :3], CELLS[:, :3])


def test_nothing_is_moved_into_an_empty_cell_or_out_of_it():
    found = CELLS[[0, 1, 0, 2]]
    real = CELLS[[1, 0, 2, 3]]
    protected = STATES.protect(real, found)
    expected = torch.stack(
        [
            torch.cat([found[0, :3], real[0, 3:]]),
            torch.cat([found[1, :3], real[1, 3:]]),
            torch.cat([real[2, :3], found[2, 3:]]),
            torch.cat([found[3, :3], real[3, 3:]]),
        ]
    )
    torch.testing.assert_close(protected, expected)
