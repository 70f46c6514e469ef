"""Nothing of a machine or a person is published. The searcher is tested with canaries that it must find."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from tests import leaks

ROOT = Path(__file__).resolve().parent.parent
CANARIES = [  # written in two pieces, so that this file holds none
    "/home" + "/ada/book",
    "C:" + "\\Users\\ada",
    "/tmp/ipykernel_" + "42/1.py",
    "ghp_" + "a1" * 18,
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "AIza" + "b" * 35,
    "hf_" + "c" * 34,
    "sk-" + "d3" * 20,
    "xoxb-" + "1234567890-abc",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "https://ada:" + "secret@example.org",
]
INNOCENT = [
    "https://example.org" + "/home" + "/a.html",
    "frame" + "/work" + "/x, /usr/bin/env",
    "ask-for-a-very-long-class-name-of-a-page-that-is-no-token",
    "https://example.org:8000/@ada",
]


def test_no_committed_file_gives_anything_away():
    assert leaks.search(leaks.tracked_files()) == {}


def test_no_page_of_the_site_gives_anything_away(site):
    texts = leaks.read(site.rglob("*"), site)
    assert len([name for name in texts if name.endswith(".html")]) > 20
    assert leaks.search(texts) == {}


@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_is_found_wherever_it_stands(canary, site, tmp_path):
    """On copies of a page, a notebook and a file of code, each with one thing that it should not hold."""
    page, notebook, code = (tmp_path / name for name in ("page.html", "chapter.ipynb", "code.py"))
    shutil.copy(site / "index.html", page)
    shutil.copy(next(ROOT.glob("notebooks/01_*.ipynb")), notebook)
    shutil.copy(ROOT / "hwr_utils" / "data.py", code)
    assert leaks.search(leaks.read(tmp_path.iterdir(), tmp_path)) == {}
    page.write_text(page.read_text() + f"<p>{canary}</p>")
    chapter = nbformat.read(notebook, as_version=4)
    printed = nbformat.v4.new_output("stream", name="stdout", text=f'key = "{canary}"\n')
    next(cell for cell in chapter.cells if cell.cell_type == "code").outputs.append(printed)
    notebook.write_text(json.dumps(chapter))
    code.write_text(code.read_text() + f'KEY = "{canary}"\n')
    found = leaks.search(leaks.read(tmp_path.iterdir(), tmp_path))
    assert found.keys() == {"page.html", "chapter.ipynb", "code.py"}
    for hits in found.values():
        (hit,) = hits
        assert hit.replace("\\\\", "\\") in canary or canary.startswith(hit.replace("\\\\", "\\"))


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_it_is_left_alone(text):
    assert leaks.search({"text": text}) == {}


def test_user_and_host_are_looked_for(monkeypatch):
    monkeypatch.setattr(leaks.getpass, "getuser", lambda: "lovelace")
    monkeypatch.setattr(leaks.socket, "gethostname", lambda: "vm.example.org")
    assert leaks.names() == ["lovelace"]  # a host of two letters would be found everywhere
