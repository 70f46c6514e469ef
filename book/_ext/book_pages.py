"""What a page loads, and what it may load. The theme loads everything everywhere; a phone pays for it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import imagesize
from docutils import nodes
from sphinx.application import Sphinx

IMAGE = re.compile(r'<img (?=[^>]*src="[^"]*_images/([^"]+)")')
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", choose_files, priority=600)
    app.connect("html-page-context", size_images)
    app.connect("build-finished", allow_inline_scripts, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_files(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Keep the scripts and styles that the page has a use for."""
    found = list(doctree.findall()) if doctree else []
    # formulas.js fetches MathJax after the page is drawn; the other two set options of a search while typing.
    unused = ["mathjax", "documentation_options.pagename", "search_as_you_type"]
    if not any(isinstance(n, nodes.math | nodes.math_block) for n in found):
        unused.append("formulas.js")
    if not any(isinstance(n, nodes.literal_block) for n in found):
        unused += ["clipboard", "copybutton"]
    if not any(isinstance(n, nodes.reference) and "#lab-" in n.get("refuri", "") for n in found):
        unused.append("labs/")
    if not any(isinstance(n, nodes.section) and "check-yourself" in n["ids"] for n in found):
        unused.append("quiz.")
    if not page.startswith("notebooks/"):
        unused.append("mystnb")
    for files in (context["script_files"], context["css_files"]):
        files[:] = [f for f in files if not any(u in str(vars(f)).lower() for u in unused)]


def size_images(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Tell the browser each figure's shape, so that no text jumps, and to fetch those further down when needed."""
    sources = {copy: Path(app.srcdir, source) for source, copy in app.builder.images.items()}
    seen = []

    def sized(match: re.Match[str]) -> str:
        width, height = imagesize.get(sources[match[1]])
        lazy = 'loading="lazy" decoding="async" ' if seen else ""
        seen.append(match[1])
        return f'<img width="{width}" height="{height}" {lazy}'

    context["body"] = IMAGE.sub(sized, context.get("body") or "")


def allow_inline_scripts(app: Sphinx, error: Exception | None) -> None:
    """Put the hashes of a page's own inline scripts into its policy, which forbids all others."""
    for page in Path(app.outdir).rglob("*.html") if error is None else ():
        html = page.read_text(encoding="utf-8")
        if "INLINE-SCRIPTS" in html:
            digests = [hashlib.sha256(s.encode()).digest() for s in INLINE_SCRIPT.findall(html)]
            hashes = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
            page.write_text(html.replace("INLINE-SCRIPTS", hashes), encoding="utf-8")
