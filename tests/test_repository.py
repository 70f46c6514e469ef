"""The repository's own rules: versions agree, workflows are sound, addresses and paths stay where they belong."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import lock
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from notebooks import page_address, setup_cell
from tests.leaks import tracked_files

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE = ROOT / "hwr_utils"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

# The way through the house: a module imports only from the ones before it.
ORDER = ["data", "ink", "layers", "recurrent", "recursive", "ctc", "hopfield"]
ORDER += ["models", "training", "trained", "figures", "checks", "cli"]
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))


# Versions ---------------------------------------------------------------------------------------


def named_in_pyproject() -> dict[str, SpecifierSet]:
    """Name -> allowed versions of all that pyproject.toml names, at run time or in a group."""
    lines = list(PYPROJECT["project"]["dependencies"])
    for group in PYPROJECT["dependency-groups"].values():
        lines += group
    return {canonicalize_name(need.name): need.specifier for need in map(Requirement, lines)}


def test_lock_holds_what_pyproject_names() -> None:
    packages = lock.read_lock()
    metadata = packages["hwr-utils"]["metadata"]
    locked = list(metadata["requires-dist"])
    for group in metadata["requires-dev"].values():
        locked += group
    named = named_in_pyproject()
    assert {need["name"]: SpecifierSet(need.get("specifier", "")) for need in locked} == named, (
        "pyproject.toml and uv.lock name different versions; run `make lock`"
    )
    for name, allowed in named.items():
        assert packages[name]["version"] in allowed


def test_environment_yml_agrees_with_pyproject() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))[
        "dependencies"
    ]
    *pinned, editable = dependencies[-1]["pip"]
    versions = dict(line.split("==") for line in pinned)
    named = named_in_pyproject()
    assert editable == "-e ."
    assert versions.keys() == named.keys()
    assert [name for name, version in versions.items() if version not in named[name]] == []
    python = dependencies[0].removeprefix("python=")
    assert python in SpecifierSet(PYPROJECT["project"]["requires-python"])


@pytest.mark.parametrize("name", ["environment.yml", "tools/uv.txt"])
def test_derived_file_is_up_to_date(name: str) -> None:
    packages = lock.read_lock()
    text = {
        "environment.yml": lambda: lock.environment_yml(lock.direct_versions(packages)),
        "tools/uv.txt": lambda: lock.uv_txt(packages["uv"]),
    }[name]()
    assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} is stale; run `make lock`"


def test_direct_versions_takes_the_version_for_conda_python() -> None:
    packages = {
        "hwr-utils": {
            "dependencies": [
                {"name": "keras"},
                {"name": "numpy", "version": "2.4", "marker": "python_full_version < '3.12'"},
                {"name": "numpy", "version": "2.5", "marker": "python_full_version >= '3.12'"},
            ],
            "dev-dependencies": {"docs": [{"name": "uv"}]},
        },
        "keras": {"version": "3.15"},
        "numpy": {"version": "2.6"},
        "uv": {"version": "0.13"},
    }
    assert lock.direct_versions(packages) == {
        "run time": {"keras": "3.15", "numpy": "2.5"},
        "docs": {"uv": "0.13"},
    }


def test_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PYPROJECT["project"]["version"]


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_make_stops_on_another_python_with_one_line(
    version: tuple[int, int], tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir()
    pretend = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])"
    fake.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$2"\n', encoding="utf-8")
    fake.chmod(0o755)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PYTHON"))}
    make = subprocess.run(
        ["make", "book"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**inherited, "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    said = [line for line in make.stderr.splitlines() if not line.startswith("make")]
    assert make.returncode != 0
    assert len(said) == 1
    assert "needs Python 3.11, 3.12 or 3.13" in said[0]
    assert f"{version[0]}.{version[1]}" in said[0]
    assert "make PYTHON=" in said[0]
    assert not (tmp_path / ".venv").exists()


# Workflows and other settings -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("check-jsonschema", ["--builtin-schema", "vendor.github-workflows", *WORKFLOWS]),
        (
            "check-jsonschema",
            ["--builtin-schema", "custom.github-workflows-require-timeout", *WORKFLOWS],
        ),
        ("check-jsonschema", ["--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"]),
        ("check-jsonschema", ["--builtin-schema", "vendor.citation-file-format", "CITATION.cff"]),
        ("pre-commit", ["validate-config", ".pre-commit-config.yaml"]),
        ("zizmor", ["--offline", "--quiet", ".github"]),
        ("ruff", ["check", "."]),
        ("ruff", ["format", "--check", "hwr_utils", "tests", "tools", "benchmarks", "book/_ext"]),
        ("mypy", []),
    ],
    ids=[
        "workflows",
        "time-outs",
        "dependabot",
        "citation",
        "pre-commit",
        "zizmor",
        "lint",
        "format",
        "types",
    ],
)
def test_checker_finds_nothing(tool: str, arguments: list) -> None:
    program = shutil.which(tool, path=Path(sys.executable).parent)
    assert program, f"{tool} is not installed; run `make test`, or `make lint` once"
    checker = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert checker.returncode == 0, checker.stdout + checker.stderr


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_what_ci_makes_is_in_the_makefile(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = re.findall(r"^(?:\s*- run: )?make ([\w.-]+)", path.read_text(encoding="utf-8"), re.M)
    assert made
    assert [
        target for target in made if not re.search(rf"^{re.escape(target)}:", makefile, re.M)
    ] == []


def test_third_party_page_lists_what_is_there() -> None:
    page = (ROOT / "THIRD-PARTY.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(.+?)` \|", page, re.M))
    licensed = {
        str(Path(name).parent) for name in tracked_files() if re.match(r"book/.*/LICENSE", name)
    }
    assert listed == licensed


# Addresses and paths ----------------------------------------------------------------------------


def addresses(text: str, url: str) -> list[str]:
    """What looks like the repository's address, or its page's: this name under any owner."""
    owner, name = url.split("/")[-2:]
    return re.findall(rf"[\w.-]+/{re.escape(name)}\b|\b{re.escape(owner)}\.github\.io", text, re.I)


def without_derived_addresses(name: str, text: str) -> str:
    """A chapter's text without what is derived from the address: its first code cell, and links to its labs."""
    if not re.fullmatch(r"notebooks/\d\w*\.(ipynb|md)", name):
        return text
    text = text.replace(f"{page_address(Path(name).stem)}#lab-", "#lab-")
    if name.endswith(".md"):
        assert text.count(setup_cell()) == 1, (
            f"{name} lacks the set-up cell; run `make run NB={Path(name).name[:2]}`"
        )
        return text.replace(setup_cell(), "")
    notebook = json.loads(text)
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert "".join(first["source"]) == setup_cell(), (
        f"{name} lacks the set-up cell; run `make run NB={Path(name).name[:2]}`"
    )
    first["source"] = []
    return json.dumps(notebook)


