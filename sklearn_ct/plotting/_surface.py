"""A classifier over two of its features, and where answers lie in it."""

import numpy as np
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from sklearn_ct._pipeline.explain import explain
from sklearn_ct._tables.containers import as_pandas
from sklearn_ct.plotting._figure import COLOURS, axes_of


class DecisionSurfaceDisplay:
    """Probability of a class over two features, and the ways of answers through it.

    Parameters
    ----------
    xx0, xx1 : ndarray of shape (n_points, n_points)
        The grid, as `numpy.meshgrid` gives it, in the units of the features.
    probability : ndarray of shape (n_points, n_points)
        Predicted probability of the class at the points of the grid.
    factuals, counterfactuals : ndarray of shape (n_answers, 2)
        Where answers begin and end.
    label : label
        The class.
    features : tuple of 2 labels
        Names of the features.
    rows : ndarray of shape (n_rows, 2), default=None
        Real rows, drawn as points.
    members : boolean ndarray of shape (n_rows,), default=None
        Whether they are of the class. None: not known.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    surface_ : matplotlib QuadContourSet
        The probabilities.
    arrows_ : matplotlib Quiver or None
        From factuals to counterfactuals; None where there is no answer.

    See Also
    --------
    sklearn.inspection.DecisionBoundaryDisplay : A classifier without answers.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.datasets import make_moons
    >>> from sklearn_ct.plotting import DecisionSurfaceDisplay
    >>> X, y = make_moons(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=20, lr=0.01).fit(X, y)
    >>> display = DecisionSurfaceDisplay.from_estimator(clf, X[:9], rows=X, labels=y)
    >>> display.counterfactuals.shape
    (9, 2)
    """

    def __init__(  # noqa: PLR0913 - what there is to draw
        self,
        xx0,
        xx1,
        probability,
        *,
        factuals,
        counterfactuals,
        label,
        features,
        rows=None,
        members=None,
    ):
        self.xx0 = xx0
        self.xx1 = xx1
        self.probability = probability
        self.factuals = factuals
        self.counterfactuals = counterfactuals
        self.label = label
        self.features = features
        self.rows = rows
        self.members = members

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        target=None,
        *,
        features=None,
        rows=None,
        labels=None,
        ax=None,
        **options,
    ):
        """Explain rows, and draw the answers on what the estimator predicts.

        Parameters
        ----------
        estimator : estimator
            As `sklearn_ct.explain` takes it.
        X : DataFrame or array-like of shape (n_samples, n_features)
            The rows asked about.
        target : label, default=None
            Class asked for; None: of two classes the other one.
        features, rows, labels, ax
            As in `from_counterfactuals`.
        **options
            Of `sklearn_ct.explain`.

        Returns
        -------
        DecisionSurfaceDisplay
        """
        answers = explain(estimator, X, target, **options)
        drawn = {"features": features, "rows": rows, "labels": labels, "ax": ax}
        return cls.from_counterfactuals(answers, estimator, **drawn)

    @classmethod
    def from_counterfactuals(
        cls,
        counterfactuals,
        estimator,
        *,
        features=None,
        rows=None,
        labels=None,
        grid_resolution=100,
        ax=None,
        **kwargs,
    ):
        """Draw answers on what the estimator predicts.

        Parameters
        ----------
        counterfactuals : Counterfactuals
            What `explain` gave.
        estimator : estimator
            The one that was explained.
        features : pair of column names or positions, default=None
            Two numeric columns, for the horizontal and the vertical axis. None: the
            only two. Where there are others, they stand at the cells of the one person
            asked about, and answers that change any of them are not drawn.
        rows : DataFrame or array-like of shape (n_rows, n_features), default=None
            Real rows, for the points.
        labels : array-like of shape (n_rows,), default=None
            Their classes.
        grid_resolution : int, default=100
            Points of the grid in each direction.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs
            Of `plot`.

        Returns
        -------
        DecisionSurfaceDisplay

        Raises
        ------
        ValueError
            Where the columns are not two numbers, or others differ between the rows.
        """
        tables = counterfactuals.factuals, counterfactuals.counterfactuals
        before, after = map(as_pandas, tables)
        pair = _positions(before, features)
        if before.shape[1] > 2 and len(np.unique(counterfactuals.query)) > 1:
            raise ValueError(
                "DecisionSurfaceDisplay draws two columns; of tables that have others, "
                "the answers to one row, such as answers[answers.query == 0]. Got "
                f"answers to {len(np.unique(counterfactuals.query))} rows."
            )
        label = _class_drawn(counterfactuals.target, estimator.classes_)
        starts, ends = (t.iloc[:, pair].to_numpy(dtype=float) for t in (before, after))
        drawn = (starts != ends).sum(axis=1) == counterfactuals.n_changes
        drawn &= counterfactuals.valid & (counterfactuals.n_changes > 0)
        points = [starts, ends[drawn]]
        if rows is not None:
            rows = as_pandas(rows).iloc[:, pair].to_numpy(dtype=float)
            # All but the outermost, which would leave no room for the others.
            points.append(np.nanquantile(rows, [0.01, 0.99], axis=0))
        xx0, xx1 = _grid(
            np.concatenate(points), grid_resolution, 0.5 if rows is None else 0.05
        )
        table = before.iloc[np.zeros(xx0.size, dtype=int)].reset_index(drop=True)
        for position, values in zip(pair, (xx0, xx1), strict=True):
            table.isetitem(position, values.ravel())
        asked = table.to_numpy() if isinstance(tables[0], np.ndarray) else table
        probability = estimator.predict_proba(asked)
        column = list(estimator.classes_).index(label)
        display = cls(
            xx0,
            xx1,
            probability[:, column].reshape(xx0.shape),
            factuals=starts[drawn],
            counterfactuals=ends[drawn],
            label=label,
            features=tuple(before.columns[pair]),
            rows=rows,
            members=None if labels is None else np.asarray(labels) == label,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw probabilities, rows, and an arrow for each answer.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of the probabilities.
        **kwargs
            Of matplotlib's ``contourf``, for the probabilities.

        Returns
        -------
        DecisionSurfaceDisplay
            Itself.
        """
        from matplotlib.colors import LinearSegmentedColormap

        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        ends = COLOURS["lowered"], "white", COLOURS["raised"]
        shades = LinearSegmentedColormap.from_list("probability", ends)
        style = {"cmap": shades, "levels": np.linspace(0, 1, 11), "alpha": 0.6} | kwargs
        self.surface_ = self.ax_.contourf(self.xx0, self.xx1, self.probability, **style)
        self.ax_.contour(
            self.xx0, self.xx1, self.probability, [0.5], colors="0.3", linewidths=1
        )
        if self.rows is not None:
            self._draw_rows()
        self.arrows_ = None
        if len(self.factuals):
            moves = (self.counterfactuals - self.factuals).T
            exact = {"angles": "xy", "scale_units": "xy", "scale": 1}
            self.ax_.plot(*self.factuals.T, "o", color="white", mec="0.1", ms=5)
            self.arrows_ = self.ax_.quiver(
                *self.factuals.T, *moves, **exact, width=0.004, color="0.1", zorder=3
            )
        self.ax_.set_xlim(self.xx0.min(), self.xx0.max())
        self.ax_.set_ylim(self.xx1.min(), self.xx1.max())
        self.ax_.locator_params(nbins=4)
        if colorbar:
            words = f"probability of {self.label!s}"
            self.figure_.colorbar(self.surface_, ax=self.ax_, label=words)
        names = [
            f"feature {n}" if isinstance(n, int) else str(n) for n in self.features
        ]
        self.ax_.set(xlabel=names[0], ylabel=names[1])
        return self

    def _draw_rows(self):
        """Points, by class where it is known."""
        kinds = [(np.ones(len(self.rows), bool), "0.4", ".")]
        if self.members is not None:
            kinds = [
                (self.members, COLOURS["raised"], "o"),
                (~self.members, COLOURS["lowered"], "^"),
            ]
        for chosen, colour, marker in kinds:
            points = {"color": colour, "marker": marker, "linestyle": "", "ms": 2.5}
            self.ax_.plot(*self.rows[chosen].T, **points, alpha=0.7)


def _class_drawn(target, classes):
    """Class whose probability is drawn: the target; of two, the second."""
    targets = np.unique(target)
    if len(targets) == 1:
        return targets[0]
    if len(classes) > 2:
        raise ValueError(
            "DecisionSurfaceDisplay draws the probability of one class. Got answers "
            f"for {len(targets)} targets: give one target."
        )
    return classes[1]


def _positions(frame, features):
    """Positions of the two columns that are drawn."""
    names = list(frame.columns)
    given = names if features is None else list(features)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            "The 'features' parameter of DecisionSurfaceDisplay has an unknown column "
            f"{unknown[0]!r}."
        )
    pair = [names.index(name) for name in given]
    types = [frame.dtypes.iloc[j] for j in pair]
    numbers = [is_numeric_dtype(t) and not is_bool_dtype(t) for t in types]
    if len(pair) != 2 or not all(numbers):
        shown = ", ".join(map(repr, given[:5])) + (", ..." if len(given) > 5 else "")
        raise ValueError(
            "DecisionSurfaceDisplay draws two numeric columns; name them by features=. "
            f"Got {shown} instead."
        )
    return pair


def _grid(points, n_points, room):
    """Grid over the points (n, 2), with room around them."""
    points = points[~np.isnan(points).any(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.where(high > low, room * (high - low), 0.5)
    axes = np.linspace(low - room, high + room, n_points).T
    return np.meshgrid(*axes)
