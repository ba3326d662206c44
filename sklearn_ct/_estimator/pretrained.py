"""To start from a trained model: its network, and what its inputs went through."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from sklearn_ct._core.network import ACTIVATIONS
from sklearn_ct._tables.containers import column_names
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct._tables.feature import cut
from sklearn_ct._training.adopt import NeuralNet, module_of

# Rows on which it is checked that the inputs are an affine function of the codes.
N_CHECKED = 1000


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A trained network, as a value of the classifier's parameter ``module``.

    It is data, so that a clone of the classifier starts from the same weights.

    Attributes
    ----------
    name : str
        Of the model's type.
    network : torch.nn.Module
        From the model's inputs to logits.
    classes : ndarray or None
        Class labels in the order of the logits, where the model knows them.
    dtype : torch.dtype
        Of the weights that training starts from.
    encoder : TabularEncoder or None
        Whose codes are the inputs.
    inputs : callable or None
        Where there is no encoder: ``table -> array`` of the inputs.
    """

    name: str
    network: nn.Module
    classes: np.ndarray | None
    dtype: torch.dtype
    encoder: TabularEncoder | None = None
    inputs: Callable | None = None

    def __repr__(self):
        return f"<trained {self.name}>"

    def encoder_for(self, X):
        """Give the encoder of the model, for a table of the columns that it knows."""
        names = column_names(X)
        if names != self.encoder.names_:
            raise ValueError(
                "X must have the columns that the pretrained model was fitted to, "
                f"{cut(self.encoder.names_)}. Got {cut(names)} instead."
            )
        return self.encoder

    def module_on(self, encoder, codes, classes):
        """Copy of the network that takes codes, with the same outputs.

        Parameters
        ----------
        encoder : TabularEncoder
            Fitted to the training rows.
        codes : ndarray of shape (n, d)
            The training rows.
        classes : ndarray of shape (n_classes,)
            Labels of the training rows.
        """
        if self.classes is not None and not np.array_equal(self.classes, classes):
            raise ValueError(
                "y must have the classes of the pretrained model, "
                f"{cut(self.classes)}. Got {cut(classes)} instead."
            )
        network = deepcopy(self.network).cpu()
        if self.encoder is None:
            matrix, offset = self._affine(encoder, codes)
            network = behind(network.double(), matrix, offset)
        return network.to(self.dtype)

    def _affine(self, encoder, codes):
        """Matrix (p, d) and offset (p,) that make the network's inputs of codes."""
        rows = np.unique(np.linspace(0, len(codes) - 1, N_CHECKED).astype(int))
        real = encoder.values(codes[rows])
        try:
            known, inputs = self._run(encoder, probes(encoder, real[0]))
        except ValueError:
            # Perhaps a category that the type of a column lists, but no row has.
            asked = probes(encoder, real[0], encoder.observed_)
            known, inputs = self._run(encoder, asked)
        if known.shape == inputs.shape and np.allclose(known, inputs, 1e-12, 1e-12):
            matrix, offset = np.eye(known.shape[1]), np.zeros(known.shape[1])
        else:
            known = np.column_stack((known, np.ones(len(known))))
            solution = np.linalg.lstsq(known, inputs, rcond=None)[0]
            matrix, offset = solution[:-1].T, solution[-1]
        reached, expected = self._run(encoder, real)
        errors = np.abs(reached @ matrix.T + offset - expected)
        if (errors > 1e-6 * (1 + np.abs(expected).max(axis=0))).any():
            raise ValueError(
                f"The network of the pretrained {self.name} cannot be put behind the "
                "classifier's own encoding: its inputs must be sums of multiples of "
                "the scaled numbers and one-hot categories. Got steps in front of it, "
                "or a numeric_scaling, that are something else: take "
                "numeric_scaling='standard', and put other steps in a pipeline in "
                "front of the classifier."
            )
        return matrix, offset

    def _run(self, encoder, values):
        """Codes of values, and the network's inputs for them."""
        table = encoder.table(values)
        inputs = self.inputs(table)
        if hasattr(inputs, "toarray"):
            inputs = inputs.toarray()
        return encoder.transform(table), np.asarray(inputs, dtype=np.float64)


