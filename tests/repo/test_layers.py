"""Who imports whom: the rules of the house, read from the package's files.

Imports inside functions count as much as those at the top.
"""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sklearn_ct

ROOT = Path(sklearn_ct.__file__).parent
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}
OPEN = {"_compat", "losses"}  # to all, but the core takes `losses` alone

# What a folder, or a file at the top, may import of the package besides itself.
ALLOWED = {
    "_compat": set(),
    "losses": set(),
    "_core": {"losses"},
    "_tables": set(),
    "metrics": {"_rules.language"},
    "datasets": set(),
    "_rules": {"_core", "_tables"},
    "_training": {"_core"},
    "generators": {"_core"},
    "_result": {"metrics", "_tables"},
    "_recourse": {"_core", "_tables", "_rules", "_training", "generators", "_result"}
    | {"metrics"},
}
ALLOWED["_estimator"] = ALLOWED["_recourse"] | {"_recourse"}
ALLOWED["_pipeline"] = ALLOWED["_estimator"] | {"_estimator"}
# The files at the top use what is public of all below.
TOP = {"__init__", "scoring", "plotting", "audit"}
ALLOWED |= {
    name: ALLOWED["_pipeline"] | {"_pipeline", "metrics", "scoring", "datasets"}
    for name in TOP
}
# Of each other: an audit draws its report, and scorers are audits of few rows.
ALLOWED["audit"] |= {"plotting"}
ALLOWED["scoring"] |= {"audit"}
RESERVED = {"skorch": {"_training"}, "matplotlib": {"plotting"}, "numba": {"_core"}}


def folder(name):
    """Folder of a file, or the file itself at the top."""
    return name.split(".")[0]


def imports(path):
    """Pairs (module, imported name or None) of a file, inside functions as well."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.extend((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.extend((module, alias.name) for alias in node.names)
    return found


def own(path):
    """Files of the package that a file imports."""
    found = set()
    for module, name in imports(path):
        if module.split(".")[0] != "sklearn_ct":
            continue
        inner = module.removeprefix("sklearn_ct").removeprefix(".")
        submodule = f"{inner}.{name}".lstrip(".")
        found.add(submodule if submodule in FILES else inner or "__init__")
    return found


GRAPH = {name: own(path) for name, path in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_the_rules_of_import(name):
    allowed = ALLOWED[folder(name)]
    broken = {
        other
        for other in GRAPH[name]
        if folder(other) != folder(name)
        and not {other, folder(other)} & allowed
        and not (folder(other) in OPEN and folder(name) not in ("_core", *OPEN))
    }
    assert not broken


def test_no_cycles_between_files():
    # The face of a folder imports its files, which do not import the face.
    assert set(TopologicalSorter(GRAPH).static_order()) == set(FILES)


def test_no_cycles_between_folders():
    graph = {}
    for name, others in GRAPH.items():
        graph.setdefault(folder(name), set()).update(map(folder, others))
    graph = {name: others - {name} for name, others in graph.items()}
    assert set(TopologicalSorter(graph).static_order()) == set(graph)


@pytest.mark.parametrize(
    "name", [name for name in FILES if folder(name) in ("_core", "losses")]
)
def test_the_core_imports_torch_and_nothing_else(name):
    outside = {module.split(".")[0] for module, _ in imports(FILES[name])}
    optional = {"numba", "numpy"} if name.startswith("_core.kernels") else set()
    assert outside <= sys.stdlib_module_names | {"torch", "sklearn_ct"} | optional


@pytest.mark.parametrize("package", sorted(RESERVED))
def test_reserved_packages(package):
    users = {
        folder(name)
        for name, path in FILES.items()
        if package in {module.split(".")[0] for module, _ in imports(path)}
    }
    assert users <= RESERVED[package]


@pytest.mark.parametrize("name", [n for n in FILES if folder(n) == "plotting"])
def test_matplotlib_is_imported_inside_functions(name):
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [node for node in top if "matplotlib" in ast.unparse(node)]


@pytest.mark.parametrize("name", [name for name in FILES if name != "_compat"])
def test_private_names_of_sklearn_are_in_one_file(name):
    private = [
        (module, imported)
        for module, imported in imports(FILES[name])
        if module.split(".")[0] == "sklearn"
        and any(part.startswith("_") for part in [*module.split("."), imported or ""])
    ]
    assert not private


# Of scikit-learn's objects; its developer guide has estimators use some names itself.
PRIVATE_ATTRIBUTES = {
    "_curve_scorer",
    "_get_pos_label",
    "_get_tags",
    "_more_tags",
    "_response_method",
    "_scorers",
    "_sign",
    "_transformers",
    "_validate_params",
}


@pytest.mark.parametrize("name", [name for name in FILES if name != "_compat"])
def test_private_attributes_of_sklearn_are_in_one_file(name):
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    used = {node.attr for node in nodes if ast.unparse(node) != "self._validate_params"}
    assert not used & PRIVATE_ATTRIBUTES


@pytest.mark.parametrize("name", FILES)
def test_no_private_name_of_another_folder(name):
    taken = [
        (module, imported)
        for module, imported in imports(FILES[name])
        if module.startswith("sklearn_ct.")
        and (imported or "").startswith("_")
        and f"{module}.{imported}".removeprefix("sklearn_ct.") not in FILES
        and folder(module.removeprefix("sklearn_ct.")) != folder(name)
    ]
    assert not taken


@pytest.mark.parametrize("name", FILES)
def test_imports_are_absolute(name):
    assert not any(module.startswith(".") for module, _ in imports(FILES[name]))


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_longer_than_600_lines(name):
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= 600
