"""How Sphinx makes the site; `python -m helpers.build_site` calls it."""

import re

from sphinx.application import Sphinx

project = "What does an image classifier really look at?"
author = "the authors of the course"
copyright = "2026, the authors of the course. Text and pictures CC BY 4.0, code MIT"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = [".doctrees"]
default_role = "code"

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_ipywidgets_js = {}  # they would come from another host
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True  # paths of this machine would stand there
autodoc_typehints = "none"  # the docstrings tell
napoleon_google_docstring = False
napoleon_use_rtype = False
copybutton_selector = "div.cell_input div.highlight pre, div.highlight-bash pre"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_js_files = ["enlarge.js"]
html_favicon = "_static/logo.svg"
html_copy_source = False  # notebooks come from the repository, with their helpers
html_use_index = False  # the search and the list of helpers do the same, and better
html_domain_indices = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "alt_text": "A dash that could be a 7: to the first page",
        "text": project,
    },
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "toc_title": "On this page",
    "use_download_button": False,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def skip_fields(app, what, name, obj, skip, options):
    """Leave out the fields of named tuples: the class's own docstring names them."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def escape_bars(app, what, name, obj, options, lines):
    """Let |x| be an absolute value, and not the name of a substitution."""
    lines[:] = [re.sub(r"\|(?=[^`]*(`[^`]*`[^`]*)*$)", r"\|", line) for line in lines]


def setup(app: Sphinx):
    """Connect what is above."""
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", escape_bars)
