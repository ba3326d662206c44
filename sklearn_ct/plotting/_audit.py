"""Displays of an audit: ratios, what a cost reaches, survival, proxies."""

from itertools import cycle

import numpy as np
import pandas as pd

from sklearn_ct.plotting._figure import COLOURS, LINES, MARKS, axes_of


class RecourseRatioDisplay:
    """Ratios of each group to the reference, with their intervals: a forest.

    Parameters
    ----------
    ratios : DataFrame of shape (n_comparisons, 5)
        ``label``, ``ratio``, ``low``, ``high``, and ``found``: whether the adjusted
        p-value is below the level.
    measure : str
        What is compared.
    alpha : float, default=0.05
        The level.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.

    See Also
    --------
    sklearn_ct.audit.audit_recourse : The numbers.
    """

    def __init__(self, ratios, *, measure, alpha=0.05):
        self.ratios = ratios
        self.measure = measure
        self.alpha = alpha

    @classmethod
    def from_audit(cls, audit, *, measure="burden", alpha=0.05, ax=None):
        """Draw what an audit compared.

        Parameters
        ----------
        audit : RecourseAudit
            What `audit_recourse` gave.
        measure : str, default="burden"
            One of those compared.
        alpha : float, default=0.05
            Level of a finding.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        RecourseRatioDisplay
        """
        rows = audit.comparisons[audit.comparisons["measure"] == measure]
        keys = [rows[c] for c in ("control", "feature", "group") if c in rows]
        labels = [" ".join(map(str, key)) for key in zip(*keys, strict=True)]
        ratios = pd.DataFrame(
            {
                "label": [
                    f"{label} / {other}"
                    for label, other in zip(labels, rows["reference"], strict=True)
                ],
                "ratio": rows["ratio"].to_numpy(),
                "low": rows["ratio_low"].to_numpy(),
                "high": rows["ratio_high"].to_numpy(),
                "found": (rows["p_adjusted"] < alpha).to_numpy(),
            }
        )
        return cls(ratios, measure=measure, alpha=alpha).plot(ax=ax)

    def plot(self, ax=None, **kwargs):
        """Draw a mark and its interval for each comparison, filled where found.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs
            Of matplotlib's ``plot``, for the marks.

        Returns
        -------
        RecourseRatioDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        shown = self.ratios[self.ratios["ratio"] > 0]
        places, colour = np.arange(len(shown)), COLOURS["raised"]
        ends = shown[["low", "high"]].replace({0.0: np.nan, np.inf: np.nan})
        span = np.nanmax(np.abs(np.log([*ends.to_numpy().ravel(), *shown["ratio"], 2])))
        low, high = np.exp(-1.1 * span), np.exp(1.1 * span)
        self.ax_.axvline(1.0, color=COLOURS["switched"], linewidth=1, zorder=0)
        for place, row in zip(places, shown.itertuples(), strict=True):
            if not np.isnan(row.low):
                interval = np.clip([row.low, row.high], low, high)
                self.ax_.plot(interval, [place, place], color=colour)
            style = {"marker": "o", "color": colour, "linestyle": ""}
            style |= {"markerfacecolor": colour if row.found else "white"} | kwargs
            self.ax_.plot([row.ratio], [place], **style)
        self.ax_.set_xscale("log")
        ticks = [v for v in (0.1, 0.2, 0.33, 0.5, 1, 2, 3, 5, 10) if low <= v <= high]
        self.ax_.set_xticks(ticks, [f"{v:g}" for v in ticks])
        self.ax_.set_xticks([], minor=True)
        self.ax_.set_xlim(low, high)
        self.ax_.set_yticks(places, list(shown["label"]))
        self.ax_.set_ylim(max(len(shown), 1) - 0.5, -0.5)
        name = self.measure.replace("_", " ")
        self.ax_.set_xlabel(f"ratio of {name}\nfilled: adjusted p < {self.alpha:g}")
        return self


class RecourseReachDisplay:
    """Share of the rejected that a cost helps, by group.

    What a curve lacks of 1 at its right end has no answer.

    Parameters
    ----------
    costs : dict of str to ndarray
        Of each group the costs of its rejected rows, infinite without an answer.
    feature : str
        Whose groups these are.
    budget : float, default=None
        Marked, where given.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.

    See Also
    --------
    sklearn_ct.audit.audit_recourse : The numbers.
    """

    def __init__(self, costs, *, feature, budget=None):
        self.costs = costs
        self.feature = feature
        self.budget = budget

    @classmethod
    def from_audit(cls, audit, *, feature=None, ax=None):
        """Draw the costs of an audit.

        Parameters
        ----------
        audit : RecourseAudit
            What `audit_recourse` gave.
        feature : str, default=None
            Whose groups. None: of the first sensitive feature.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        RecourseReachDisplay
        """
        feature = next(iter(audit.references)) if feature is None else feature
        rows = audit.rows[audit.rows["rejected"]]
        costs = {
            str(group): np.sort(part["cost"].to_numpy())
            for group, part in rows.groupby(rows[feature], sort=False, observed=True)
        }
        return cls(costs, feature=feature, budget=audit.budget).plot(ax=ax)

    def plot(self, ax=None, **kwargs):
        """Draw a step for each rejected row.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs
            Of matplotlib's ``step``.

        Returns
        -------
        RecourseReachDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        finite = [c[np.isfinite(c)] for c in self.costs.values()]
        end = max([c.max() for c in finite if len(c)], default=1.0)
        lines = cycle(LINES)
        for (group, costs), helped in zip(self.costs.items(), finite, strict=True):
            share = np.arange(len(helped) + 1) / len(costs)
            style = {"where": "post", "label": f"{group} ({len(costs):,})"}
            style |= {"linestyle": next(lines)} | kwargs
            self.ax_.step([0, *helped, end], [*share, share[-1]], **style)
        if self.budget is not None:
            self.ax_.axvline(self.budget, color=COLOURS["switched"], linestyle=":")
        self.ax_.set_ylim(0, 1)
        self.ax_.set_xlim(0, end)
        self.ax_.set_xlabel("cost of the answers")
        self.ax_.set_ylabel("share of the rejected that it helps")
        if self.costs:
            self.ax_.legend(frameon=False, title=str(self.feature), loc="lower right")
        return self


