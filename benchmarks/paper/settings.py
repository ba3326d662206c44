"""What is trained: configurations, variants, and the units of a run."""

from dataclasses import dataclass, field
from itertools import product

from benchmarks._common import CONVENTIONAL
from benchmarks.paper.data import DATA, TABULAR
from sklearn_ct.generators import GENERATORS, ECCCo

CONFIGS = ("paper", "defaults", "ablation", "generators", "grids")
CHEAP = ("Moon", "Circ", "CH")  # for generators and grids


def paper_settings(name):
    """Parameters of the classifier as in the paper, for a data set."""
    data = DATA[name]
    return {
        "hidden_layer_sizes": (32,),
        "activation": "relu",
        "domain": data.domain,
        "numeric_scaling": data.scaling,
        "generator": paper_generator(),
        "lambda_div": 0.5,
        "lambda_adv": 0.25,
        "lambda_reg": data.lambda_reg,
        "averaging": 0.0,
        "tau": data.tau,
        "tau_max": data.tau,
        "epsilon": 0.3,
        "n_positives": 1,
        "swap_immutable": 0.0,
        "n_counterfactuals": data.n_ce,
        "burn_in": 0.0,
        "max_epochs": 100,
        "batch_size": data.batch_size,
        "lr": 1e-3,
        "weight_decay": 0.0,
    }


def paper_generator(max_iter=30):
    """Make the paper's backbone, with its reading of the nascent counterfactual."""
    return ECCCo(
        step_size=0.25,
        max_iter=max_iter,
        lambda_cost=0.001,
        lambda_energy=5.0,
        nascent="last",
        max_move=None,
        epoch_steps=None,
    )


ABLATION = {
    "AR": {"lambda_div": 0.0, "lambda_reg": 0.0},
    "CD": {"lambda_adv": 0.0},
}
BACKBONES = {
    name: {"generator": make(nascent="last", max_move=None, epoch_steps=None)}
    for name, make in GENERATORS.items()
    if make is not ECCCo
}
GRIDS = {
    "tau": (0.5, 0.75, 0.9, 0.95),
    "max_iter": (5, 15, 30, 50),
    "lambda_reg": (0.0, 0.01, 0.1, 0.25, 0.5, 1.0),
    "n_counterfactuals": (50, 200, 1000, 5000),
    "burn_in": (0.0, 0.5, 0.9),
}


def grid_variant(name, parameter, value):
    """Name and parameters of a grid's point; plain "CT" where it is the paper's own."""
    if parameter == "max_iter":
        changes = {"generator": paper_generator(value)}
    elif parameter == "tau":
        changes = {"tau": value, "tau_max": value}
    else:
        changes = {parameter: value}
    base = paper_settings(name)
    own = all(repr(base[key]) == repr(new) for key, new in changes.items())
    return ("CT", {}) if own else (f"{parameter}={value}", changes)


@dataclass(frozen=True)
class Unit:
    """One training and its measurement.

    ``parts``: "all"; "free": without protected features; "accuracy" alone.
    """

    config: str  # "paper" or "defaults"
    variant: str
    data: str
    seed: int
    rounds: int
    parts: str = "all"
    changes: dict = field(default_factory=dict, compare=False)
    picture: bool = False

    @property
    def parameters(self):
        """Parameters of the classifier, apart from the mutability."""
        paper = self.config == "paper"
        base = paper_settings(self.data) if paper else DATA[self.data].known
        return {**base, **self.changes, "random_state": self.seed}

    @property
    def conventional(self):
        """Whether it is trained conventionally, which knows no mutability."""
        return self.parameters.items() >= CONVENTIONAL.items()

    @property
    def key(self):
        """Name of the result."""
        return self.config, self.variant, self.data, self.seed


def variants_of(config, name, first_seeds):
    """(variant, changes, parts) of a configuration besides CT and BL."""
    if config == "ablation":
        return [(variant, changes, "all") for variant, changes in ABLATION.items()]
    if config == "generators" and name in CHEAP:
        return [(variant, changes, "free") for variant, changes in BACKBONES.items()]
    if config == "grids" and name in CHEAP and first_seeds:
        points = [(key, value) for key, values in GRIDS.items() for value in values]
        return [(*grid_variant(name, *point), "free") for point in points]
    if config == "defaults" and name in TABULAR:
        return [
            (f"BL {scaling}", {**CONVENTIONAL, "numeric_scaling": scaling}, "accuracy")
            for scaling in ("standard", "quantile")
        ]
    return []


def make_units(configs, names, n_seeds, rounds, n_grid_seeds=1):
    """List the units of a run, each once, those that take long first."""
    units = {}
    names = sorted(names, key=["MNIST", *TABULAR, *DATA].index)
    for name, seed, config in product(names, range(n_seeds), CONFIGS):
        if config not in configs:
            continue
        drawn = seed == 0 and name in ("Circ", "Moon", "MNIST")
        variants = [("CT", {}, "all"), ("BL", CONVENTIONAL, "all")]
        variants += variants_of(config, name, seed < n_grid_seeds)
        for variant, changes, parts in variants:
            unit = Unit(
                "defaults" if config == "defaults" else "paper",
                *(variant, name, seed, rounds, parts, changes),
                picture=drawn and variant in ("CT", "BL"),
            )
            units.setdefault(unit.key, unit)
    return list(units.values())
