"""Tables and figures of our results beside the paper's."""

import numpy as np
import pandas as pd

from benchmarks.paper import published
from benchmarks.paper.compare import mean
from benchmarks.paper.data import TABULAR
from benchmarks.paper.pictures import DIGITS
from benchmarks.paper.protocol import EPSILONS
from benchmarks.paper.settings import BACKBONES, CHEAP, GRIDS, grid_variant

LIMIT = 1.1  # relative implausibility asked for
MODELS = {"BL": "conventional", "CT": "counterfactual training"}
MEASURES = {
    "IP": ("free", "ip", published.IP),
    "relative IP": ("free", "relative", None),
    "IP*": ("free", "mmd", None),
    "IP* (median)": ("free", "mmd_median", None),
    "protected cost": ("protected", "cost", published.COST),
    "validity": ("free", "validity", published.VALIDITY),
    "validity, protected": ("protected", "validity", published.VALIDITY_PROTECTED),
}


def all_tables(results):
    """Make the tables of the results there; those of nothing are empty."""
    tables = {"summary": summary(results)}
    for config in ("paper", "defaults"):
        names = results.names(config)
        tables |= {
            f"reductions_{config}": [reductions(results, config, n) for n in names],
            f"absolutes_{config}": [absolutes(results, config, n) for n in names],
            f"models_{config}": [models(results, config, n) for n in names],
        }
    attacked = [n for n in results.names("paper") if n in published.FGSM]
    ablated = results.names("paper", "AR")
    others = results.names("paper", "generic")
    tables["attacks"] = [matched_attack(results, name) for name in attacked]
    tables["ablation"] = variants(results, ablated, ["BL", "AR", "CD", "CT"])
    tables["generators"] = variants(results, others, ["BL", "CT", *BACKBONES], False)
    first = results.of_seed(0)
    return tables | {f"grid_{name}": grid(first, name) for name in GRIDS}


def both(results, config, name, key):
    """Means of CT and twin."""
    return [results.mean(config, variant, name, key) for variant in ("CT", "BL")]


def reductions(results, config, name):
    """Reductions of implausibility and cost on a data set."""
    line = {"data": name}
    for title in ("IP", "IP*", "IP* (median)", "protected cost"):
        case, measure, _ = MEASURES[title]
        c = results.compare(config, name, case, measure)
        line[f"{title}, %"] = {"value": c.reduction, "low": c.low, "high": c.high}
        if measure in published.REDUCTION:
            line[f"{title}: paper"] = published.REDUCTION[measure][name]
        if measure in ("ip", "cost"):
            line[f"{title}: seeds"] = [c.worst, c.best]
            line[f"{title}: paired"] = c.paired
    return line


def absolutes(results, config, name):
    """Absolute values on a data set, CT / twin."""
    line = {"data": name}
    for title, (case, measure, told) in MEASURES.items():
        c = results.compare(config, name, case, measure)
        line[title] = [c.ct, c.twin]
        if told is not None:
            line[f"{title}: paper"] = told[name]
    return line


def models(results, config, name):
    """Accuracies, sensitivity and seconds on a data set, CT / twin."""
    lost = points_lost(results, config, name)
    line = {"data": name, "accuracy": both(results, config, name, "accuracy")}
    line["accuracy: paper"] = published.ACCURACY[name]
    line["points lost: mean / worst seed"] = [lost.mean(), lost.max()]
    if config == "defaults":
        lost = points_lost(results, config, name, better=True)
        line["against the better scaling"] = [lost.mean(), lost.max()]
    return line | {
        "FGSM 0.1": both(results, config, name, "fgsm"),
        "FGSM 0.1: paper": published.FGSM.get(name),
        "PGD 0.1": both(results, config, name, "pgd"),
        "sensitivity": both(results, config, name, "sensitivity"),
        "sensitivity: paper": published.SENSITIVITY[name],
        "seconds": both(results, config, name, "seconds"),
        "mature": results.mean(config, "CT", name, "mature"),
    }


def points_lost(results, config, name, better=False, variant="CT"):
    """Accuracy that CT, or a variant, loses against its twin, in points, by seed.

    ``better``: for tabular sets, against the better of the twins with standard and
    with quantile scaling.
    """
    twins = ["BL"]
    if better and name in TABULAR:
        twins = ["BL standard", "BL quantile"]
    twins = [results.numbers(config, twin, name, "accuracy") for twin in twins]
    accuracy = results.numbers(config, variant, name, "accuracy")
    return 100 * (np.max(twins, axis=0) - accuracy)


