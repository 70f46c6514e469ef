"""Drop the rules of the theme's styles that no page uses: four fifths of them, and 50 kB a page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx

# Files that no page asks for: see _templates/static/webpack-macros.html.
NEVER_LOADED = ("scripts/bootstrap*", "scripts/fontawesome*", "styles/*.map", "vendor", "webfonts")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", drop_unused_styles, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def drop_unused_styles(app: Sphinx, error: Exception | None) -> None:
    """Drop the rules of the theme that no page of the book can use, and its icon fonts and scripts."""
    if error is not None or app.builder.name != "html":
        return
    built = Path(app.outdir, "_static")
    for file in (file for pattern in NEVER_LOADED for file in built.glob(pattern)):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    words: set[str] = set()
    for file in (*Path(app.outdir).rglob("*.html"), *built.rglob("*.js")):
        if file.name != "mathjax.js":
            words.update(re.findall(r"[\w-]+", file.read_text(encoding="utf-8")))
    for file in (*built.glob("styles/*.css"), *built.glob("mystnb*.css")):
        rules = tinycss2.parse_stylesheet(file.read_text(encoding="utf-8"), True, True)
        file.write_text(kept(rules, words), encoding="utf-8")


def kept(rules: list[Any], words: set[str]) -> str:
    """The rules with a selector whose classes and ids all occur among `words`."""
    text = ""
    for rule in rules:
        head = tinycss2.serialize(rule.prelude)
        if rule.type == "qualified-rule":
            plain = re.sub(r":not\([^)]*\)", "", head)
            names = [re.findall(r"[.#]([a-zA-Z][\w-]*)", selector) for selector in plain.split(",")]
            if any(words.issuperset(each) for each in names):
                text += f"{head}{{{tinycss2.serialize(rule.content)}}}"
        elif rule.content is None or rule.lower_at_keyword not in ("media", "supports"):
            text += rule.serialize()
        elif inner := kept(tinycss2.parse_rule_list(rule.content, True, True), words):
            text += f"@{rule.at_keyword}{head}{{{inner}}}"
    return text
