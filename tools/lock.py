"""Write environment.yml and tools/uv.txt from uv.lock, so that no version is typed twice.

`make lock` calls it after uv has resolved pyproject.toml.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "hwr-utils"
CONDA_PYTHON = "3.12"  # the middle of the supported range


def read_lock(path: Path = ROOT / "uv.lock") -> dict[str, dict[str, Any]]:
    """The packages of a uv.lock by name; a name locked at several versions keeps its last one."""
    lock = tomllib.loads(path.read_text(encoding="utf-8"))
    return {package["name"]: package for package in lock["package"]}


def direct_versions(packages: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Group -> name -> locked version, for what pyproject.toml names itself.

    Some packages are locked twice, because their newest version has left Python 3.11. uv then
    writes version and marker beside the name; the one that holds for CONDA_PYTHON counts.
    """
    project = packages[PROJECT]
    python = {"python_full_version": f"{CONDA_PYTHON}.0", "python_version": CONDA_PYTHON}
    groups = {"run time": project["dependencies"], **project["dev-dependencies"]}
    return {
        group: {
            need["name"]: need.get("version", packages[need["name"]]["version"])
            for need in needs
            if "marker" not in need or Marker(need["marker"]).evaluate(python)
        }
        for group, needs in groups.items()
    }


def environment_yml(versions: dict[str, dict[str, str]]) -> str:
    """The text of environment.yml for the `versions` of `direct_versions`."""
    lines = [
        "# Written by `make lock` from uv.lock; do not edit. For readers who use conda:",
        "#   conda env create -f environment.yml && conda activate beyond-feedforward",
        "name: beyond-feedforward",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python={CONDA_PYTHON}",
        "  - pip",
        "  - pip:",
    ]
    for group, needs in versions.items():
        lines += [f"      # {group}", *(f"      - {name}=={needs[name]}" for name in sorted(needs))]
    return "\n".join([*lines, "      # hwr_utils itself", "      - -e .", ""])


def uv_txt(uv: dict[str, Any]) -> str:
    """The text of tools/uv.txt for the locked package `uv`: its version, its files' hashes."""
    hashes = sorted(file["hash"] for file in [uv["sdist"], *uv["wheels"]])
    lines = " \\\n".join(f"    --hash={digest}" for digest in hashes)
    return (
        "# Written by `make lock` from uv.lock: how a fresh machine gets uv, by hash.\n"
        f"uv=={uv['version']} \\\n{lines}\n"
    )


def main() -> None:
    packages = read_lock()
    for name, text in (
        ("environment.yml", environment_yml(direct_versions(packages))),
        ("tools/uv.txt", uv_txt(packages["uv"])),
    ):
        (ROOT / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