def matched_attack(results, name):
    """Accuracy under FGSM where our twins fall as often as the paper's do at 0.1.

    Epsilon is found between those measured, for the twins of the paper's settings.
    """
    told = published.FGSM[name]
    twin = results.curve("paper", "BL", name, "fgsm")
    epsilon = np.interp(-told[1], -twin, EPSILONS)
    line = {"data": name, "the paper's CT / twin": told, "epsilon": epsilon}
    for config in ("paper", "defaults"):
        if results.has(config, "CT", name):
            line[config] = [
                np.interp(epsilon, EPSILONS, results.curve(config, v, name, "fgsm"))
                for v in ("CT", "BL")
            ]
    return line


def variants(results, names, chosen, protected=True, config="paper"):
    """One line for each data set and variant of a configuration."""
    lines = []
    for name in names:
        for variant in chosen:
            if not results.has(config, variant, name):
                continue
            of, key = results.compare, (config, variant, name)
            line = {
                "data": name,
                "trained with": variant,
                "accuracy": results.mean(*key, "accuracy"),
                "FGSM 0.1": results.mean(*key, "fgsm"),
                "IP reduced, %": of(config, name, "free", "ip", variant).reduction,
                "relative IP": of(config, name, "free", "relative", variant).ct,
                "validity": of(config, name, "free", "validity", variant).ct,
            }
            if protected:
                cost = of(config, name, "protected", "cost", variant)
                arrived = of(config, name, "protected", "validity", variant)
                line["protected cost reduced, %"] = cost.reduction
                line["validity, protected"] = arrived.ct
            line["mature"] = results.mean(*key, "mature")
            line["seconds"] = results.mean(*key, "seconds")
            lines.append(line)
    return lines


def grid(results, parameter):
    """IP reduced, accuracy and mature share over the points of a grid."""
    lines = []
    for value in GRIDS[parameter]:
        line = {parameter: value}
        for name in CHEAP:
            variant, _ = grid_variant(name, parameter, value)
            if results.has("paper", variant, name):
                ip = results.compare("paper", name, "free", "ip", variant).reduction
                told = [
                    results.mean("paper", variant, name, key)
                    for key in ("accuracy", "mature")
                ]
                line[name] = [ip, *told]
                if variant == "CT":  # the paper's own value for the data set
                    line[name].append("*")
        lines.append(line)
    return lines


def summary(results):
    """Figures over all data sets: the paper's, and those of both configurations."""
    configs = [c for c in ("paper", "defaults") if results.names(c)]
    told = {n: published_figures(n) for n in results.names(configs[0])}
    columns = {"paper": summed_up(pd.DataFrame.from_dict(told, orient="index"))}
    titles = {"paper": "paper's settings", "defaults": "defaults of the class"}
    for config in configs:
        own = {n: figures_of(results, config, n) for n in results.names(config)}
        columns[titles[config]] = summed_up(pd.DataFrame.from_dict(own, orient="index"))
    lines = dict.fromkeys(what for column in columns.values() for what in column)
    return [
        {"": what, **{title: of.get(what) for title, of in columns.items()}}
        for what in lines
    ]


def figures_of(results, config, name):
    """Give what the summary takes of a data set."""
    line = {}
    for title, (case, measure, _) in MEASURES.items():
        c = results.compare(config, name, case, measure)
        line |= {title: c.reduction, f"{title}, CT": c.ct, f"{title}, BL": c.twin}
    ct, twin = both(results, config, name, "sensitivity")
    line["less sensitive"] = ct < twin
    line["lost"] = points_lost(results, config, name, config == "defaults").mean()
    if name in published.FGSM:
        line["FGSM"] = results.mean(config, "CT", name, "fgsm")
    return line


def published_figures(name):
    """Give the same of the paper, as far as it has it."""
    line = {
        title: published.REDUCTION[measure][name]
        for title, (_, measure, _) in MEASURES.items()
        if measure in published.REDUCTION
    }
    for title, (_, _, told) in MEASURES.items():
        if told is not None:
            line[f"{title}, CT"], line[f"{title}, BL"] = told[name]
    ct, twin = published.SENSITIVITY[name]
    line["less sensitive"] = ct < twin
    ct, twin = published.ACCURACY[name]
    line["lost"] = 100 * (twin - ct)
    return line | {"FGSM": published.FGSM.get(name, [np.nan])[0]}


