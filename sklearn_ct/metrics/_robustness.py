"""How a model answers to attacks on its inputs.

Every function takes either a callable from a ``torch.Tensor`` of rows to logits, such
as a ``torch.nn.Module``, with rows as it takes them and class indices; or a fitted
`CounterfactualTrainedClassifier`, with the user's own rows and labels, which are
encoded first: the attacks are in the encoded space of the network.
"""

from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
)
from sklearn.utils.multiclass import unique_labels

# Numbers in the inputs of one forward pass: 16 MB.
_CHUNK = 2**22


def fgsm(model, X, y, *, epsilon=0.1):
    r"""Attack rows with the fast gradient sign method.

    Parameters
    ----------
    model : callable or fitted classifier
        Maps a tensor of shape (n_samples, n_features) to logits of shape (n_samples,
        n_classes); or a classifier with `encode`, `net_` and `classes_`. The tensor has
        the type of a module's parameters, torch's default type for other callables.
    X : array-like of shape (n_samples, n_features)
        Rows as the callable takes them, or as the classifier does.
    y : array-like of shape (n_samples,)
        True classes: indices of the logits, or labels of the classifier.
    epsilon : float, default=0.1
        Size of the step of each feature, in the units that the network sees.

    Returns
    -------
    X_adversarial : ndarray of shape (n_samples, n_encoded_features)
        The attacked rows, as the network takes them.

    Raises
    ------
    ValueError
        If `epsilon` is negative, or a class is none of the model's.

    See Also
    --------
    pgd : The same in many small steps.

    Notes
    -----
    .. math:: x + \epsilon \, \mathrm{sign} \, \nabla_x \mathrm{CE}(M(x), y)

    References
    ----------
    .. [1] I. J. Goodfellow, J. Shlens and C. Szegedy, "Explaining and Harnessing
       Adversarial Examples", ICLR 2015, arXiv:1412.6572.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ct.metrics import fgsm
    >>> weights = torch.tensor([[1.0, -1.0], [0.0, 0.0]])
    >>> fgsm(lambda x: x @ weights, [[1.0, 5.0]], [0], epsilon=0.5)
    array([[0.5, 5. ]], dtype=float32)
    """
    check_scalar(epsilon, "epsilon", Real, min_val=0)
    with _logits(model, X) as (logits, x, classes):
        index = _class_index(y, "y", logits, x, classes)
        sign = _loss_gradient(logits, x, index).sign()
        return (x + epsilon * sign).numpy(force=True)


def pgd(model, X, y, *, epsilon=0.1, step_size=0.01, max_iter=40, random_state=None):
    r"""Attack rows with projected gradient descent.

    Parameters
    ----------
    model : callable or fitted classifier
        As in :func:`fgsm`.
    X : array-like of shape (n_samples, n_features)
        Rows as the callable takes them, or as the classifier does.
    y : array-like of shape (n_samples,)
        True classes: indices of the logits, or labels of the classifier.
    epsilon : float, default=0.1
        Largest change of a feature, in the units that the network sees.
    step_size : float, default=0.01
        Size of a step of each feature.
    max_iter : int, default=40
        Number of steps.
    random_state : int, RandomState instance or None, default=None
        Draws the starts, uniformly from the ball of radius `epsilon`.

    Returns
    -------
    X_adversarial : ndarray of shape (n_samples, n_encoded_features)
        The attacked rows, as the network takes them, not further than `epsilon` from
        the rows in any feature.

    Raises
    ------
    ValueError
        If a number is negative, or a class is none of the model's.

    Notes
    -----
    From :math:`x_0` drawn from the ball :math:`B = \{z: \lVert z - x \rVert_\infty \le
    \epsilon\}`, with the projection :math:`\Pi_B` and the step :math:`\alpha`,

    .. math:: x_{t+1} = \Pi_B(x_t + \alpha \, \mathrm{sign} \, \nabla_x
        \mathrm{CE}(M(x_t), y)) .

    References
    ----------
    .. [1] A. Madry, A. Makelov, L. Schmidt, D. Tsipras and A. Vladu, "Towards Deep
       Learning Models Resistant to Adversarial Attacks", ICLR 2018, arXiv:1706.06083.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ct.metrics import pgd
    >>> weights = torch.tensor([[1.0, -1.0], [0.0, 2.0]])
    >>> pgd(lambda x: x @ weights, [[1.0, 5.0]], [0], epsilon=0.125, random_state=0)
    array([[0.875, 5.125]], dtype=float32)
    """
    check_scalar(epsilon, "epsilon", Real, min_val=0)
    check_scalar(step_size, "step_size", Real, min_val=0)
    check_scalar(max_iter, "max_iter", Integral, min_val=0)
    rng = check_random_state(random_state)
    with _logits(model, X) as (logits, x, classes):
        index = _class_index(y, "y", logits, x, classes)
        start = x.new_tensor(rng.uniform(-1, 1, x.shape))
        attacked = _walk(logits, x, index, epsilon, start, step_size, max_iter)
        return attacked.numpy(force=True)


