"""What `make dist` gives to take away: the zip opens from a disk, and the PDF can be printed and walked through."""

from __future__ import annotations

import re
import subprocess
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from book_pdf import chapters
from playwright.sync_api import Browser
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def dist(browser: Browser) -> Path:
    done = subprocess.run(["make", "-s", "dist"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"`make dist` failed:\n{done.stdout}\n{done.stderr}"
    return ROOT / "dist"


@pytest.fixture(scope="module")
def pdf(dist: Path) -> Iterator[PdfReader]:
    with (dist / "book.pdf").open("rb") as file:
        yield PdfReader(file)


def bookmarks(pdf: PdfReader) -> list[tuple[str, int]]:
    """(title, page number from 1) of the bookmarks of the highest level."""
    marks = [mark for mark in pdf.outline if not isinstance(mark, list)]
    return [(mark.title, pdf.get_destination_page_number(mark) + 1) for mark in marks]


def words(text: str) -> str:
    """Plain words: the PDF sets "fi" as one letter."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def test_zip_opens_from_a_disk(dist: Path, browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "a folder, with a comma"
    with zipfile.ZipFile(dist / "book.zip") as archive:
        archive.extractall(folder)
    complaints: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None
    )
    page.goto((folder / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    page.locator("#lab-draw .lab-says").first.wait_for()
    page.goto((folder / "search.html").as_uri() + "?q=pooling")
    page.locator("#search-results li a").filter(has_text="Pooling: why throw pixels away?").click()
    page.get_by_role("heading", name="Pooling: why throw pixels away?").wait_for()
    page.context.close()
    assert complaints == []


def test_pdf_has_the_chapters_in_order(pdf: PdfReader) -> None:
    titles = [title for title, _ in bookmarks(pdf)]
    numbers = [number for _, number in bookmarks(pdf)]
    assert titles[:2] == ["Beyond Feedforward", "Contents"]
    assert len(titles) == len(chapters()) + 1
    begun = [re.match(r"\d\d(?=_)|", page.rsplit("/", 1)[1])[0] for page, _ in chapters()[1:]]
    assert [re.match(r"\d\d(?= )|", title)[0] for title in titles[2:]] == begun
    assert numbers == sorted(set(numbers))
    assert pdf.metadata.title == "Beyond Feedforward"
    assert [round(float(side)) for side in pdf.pages[0].mediabox[2:]] == [595, 842]


def test_pdf_contents_name_the_right_pages(pdf: PdfReader) -> None:
    (_, first), (_, end) = bookmarks(pdf)[1:3]
    contents = words(" ".join(page.extract_text() for page in pdf.pages[first - 1 : end - 1]))
    for title, number in bookmarks(pdf)[2:]:
        assert f"{title} {number}" in contents
        start = words(pdf.pages[number - 1].extract_text())
        assert start.count(title) >= 2, "the title, and the head of the page"
        assert re.search(rf"\b{number}\b", start), "the number at the foot"


def test_pdf_links_stay_in_the_pdf(pdf: PdfReader) -> None:
    inside, outside = 0, []
    for page in pdf.pages:
        for annotation in page.get("/Annots") or []:
            link = annotation.get_object()
            action = link.get("/A", {})
            target = link.get("/Dest") or action.get("/D")
            if target is not None:
                inside += 1
                assert not isinstance(target, str) or target in pdf.named_destinations, target
            elif "/URI" in action:
                outside.append(str(action["/URI"]))
    assert inside >= len(chapters()), "the contents, and at least one link in the text"
    assert [uri for uri in outside if not uri.startswith("https://")] == []


def test_pdf_shows_folds_formulas_and_figures(pdf: PdfReader) -> None:
    numbers = dict(bookmarks(pdf))
    start = next(number for title, number in numbers.items() if title.startswith("02 "))
    end = next(number for title, number in numbers.items() if title.startswith("03 "))
    pages = pdf.pages[start - 1 : end - 1]
    text = words(" ".join(page.extract_text() for page in pages))
    assert "A tempting wrong answer" in text
    assert "checks.check_answer" in text
    assert "\\frac" not in text
    assert "\\(" not in text
    assert sum(len(page.images) for page in pages) >= 5