def summed_up(sets):
    """Figures over data sets, from a frame with a row each."""

    def pair(title):
        return [mean(sets[f"{title}, {model}"]) for model in ("CT", "BL")]

    lines = {
        "IP reduced, mean, %": mean(sets["IP"]),
        "IP* reduced, mean, %": mean(sets["IP*"]),
        "protected cost reduced, mean, %": mean(sets["protected cost"]),
        "validity CT / twin": pair("validity"),
        "validity CT / twin, protected": pair("validity, protected"),
        "points of accuracy lost, mean": mean(sets["lost"]),
        "points of accuracy lost, worst": worst(sets["lost"]),
        "FGSM 0.1, mean of real sets": mean(sets["FGSM"]),
        "sensitivity below the twin's": count(sets["less sensitive"]),
    }
    if "relative IP" not in sets:
        return lines
    relative, robust = sets["relative IP, CT"], sets["FGSM"].dropna().round(2)
    told = [published.FGSM[name][0] for name in robust.index]
    limits = 100 * (1 - 1 / sets["relative IP, BL"])
    return lines | {
        "IP reduced, were CT at the limit, %": mean(limits),
        "IP* (median) reduced, mean, %": mean(sets["IP* (median)"]),
        f"relative IP of CT at most {LIMIT}": count(relative <= LIMIT),
        "relative IP CT / twin, mean": pair("relative IP"),
        "relative IP of CT, worst": worst(relative),
        "FGSM 0.1 at least the paper's": count(robust >= told),
    }


def count(truths):
    """How many of them, as text."""
    truths = list(truths)
    return f"{sum(truths)} of {len(truths)}"


def worst(values):
    """Largest of a Series and whose it is."""
    return f"{values.max():.3g} ({values.idxmax()})"


# -- figures --------------------------------------------------------------------


def all_figures(results):
    """Collect the data of the figures that the results allow."""
    drawn = {}
    for config, ending in (("paper", ""), ("defaults", "_defaults")):
        names = results.names(config)
        shown = {
            (name, variant): results.all(config, variant, name)[0]["picture"]
            for name in ("Circ", "Moon", "MNIST")
            for variant in MODELS
            if results.has(config, variant, name, "picture")
        }
        walks = {
            f"{name}: {MODELS[v]},\n{word}": shown[name, v][case]
            for name in ("Circ", "Moon")
            for case, word in (("free", "free"), ("protected", "x protected"))
            for v in MODELS
            if (name, v) in shown
        }
        if walks:
            drawn[f"paths{ending}"] = {"kind": "planes", "data": {"panes": walks}}
        if names:
            panes = {n: robustness(results, config, n) for n in names}
            drawn[f"robustness{ending}"] = {"kind": "curves", "data": {"panes": panes}}
        if ("MNIST", "CT") in shown:
            titles = [f"{factual} to {target}" for factual, target in DIGITS]
            rows = {"factual": {"images": shown["MNIST", "CT"]["factuals"]}}
            rows["factual"]["status"] = None
            rows |= {word: shown["MNIST", v] for v, word in MODELS.items()}
            data = {"rows": rows, "titles": titles}
            drawn[f"mnist{ending}"] = {"kind": "images", "data": data}
    if results.names("paper", "AR"):
        drawn["ablation"] = {"kind": "bars", "data": ablation(results)}
    return drawn


def robustness(results, config, name):
    """Accuracy over the size of the attack."""
    lines = {
        f"{word}, {attack.upper()}": results.curve(config, variant, name, attack)
        for variant, word in MODELS.items()
        for attack in ("fgsm", "pgd")
    }
    return {"x": EPSILONS, "label": "size of the attack", "lines": lines}


def ablation(results):
    """Show what each part of the objective gives."""
    names, chosen = results.names("paper", "AR"), ("AR", "CD", "CT")
    chosen = [v for v in chosen if results.has("paper", v, names[0])]
    panes = {
        title: {
            v: [results.compare("paper", n, case, key, v).reduction for n in names]
            for v in chosen
        }
        for title, case, key in (
            ("IP reduced, %", "free", "ip"),
            ("protected cost reduced, %", "protected", "cost"),
        )
    }
    panes["points gained under FGSM 0.1"] = {
        v: [
            100 * (a - results.mean("paper", "BL", n, "fgsm"))
            for n in names
            for a in [results.mean("paper", v, n, "fgsm")]
        ]
        for v in chosen
    }
    return {"panes": panes, "names": names}
