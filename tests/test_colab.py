"""Colab's way without Colab: a notebook file alone, Colab's packages, and what its set-up cell installs.

The environment is made by `tools/colab.py`. Each test adds an empty one on top of it, in which the notebook's own first
cell installs hwr_utils with Colab's pip. The repository's address leads git to a copy of this working tree.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import colab
import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from notebooks import NOTEBOOKS, is_compared

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(NOTEBOOKS.glob("*.ipynb"))
# As in Colab, before the first cell: some module of this name; and no new name is left in the notebook.
PRETEND = "__import__('sys').modules['google.colab'] = __import__('types')"


@pytest.fixture(scope="session")
def packages() -> Path:
    """Colab's packages, on which nothing may be installed."""
    if not colab.environment().exists():
        reason = "NOT RUN AS IN COLAB: its packages are missing; `make .colab` copies them from the package index"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return colab.environment() / "packages"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The working tree as a commit under the name that the set-up cell asks for; git's settings that lead there."""
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    store = tmp_path_factory.mktemp("published") / "repository.git"

    def git(*arguments: str) -> str:
        command = ["git", f"--git-dir={store}", f"--work-tree={ROOT}", *arguments]
        return subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet", f"--initial-branch={repository['branch']}")
    git("add", "hwr_utils", "pyproject.toml", "README.md", "LICENSE")
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    git(*author, "commit", "--quiet", "--no-verify", "--message=as it stands")
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{store.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository["url"],
        "COMMIT": git("rev-parse", "HEAD"),
    }


def new_runtime(folder: Path, packages: Path) -> tuple[Path, Path]:
    """A fresh Python that sees Colab's packages; it, and the folder into which its pip installs."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    names = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", names))
    line = f"import site; site.addsitedir({str(packages)!r})\n"
    (site / "colab.pth").write_text(line, encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", "venv", names))
    return scripts / Path(sys.executable).name, site


def run_alone(notebook: Path, python: Path, folder: Path, settings: dict[str, str]) -> Any:
    """Execute a copy of the notebook in a folder that holds nothing else, with a kernel of `python`."""
    alone, kernel = folder / "content", folder / "kernels" / "colab"
    alone.mkdir()
    kernel.mkdir(parents=True)
    start = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    start += [f"--IPKernelApp.exec_lines={PRETEND}", "--IPKernelApp.capture_fd_output=False"]
    spec = {"argv": start, "display_name": "colab", "language": "python", "env": settings}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    shutil.copy(notebook, alone)
    copy = nbformat.read(alone / notebook.name, as_version=4)
    where = {"metadata": {"path": str(alone)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        client = NotebookClient(copy, kernel_name="colab", timeout=900, resources=where)
        client.execute(stderr=subprocess.DEVNULL)
    return copy


def printed(cell: Any) -> str:
    """What a cell says in words: printed lines, values, the name of an error."""
    text = ""
    for output in cell.outputs:
        if output.output_type == "error":
            text += output.ename
        elif "image/png" not in output.get("data", {}):
            text += output.get("text") or output.get("data", {}).get("text/plain", "")
    return text


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "notebook",
    [
        pytest.param(path, marks=() if path.name.startswith("01") else pytest.mark.long)
        for path in CHAPTERS
    ],
    ids=[path.stem for path in CHAPTERS],
)
def test_notebook_alone_runs_on_colab(
    notebook: Path, packages: Path, published: dict[str, str], tmp_path: Path
) -> None:
    python, site = new_runtime(tmp_path / "python", packages)
    offline = {
        "PIP_NO_INDEX": "1",  # what pip builds with was fetched before; it may fetch nothing else
        "PIP_FIND_LINKS": (colab.environment() / "wheels").as_uri(),
        "PYTHONPATH": "",
    }
    settings = {**published, **offline}
    before = subprocess.run(
        [python, "-c", "import hwr_utils"],
        cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True,
    )  # fmt: skip
    assert "No module named 'hwr_utils'" in before.stderr
    ran = run_alone(notebook, python, tmp_path, settings)

    installed = list(site.glob("hwr_utils-*.dist-info/direct_url.json"))
    assert len(installed) == 1, "the set-up cell installed no hwr_utils"
    origin = json.loads(installed[0].read_text(encoding="utf-8"))
    assert origin["vcs_info"]["commit_id"] == published["COMMIT"]
    assert {path.name.split("-")[0] for path in site.glob("*.dist-info")} == {"hwr_utils"}, (
        "the set-up cell replaced one of Colab's own packages"
    )

    stored = nbformat.read(notebook, as_version=4)
    dataset = os.environ.get("HWR_DATASET", "mnist")
    pairs = zip(stored.cells, ran.cells, strict=True)
    cells = [pair for pair in pairs if pair[0].cell_type == "code"]
    for here, there in cells[1:]:  # the first is the set-up cell
        assert [o for o in there.outputs if o.get("name") == "stderr"] == [], here.source
        if is_compared(here, dataset):
            assert printed(there) == printed(here), here.source


def needs() -> list[Requirement]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(line) for line in pyproject["project"]["dependencies"]]


def test_colab_has_all_that_the_package_needs() -> None:
    """The set-up cell installs with --no-deps, so whatever Colab lacks would be missing."""
    lines = (ROOT / "tests" / "colab.in").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    wrong = [
        str(need)
        for need in needs()
        if pinned.get(canonicalize_name(need.name), "0") not in need.specifier
    ]
    assert wrong == []


def test_the_page_on_use_names_what_colab_brings() -> None:
    page = (ROOT / "book" / "how_to_use.md").read_text(encoding="utf-8")
    named = re.search(r"Colab brings all that this package needs: (.+)\.$", page, re.MULTILINE)
    assert named
    names = named[1].lower().replace(" and ", ", ").split(", ")
    assert sorted(names) == sorted(need.name for need in needs())


def test_lock_holds_what_colab_has() -> None:
    """`make lock` writes tests/colab.txt; a version changed in tests/colab.in alone would not be tested."""
    pins = (ROOT / "tests" / "colab.in").read_text(encoding="utf-8").splitlines()
    locked = (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8")
    missing = [pin for pin in pins if not pin.startswith("#") and f"{pin} \\\n" not in locked]
    assert missing == []


@pytest.fixture
def empty_cache(tmp_path: Path) -> dict[str, str]:
    """The settings of a machine that has neither Colab's packages nor a package index."""
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path)}
    return {**os.environ, **places, "UV_OFFLINE": "1", "HWR_DATASET": "digits", "CI": ""}


def test_without_an_index_nothing_is_left_behind(
    empty_cache: dict[str, str], tmp_path: Path
) -> None:
    make = [sys.executable, ROOT / "tools" / "colab.py"]
    done = subprocess.run(make, env=empty_cache, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Colab's packages cannot be had")
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "hwr_utils").iterdir()) == []


def test_missing_packages_are_said_aloud(empty_cache: dict[str, str]) -> None:
    tests = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", __file__]
    tests += ["-k", "alone_runs_on_colab and 01_pixels"]
    done = subprocess.run(tests, cwd=ROOT, env=empty_cache, capture_output=True, text=True)
    assert done.stdout.count("NOT RUN AS IN COLAB") == 2  # in the header, and as the reason
    assert "1 skipped" in done.stdout.splitlines()[-1]
