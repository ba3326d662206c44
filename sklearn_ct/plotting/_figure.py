"""Axes to draw on, and figures as text."""

from io import StringIO

COLOURS = {"raised": "#1f6f8b", "lowered": "#d98032", "switched": "#8a8a8a"}
# Told apart without colours, too.
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D")


def axes_of(ax, display):
    """Give the axes to draw on, new ones where there are none, and their figure."""
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError(
                f"{display}.plot draws with matplotlib, which is not installed: "
                "pip install 'sklearn-ct[plot]'."
            ) from error
        _, ax = pyplot.subplots(layout="constrained")
    return ax, ax.figure


def as_svg(draw, *, width=6.4, height=4.0):
    """SVG text of what ``draw(ax=...)`` draws; no figure is left open.

    Parameters
    ----------
    draw : callable
        Takes ``ax``.
    width, height : float
        In inches.

    Returns
    -------
    str
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "A report draws with matplotlib, which is not installed: "
            "pip install 'sklearn-ct[plot]'."
        ) from error
    # The same text from the same numbers, without a date.
    with rc_context({"svg.hashsalt": "sklearn-ct"}):
        figure, file = Figure((width, height), layout="constrained"), StringIO()
        draw(ax=figure.subplots())
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
