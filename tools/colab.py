"""Make the environment that stands for Colab's: the packages of tests/colab.txt, in a cache folder, without hwr_utils.

    python tools/colab.py     make it where it is missing; `make test` does so

tests/test_colab.py runs chapters in it. It takes 2.3 GB, most of which is TensorFlow; uv links the files that it has.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "tests" / "colab.txt"


def build_requirements() -> list[str]:
    """What pip needs to build hwr_utils in Colab."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return list(pyproject["build-system"]["requires"])


def environment() -> Path:
    """The folder that holds, or is to hold, `packages` and the `wheels` to build hwr_utils with.

    Its name changes with what it must hold, so it is never out of date.
    """
    recipe = LOCK.read_text(encoding="utf-8") + "\n".join(build_requirements())
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    return platformdirs.user_cache_path("hwr_utils", appauthor=False) / f"colab-{python}-{key}"


def make() -> None:
    """Make the environment, whole or not at all."""
    folder = environment()
    if folder.exists():
        return
    print(f"Copying Colab's packages into {folder}: once, up to 800 MB to download.", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".colab-") as scratch:
        fresh = Path(scratch) / "fresh"
        install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", sys.executable]
        install += ["--target", fresh / "packages", "--require-hashes", "-r", LOCK]
        subprocess.run(install, check=True)
        download = [sys.executable, "-m", "pip", "download", "-qq", "--dest", str(fresh / "wheels")]
        isolated = {**os.environ, "PYTHONPATH": str(fresh / "packages")}  # Colab's own pip
        subprocess.run([*download, *build_requirements()], check=True, env=isolated)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another run was first
                raise


if __name__ == "__main__":
    try:
        make()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"Colab's packages cannot be had, so no chapter is run as in Colab: {error}")
