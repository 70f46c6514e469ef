"""Where this machine keeps its Chromium: for the browser tests, the PDF and the card."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
ADVICE = "no Chromium found. On Debian: sudo apt install chromium"


def find_chromium() -> str | None:
    """The path of the first Chromium there is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)
