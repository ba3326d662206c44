"""Which answers to the same row no other one beats."""

import numpy as np


def unbeaten(query, answered, losses):
    """Rows whose answer no other answer to the same row beats.

    Parameters
    ----------
    query : ndarray of shape (m,)
        The row that each answers.
    answered : boolean ndarray of shape (m,)
        Whether there is an answer; where a row has none, its first place stays.
    losses : ndarray of shape (m, n_measures)
        Smaller is better in each.

    Returns
    -------
    ndarray of shape (n_kept,)
        Positions, in their order.
    """
    order = np.argsort(query, kind="stable")
    query, answered, losses = query[order], answered[order], losses[order]
    keep = answered.copy()
    size = np.unique(query, return_counts=True)[1]
    for shift in range(1, size.max(initial=1)):
        first = np.flatnonzero(query[shift:] == query[:-shift])
        first = first[answered[first] & answered[first + shift]]
        for one, other in ((first, first + shift), (first + shift, first)):
            worse = (losses[one] >= losses[other]).all(axis=1)
            worse &= (losses[one] > losses[other]).any(axis=1)
            keep[one[worse]] = False
    start = np.r_[True, query[1:] != query[:-1]][: len(query)]
    some = np.repeat(np.add.reduceat(answered, np.flatnonzero(start)), size) > 0
    return np.sort(order[keep | (start & ~some)])
