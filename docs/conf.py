"""The site: ``python -m sphinx -W -b html docs docs/_build/html``.

Nothing is fetched while it is built. ``-D plot_gallery=0`` leaves the examples of the
gallery unrun.
"""

import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import sklearn_ct  # noqa: E402

project = "sklearn-ct"
copyright = "the sklearn-ct developers"
version = release = sklearn_ct.__version__
REPOSITORY = "https://github.com/sklearn-ct/sklearn-ct"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "gallery/**/*.ipynb"]
templates_path = ["_templates"]
default_role = "py:obj"  # `name` is a link where there is a page of it

# Docstrings.
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
autosummary_generate = True
numpydoc_show_class_members = False  # the template lists them
numpydoc_xref_param_type = False

# Pages.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Examples.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "ignore_pattern": "plot_loan_recourse",  # a program, for the command line
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1,
    "remove_config_comments": True,
    "backreferences_dir": "api/examples",
    "doc_module": ("sklearn_ct",),
}

# Looks.
html_baseurl = "https://sklearn-ct.github.io/sklearn-ct/"
html_theme = "pydata_sphinx_theme"
html_title = "sklearn-ct"
# Pages that stand alone have no neighbours to list.
html_sidebars = {
    page: [] for page in ("start", "how_to_choose", "not_claimed", "changelog")
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sklearn-ct"},
    "icon_links": [
        {"name": "Repository", "url": REPOSITORY, "icon": "fa-brands fa-github"}
    ],
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}


def visit_math(self, node):
    """Write an equation as MathML, which browsers draw by themselves."""
    block = isinstance(node, nodes.math_block)
    self.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


def hide_signature(app, what, name, obj, options, signature, returns):
    """Leave out the signature of a class that is made by the package alone."""
    if what == "class" and ", _" in (signature or ""):
        return "", returns
    return None


def setup(app):
    """Register what the site adds to Sphinx."""
    app.connect("autodoc-process-signature", hide_signature)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
