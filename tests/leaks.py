"""One searcher for what belongs to a machine or a person: committed files, notebooks' outputs and the site hold none."""

from __future__ import annotations

import getpass
import re
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = {
    "path": r"(?<![\w.:/-])/(?:home|Users|root|work|mnt)/[\w.]+|\b[A-Z]:\\+Users\\|\bipykernel_\d+",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22,}",
    "cloud key": r"\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}",
    "other token": r"\bhf_[A-Za-z]{30,}|\bpypi-AgE\w{20,}|\bnpm_[A-Za-z0-9]{36}|\bxox[abprs]-[\w-]{10,}"
    r"|\bsk-[A-Za-z0-9_-]{32,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "password": r"\bhttps?://[^/\s:@\"'<>]+:[^/\s:@\"'<>]+@",
}
COMMON = {"localhost", "runner", "ubuntu", "debian", "admin", "vagrant", "docker", "jovyan"}


def names() -> list[str]:
    """The user and the host of this machine, unless they are names that any text may hold."""
    here = {getpass.getuser(), socket.gethostname().split(".")[0]}
    return [name for name in here if len(name) > 4 and name.lower() not in COMMON]


LEAK = re.compile("|".join([*PATTERNS.values(), *(rf"\b{re.escape(name)}\b" for name in names())]))


def search(texts: dict[str, str]) -> dict[str, list[str]]:
    """Name of a text -> what it gives away; texts that give away nothing are left out."""
    found = {name: LEAK.findall(text) for name, text in texts.items()}
    return {name: leaks for name, leaks in found.items() if leaks}


def read(paths: Iterable[Path], root: Path) -> dict[str, str]:
    """Name below `root` -> text, of each file that is text."""
    texts = {}
    for path in paths:
        if path.is_file():
            try:
                texts[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture or a font
    return texts


def tracked_files() -> dict[str, str]:
    """Name -> text of each text file that git has or would take."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the repository is not known")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return read((ROOT / name for name in listed.stdout.split("\0")), ROOT)
