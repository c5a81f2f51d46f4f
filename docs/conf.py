"""How the documentation is built; `make docs` runs it with warnings as errors."""

import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")

with warnings.catch_warnings():
    # exspy 0.3 imports from places that HyperSpy 2.5 calls deprecated
    warnings.filterwarnings("ignore", message="Importing `Lazy")
    import exspy.signals  # noqa: F401
import hyperspy.api as hs
import matplotlib

import hyperspy_unmix

hs.preferences.General.show_progressbar = False
matplotlib.rcParams.update({"figure.dpi": 100, "savefig.dpi": 100})
# An example that warns is wrong, or the warning belongs on the page.
warnings.filterwarnings("error", module="hyperspy_unmix")

project = "hyperspy_unmix"
author = "The hyperspy_unmix developers"
copyright = f"2026, {author}"
version = release = hyperspy_unmix.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = [
    "_build",
    "**/GALLERY_HEADER.rst",
    "**/*.codeobj.json",
    "**/*.ipynb",
    "**/*.zip",
    "**/*.md5",
]
nitpicky = False

# Other projects' indices come over the network, so only a build that is asked to looks there.
if os.environ.get("DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "hyperspy": ("https://hyperspy.org/hyperspy-doc/current", None),
        "exspy": ("https://hyperspy.org/exspy", None),
    }

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": ["../examples/how_it_works", "../examples/gallery"],
    "gallery_dirs": ["how_it_works", "gallery"],
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "plot_gallery": True,
    "capture_repr": ("__repr__",),
    "ignore_repr_types": r"matplotlib|ShownOnce",
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "reference_url": {"hyperspy_unmix": None},
    "doc_module": ("hyperspy_unmix",),
    "backreferences_dir": "api/examples",
    "inspect_global_variables": False,
}

templates_path = ["_templates"]

DOCS = Path(__file__).parent
WIDE = [f"benchmarks/{p.stem}" for p in DOCS.glob("benchmarks/*.md") if p.stem != "index"]
WIDE.append("measured_core_shell")
html_theme = "pydata_sphinx_theme"
html_title = "hyperspy_unmix"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_theme_options = {
    "github_url": "https://github.com/hyperspy-unmix/hyperspy_unmix",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "show_prev_next": True,
    # Tables need the width that a list of headings would take.
    "secondary_sidebar_items": {"**": ["page-toc"]} | {name: [] for name in WIDE},
}
html_sidebars = {"getting_started": [], "theory": []}
html_show_sourcelink = False
# Search and pages work from a folder, without a server or the network.
html_baseurl = os.environ.get("DOCS_BASEURL", "")


def _shorten(app, what, name, obj, options, lines) -> None:
    """HyperSpy's help of save() is for its own pages, to which it refers."""
    if name.endswith("UnmixMixin.save"):
        lines[:] = [
            "Save the signal, as ``hyperspy.api.signals.BaseSignal.save`` does.",
            "",
            "Formats other than HyperSpy's own and NeXus know nothing of this signal type, and get",
            "that of the base class.",
        ]


def _without_missing_pictures(app, name, source) -> None:
    """Pictures of measured data are not in the repository, and not there in most builds."""
    from measured_pages import PAGES, without_missing_pictures

    if name in PAGES:
        source[0] = without_missing_pictures(source[0])


def setup(app) -> None:
    """Before numpydoc reads docstrings, and before pages are read."""
    sys.path.insert(0, str(DOCS))
    app.connect("autodoc-process-docstring", _shorten, priority=400)
    app.connect("source-read", _without_missing_pictures)
