"""Who imports whom: the package's layers, read from its files."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sklearn_ct

ROOT = Path(sklearn_ct.__file__).parent

# From top to bottom: a file imports from lower lines only, at module level.
LAYERS = [
    ["plotting"],
    ["__init__", "metrics", "datasets"],
    ["metrics._scorers"],
    ["_pipeline"],
    ["_classifier", "_pipeline_codec"],
    ["_explain", "_training", "_pipeline_rules"],
    ["_parameters"],
    ["_pretrained", "_validation"],
    ["_recourse", "_references", "_rules", "_inversion", "_counterfactuals"],
    ["_bounds", "_cutoff", "_edits", "_encoding", "_net", "generators"],
    ["_base", "_batches", "_generate"],
    ["metrics._attribution", "metrics._neighbors", "metrics._violations"],
    ["_objective", "_search", "_vae", "_variables", "_link"],
    ["metrics._actionability", "metrics._plausibility", "metrics._robustness"],
    [
        "datasets._fetch",
        "datasets._synthetic",
        "_calibration",
        "_compat",
        "_table",
        "_invalidation",
        "_json",
        "_model",
        "_pipeline_memo",
        "_reasons",
        "_scaling",
    ],
    ["losses", "_constraints", "_gradient", "_module", "_torch_state"],
]
CORE = {
    "losses",
    "_search",
    "_generate",
    "_objective",
    "_constraints",
    "_gradient",
    "_module",
    "_torch_state",
    "_vae",
}
# Packages that only these files may import.
RESERVED = {"skorch": {"_net"}, "matplotlib": set()}

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}


def imports(path, *, nested=False):
    """Pairs (module, imported name or None) of a file, at module level or all."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []

    def visit(node):
        for child in ast.iter_child_nodes(node):
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(child, ast.Import):
                found.extend((alias.name, None) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = "." * child.level + (child.module or "")
                found.extend((module, alias.name) for alias in child.names)
            elif nested or not inside:
                visit(child)

    visit(tree)
    return found


def own(path):
    """Files of the package that a file imports at module level."""
    found = set()
    for module, name in imports(path):
        if module.split(".")[0] != "sklearn_ct":
            continue
        inner = module.removeprefix("sklearn_ct").removeprefix(".")
        submodule = f"{inner}.{name}".lstrip(".")
        found.add(submodule if submodule in FILES else inner or "__init__")
    return found


GRAPH = {name: own(path) for name, path in FILES.items()}


def test_every_file_has_its_layer():
    listed = [name for layer in LAYERS for name in layer]
    assert sorted(listed) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_nothing_imports_upward(name):
    depth = {name: k for k, layer in enumerate(LAYERS) for name in layer}
    upward = [other for other in GRAPH[name] if depth[other] <= depth[name]]
    assert not upward


def test_no_cycles():
    order = list(TopologicalSorter(GRAPH).static_order())
    assert set(order) == set(FILES)


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core_imports_torch_and_nothing_else(name):
    outside = {module.split(".")[0] for module, _ in imports(FILES[name], nested=True)}
    assert outside <= sys.stdlib_module_names | {"torch", "sklearn_ct"}
    assert GRAPH[name] <= CORE


@pytest.mark.parametrize("package", sorted(RESERVED))
def test_reserved_packages(package):
    users = {
        name
        for name, path in FILES.items()
        if package in {module.split(".")[0] for module, _ in imports(path)}
    }
    assert users == RESERVED[package]


def test_skorch_is_not_imported_inside_functions_either():
    users = {
        name
        for name, path in FILES.items()
        for module, _ in imports(path, nested=True)
        if module.split(".")[0] == "skorch"
    }
    assert users == {"_net"}


def test_private_names_of_sklearn_are_imported_in_one_file():
    users = {
        name
        for name, path in FILES.items()
        for module, imported in imports(path, nested=True)
        if module.split(".")[0] == "sklearn"
        and any(part.startswith("_") for part in [*module.split("."), imported or ""])
    }
    assert users == {"_compat"}


@pytest.mark.parametrize("name", FILES)
def test_imports_are_absolute(name):
    assert not any(m.startswith(".") for m, _ in imports(FILES[name], nested=True))


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_longer_than_400_lines(name):
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= 400
