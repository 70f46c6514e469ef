"""What Jupyter Book 1 does not give: one address, descriptions, a front door, a sitemap."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", set_address)
    app.connect("env-get-outdated", notice_static_files)
    app.connect("html-page-context", add_description)
    app.connect("build-finished", write_front_door, priority=400)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def set_address(app: Sphinx, config: Config) -> None:
    """Derive the site's address from the repository's, as GitHub Pages does, and what pages say of both."""
    url = config.html_theme_options["repository_url"]
    owner, name = urlsplit(url).path.strip("/").split("/")
    config.html_baseurl = f"https://{owner.lower()}.github.io/{name}/"
    config.html_context["address"] = config.html_baseurl
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


def add_description(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give search engines the page's first paragraph; the theme gives them nothing."""
    if doctree:
        context["description"] = first_paragraph(doctree)


def first_paragraph(doctree: nodes.document) -> str:
    """The beginning of the text, at most 160 characters of it."""
    text = " ".join(next(doctree.findall(nodes.paragraph)).astext().split())
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " ..."


def write_front_door(app: Sphinx, error: Exception | None) -> None:
    """Write index.html, which leads to the first page; the one of sphinx-external-toc has no title and no link."""
    if error is None and app.builder.name == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        context = {
            "page": page,
            "address": app.config.html_baseurl,
            "docstitle": app.config.html_title,
            "pageurl": app.config.html_baseurl + page,
            "description": first_paragraph(app.env.get_doctree(app.config.root_doc)),
        }
        html = app.builder.templates.render("front_door.html", context)
        Path(app.outdir, "index.html").write_text(html, encoding="utf-8")


def write_sitemap(app: Sphinx, error: Exception | None) -> None:
    """Write sitemap.xml, the list of pages that search engines read."""
    if error is None and app.builder.name == "html":
        pages = sorted(
            app.config.html_baseurl + app.builder.get_target_uri(d) for d in app.env.found_docs
        )
        urls = "".join(f"<url><loc>{escape(page)}</loc></url>\n" for page in pages)
        xml = '<?xml version="1.0" encoding="UTF-8"?>\n'
        xml += f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
        Path(app.outdir, "sitemap.xml").write_text(xml, encoding="utf-8")
