from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from sklearn_ct._core.constraints import Constraints
from tests.core.groups import INF, grouped, one_hot, simplex_oracle, tensor


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


def test_projection_passes_gradients_on():
    constraints = replace(grouped(3, numbers=1), upper=tensor([[0.5, 1.0, 1.0, 1.0]]))
    new = tensor([[0.2, 0.4, 0.9, -2.0], [0.7, 0.4, 0.9, -2.0]]).requires_grad_()
    weight = tensor([[2.0, 1.0, 5.0, 7.0]])
    (constraints.project(new, torch.zeros(2, 4)) * weight).sum().backward()
    # Within the simplex's active columns the mean is taken off; a clip stops it.
    assert new.grad.tolist() == [[2.0, -2.0, 2.0, 0.0], [0.0, -2.0, 2.0, 0.0]]


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
