"""Scaling of numbers: scikit-learn learns it, plain arithmetic applies it.

A search scales thousands of times, mostly a few rows; scikit-learn's validation of each
call would be most of the time of explaining a row.
"""

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.preprocessing import QuantileTransformer, StandardScaler

# Where scikit-learn cuts the tails of the normal distribution.
TAIL = 1e-7
# Units in the last place of a column's largest value that rounding errors come to.
ULPS = 4
ENDS = ndtri(TAIL - np.spacing(1)), ndtri(1 - (TAIL - np.spacing(1)))


class Scaling:
    """Scale columns, and back.

    Parameters
    ----------
    kind : {"standard", "asinh", "quantile", "identity"}
        To zero mean and unit variance; that after an inverse hyperbolic sine, which
        draws in the tails; that after quantiles to a normal distribution (columns with
        many ties at an end are far from unit variance); not at all.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_columns,)
        Of the linear part.
    center_, width_ : ndarray of shape (n_columns,) or None
        Of ``arcsinh((x - center) / width)``, linear within a width of the centre and
        logarithmic far from it.
    quantiles_ : ndarray of shape (n_quantiles, n_columns) or None
        Values at the ``shares_``.
    shares_ : ndarray of shape (n_quantiles,)
    """

    def __init__(self, kind):
        self.kind = kind

    def fit(self, X, sample_weight=None):
        """Learn from columns of shape (n, n_columns), NaN where there is no number."""
        self.quantiles_ = self.center_ = self.width_ = None
        self.mean_, self.scale_ = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if self.kind == "identity":
            return self
        if self.kind == "quantile":
            quantile = QuantileTransformer(
                n_quantiles=min(1000, len(X)),
                output_distribution="normal",
                subsample=None,
            ).fit(X)
            # Column by column, and mirrored, as every call takes them.
            self.quantiles_ = np.asfortranarray(quantile.quantiles_)
            self.shares_ = quantile.references_
            self._mirrored = -self.quantiles_[::-1], -self.shares_[::-1]
            X, sample_weight = quantile.transform(X), None
        elif self.kind == "asinh":
            self.center_, self.width_ = center_and_width(X, sample_weight)
            X = self._bend(X)
        standard = StandardScaler().fit(X, sample_weight=sample_weight)
        self.mean_, self.scale_ = standard.mean_, standard.scale_
        return self

    def transform(self, X):
        """Scale columns of shape (n, n_columns)."""
        if self.quantiles_ is not None:
            X = self._to_normal(X)
        elif self.center_ is not None:
            X = self._bend(X)
        return (X - self.mean_) / self.scale_

    def inverse_transform(self, X):
        """Undo `transform`; beyond the observed range of quantiles lies its end."""
        X = X * self.scale_ + self.mean_
        if self.center_ is not None:
            return np.sinh(X) * self.width_ + self.center_
        return X if self.quantiles_ is None else self._from_normal(X)

    def _bend(self, X):
        return np.arcsinh((X - self.center_) / self.width_)

    def _to_normal(self, X):
        share = np.empty(X.shape)
        mirrored, shares = self._mirrored
        for j, x in enumerate(X.T):
            x = snapped(x, self.quantiles_[:, j])
            # Where values repeat, the share is the middle of their run.
            rising = np.interp(x, self.quantiles_[:, j], self.shares_)
            falling = np.interp(-x, mirrored[:, j], shares)
            share[:, j] = (rising - falling) / 2
        share[self.quantiles_[-1] < X + TAIL] = 1.0
        share[self.quantiles_[0] > X - TAIL] = 0.0
        return ndtri(share).clip(*ENDS)

    def _from_normal(self, X):
        share = ndtr(X)
        value = np.empty(X.shape)
        for j, own in enumerate(share.T):
            value[:, j] = np.interp(own, self.shares_, self.quantiles_[:, j])
        value = np.where(share + TAIL > 1, self.quantiles_[-1], value)
        return np.where(share - TAIL < 0, self.quantiles_[0], value)


def snapped(x, quantiles):
    """Take what rounding errors part from a quantile for that quantile.

    Where values repeat, the scale leaps on both sides of their run.

    Parameters
    ----------
    x : ndarray of shape (n,)
    quantiles : ndarray of shape (n_quantiles,)
        Not falling.

    Returns
    -------
    ndarray of shape (n,)
    """
    error = ULPS * np.spacing(np.abs(quantiles[[0, -1]]).max())
    place = np.searchsorted(quantiles, x)
    for side in (place - 1, place):
        near = quantiles[side.clip(0, len(quantiles) - 1)]
        x = np.where(np.abs(x - near) <= error, near, x)
    return x


def center_and_width(X, sample_weight=None):
    """Origin and unit of each column for an inverse hyperbolic sine.

    Amounts and counts, columns without negative values, are told from zero, others from
    their median. The unit is the median distance from there; where half of the rows
    are at the origin, as in a column of zeros and a few amounts, that of the others.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns)
    sample_weight : ndarray of shape (n,), optional

    Returns
    -------
    ndarray, ndarray of shape (n_columns,)
        The widths are positive.
    """
    center, width = np.zeros(X.shape[1]), np.ones(X.shape[1])
    for j, x in enumerate(X.T):
        if np.nanmin(x) < 0:
            center[j] = median(x, sample_weight)
        away = np.abs(x - center[j])
        if (away > 0).any():
            width[j] = median(away, sample_weight) or median(
                np.where(away > 0, away, np.nan), sample_weight
            )
    return center, width


def median(x, sample_weight=None):
    """Smallest number that at least half of the weight does not exceed.

    Parameters
    ----------
    x : ndarray of shape (n,)
        NaN is no number.
    sample_weight : ndarray of shape (n,), optional
    """
    here = ~np.isnan(x)
    x = x[here]
    if sample_weight is None:
        middle = (len(x) - 1) // 2
        return np.partition(x, middle)[middle]
    weight = sample_weight[here]
    order = np.argsort(x, kind="stable")
    reached = np.cumsum(weight[order])
    return x[order][np.searchsorted(reached, reached[-1] / 2)]
