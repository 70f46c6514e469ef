"""Print the built book into one PDF: title page, contents with page numbers, every page of the book, bookmarks.

    python tools/book_pdf.py dist/book.pdf       after `make book`; needs Chromium

Chromium lays out what the reader sees on the site. The pages are put into one, so that links from chapter to chapter
become links inside the PDF; a first printing tells on which page each chapter begins, a second one says so.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

import yaml
from bs4 import BeautifulSoup, Tag
from chromium import ADVICE, find_chromium
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))

# Page numbers at the foot, and the chapter's name at the head of each page.
PAGES = """
@page { size: A4; margin: 20mm 18mm 22mm; font: 9pt system-ui, sans-serif; color: #59626f;
        @bottom-right { content: counter(page); } @top-left { content: string(none); } }
@page :first { @bottom-right { content: none; } }
"""
# A PDF that says its structure describes each coloured word: colour comments, strings and keywords only.
KEPT_TOKENS = {"c1", "s1", "s2", "k", "kn", "kc", "ow"}
CHAPTER = '@page {name} {{ @top-right {{ content: "{title}"; }} }} #{name} {{ page: {name}; }}\n'
# Bookmarks, and the structure that screen readers need.
PRINTING: dict[str, Any] = {
    "prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True,
}  # fmt: skip
NUMBER = "(pages) => { for (const page in pages) document.getElementById(page).textContent = pages[page]; }"


def chapters() -> list[tuple[str, str]]:
    """(page, heading of the part that begins with it or "") in the order of the table of contents."""
    found = [(TOC["root"], "")]
    for part in TOC["parts"]:
        for i, chapter in enumerate(part["chapters"]):
            found.append((chapter["file"], "" if i else part["caption"]))
    return found


def name_of(page: str) -> str:
    """The id of a page of the site inside the one printed page: notebooks/04_pooling -> page-04_pooling."""
    return "page-" + page.rsplit("/", 1)[1]


def article_of(page: str, pages: set[str]) -> Tag:
    """The text of a page of the site, with its names and links made fit for one long page."""
    soup = BeautifulSoup((HTML / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    assert article is not None, f"{page}.html has no article"
    for link in article.select("a.headerlink"):
        link.decompose()
    for tag in article.select("[id]"):
        tag["id"] = f"{name_of(page)}-{tag['id']}"
    for link in article.select("a[href]"):
        path, _, anchor = str(link["href"]).partition("#")
        target = normpath(join(dirname(page), path)).removesuffix(".html") if path else page
        if target in pages and "://" not in path:
            link["href"] = f"#{name_of(target)}" + (f"-{anchor}" if anchor else "")
    for link in article.select("a.image-reference"):
        link.unwrap()  # a figure's link to its file
    for fold in article.select("details"):
        fold["open"] = ""
    for image in article.select("img"):
        del image["loading"]
    for token in article.select("pre span"):
        if not KEPT_TOKENS & set(token.get_attribute_list("class")):
            token.unwrap()
    article["id"] = name_of(page)
    return article


def one_page() -> str:
    """The whole book as one HTML page, with room for page numbers in its contents."""
    listed = chapters()
    pages = {page for page, _ in listed}
    styles, contents, articles = PAGES, "", ""
    for page, part in listed:
        article = article_of(page, pages)
        heading = article.select_one("h1")
        assert heading is not None, f"{page}.html has no title"
        title = heading.get_text()
        chapter = re.match(r"\d\d", page.rsplit("/", 1)[1])
        if chapter:
            title = f"{chapter[0]} {title}"
            heading.insert(0, f"{chapter[0]} ")
        if page != TOC["root"]:
            styles += CHAPTER.format(name=name_of(page), title=title.replace('"', "'"))
            contents += f'<p class="part">{part}</p>' if part else ""
            link = f'<a href="#{name_of(page)}">{title}</a>'
            contents += f'<p>{link}<span id="{page}">000</span></p>'
        articles += str(article)
        if page == TOC["root"]:
            articles += '<nav class="book-contents"><h1>Contents</h1>CONTENTS</nav>'
    # A chapter's page has every style.
    chapter_page = next(page for page, _ in listed if page.startswith("notebooks/"))
    sheet = BeautifulSoup(
        (HTML / f"{chapter_page}.html").read_text(encoding="utf-8"), "html.parser"
    )
    links = "".join(str(link) for link in sheet.select('link[rel="stylesheet"]'))
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light" data-content_root="../"><head><meta charset="utf-8">'
        f"<title>{CONFIG['title']}</title>{links}<style>{styles}</style>"
        f'<script src="../_static/formulas.js"></script></head><body class="book-print bd-article-container">'
        f"{articles.replace('CONTENTS', contents)}</body></html>"
    )


def first_pages(pdf: bytes) -> dict[str, int]:
    """The page on which each chapter begins, from the bookmarks of a printed book."""
    reader = PdfReader(io.BytesIO(pdf))
    marks = [mark for mark in reader.outline if not isinstance(mark, list)]
    begun = map(
        reader.get_destination_page_number, marks[2:]
    )  # after the title page and the contents
    return {page: (n or 0) + 1 for (page, _), n in zip(chapters()[1:], begun, strict=True)}


def print_book(path: Path) -> None:
    """Write the PDF of the built book to `path`."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit(f"The PDF is printed by a browser: {ADVICE}")
    if shutil.which("fc-list") and not subprocess.check_output(["fc-list", ":lang=zh"]):
        print(
            "No font here has the glossary's Chinese. On Debian: sudo apt install fonts-wqy-microhei"
        )
    folder = HTML / "_print"  # beside the folders of the pages: their ../_images is then its own
    folder.mkdir(exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page()
            (folder / "book.html").write_text(one_page(), encoding="utf-8")
            tab.goto((folder / "book.html").as_uri())
            tab.locator(".math").first.scroll_into_view_if_needed()
            tab.wait_for_selector("html[data-formulas=set]", timeout=120_000)
            tab.evaluate(NUMBER, first_pages(tab.pdf(**PRINTING)))
            pdf = tab.pdf(**PRINTING)
    finally:
        shutil.rmtree(folder)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pdf)


if __name__ == "__main__":
    print_book(Path(sys.argv[1]))
