"""How often an answer fails when it is carried out imprecisely."""

import numpy as np

DRAWS = 256
BLOCK = 40_000  # noisy copies at a time, for bounded memory


def invalidation_rate(subject, codes, target, noise, seed):
    """Share of noisy copies of each answer that are not predicted as its target.

    Parameters
    ----------
    subject : Subject
    codes : ndarray of shape (n, d)
        Of the answers.
    target : ndarray of shape (n,)
        Class indices.
    noise : float
        Standard deviation of the Gaussian noise on the numbers, in the model's
        standardised units; categories stay.
    seed : int
        Of the noise, which is the same for every row.

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    An estimate, from `DRAWS` copies, of ``P(argmax M(x' + e) != y+)`` for
    ``e ~ N(0, noise^2 I)``: the recourse invalidation rate of a valid answer. Half of
    the draws are the others with the opposite sign: near a boundary that is nearly
    flat one of the two is lost, and the estimate hardly depends on the seed.

    References
    ----------
    M. Pawelczyk et al., "Probabilistically robust recourse: navigating the trade-offs
    between costs and robustness in algorithmic recourse", ICLR 2023, arXiv:2203.06768.
    """
    half = np.random.default_rng(seed).standard_normal((DRAWS // 2, codes.shape[1]))
    draws = np.vstack([half, -half]) * noise
    rate = np.empty(len(codes))
    step = BLOCK // DRAWS
    for start in range(0, len(codes), step):
        part = slice(start, start + step)
        copies = (
            codes[part, None] + draws * subject.codec.measured(codes[part])[:, None]
        )
        best = subject.logits(copies.reshape(-1, codes.shape[1])).argmax(axis=1)
        lost = best.reshape(-1, DRAWS) != target[part, None]
        rate[part] = lost.mean(axis=1)
    return rate
