"""The nearest counterfactuals."""

from sklearn_ct.generators._base import BaseGenerator


class Generic(BaseGenerator):
    """Nearest counterfactuals: nothing but the classification loss and the distance.

    Parameters
    ----------
    step_size, max_iter, lambda_cost, nascent, max_move, epoch_steps
        See `BaseGenerator`.

    Notes
    -----
    ``min CE(M(x'), y+) + lambda_cost ||x' - x||_1``.

    References
    ----------
    S. Wachter, B. Mittelstadt, C. Russell, "Counterfactual explanations without
    opening the black box", Harvard Journal of Law & Technology 31, 2017.

    Examples
    --------
    >>> from sklearn_ct.generators import Generic
    >>> Generic(max_iter=50)
    Generic(max_iter=50)
    """