def robust_accuracy_score(model, X, y, *, epsilon=0.1, attack="fgsm", random_state=0):
    r"""Accuracy of a model on rows that are attacked.

    Parameters
    ----------
    model : callable or fitted classifier
        As in :func:`fgsm`.
    X : array-like of shape (n_samples, n_features)
        Rows as the callable takes them, or as the classifier does.
    y : array-like of shape (n_samples,)
        True classes: indices of the logits, or labels of the classifier.
    epsilon : float, default=0.1
        Largest change of a feature, in the units that the network sees; 0 gives the
        accuracy itself.
    attack : {"fgsm", "pgd"}, default="fgsm"
        The attack, with its own defaults.
    random_state : int, RandomState instance or None, default=0
        Draws the starts of "pgd".

    Returns
    -------
    score : float
        Between 0 and 1, greater is better.

    Raises
    ------
    ValueError
        If `attack` is unknown, `epsilon` negative, or a class is none of the model's.

    Notes
    -----
    With the attacked rows :math:`\tilde{x}_i`,

    .. math:: \frac{1}{n} \sum_{i=1}^{n} 1[\arg\max_k M(\tilde{x}_i)_k = y_i] .

    References
    ----------
    .. [1] A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial
       Attacks", ICLR 2018, arXiv:1706.06083.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ct.metrics import robust_accuracy_score
    >>> weights = torch.tensor([[1.0, -1.0]])
    >>> robust_accuracy_score(lambda x: x @ weights, [[0.05], [0.5]], [0, 0])
    0.5
    """
    accuracy, _ = robust_accuracy_curve(
        model, X, y, epsilons=[epsilon], attack=attack, random_state=random_state
    )
    return float(accuracy[0])


