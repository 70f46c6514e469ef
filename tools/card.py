"""Draw book/_static/card.png, the picture that other sites show of the book: its name over the landing page's picture.

python tools/card.py       a second, with Chromium
"""

from __future__ import annotations

import sys
from pathlib import Path

from chromium import ADVICE, find_chromium
from playwright.sync_api import sync_playwright

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
PAGE = """<style>
  @font-face { font-family: Book; src: url("fonts/source-serif-4-latin-600-normal.woff2"); }
  body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 62px 76px; background: #fff;
         border-bottom: 18px solid #08706b; color: #20262e; font-family: Book; }
  h1 { font-size: 96px; line-height: 1.1; margin: 0; }
  p { font-size: 33px; color: #59626f; margin: 16px 0 40px; white-space: nowrap; }
  img { width: 1048px; }
</style>
<h1>Beyond Feedforward</h1>
<p>Teach a machine to read handwriting, and understand each step.</p>
<img src="line_by_line.png">"""


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        sys.exit(ADVICE)
    page_file = STATIC / "card.html"
    page_file.write_text(PAGE, encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1200, "height": 630})
            page.goto(page_file.as_uri())
            page.evaluate("document.fonts.ready")
            page.screenshot(path=STATIC / "card.png")
    finally:
        page_file.unlink()


if __name__ == "__main__":
    main()
