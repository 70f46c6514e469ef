"""Four kinds of pages on a simulated phone and network, as Lighthouse judges them. `make test` runs this file alone,
before the others: its times mean nothing while something else computes."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chromium import ADVICE, find_chromium

LIGHTHOUSE = Path(__file__).parent / "lighthouse" / "node_modules" / ".bin" / "lighthouse"
AT_LEAST = {"performance": 90, "accessibility": 100, "best-practices": 100, "seo": 100}
MAX_LARGEST_PAINT = 2500  # milliseconds
ATTEMPTS = 3  # a busy machine can only make a page look slower than it is


@pytest.fixture(scope="module", autouse=True)
def lighthouse() -> None:
    missing = "" if find_chromium() else ADVICE
    if not shutil.which("node"):
        missing = "no Node found. On Debian: sudo apt install nodejs npm, then `make test`"
    elif not LIGHTHOUSE.exists():
        missing = "npm could not install Lighthouse; see what `make .lighthouse` says"
    if missing:
        reason = f"NO LIGHTHOUSE TESTS: {missing}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def judged(url: str) -> dict:
    """Lighthouse's report on the page at `url`. (Where there is no graphics card, looking for one costs a second.)"""
    done = subprocess.run(
        [
            LIGHTHOUSE, url, "--output=json", "--quiet", "--no-enable-error-reporting",
            f"--only-categories={','.join(AT_LEAST)}", "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
        ],
        env={**os.environ, "CHROME_PATH": find_chromium() or ""}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shortcomings(report: dict) -> list[str]:
    """Where the page falls short of the measures, and the audits that pulled it down."""
    found = []
    for name, least in AT_LEAST.items():
        category = report["categories"][name]
        if round(100 * category["score"]) < least:
            audits = [report["audits"][a["id"]] for a in category["auditRefs"] if a["weight"]]
            low = [
                f"{a['id']} {a.get('displayValue', '')}" for a in audits if (a["score"] or 0) < 0.9
            ]
            found.append(f"{name} {100 * category['score']:.0f} < {least}: {', '.join(low)}")
    paint = report["audits"]["largest-contentful-paint"]["numericValue"]
    return found + ([f"largest paint after {paint:.0f} ms"] if paint >= MAX_LARGEST_PAINT else [])


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("book/index", id="landing"),
        pytest.param("notebooks/02_convolution", id="formulas-and-lab"),
        pytest.param("notebooks/09_look_inside", id="figures"),
        pytest.param("book/glossary", id="glossary"),
    ],
)
def test_page_is_quick_on_a_phone(roots: dict, page: str) -> None:
    for _ in range(ATTEMPTS):
        found = shortcomings(judged(f"{roots['http']}/{page}.html"))
        if not found:
            break
    assert found == []


SLOW = """<p>Late<script>const end = performance.now() + 1500; while (performance.now() < end);
document.body.innerHTML += "<h1>Here</h1><p>" + "words ".repeat(500)</script><img src="nowhere.png">"""


def test_a_slow_page_is_seen(tmp_path: Path) -> None:
    """No language, title or description, an undescribed image that is not there, and text after a second's work."""
    (tmp_path / "slow.html").write_text(SLOW, encoding="utf-8")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = shortcomings(judged(f"http://127.0.0.1:{server.server_port}/slow.html"))
        server.shutdown()
    assert [text.split()[0] for text in found] == [*AT_LEAST, "largest"]
