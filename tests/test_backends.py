"""Chapters 08, 17 and 18 on JAX: their own cells, on few images and for few steps, where TensorFlow cannot be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from notebooks import NOTEBOOKS

# A training of a few steps reaches no bound; everything else that the chapters check must hold.
BEFORE = """
import sys
class Refuse:
    @staticmethod
    def find_spec(name, *_):
        if name == "tensorflow":
            raise ModuleNotFoundError("TensorFlow is out of reach here", name=name)
sys.meta_path.insert(0, Refuse)
from hwr_utils import checks, data
all_of_it = data.load_handwriting
def load_few():
    (x_train, y_train), (x_test, y_test) = all_of_it()
    return (x_train[-6600:], y_train[-6600:]), (x_test[:1280], y_test[:1280])
data.load_handwriting = load_few
checks.check_above = checks.check_below = lambda value, bound, name, **_: print(name, "is", float(value))
"""
AFTER = """
import keras
print("backend:", keras.backend.backend())
"""
# What is replaced in a chapter's own code, so that it takes seconds: each text occurs once.
CUTS = {
    "08": {
        "BATCH_SIZE = 128": "BATCH_SIZE = 16",
        "((100, 0.85), (200, 0.96))": "((100, 0.85),)",
        "x_train[2000:2500], y_train[2000:2500]": "x_train[:500], y_train[:500]",
    },
    "17": {"BATCH_SIZE = 128": "BATCH_SIZE = 16"},
    "18": {
        "BATCH_SIZE = 64": "BATCH_SIZE = 8",
        "STEPS = 1200": "STEPS = 20",
        "for i in range(2000) if": "for i in range(20) if",
    },
}


def few_steps(notebook: Path) -> str:
    """The code of a chapter behind its set-up cell, as one program, cut down."""
    cells = [
        cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"
    ]
    code = "\n".join(cell.source for cell in cells[1:])
    for text, fewer in CUTS[notebook.name[:2]].items():
        assert code.count(text) == 1, f"{notebook.name} no longer holds {text!r} once"
        code = code.replace(text, fewer)
    return code


def run(code: str, backend: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "chapter.py").write_text(BEFORE + code + AFTER, encoding="utf-8")
    settings = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "MPLBACKEND": "Agg"}
    return subprocess.run(
        [sys.executable, "chapter.py"], cwd=folder, env=settings, capture_output=True, text=True
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "number", ["08", *(pytest.param(number, marks=pytest.mark.long) for number in ("17", "18"))]
)
def test_chapter_runs_on_jax(number: str, tmp_path: Path) -> None:
    done = run(few_steps(next(NOTEBOOKS.glob(f"{number}_*.ipynb"))), "jax", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "backend: jax"


def test_a_chapter_that_needs_tensorflow_would_be_seen(tmp_path: Path) -> None:
    done = run("import tensorflow as tf\n", "jax", tmp_path)
    assert done.returncode != 0
    assert "TensorFlow is out of reach here" in done.stderr
