"""Tables of our figures beside the paper's, as frames of text."""

import numpy as np
import pandas as pd

from paper import published
from paper.data import TABULAR
from paper.protocol import EPSILONS
from paper.settings import GRIDS, grid_variant


def number(value, digits=2):
    """Format a number; nothing for NaN."""
    if value is None or np.isnan(value):
        return ""
    if abs(value) >= 100:
        digits = min(digits, 0)
    return f"{round(value, digits) + 0.0:.{digits}f}"  # no minus before a zero


def pair(ct, twin, digits=2):
    """Format CT / twin."""
    return f"{number(ct, digits)} / {number(twin, digits)}"


def told(table, name, digits=2):
    """Format a pair of the paper's; nothing where it has none."""
    return pair(*table[name], digits) if name in table else ""


def reductions(results, config):
    """Reductions of implausibility and cost."""
    lines = []
    for name in results.names(config):
        line = {"data": name}
        for title, case, measure in (
            ("IP", "free", "ip"),
            ("IP*", "free", "mmd"),
            ("IP* (median)", "free", "mmd_median"),
            ("protected cost", "protected", "cost"),
        ):
            c = results.compare(config, name, case, measure)
            interval = f" [{number(c.low, 1)}, {number(c.high, 1)}]"
            told_in_full = number(c.reduction, 1) + interval
            line[f"{title}, %"] = told_in_full if np.isfinite(c.reduction) else ""
            if measure in published.REDUCTION:
                line[f"{title}: paper"] = number(published.REDUCTION[measure][name])
            if measure in ("ip", "cost"):
                seeds = f"{number(c.worst, 0)} to {number(c.best, 0)}"
                line[f"{title}: seeds"] = seeds
                line[f"{title}: paired"] = number(c.paired, 1)
        lines.append(line)
    return pd.DataFrame(lines)


def absolutes(results, config):
    """Absolute values, CT / twin."""
    lines = []
    for name in results.names(config):
        line = {"data": name}
        for title, case, measure, digits, table in (
            ("IP", "free", "ip", 2, published.IP),
            ("relative IP", "free", "relative", 2, None),
            ("IP*", "free", "mmd", 3, None),
            ("IP* (median)", "free", "mmd_median", 3, None),
            ("protected cost", "protected", "cost", 2, published.COST),
            ("validity", "free", "validity", 2, published.VALIDITY),
            (
                "validity, protected",
                "protected",
                "validity",
                2,
                published.VALIDITY_PROTECTED,
            ),
        ):
            c = results.compare(config, name, case, measure)
            line[title] = pair(c.ct, c.twin, digits)
            if table is not None:
                line[f"{title}: paper"] = told(table, name)
        lines.append(line)
    return pd.DataFrame(lines)


def models(results, config):
    """Accuracies, sensitivity and seconds, CT / twin."""
    lines = []
    for name in results.names(config):

        def both(key, digits, index=None, name=name):
            values = [
                results.mean(config, variant, name, key, index)
                for variant in ("CT", "BL")
            ]
            return pair(*values, digits)

        lost = points_lost(results, config, name)
        line = {
            "data": name,
            "accuracy": both("accuracy", 3),
            "accuracy: paper": told(published.ACCURACY, name),
            "points lost (worst seed)": f"{number(lost.mean(), 1)} "
            f"({number(lost.max(), 1)})",
        }
        if config == "defaults":
            lost = points_lost(results, config, name, better=True)
            line["against the better scaling"] = (
                f"{number(lost.mean(), 1)} ({number(lost.max(), 1)})"
            )
        line |= {
            "FGSM 0.1": both("fgsm", 3, -1),
            "FGSM 0.1: paper": told(published.FGSM, name),
            "PGD 0.1": both("pgd", 3, -1),
            "sensitivity": both("sensitivity", 3),
            "sensitivity: paper": told(published.SENSITIVITY, name),
            "seconds": both("seconds", 1),
            "mature": number(results.mean(config, "CT", name, "mature")),
        }
        lines.append(line)
    return pd.DataFrame(lines)


def points_lost(results, config, name, better=False, variant="CT"):
    """Accuracy that CT, or a variant, loses against its twin, in points, by seed.

    ``better``: for tabular sets, against the better of the twins with standard and
    with quantile scaling.
    """
    twins = [results.numbers(config, "BL", name, "accuracy")]
    if better and name in TABULAR:
        twins = [
            results.numbers(config, f"BL {scaling}", name, "accuracy")
            for scaling in ("standard", "quantile")
        ]
    accuracy = results.numbers(config, variant, name, "accuracy")
    return 100 * (np.max(twins, axis=0) - accuracy)


def matched_attacks(results, names):
    """Accuracy under FGSM where our twins fall as often as the paper's do at 0.1.

    Epsilon is found between those measured, for the twins of the paper's settings.
    """
    lines = []
    for name in names:

        def curve(config, variant, name=name):
            return [
                results.mean(config, variant, name, "fgsm", i)
                for i in range(len(EPSILONS))
            ]

        ct, twin = published.FGSM[name]
        epsilon = np.interp(-twin, np.negative(curve("paper", "BL")), EPSILONS)
        line = {"data": name, "the paper's CT / twin": pair(ct, twin)}
        line["epsilon"] = number(epsilon, 3)
        for config in ("paper", "defaults"):
            if results.has(config, "CT", name):
                reached = [
                    np.interp(epsilon, EPSILONS, curve(config, variant))
                    for variant in ("CT", "BL")
                ]
                line[config] = pair(*reached)
        lines.append(line)
    return pd.DataFrame(lines)


def variants(results, names, chosen, protected=True, config="paper"):
    """One line for each data set and variant of a configuration."""
    lines = []
    for name in names:
        for variant in chosen:
            if not results.has(config, variant, name):
                continue

            def compared(case, measure, name=name, variant=variant):
                return results.compare(config, name, case, measure, variant)

            def average(key, index=None, name=name, variant=variant):
                return results.mean(config, variant, name, key, index)

            line = {
                "data": name,
                "trained with": variant,
                "accuracy": number(average("accuracy"), 3),
                "FGSM 0.1": number(average("fgsm", -1), 3),
                "IP reduced, %": number(compared("free", "ip").reduction, 1),
                "relative IP": number(compared("free", "relative").ct),
                "validity": number(compared("free", "validity").ct),
            }
            if protected:
                cost = compared("protected", "cost").reduction
                line["protected cost reduced, %"] = number(cost, 1)
            searched = results.has(config, variant, name, "mature")
            line["mature"] = number(average("mature")) if searched else ""
            line["seconds"] = number(average("seconds"), 1)
            lines.append(line)
    return pd.DataFrame(lines)


def grid(results, parameter, names):
    """IP reduced, accuracy and mature share over the points of a grid."""
    lines = []
    for value in GRIDS[parameter]:
        line = {parameter: value}
        for name in names:
            variant, _ = grid_variant(name, parameter, value)
            if not results.has("paper", variant, name):
                continue
            ip = results.compare("paper", name, "free", "ip", variant)
            accuracy = results.mean("paper", variant, name, "accuracy")
            mature = results.mean("paper", variant, name, "mature")
            own = " *" if variant == "CT" else ""
            line[name] = (
                f"{number(ip.reduction, 1)} / {number(accuracy, 3)} / {number(mature)}"
                f"{own}"
            )
        lines.append(line)
    return pd.DataFrame(lines).fillna("")
