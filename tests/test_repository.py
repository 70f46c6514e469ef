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
TREE = {path.name for path in ROOT.iterdir()}
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


def test_version_citation_changes_and_release_agree() -> None:
    version = PYPROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert lock.read_lock()["hwr-utils"]["version"] == version, "run `make lock`"
    changes = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert re.fullmatch(rf"{re.escape(version)}, (not yet released|\d{{4}}-\d\d-\d\d)", changes[0])
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["branch"] in ("main", f"v{version}"), "what Colab installs"


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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_and_files_that_a_page_of_the_repository_names_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    named += [n for n in re.findall(r"`([\w./]+/[\w./]*)`", text) if n.split("/")[0] in TREE]
    built = re.compile(r"\.venv|dist/|_build")
    missing = [name for name in named if not (ROOT / name).exists() and not built.match(name)]
    assert missing == []


def test_the_readme_maps_every_part_of_the_tree() -> None:
    """Each folder, and each file at the top that a reader may open: the others are settings that begin with a dot."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tops = {name.split("/")[0] + "/" * ("/" in name) for name in tracked_files()}
    tops -= {"README.md", "conftest.py", "jupytext.toml"}  # itself, and what two programs look for
    rows = "".join(re.findall(r"^\| `.*? \|", text.partition("## Map")[2], re.M))
    named = {*re.findall(r"`([^`]+)`", rows), *re.findall(r"\]\((\w[^)]*)\)", text)}
    unnamed = [top for top in tops if not top.startswith(".") and top not in named]
    assert sorted(unnamed) == []


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


def documented(source: str) -> dict[str, tuple[ast.FunctionDef, str]]:
    """Name -> node and docstring of each public function."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = node, ast.get_docstring(node) or ""
    return found


def docstring_faults(node: ast.FunctionDef, text: str) -> list[str]:
    """What the docstring of a public function owes to its reader."""
    arguments = [a for a in (*node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "_")]
    returns = node.returns is not None and ast.unparse(node.returns) != "None"
    raises = any(isinstance(part, ast.Raise) and part.exc for part in ast.walk(node))
    faults = [] if re.match(r".+\.(\n\n|$)", text, re.DOTALL) else ["no first sentence"]
    for argument in arguments:
        said = re.search(rf"^ *{argument.arg}: (.*(?:\n {{6,}}.*)*)", text, re.M)
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        if not said:
            faults.append(f"{argument.arg} is not explained")
        elif re.fullmatch(r"(np\.ndarray|ArrayLike)( \| None)?", kind) and not re.search(
            r"`\(|shape|numbers|\bas (in|for|given to) `", said[1]
        ):
            faults.append(f"{argument.arg} has no shape")
    faults += ["no Returns"] if returns and not re.search("^(Returns|Yields):$", text, re.M) else []
    faults += ["no Raises"] if raises and not re.search("^Raises:$", text, re.M) else []
    faults += [] if re.search(r"^(Sources?: |No source: )\S", text, re.M) else ["no source"]
    return faults + ([] if ">>> " in text else ["no example"])


# Its example would train a network and write files; tests/test_cli.py does both.
WITHOUT_EXAMPLE = {"save_weights"}


@pytest.mark.parametrize("module", [m for m in MODULES if m != "cli"])  # `hwr --help` explains cli
def test_docstrings_are_complete(module: str) -> None:
    public = documented((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    faults = {name: docstring_faults(*function) for name, function in public.items()}
    for name in WITHOUT_EXAMPLE & faults.keys():
        faults[name].remove("no example")
    assert {name: said for name, said in faults.items() if said} == {}


def test_docstring_faults_sees_each_fault() -> None:
    source = "def f(x: np.ndarray, y: int) -> int:\n    {}\n    raise ValueError('no')\n"
    good = """One sentence.

    Args:
        x: `(n,)` numbers.
        y: how many.

    Returns:
        their sum.

    Raises:
        ValueError: always.

    No source: a sum.

    >>> 1 + 1
    2"""

    def faults(text: str) -> list[str]:
        return docstring_faults(*documented(source.format(f'"""{text}"""'))["f"])

    assert faults(good) == []
    assert faults(good.replace("`(n,)` numbers", "some")) == ["x has no shape"]
    assert faults(good.replace("y: how many", "z: how many")) == ["y is not explained"]
    assert faults("One") == [
        "no first sentence",
        "x is not explained",
        "y is not explained",
        "no Returns",
        "no Raises",
        "no source",
        "no example",
    ]


def test_each_python_file_says_first_what_is_in_it() -> None:
    silent = []
    for name, text in tracked_files().items():
        if name.endswith(".py") and text.strip():
            docstring = ast.get_docstring(ast.parse(text)) or ""
            if not re.match(r"\S.{20,}[.:,]$", docstring.split("\n")[0]):
                silent.append(name)
    assert silent == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    texts = {n: t for n, t in tracked_files().items() if not n.endswith((".ipynb", "mathjax.js"))}
    assert [name for name, text in texts.items() if later.search(text)] == []
    assert later.search("# TO" + "DO: more")


def used_names(trees: list[ast.Module]) -> set[str]:
    """Every name that some code reads, and every word in a text, because tests name functions in texts, too."""
    found = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"\w+", node.value))
    return found


def test_no_function_is_dead() -> None:
    """Each function and constant at the top of a file is used, by other code than its own definition."""
    texts = tracked_files()
    cells = [t for n, t in texts.items() if re.fullmatch(r"notebooks/\d\w+\.md", n)]
    cells += [t for n, t in texts.items() if n.startswith("book/") and n.endswith((".md", ".html"))]
    words = set(
        re.findall(r"\w+", "\n".join([*cells, texts["_config.yml"], texts["pyproject.toml"]]))
    )
    trees = {n: ast.parse(t) for n, t in texts.items() if n.endswith(".py")}
    used = used_names(list(trees.values())) | words
    dead = []
    for name, tree in trees.items():
        for node in tree.body:
            defined = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                defined = [t.id for t in node.targets if isinstance(t, ast.Name)]
            # pytest finds tests, fixtures and hooks by their names, and Sphinx its extensions.
            mine = [d for d in defined if not re.match("test_|pytest_|__|setup$", d)]
            dead += [f"{name}: {d}" for d in mine if d not in used and not fixture(node)]
    assert dead == []


def fixture(node: ast.stmt) -> bool:
    """Whether pytest or hypothesis calls this function because of what stands above it."""
    return any("fixture" in ast.unparse(d) for d in getattr(node, "decorator_list", []))
