"""The questions under "Check yourself" in a real browser: each answer says whether it is right, by mouse and by keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import nbformat
import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, expect

import notebooks

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
CHAPTERS = {
    path.stem: nbformat.read(path, as_version=4)
    for path in sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))
}
WITH_QUESTIONS = [name for name, notebook in CHAPTERS.items() if notebooks.questions(notebook)]


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Open the section of a chapter as a page of its own, from the disk."""
    context = browser.new_context()
    path = tmp_path_factory.mktemp("quiz") / "page.html"

    def open_page(name: str) -> Page:
        text = "\n".join(c.source for c in CHAPTERS[name].cells if c.cell_type == "markdown")
        section = text.partition("\n## Check yourself\n")[2].split("\n## ")[0]
        path.write_text(
            '<!DOCTYPE html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Questions</title>'
            f'<link rel="stylesheet" href="{(STATIC / "book.css").as_uri()}">'
            f'<link rel="stylesheet" href="{(STATIC / "quiz.css").as_uri()}">'
            f'<script defer src="{(STATIC / "quiz.js").as_uri()}"></script><main><h1>Chapter</h1>'
            f'<section id="check-yourself"><h2>Check yourself</h2>{MarkdownIt().render(section)}</section></main>',
            encoding="utf-8",
        )
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page complains: {error}"))
        page.goto(path.as_uri())
        return page

    yield open_page
    context.close()


def test_all_chapters_but_one_have_questions():
    assert len(WITH_QUESTIONS) >= len(CHAPTERS) - 1


@pytest.mark.parametrize("name", WITH_QUESTIONS)
def test_each_answer_says_whether_it_is_right_and_why(opened: Callable, name: str):
    page, asked = opened(name), notebooks.questions(CHAPTERS[name])
    assert page.locator("details").count() == 0
    assert page.locator(".quiz").count() == len(asked)
    for k, (question, answers) in enumerate(asked):
        group, plain = page.locator(".quiz").nth(k), re.sub("[*`$]", "", question)
        assert group.get_attribute("aria-label") == f"Question {k + 1}. {plain}"
        buttons = group.get_by_role("button")
        assert [b.inner_text() for b in buttons.all()] == [answer for answer, _ in answers]
        for button, (_, why) in zip(buttons.all(), answers, strict=True):
            button.click()
            said = group.locator(".quiz-said").inner_text()
            right = why.startswith("Right.")
            assert said.startswith("Right. " if right else "No. ")
            assert len(said) > 25
            assert ("quiz-right" if right else "quiz-wrong") in button.get_attribute("class")
            assert button.inner_text().startswith("✓" if right else "✗")
            assert group.locator("[aria-pressed=true]").count() == 1
    good = sum(answers[0][1].startswith("Right.") for _, answers in asked)
    assert (
        page.locator(".quiz-score").inner_text()
        == f"Right at the first try: {good} of {len(asked)}."
    )
    page.close()


def test_questions_by_keys_alone_and_nothing_leaves_the_page(opened: Callable):
    page = opened(WITH_QUESTIONS[0])
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "quiz-answer"
    page.keyboard.press("Enter")
    expect(page.locator(".quiz-said").first).to_contain_text("No.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator(".quiz-said").first).to_contain_text("Right.")
    assert "stay in this page" in page.locator("#check-yourself").inner_text()
    kept = "localStorage.length + sessionStorage.length + document.cookie.length"
    assert (requests, page.evaluate(kept)) == ([], 0)
    page.evaluate(AXE)  # it fetches the style sheets once more
    assert page.evaluate("() => axe.run().then((r) => r.violations.map((v) => v.id))") == []
    page.close()
