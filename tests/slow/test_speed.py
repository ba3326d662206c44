"""Guards against lost speed: ratios of best times, with generous bounds.

The figures themselves are in ``docs/benchmarks/speed.md``.
"""

import time

import pytest
import torch
from torch.nn.functional import cross_entropy

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import MLP
from sklearn_ct._core.torch_state import one_thread
from sklearn_ct.datasets import make_moons
from sklearn_ct.generators import ECCCo


@pytest.fixture(autouse=True)
def _threads():
    with one_thread():
        yield


def best(task, n=5):
    """Shortest of some times, in seconds."""
    times = []
    for _ in range(n):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def test_an_epoch_over_a_plain_one():
    X, y = make_moons(900, random_state=0)
    rows, labels = torch.as_tensor(X).float(), torch.as_tensor(y)
    module = MLP(2, 2)
    optimizer = torch.optim.Adam(module.parameters())

    def plain_epoch():
        for part in torch.randperm(len(rows)).split(30):
            optimizer.zero_grad()
            cross_entropy(module(rows[part]), labels[part]).backward()
            optimizer.step()

    clf = CounterfactualTrainedClassifier(
        batch_size=30, n_counterfactuals=250, max_epochs=6, random_state=0
    ).fit(X, y)
    assert clf.history_["dur"].min() / best(plain_epoch) < 4


@pytest.mark.parametrize(
    ("sizes", "groups", "bound"), [((64, 64), 0, 10), ((32,), 0, 12), ((32,), 3, 40)]
)
def test_a_step_of_the_walk_over_its_matrix_products(sizes, groups, bound):
    n, d, n_steps = 4000, 30, 10
    torch.manual_seed(0)
    module, x = MLP(d, 2, sizes), torch.randn(n, d)
    free = Constraints.free(d)
    group = torch.full((d,), -1)
    lower, upper = free.lower.clone(), free.upper.clone()
    for k in range(groups):
        columns = slice(8 * k, 8 * (k + 1))
        group[columns], lower[:, columns], upper[:, columns] = k, 0, 1
        x[:, columns] = torch.eye(8)[torch.randint(8, (n,))]
    constraints = Constraints(lower, upper, free.rise, free.fall, group, free.rank)
    with torch.no_grad():
        target = 1 - module(x).argmax(1)
    weights = [layer.weight.detach() for layer in list(module)[::2]]

    def products():
        for _ in range(n_steps):
            state = x
            for weight in weights:
                state = state @ weight.T
            for weight in reversed(weights):
                state = state @ weight

    generator = ECCCo(max_iter=n_steps)

    def walk():
        generator.search(module, x, target, constraints, tau=1 - 1e-9, epsilon=0.1)

    assert best(walk) / best(products) < bound


def test_explaining_many_rows_costs_no_more_a_row_than_few():
    X, y = make_moons(4000, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=2, random_state=0).fit(X, y)
    few, many = (best(lambda n=n: clf.explain(X[:n]), n=2) / n for n in (100, 4000))
    assert many < few
