"""Where rows stand among real rows of a class."""

from functools import cached_property

import numpy as np
from sklearn.neighbors import NearestNeighbors

N_NEIGHBORS = 10
# Radii that differ by this share are equal: the same differences, added up otherwise.
TIES = 1e-9
# Of the largest squares, what a product of matrices may lose of a squared distance.
LOST = 1e-9
BLOCK = 250_000  # distances at a time: what a cache holds


class Standing:
    """Tells where rows stand among real ones, by the radius that holds some of these.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        Real rows of a class.
    n_neighbors : int
        Real rows that the radius around a row is to hold; at most all but one.

    Notes
    -----
    The radii of the real rows are those among the other real rows, and a row is
    compared with each of them among the same others.
    """

    def __init__(self, rows, n_neighbors=N_NEIGHBORS):
        self.rows = rows
        self.n_neighbors = min(n_neighbors, len(rows) - 1)

    def __getstate__(self):
        """Leave what is learned of the rows behind: it is learned quickly."""
        return {"rows": self.rows, "n_neighbors": self.n_neighbors}

    @cached_property
    def nearest(self):
        """Nearest rows, by differences: an expanded square depends on other rows."""
        found = NearestNeighbors(n_neighbors=self.n_neighbors, algorithm="kd_tree")
        return found.fit(self.rows)

    @cached_property
    def radii(self):
        """Radius of each real row among the others, (n,)."""
        return self.nearest.kneighbors()[0][:, -1]

    @cached_property
    def ascending(self):
        """The same, sorted."""
        return np.sort(self.radii)

    def of(self, X):
        """Share of the real rows, and the row itself, that stand no nearer than it.

        Parameters
        ----------
        X : ndarray of shape (m, n_features)

        Returns
        -------
        ndarray of shape (m,)
            NaN where there are fewer than two real rows.
        """
        n, k = len(self.rows), self.n_neighbors
        if n < 2 or not len(X):
            return np.full(len(X), np.nan)
        distance, which = self.nearest.kneighbors(X, n_neighbors=k + 1)
        radius, without_one = distance[:, k - 1 :].T * (1 - TIES)
        count = n - np.searchsorted(self.ascending, radius)
        # Without one of the nearest it is the next that counts.
        theirs = self.radii[which[:, :k]]
        nearer = (theirs >= radius[:, None]) & (theirs < without_one[:, None])
        return (1 + count - nearer.sum(axis=1)) / (n + 1)

    def reach(self, X, share):
        """Whether rows stand at least as high as a share: ``of(X) >= share``, faster.

        Parameters
        ----------
        X : ndarray of shape (m, n_features)
        share : float

        Returns
        -------
        boolean ndarray of shape (m,)
        """
        n, k = len(self.rows), self.n_neighbors
        places = np.arange(1, n + 2) / (n + 1)
        needed = np.searchsorted(places, share)
        if n < 2 or needed > n:
            return self.of(X) >= share
        if not needed:
            return np.ones(len(X), dtype=bool)
        radius = self.ascending[n - needed]
        reached, unsure = np.zeros((2, len(X)), dtype=bool)
        step = max(1, BLOCK // n)
        for start in range(0, len(X), step):
            part, place = X[start : start + step], slice(start, start + step)
            own = (part**2).sum(axis=1)
            others = np.column_stack([part, np.ones(len(part))]) @ self._sides
            slack = LOST * (own + self._squares.max() + radius**2)
            limit = radius**2 - own
            near = np.count_nonzero(others <= (limit - slack)[:, None], axis=1)
            left = np.flatnonzero(near <= k)
            far = others[left] <= (limit + slack)[left, None]
            reached[place] = near > k
            unsure[start + left] = np.count_nonzero(far, axis=1) >= k
        reached[unsure] = self.of(X[unsure]) >= share
        return reached

    @cached_property
    def _sides(self):
        """What makes squared distances, less the rows' own squares, (d + 1, n)."""
        return np.vstack([-2 * self.rows.T, self._squares])

    @cached_property
    def _squares(self):
        return (self.rows**2).sum(axis=1)
