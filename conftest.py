"""What every test run shares: the data it stands on, said in the header, and the rules that nbval lacks.

nbval runs each code cell of a notebook as one test and compares what it prints. To that this file adds:
cells tagged `mnist` are executed but not compared on the embedded digits; and after a notebook's last cell, in the
same kernel, each exercise is run with its folded solution, which must pass, and with its tempting wrong answer,
which must not.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

import colab
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest
import yaml
from chromium import ADVICE, find_chromium
from nbval.plugin import IPyNbCell, IPyNbFile
from playwright.sync_api import Browser, sync_playwright

from notebooks import NOTEBOOKS, compared_lines, exercises, is_compared

matplotlib.use("Agg")
REASON = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("book")
    group.addoption("--long", action="store_true", help="also run the tests marked long")
    group.addoption("--chapter", metavar="NB", help="run only what belongs to one chapter: 04")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the data once, before any worker or kernel starts; they inherit the environment."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if hasattr(config, "workerinput") or os.environ.get("HWR_DATASET") == "digits":
        return
    from hwr_utils.data import DataUnavailable, load_mnist

    try:
        load_mnist()
    except DataUnavailable as error:
        os.environ["HWR_DATASET"] = "digits"
        config.stash[REASON] = str(error).splitlines()[0]


def pytest_report_header(config: pytest.Config) -> list[str]:
    dataset = os.environ.get("HWR_DATASET", "mnist")
    why = config.stash.get(REASON, None)
    lines = [f"handwriting: {dataset}" + (f" INSTEAD OF MNIST ({why})" if why else "")]
    if not colab.environment().exists():
        lines.append("NOT RUN AS IN COLAB: `make .colab` copies its packages, from the package index")
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        compared, ignored = compared_lines(notebook, dataset)
        lines.append(f"{notebook.stem}: {compared} lines compared, {ignored} not compared")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dataset = os.environ.get("HWR_DATASET", "mnist")
    chapter = config.getoption("--chapter")
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for parent, group in groupby(items, key=lambda item: item.parent):
        own = list(group)
        if isinstance(parent, IPyNbFile):
            for item in own:
                if not is_compared(item.cell, dataset):
                    item.options["check"] = False  # still executed, and an error still fails it
            own += exercise_items(parent, len(own))
        for item in own:
            unwanted = item.get_closest_marker("long") and not config.getoption("--long")
            elsewhere = chapter and not belongs_to(item, chapter)
            (dropped if unwanted or elsewhere else kept).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept


def exercise_items(notebook: IPyNbFile, cell_number: int) -> Iterator[IPyNbCell]:
    """Two more cells an exercise, run after the notebook's own in its kernel."""
    for exercise in exercises(notebook.nb):
        for kind, answer, said in (
            ("solution", exercise.solution, "right"),
            ("wrong answer", exercise.wrong_answer, "not yet"),
        ):
            source = (
                f"{answer or 'answer = ...'}\n"
                "import contextlib, io\n"
                "with contextlib.redirect_stdout(io.StringIO()) as said:\n"
                f"    exec({exercise.check!r})\n"
                "print(':'.join(said.getvalue().split(':')[:2]).strip())\n"
            )
            expected = nbformat.v4.new_output(
                "stream", name="stdout", text=f"{exercise.number}: {said}\n"
            )
            cell = nbformat.v4.new_code_cell(
                source, outputs=[expected], execution_count=cell_number
            )
            yield IPyNbCell.from_parent(
                notebook,
                name=f"Exercise {exercise.number} {kind}",
                cell_num=cell_number,
                cell=cell,
                options={"check": True, "check_exception": False, "skip": False},
            )
            cell_number += 1


def belongs_to(item: pytest.Item, chapter: str) -> bool:
    """A chapter's own cells, and the tests of the notebook rules for it."""
    callspec = getattr(item, "callspec", None)
    notebook = callspec.params.get("notebook") if callspec else item.path
    return isinstance(notebook, Path) and notebook.name.startswith(chapter)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Figures that a test opens do not pile up in the next one."""
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        reason = f"NO BROWSER TESTS: {ADVICE}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site() -> Path:
    """The built book. After `make test` has built it, this finds nothing to do."""
    root = Path(__file__).parent
    make = ["make", "-s", "book"]
    done = subprocess.run(make, cwd=root, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, f"`make book` failed:\n{done.stdout}\n{done.stderr}"
    return root / "_build" / "html"


class LikeGitHubPages(http.server.SimpleHTTPRequestHandler):
    """Serves the book in a folder of its own, compresses text, and answers with 404.html where there is no page."""

    protocol_version = "HTTP/1.1"
    folder = "/"

    def do_GET(self) -> None:
        path = Path(self.directory, urlsplit(self.path).path.removeprefix(self.folder))
        found = self.path.startswith(self.folder) and path.is_file()
        path = path if found else Path(self.directory, "404.html")
        content, kind = path.read_bytes(), self.guess_type(str(path))
        self.send_response(200 if found else 404)
        if kind.startswith(("text/", "image/svg", "application/javascript")):
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def roots(site: Path) -> Iterator[dict[str, str]]:
    """Scheme -> where the book starts."""
    config = yaml.safe_load((Path(__file__).parent / "_config.yml").read_text(encoding="utf-8"))
    LikeGitHubPages.folder = f"/{config['repository']['url'].rsplit('/', 1)[1]}/"
    handler = functools.partial(LikeGitHubPages, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}{LikeGitHubPages.folder}".rstrip("/")
        yield {"http": address, "file": site.as_uri()}
        server.shutdown()