class SurvivalDisplay:
    """Share of answers that later models accept, against their cost.

    Parameters
    ----------
    survival : DataFrame
        As `recourse_survival` gives it; several ``tau`` are joined by a line.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.

    See Also
    --------
    sklearn_ct.audit.recourse_survival : The numbers.
    """

    def __init__(self, survival):
        self.survival = survival

    @classmethod
    def from_frame(cls, survival, *, ax=None):
        """Draw what `recourse_survival` measured.

        Parameters
        ----------
        survival : DataFrame
            Of `recourse_survival`.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        SurvivalDisplay
        """
        return cls(survival).plot(ax=ax)

    def plot(self, ax=None, **kwargs):
        """Draw a line for each kind of later model, a mark for each ``tau``.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs
            Of matplotlib's ``errorbar``.

        Returns
        -------
        SurvivalDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        marks = cycle(MARKS)
        for kind, part in self.survival.groupby("kind", sort=False):
            part = part.sort_values("cost")
            errors = [part["survival"] - part["low"], part["high"] - part["survival"]]
            style = {"marker": next(marks), "label": kind.replace("_", " ")}
            style |= {"capsize": 3}
            self.ax_.errorbar(part["cost"], part["survival"], errors, **style | kwargs)
        for row in (
            self.survival.drop_duplicates("tau").dropna(subset="tau").itertuples()
        ):
            self.ax_.annotate(
                f"tau {row.tau:g}", (row.cost, 0.02), ha="center", fontsize="small"
            )
        self.ax_.margins(x=0.12)  # room for words
        self.ax_.set_ylim(0, 1.02)
        self.ax_.set_xlabel("mean cost of the answers")
        self.ax_.set_ylabel("share that later models accept")
        self.ax_.legend(frameon=False)
        return self


class ProxiesDisplay:
    """How well a column tells a protected feature, and how much advice runs through it.

    Parameters
    ----------
    carriers : DataFrame
        ``column``, ``alone`` and ``cost_share``, as in a `ProxyReport`.
    protected : str
        The feature that is told.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.

    See Also
    --------
    sklearn_ct.audit.proxy_report : The numbers.
    """

    def __init__(self, carriers, *, protected):
        self.carriers = carriers
        self.protected = protected

    @classmethod
    def from_report(cls, report, *, protected=None, ax=None):
        """Draw a report.

        Parameters
        ----------
        report : ProxyReport
            What `proxy_report` gave.
        protected : str, default=None
            The feature that is told. None: the first.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.

        Returns
        -------
        ProxiesDisplay
        """
        protected = report.told.index[0] if protected is None else protected
        rows = report.carriers[report.carriers["protected"] == protected]
        return cls(rows, protected=protected).plot(ax=ax)

    def plot(self, ax=None, *, named=0.1, **kwargs):
        """Draw a mark for each column.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        named : float, default=0.1
            Columns beyond it in either direction have their names written.
        **kwargs
            Of matplotlib's ``scatter``.

        Returns
        -------
        ProxiesDisplay
            Itself.
        """
        self.ax_, self.figure_ = axes_of(ax, type(self).__name__)
        shown = self.carriers.assign(cost_share=self.carriers["cost_share"].fillna(0.0))
        style = {"color": COLOURS["raised"]} | kwargs
        self.ax_.scatter(shown["alone"], shown["cost_share"], **style)
        middle = shown["alone"].max() / 2
        far = shown[shown[["alone", "cost_share"]].max(axis=1) > named]
        # Inwards, and up and down in turn, so that neighbours can be read.
        for k, row in enumerate(far.sort_values("cost_share").itertuples()):
            left, up = row.alone < middle, k % 2 == 0
            self.ax_.annotate(
                str(row.column),
                (row.alone, row.cost_share),
                xytext=(5 if left else -5, 5 if up else -5),
                textcoords="offset points",
                ha="left" if left else "right",
                va="bottom" if up else "top",
                fontsize="small",
            )
        self.ax_.margins(0.15)
        self.ax_.set_xlim(left=-0.02)
        self.ax_.set_ylim(bottom=-0.05)
        self.ax_.set_xlabel(f"how well the column alone tells {self.protected}")
        self.ax_.set_ylabel("share of the cost of the advice")
        return self