def robust_accuracy_curve(model, X, y, *, epsilons=None, attack="fgsm", random_state=0):
    r"""Accuracy of a model on rows that are attacked, over the size of the attack.

    Parameters
    ----------
    model : callable or fitted classifier
        As in :func:`fgsm`.
    X : array-like of shape (n_samples, n_features)
        Rows as the callable takes them, or as the classifier does.
    y : array-like of shape (n_samples,)
        True classes: indices of the logits, or labels of the classifier.
    epsilons : array-like of shape (n_epsilons,), default=None
        Largest changes of a feature, in the units that the network sees. None: the
        paper's range, 0, 0.01, ..., 0.1.
    attack : {"fgsm", "pgd"}, default="fgsm"
        The attack, with its own defaults.
    random_state : int, RandomState instance or None, default=0
        Draws the starts of "pgd", in the same directions for all sizes.

    Returns
    -------
    accuracies : ndarray of shape (n_epsilons,)
        Between 0 and 1, greater is better.
    epsilons : ndarray of shape (n_epsilons,)
        The sizes, in the order given.

    Raises
    ------
    ValueError
        If `attack` is unknown, an epsilon negative, or a class is none of the model's.

    See Also
    --------
    robust_accuracy_score : The accuracy at one size.

    Notes
    -----
    With the rows :math:`\tilde{x}_i(\epsilon)` attacked within :math:`\epsilon`,

    .. math:: a(\epsilon) = \frac{1}{n} \sum_{i=1}^{n}
        1[\arg\max_k M(\tilde{x}_i(\epsilon))_k = y_i] .

    References
    ----------
    .. [1] A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial
       Attacks", ICLR 2018, arXiv:1706.06083.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ct.metrics import robust_accuracy_curve
    >>> weights = torch.tensor([[1.0, -1.0]])
    >>> X, y = [[0.05], [0.5]], [0, 0]
    >>> robust_accuracy_curve(lambda x: x @ weights, X, y, epsilons=[0.0, 0.1, 0.6])[0]
    array([1. , 0.5, 0. ])
    """
    epsilons = np.linspace(0, 0.1, 11) if epsilons is None else column_or_1d(epsilons)
    for epsilon in epsilons.tolist():
        check_scalar(epsilon, "epsilon", Real, min_val=0)
    if attack not in ("fgsm", "pgd"):
        raise ValueError(
            f"The 'attack' parameter must be 'fgsm' or 'pgd'. Got {attack!r} instead."
        )
    rng = check_random_state(random_state)
    with _logits(model, X) as (logits, x, classes):
        index = _class_index(y, "y", logits, x, classes)
        sizes = x.new_tensor(epsilons.astype(float))
        start = x.new_tensor(rng.uniform(-1, 1, x.shape))
        hits = torch.zeros_like(sizes)
        # All sizes together, a few rows at a time.
        n_rows = max(1, _CHUNK // max(1, len(sizes) * x.shape[1]))
        for rows in torch.arange(len(x), device=x.device).split(n_rows):
            if attack == "fgsm":
                sign = _loss_gradient(logits, x[rows], index[rows]).sign()
                attacked = x[rows] + sizes[:, None, None] * sign  # (m, b, d)
                attacked = attacked.flatten(0, 1)
            else:
                attacked = _walk(
                    logits,
                    x[rows].repeat(len(sizes), 1),
                    index[rows].repeat(len(sizes)),
                    sizes.repeat_interleave(len(rows))[:, None],
                    start[rows].repeat(len(sizes), 1),
                )
            predicted = logits(attacked).argmax(1).view(len(sizes), len(rows))
            hits += (predicted == index[rows]).sum(1)
        return (hits.double() / len(x)).numpy(force=True), epsilons


def _walk(logits, x, index, epsilon, start, step_size=0.01, max_iter=40):
    """Projected gradient steps from `start`, in the ball of radius 1, scaled.

    The defaults are those of `pgd`; `epsilon` is a number, or one a row.
    """
    low, high = x - epsilon, x + epsilon
    x = (x + epsilon * start).clamp(low, high)
    for _ in range(max_iter):
        gradient = _loss_gradient(logits, x, index)
        x = (x + step_size * gradient.sign()).clamp(low, high)
    return x


@contextmanager
def _logits(model, X):
    """Give the network in evaluation mode, the rows that it takes and the classes."""
    classes = None
    network = model
    is_classifier = hasattr(model, "encode") and hasattr(model, "predict")
    if is_classifier and not isinstance(model, torch.nn.Module):
        X, network, classes = model.encode(X), model.net_.module_, model.classes_
    if not callable(network):
        raise TypeError(
            "The 'model' parameter must be a callable that gives logits, such as a "
            "torch.nn.Module, or a fitted CounterfactualTrainedClassifier. Got "
            f"{type(model).__name__} instead."
        )
    is_module = isinstance(network, torch.nn.Module)
    like = next(network.parameters(), torch.empty(0)) if is_module else torch.empty(0)
    X = check_array(X, dtype=np.float64, input_name="X")
    modes = [(m, m.training) for m in network.modules()] if is_module else []
    try:
        for module, _ in modes:
            module.training = False
        # Gradients can be had within, whatever mode of autograd the caller is in.
        with torch.inference_mode(False), torch.no_grad():
            yield network, torch.tensor(X).to(like), classes
    finally:
        for module, training in modes:
            module.training = training


def _class_index(y, name, logits, x, classes):
    """Index of the class of each row; of the predicted one where y is None.  # (n,)."""
    output = logits(x)
    if y is None:
        return output.argmax(1)
    y = np.full(len(x), y) if np.ndim(y) == 0 else column_or_1d(y)
    check_consistent_length(x, y)
    known = np.arange(output.shape[1]) if classes is None else np.asarray(classes)
    unique_labels(y, known)
    unknown = np.setdiff1d(y, known)
    if len(unknown):
        raise ValueError(
            f"The {name!r} parameter must be classes of the model, "
            f"{', '.join(map(repr, known[:5].tolist()))}"
            f"{', ...' if len(known) > 5 else ''}. Got "
            f"{', '.join(map(repr, unknown[:5].tolist()))} instead."
        )
    return torch.as_tensor(np.searchsorted(known, y), device=x.device)


def _loss_gradient(logits, x, index):
    """Gradient of each row's cross-entropy; summed over rows, they do not mix."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(logits(x), index, reduction="sum")
        return torch.autograd.grad(loss, x)[0]