def pretrained(fitted):
    """Take the network of a fitted model, and what its inputs went through.

    Parameters
    ----------
    fitted : estimator
        See `CounterfactualTrainedClassifier.from_pretrained`.

    Returns
    -------
    Pretrained
    """
    fitted = getattr(fitted, "best_estimator_", fitted)
    steps, model = None, fitted
    if isinstance(fitted, Pipeline):
        model = fitted.steps[-1][1]
        # Samplers do nothing to rows asked about.
        front = [
            part for part in fitted.steps[:-1] if not hasattr(part[1], "fit_resample")
        ]
        steps = Pipeline(deepcopy(front)).transform if front else None
    name = type(model).__name__
    if isinstance(model, MLPClassifier):
        check_is_fitted(model)
        inputs = steps or partial(validate_data, deepcopy(model), reset=False)
        network, dtype = network_of(model), torch.get_default_dtype()
        return Pretrained(name, network, model.classes_, dtype, inputs=inputs)
    if isinstance(model, NeuralNet):
        check_is_fitted(model, "module_")  # skorch 1.2 does not say it is not fitted
        network = module_of(model)
        dtype = next(network.parameters()).dtype
        return Pretrained(name, network, None, dtype, inputs=steps or check_array)
    is_own = hasattr(model, "encode") and hasattr(model, "explain")
    if is_own and model is fitted:
        check_is_fitted(model)
        network = deepcopy(model.net_.module_)
        dtype = next(network.parameters()).dtype
        return Pretrained(name, network, model.classes_, dtype, encoder=model.encoder_)
    raise TypeError(
        "from_pretrained takes a fitted MLPClassifier, skorch net or "
        "CounterfactualTrainedClassifier, or a pipeline that ends in one of the first "
        f"two. Got {fitted!r} instead. A torch module is the parameter 'module'."
    )


def parameters_from(fitted, params):
    """Complete the parameters of a classifier that starts from a fitted model.

    Parameters
    ----------
    fitted : estimator
        See `CounterfactualTrainedClassifier.from_pretrained`.
    params : dict
        Those given.

    Returns
    -------
    Pretrained
        The parameter ``module``.
    dict
        The others.
    """
    start = pretrained(fitted)
    if start.encoder is None:
        params = {"numeric_scaling": "standard"} | params
    elif given := params.keys() & {"numeric_scaling", "categorical_features"}:
        raise ValueError(
            f"The {sorted(given)[0]!r} parameter cannot be given to "
            f"from_pretrained with a {start.name}: its encoding stays as it is."
        )
    else:
        kept = ("numeric_scaling", "categorical_features")
        params = params | {name: getattr(start.encoder, name) for name in kept}
    return start, params


def network_of(mlp):
    """Network with the weights of a scikit-learn MLP, and its softmax probabilities.

    The one unit ``z`` of two classes becomes the logits ``-z / 2`` and ``z / 2``.
    """
    if mlp.out_activation_ == "logistic" and mlp.n_outputs_ > 1:
        raise ValueError(
            "from_pretrained needs a classifier of one label a row. Got an "
            f"MLPClassifier that was fitted to {mlp.n_outputs_} labels a row."
        )
    weights = [torch.tensor(w.T, dtype=torch.float64) for w in mlp.coefs_]
    biases = [torch.tensor(b, dtype=torch.float64) for b in mlp.intercepts_]
    if mlp.n_outputs_ == 1:
        sides = torch.tensor([-0.5, 0.5], dtype=torch.float64)
        weights[-1], biases[-1] = sides[:, None] * weights[-1], sides * biases[-1]
    layers = []
    for weight, bias in zip(weights, biases, strict=True):
        if layers and mlp.activation != "identity":
            layers.append(ACTIVATIONS[mlp.activation]())
        layers.append(linear(weight, bias))
    return nn.Sequential(*layers)


def behind(network, matrix, offset):
    """Put a network behind the map ``matrix @ codes + offset``.

    A linear first layer takes the map up; any other network gets a layer in front,
    which is not trained.
    """
    like = next(network.parameters())
    matrix, offset = torch.tensor(matrix).to(like), torch.tensor(offset).to(like)
    p, d = matrix.shape
    plain = type(network).forward is nn.Sequential.forward and len(network)
    first, *rest = network if plain else [network]
    if isinstance(first, nn.Linear):
        if first.in_features != p:
            raise ValueError(
                f"X must have the {first.in_features} columns that the pretrained "
                f"network takes. Got {p} instead."
            )
        with torch.no_grad():
            weight = first.weight @ matrix
            bias = first.weight @ offset
            bias += 0 if first.bias is None else first.bias
        return nn.Sequential(linear(weight, bias), *rest)
    if p == d and torch.equal(matrix, torch.eye(d).to(like)) and not offset.any():
        return network
    return nn.Sequential(linear(matrix, offset).requires_grad_(False), network)


def linear(weight, bias):
    """Linear layer of given weights; it draws nothing."""
    layer = nn.utils.skip_init(nn.Linear, *weight.T.shape, dtype=weight.dtype)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def probes(encoder, base, codes=None):
    """Rows that differ from one in a single variable each: values, (m, n_variables).

    Parameters
    ----------
    encoder : TabularEncoder
    base : ndarray of shape (n_variables,)
    codes : boolean ndarray of shape (d,), optional
        Codes of the categories to take; None: all.
    """
    rows = [base]
    for j, variable in enumerate(encoder.variables_):
        if variable.is_number:
            low, high = encoder.lower_[j], encoder.upper_[j]
            farther = high if high - base[j] > base[j] - low else low
            others = [farther if low < high else low + 1]
        else:
            others = np.arange(len(variable.categories))
            others = others if codes is None else others[codes[variable.slots]]
        rows += [np.where(np.arange(len(base)) == j, other, base) for other in others]
    return np.array(rows)
