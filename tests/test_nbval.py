"""nbval must be able to fail: plant a fault in a small notebook and see it caught."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import notebooks

ROOT = Path(__file__).resolve().parent.parent
SOLUTION = """<details><summary>Hint</summary>

Count.

</details>
<details><summary>Solution</summary>

```python
answer = 2
```

</details>
<details><summary>A tempting wrong answer</summary>

```python
answer = 3
```

</details>
"""


def write(path, second_output="3\n", solution=SOLUTION, tags=()):
    code = nbformat.v4.new_code_cell
    stream = lambda text: [nbformat.v4.new_output("stream", name="stdout", text=text)]  # noqa: E731
    exercise = "from hwr_utils import checks\nanswer = ...\nchecks.check_answer('1.1', answer, 2)"
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[
                code("x = 1", execution_count=1),
                code(
                    "print(x + 2)",
                    execution_count=2,
                    outputs=stream(second_output),
                    metadata={"tags": list(tags)},
                ),
                code(
                    exercise.replace("'", '"'),
                    execution_count=3,
                    outputs=stream("1.1: not answered yet\n"),
                ),
                nbformat.v4.new_markdown_cell(solution),
            ]
        ),
        path,
    )
    return path


def nbval(path, dataset="digits"):
    """Run pytest as `make test` does, over one notebook; returns the exit code and what it printed."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            ROOT / "pyproject.toml",
            "-p",
            "conftest",
            "-p",
            "no:cacheprovider",
            path,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={
            **os.environ,
            "HWR_DATASET": dataset,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tools'}",
        },
    )
    return done.returncode, done.stdout + done.stderr


def test_an_honest_notebook_passes_with_its_exercise(tmp_path):
    code, said = nbval(write(tmp_path / "a.ipynb"))
    assert code == 0, said
    assert "5 passed" in said


def test_a_wrong_output_fails(tmp_path):
    code, said = nbval(write(tmp_path / "a.ipynb", second_output="4\n"))
    assert code == 1
    assert "1 failed, 4 passed" in said


def test_a_cell_tagged_mnist_is_executed_but_not_compared_on_the_digits(tmp_path):
    code, said = nbval(write(tmp_path / "a.ipynb", second_output="4\n", tags=["mnist"]))
    assert code == 0, said


@pytest.mark.parametrize(
    ("old", "new"), [("answer = 2", "answer = 5"), ("answer = 3", "answer = 2")]
)
def test_a_wrong_solution_and_a_right_wrong_answer_fail(tmp_path, old, new):
    code, said = nbval(write(tmp_path / "a.ipynb", solution=SOLUTION.replace(old, new)))
    assert code == 1
    assert "1 failed, 4 passed" in said


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A copy of one real chapter with its twin, where faults may be planted."""
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    for suffix in (".ipynb", ".md"):
        source = (ROOT / "notebooks" / "01_pixels").with_suffix(suffix)
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "jupytext.toml").write_bytes((ROOT / "jupytext.toml").read_bytes())
    return tmp_path / "01_pixels.md"


def test_an_untouched_pair_passes(pair):
    notebooks.check([pair])


def test_a_cleared_notebook_is_caught(pair):
    snapshot = pair.with_suffix(".ipynb")
    notebook = nbformat.read(snapshot, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, snapshot)
    with pytest.raises(SystemExit, match="not executed in order"):
        notebooks.check([pair])


def test_an_unrun_edit_is_caught(pair):
    pair.write_text(
        pair.read_text(encoding="utf-8").replace("SEED = 1", "SEED = 2"), encoding="utf-8"
    )
    with pytest.raises(SystemExit, match=r"\.md and \.ipynb differ"):
        notebooks.check([pair])
    with pytest.raises(SystemExit, match="make run NB=01"):
        notebooks.sync([pair])


def test_a_new_address_needs_no_execution(pair, monkeypatch):
    moved = notebooks.setup_cell().replace("OWNER", "another-owner")
    monkeypatch.setattr(notebooks, "setup_cell", lambda: moved)
    with pytest.raises(SystemExit, match="not the set-up cell"):
        notebooks.check([pair])
    notebooks.sync([pair])
    notebooks.check([pair])


def test_a_prose_edit_needs_no_execution(pair):
    before = nbformat.read(pair.with_suffix(".ipynb"), as_version=4)
    text = pair.read_text(encoding="utf-8").replace(
        "You read these letters", "You read all letters"
    )
    pair.write_text(text, encoding="utf-8")
    notebooks.sync([pair])
    notebooks.check([pair])
    after = nbformat.read(pair.with_suffix(".ipynb"), as_version=4)
    assert "You read all letters" in after.cells[2].source + after.cells[5].source + str(
        after.cells
    )
    assert [c.get("outputs") for c in after.cells] == [c.get("outputs") for c in before.cells]


def test_a_missing_twin_is_named(pair):
    pair.unlink()
    with pytest.raises(SystemExit, match=r"01_pixels\.ipynb has no \.md twin"):
        notebooks.check([])
