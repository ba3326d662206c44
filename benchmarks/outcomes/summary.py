"""Tables and figures of the page."""

import numpy as np
import pandas as pd

RANKING = ["accuracy", "AUC", "average precision", "log loss", "calibration error"]
RANKING += ["base", "seconds, fit"]
EQUAL = [f"{m}, {w}" for w in ("low", "high") for m in ("judged", "survives")]
PLAUSIBLE = ["plausible, low", "plausible, high"]
ADVICE = ["answered", *EQUAL, *PLAUSIBLE, "promise"]
TWINS = ["twin", "early-stopped twin"]
REAL = ["Adult", "GMSC", "Credit default", "German", "COMPAS"]
CURVE = ["cost", "changes", "stated", "judged", "survives", "plausible"]
DIGITS = 3


def means(lines, columns):
    """Means over splits, lines of the tables by data set and model."""
    order = {"data": lines["data"].unique(), "model": lines["model"].unique()}
    frame = lines.groupby(["data", "model"])[columns].mean()
    index = pd.MultiIndex.from_product(order.values(), names=order)
    return frame.reindex(index).dropna(how="all")


def listed(frame):
    rounded = frame.astype(float).map(lambda v: "" if pd.isna(v) else f"{v:.{DIGITS}f}")
    return rounded.reset_index().to_dict("records")


def tables(lines):
    """All tables of the page."""
    real = lines[lines["data"].isin(REAL)]
    main = ["AUC", "log loss", *EQUAL, "promise", "flips"]
    over = real.groupby("model", sort=False)[main].mean()
    return {
        "real": listed(over),
        "ranking": listed(means(lines, RANKING)),
        "advice": listed(means(lines, ADVICE).dropna()),
        "reliance": listed(means(lines, ["flips", "gap"])),
        "threshold": listed(by_threshold(real)),
        "curve": listed(curve_at(lines, 0.7)),
        "aims": aims(means(real, [*RANKING, *ADVICE, "flips"])),
    }


def unfolded(lines):
    """Give each point of the curves a line."""
    measured = lines.dropna(subset=["curve"])
    return pd.concat(
        pd.DataFrame(line["curve"]).assign(data=line["data"], model=line["model"])
        for _, line in measured.iterrows()
    )


def curve_at(lines, tau):
    """Where the answers of a probability stand, not at equal cost."""
    points = unfolded(lines)
    return means(points[points["tau"] == tau], CURVE)


def by_threshold(lines):
    """Compare what a greater probability buys with its price."""
    points = unfolded(lines)
    shown = points[points["model"].isin(["early-stopped twin", "CT"])]
    by = ["model", "tau"]
    return shown.groupby(by, sort=False)[["cost", "judged", "survives"]].mean()


def aims(table):
    """Compare what was asked of the defaults with what real tables show."""
    by = {model: table.xs(model, level="model") for model in (*TWINS, "CT")}
    ct = by["CT"]
    better = {c: np.maximum(by[TWINS[0]][c], by[TWINS[1]][c]) for c in EQUAL}
    lost = np.maximum(*(by[t]["AUC"] for t in TWINS)) - ct["AUC"]
    loss = ct["log loss"] - np.minimum(*(by[t]["log loss"] for t in TWINS))
    early = by["early-stopped twin"]
    gain = {w: ct[f"judged, {w}"] - early[f"judged, {w}"] for w in ("low", "high")}
    last = {w: ct[f"survives, {w}"] - better[f"survives, {w}"] for w in ("low", "high")}
    flips = ct["flips"] / by["twin"]["flips"]
    points = 100 * lost
    return [
        aim("AUC lost, points: worst", "0.3", points.max(), points.idxmax()),
        aim("AUC lost, points: mean", "0 or a gain", points.mean()),
        aim("log loss above: worst", "0.005", loss.max(), loss.idxmax()),
        aim("base: worst", "0.01", ct["base"].abs().max(), ct["base"].abs().idxmax()),
        *(
            line
            for word, g in gain.items()
            for line in (
                aim(f"judged, {word} cost, gain: mean", "0.08", g.mean()),
                aim(f"judged, {word} cost, gain: worst", "0", g.min(), g.idxmin()),
            )
        ),
        *(
            aim(f"survives, {w} cost, over twins: worst", "0", s.min(), s.idxmin())
            for w, s in last.items()
        ),
        aim(
            "survives, high cost: worst",
            "0.97",
            ct["survives, high"].min(),
            ct["survives, high"].idxmin(),
        ),
        aim("promise: worst", "0.07", ct["promise"].max(), ct["promise"].idxmax()),
        aim("flips over the twin's: worst", "1/3", flips.max(), flips.idxmax()),
        aim("answered: worst", "1.0", ct["answered"].min(), ct["answered"].idxmin()),
    ]


def aim(name, asked, reached, on=""):
    return {"aim": name, "asked": asked, "reached": f"{reached:.3f}", "on": on}


def figures(lines):
    """Cost against judged approval, and stated against judged probability."""
    shown = lines.dropna(subset=["curve"])
    panes = {"judged": {}, "stated": {}}
    axes = {"judged": ("cost", "judged"), "stated": ("stated", "judged")}
    for figure, (x, y) in axes.items():
        for name, part in shown.groupby("data", sort=False):
            ways = {
                model: [np.mean([c[k] for c in own["curve"]], axis=0) for k in (x, y)]
                for model, own in part.groupby("model", sort=False)
                if model in ("early-stopped twin", "CT")
            }
            panes[figure][name] = {"lines": ways, "label": x, "diagonal": x == "stated"}
    return {k: {"kind": "ways", "data": {"panes": v}} for k, v in panes.items()}