def test_repository_address_stands_in_one_place() -> None:
    texts = tracked_files()
    config = texts.pop("_config.yml")
    url = yaml.safe_load(config)["repository"]["url"]
    assert len(addresses(config, url)) == 1
    found = {
        name: addresses(without_derived_addresses(name, text), url) for name, text in texts.items()
    }
    assert {name: copies for name, copies in found.items() if copies} == {}


def test_addresses_finds_each_form() -> None:
    url = "https://github.com/ada/book"
    text = "https://github.com/ada/book.git git@github.com:Bob/book ada.github.io/x cd book; other/books"
    assert addresses(text, url) == ["ada/book", "Bob/book", "ada.github.io"]


def test_only_ci_knows_our_data_folder() -> None:
    assert [name for name, text in tracked_files().items() if "shared/" + "data" in text] == [
        ".ci/run"
    ]


# The helper package -----------------------------------------------------------------------------


def run_python(code: str) -> str:
    return subprocess.check_output([sys.executable, "-c", code], text=True)


def test_import_is_quick() -> None:
    code = "import time; start = time.perf_counter(); import hwr_utils; print(time.perf_counter() - start)"
    assert min(float(run_python(code)) for _ in range(5)) < 0.3


def test_import_loads_no_heavy_package() -> None:
    code = f"from hwr_utils import {', '.join(MODULES)}; import sys; print(*sys.modules)"
    assert {"tensorflow", "keras", "sklearn"} & set(run_python(code).split()) == set()


def code_lines(source: str) -> int:
    """Lines that hold code: blank lines, comments and docstrings are not counted."""
    lines = set()
    layout = {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in layout and token.string:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, docstring.end_lineno + 1))
    return len(lines)


def test_code_lines_counts_code_alone() -> None:
    source = '"""Module."""\n\nx = """a\nb"""  # two\n\n\ndef f():\n    """One\n    two."""\n    # no\n    return (1,\n            2)\n'
    assert code_lines(source) == 5


def test_helper_package_is_small() -> None:
    lines = {
        path.name: code_lines(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*.py")
    }
    command = sum(lines.pop(name) for name in ("cli.py", "trained.py", "__main__.py"))
    assert command <= 450
    assert sum(lines.values()) <= 2000, lines  # what the chapters teach


def modules_imported(source: str) -> set[str]:
    """The modules of hwr_utils that a module of it imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = ".".join(filter(None, ["hwr_utils" if node.level else "", node.module]))
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("hwr_utils.")}
    return found


def test_modules_imported_sees_every_form() -> None:
    source = """
import numpy, hwr_utils.data
from hwr_utils import ink
from hwr_utils.layers import relu
from . import ctc
def f():
    from .models import build_lean_cnn
"""
    assert modules_imported(source) == {"data", "ink", "layers", "ctc", "models"}


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_from_modules_above_it(module: str) -> None:
    assert module in ORDER, f"{module}.py has no place in the order of hwr_utils/__init__.py"
    source = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    assert modules_imported(source) <= set(ORDER[: ORDER.index(module)])
