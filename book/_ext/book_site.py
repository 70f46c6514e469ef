"""What the book needs and Jupyter Book 1 does not give: one address, links to terms, descriptions, a front door."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

FRONT_DOOR = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="0; url={page}">
<link rel="canonical" href="{address}{page}">
<link rel="icon" href="_static/icon.svg">
<title>{title}</title>
<h1>{title}</h1>
<p><a href="{page}">Open the book</a></p>
</html>
"""


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", set_address)
    app.connect("env-get-outdated", notice_static_files)
    app.connect("doctree-read", add_terms)
    app.connect("html-page-context", add_description)
    app.connect("html-page-context", drop_unused_scripts, priority=600)
    app.connect("build-finished", write_front_door, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def set_address(app: Sphinx, config: Config) -> None:
    """Derive the site's address from the repository's, as GitHub Pages does, and what pages say of both."""
    url = config.html_theme_options["repository_url"]
    owner, name = urlsplit(url).path.strip("/").split("/")
    config.html_baseurl = f"https://{owner.lower()}.github.io/{name}/"
    config.myst_substitutions["repository"] = f"[repository]({url})"
    draw = f"{config.html_baseurl}book/index.html#lab-draw"  # root_doc is not known yet
    config.myst_substitutions["draw"] = (
        f"[Draw a digit: two networks read it while you draw]({draw})"
    )


def notice_static_files(app: Sphinx, env: Any, *pages: set[str]) -> list[str]:
    """Call the first page changed when a script or style is: where no page changed, Sphinx copies none of them."""
    source, built = Path(app.srcdir, "book", "_static"), Path(app.outdir, "_static")
    for file in (f for f in source.rglob("*") if f.is_file()):
        copy = built / file.relative_to(source)
        if copy.exists() and copy.read_bytes() != file.read_bytes():
            return [app.config.root_doc]
    return []


def add_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Let chapters link to `glossary.md#term-pixel`; MyST knows headings only, and warns."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for term in doctree.findall(nodes.term):
        for name in term["ids"]:
            slugs[name] = (term.line, name, term.astext())


def add_description(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give search engines the page's first paragraph; the theme gives them nothing."""
    paragraph = next(doctree.findall(nodes.paragraph), None) if doctree else None
    if paragraph is not None:
        text = " ".join(paragraph.astext().split())
        context["description"] = text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " ..."


def drop_unused_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load MathJax where there is mathematics (Sphinx loads it for pages below too); labs and questions likewise."""
    found = doctree.findall if doctree else lambda condition: []
    unused = []
    if not any(found(lambda n: isinstance(n, nodes.math | nodes.math_block))):
        unused += ["mathjax", "formulas.js"]
    if not any(found(lambda n: isinstance(n, nodes.reference) and "#lab-" in n.get("refuri", ""))):
        unused.append("labs/")
    if not any(found(lambda n: isinstance(n, nodes.section) and "check-yourself" in n["ids"])):
        unused.append("quiz.")
    for files in (context["script_files"], context["css_files"]):
        files[:] = [f for f in files if not any(u in str(vars(f)).lower() for u in unused)]


def write_front_door(app: Sphinx, error: Exception | None) -> None:
    """Write index.html, which leads to the first page; the one of sphinx-external-toc has no title and no link."""
    if error is None and app.builder.name == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        html = FRONT_DOOR.format(
            page=page, address=app.config.html_baseurl, title=app.config.html_title
        )
        Path(app.outdir, "index.html").write_text(html, encoding="utf-8")
