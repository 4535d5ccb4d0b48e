"""Sphinx configuration. `make docs` builds the site into build/docs, with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))
import generated

from vibevoice_nb import __version__

project = "vibevoice-nb"
author = "vibevoice-nb contributors"
copyright = author
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["tutorials/scripts"]

# Markdown pages and notebooks.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
myst_links_external_new_tab = False

# The tutorials are saved with their outputs (`make notebooks`), and tests compare these with a new run.
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # widgets need a kernel; without it, the script that shows them is of no use
nb_merge_streams = True

# The reference: numpy docstrings in the order of the source; a word in backticks is code.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
autoclass_content = "both"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # an attribute may also be a documented property
python_display_short_literal_types = True
python_maximum_signature_line_length = 90
suppress_warnings = [
    "ref.python",  # the type "path" in a docstring is also the name of an attribute
    "mystnb.unknown_mime_type",  # a take also carries data for the player of the JupyterLab extension
]
toc_object_entries_show_parents = "hide"

# Furo with system fonts: nothing is loaded from other hosts.
html_theme = "furo"
html_title = "vibevoice-nb"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """Copy the tutorials below this folder, and insert the generated pages."""
    generated.copy_tutorials()
    app.connect("source-read", generated.insert)
