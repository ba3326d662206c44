"""The paper's generated sets: two features, two classes."""

import numpy as np
from sklearn import datasets as sk_datasets

# Two centres 4 * sqrt(2) apart: with sd 2 the Bayes accuracy is Phi(sqrt(2)) = 0.921,
# with sd 0.5 it is one up to 1e-8.
_CENTRES = np.array([[-2.0, -2.0], [2.0, 2.0]])


def make_linearly_separable(n_samples=4200, *, random_state=None):
    """Generate the paper's set LS: two Gaussian blobs with a gap between them.

    Centres (-2, -2) and (2, 2), standard deviation 0.5: the line ``x0 + x1 = 0``
    separates them, 5.7 standard deviations from both. The paper draws its centres;
    these are as far apart as its accuracy on the overlapping set implies.

    Parameters
    ----------
    n_samples : int, default=4200
        Number of rows; the paper trains on 3600 and tests on 600.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        Features; the paper leaves them unscaled.
    y : ndarray of shape (n_samples,)
        Labels 0 and 1, equally frequent.

    Examples
    --------
    >>> from sklearn_ct.datasets import make_linearly_separable
    >>> X, y = make_linearly_separable(random_state=0)
    >>> X.shape, bool(((X.sum(axis=1) > 0) == y).all())
    ((4200, 2), True)
    """
    return sk_datasets.make_blobs(
        n_samples, centers=_CENTRES, cluster_std=0.5, random_state=random_state
    )


def make_overlapping(n_samples=4200, *, random_state=None):
    """Generate the paper's set OL: two Gaussian blobs that overlap.

    Centres (-2, -2) and (2, 2), standard deviation 2. The best classifier is the line
    ``x0 + x1 = 0``, with an expected accuracy of ``Phi(sqrt(2)) = 0.921``.

    Parameters
    ----------
    n_samples, random_state
        As in :func:`make_linearly_separable`.

    Returns
    -------
    X, y : ndarray of shape (n_samples, 2), ndarray of shape (n_samples,)
        Features, unscaled as in the paper, and labels 0 and 1, equally frequent.
    """
    return sk_datasets.make_blobs(
        n_samples, centers=_CENTRES, cluster_std=2.0, random_state=random_state
    )


def make_circles(n_samples=4200, *, noise=0.15, factor=0.01, random_state=None):
    """Generate the paper's set Circ: a ring of radius 1 around a dense centre.

    :func:`sklearn.datasets.make_circles` with the paper's settings.

    Parameters
    ----------
    n_samples, random_state
        As in :func:`make_linearly_separable`.
    noise : float, default=0.15
        Standard deviation of the Gaussian noise.
    factor : float, default=0.01
        Radius of the inner circle.

    Returns
    -------
    X, y : ndarray of shape (n_samples, 2), ndarray of shape (n_samples,)
        Features, unscaled, and labels: 0 for the ring, 1 for the centre.
    """
    return sk_datasets.make_circles(
        n_samples, noise=noise, factor=factor, random_state=random_state
    )


def make_moons(n_samples=4200, *, noise=0.1, random_state=None):
    """Generate the paper's set Moon: two interleaving half circles.

    :func:`sklearn.datasets.make_moons` with the lower moon moved down by 0.2, as the
    generator that the paper uses has it; its default noise is 0.1.

    Parameters
    ----------
    n_samples, random_state
        As in :func:`make_linearly_separable`.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise.

    Returns
    -------
    X, y : ndarray of shape (n_samples, 2), ndarray of shape (n_samples,)
        Features, unscaled, and labels: 0 for the upper moon, 1 for the lower.
    """
    X, y = sk_datasets.make_moons(n_samples, noise=noise, random_state=random_state)
    X[y == 1, 1] -= 0.2
    return X, y
