"""Keep each notebook and its .md twin one thing, and execute them: the only way outputs are written.

    python tools/notebooks.py sync         carry prose edits from .md into .ipynb; outputs stay
    python tools/notebooks.py check        fail when a twin, a count or the first cell is out of step
    python tools/notebooks.py run [NB...]  execute top to bottom on a clean kernel and store the outputs
    python tools/notebooks.py new NN_name  write the .md of a new chapter, and put it into _toc.yml

The .md twin is what people edit. The .ipynb is its snapshot: the same cells plus outputs, executed on real MNIST.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jupytext
import nbformat
import yaml
from jupytext.combine import combine_inputs_with_outputs

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
TWIN = {"extension": ".md", "format_name": "myst"}
FOLDED = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)
CLAIM = re.compile(r".+(: equal within | is above | is below )[-\d.e+]+( .+)?")
TIME_BOUND = re.compile(r"[Rr]uns in at most (\d+) seconds")


def setup_cell() -> str:
    """The first code cell of each notebook, with the one repository address of _config.yml."""
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    address = f"git+{repository['url']}@{repository['branch']}"
    return (
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q --no-deps "hwr_utils @ {address}"'
    )


def page_address(page: str) -> str:
    """Where chapter `page` is published, from the one repository address of _config.yml."""
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    owner, name = urlsplit(repository["url"]).path.strip("/").split("/")
    return f"https://{owner.lower()}.github.io/{name}/notebooks/{page}.html"


def lab_links(text: str, page: str) -> str:
    """The links to the labs of `page` as absolute ones: from Colab and GitHub they lead to the published book."""
    return re.sub(r"\]\([^()\s]*(#lab-[a-z]+)\)", rf"]({page_address(page)}\1)", text)


def find_notebooks(names: list[str]) -> list[Path]:
    """The .md twins whose file name starts with one of `names`; all of them without names."""
    twins = sorted(NOTEBOOKS.glob("[0-9]*.md"))
    found = [t for t in twins if not names or any(t.name.startswith(n) for n in names)]
    if names and not found:
        have = ", ".join(t.stem for t in twins)
        sys.exit(f"no notebook starts with {' or '.join(names)}; there are: {have}")
    return found


def read_pair(twin: Path) -> Any:
    """The notebook that the .md twin describes, with the outputs of the .ipynb where the code is the same."""
    notebook = jupytext.read(twin)
    first = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if first is None:
        sys.exit(f"{twin.name} has no code cell; the first one must be the set-up cell")
    first.source = setup_cell()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = lab_links(cell.source, twin.stem)
    snapshot = twin.with_suffix(".ipynb")
    if snapshot.exists():
        stored = nbformat.read(snapshot, as_version=4)
        notebook = combine_inputs_with_outputs(notebook, stored, fmt=TWIN)
        # jupytext also hands outputs to changed code that stands in the same place: those are stale.
        # The set-up cell prints nothing here, so a new address in it needs no execution.
        ran = {cell.id: cell.source for cell in stored.cells}
        for cell in [c for c in notebook.cells if c.cell_type == "code"][1:]:
            if ran.get(cell.get("id")) != cell.source:
                cell.outputs, cell.execution_count = [], None
                notebook.metadata.pop("claims", None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata.pop("jupytext", None)  # jupytext.toml says it for all notebooks
    for cell in notebook.cells:
        cell.setdefault("id", nbformat.v4.new_code_cell().id)
    return notebook


def twin_text(notebook: Any, twin: Path) -> str:
    """What the .md twin of `notebook` must contain, by the rules of jupytext.toml."""
    config = jupytext.config.load_jupytext_config(str(twin))
    notebook = nbformat.from_dict(notebook)
    notebook.metadata["jupytext"] = {
        name: getattr(config, name) for name in ("cell_metadata_filter", "notebook_metadata_filter")
    }
    return jupytext.writes(notebook, fmt=TWIN)


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`, or leave what was there: never half a notebook."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def save_pair(notebook: Any, twin: Path) -> None:
    """Write the .ipynb and the .md, each only when it changes."""
    for path, text in (
        (twin.with_suffix(".ipynb"), nbformat.writes(notebook, version=4) + "\n"),
        (twin, twin_text(notebook, twin)),
    ):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)


def unrun_cells(notebook: Any) -> list[int]:
    """Numbers (from 1) of the code cells that carry no execution count of a clean top-to-bottom run."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [i for i, cell in enumerate(code, 1) if cell.execution_count != i]


def sync(twins: list[Path]) -> None:
    """Carry prose edits into the .ipynb; refuse when code changed, because its outputs are then stale."""
    stale = []
    for twin in twins:
        notebook = read_pair(twin)
        if unrun_cells(notebook):
            stale.append(twin.stem)
        else:
            save_pair(notebook, twin)
    if stale:
        sys.exit(
            f"code changed in {', '.join(stale)}: its outputs are stale.\n"
            f"Execute it with `make run NB={stale[0][:2]}`."
        )


def check(twins: list[Path]) -> None:
    """Fail, naming each fault, when a pair is out of step."""
    faults = [
        f"{path.name} has no .md twin; write it with `jupytext --to md:myst {path.name}`"
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
        if not path.with_suffix(".md").exists()
    ]
    for twin in twins:
        snapshot = twin.with_suffix(".ipynb")
        number = twin.name[:2]
        if not snapshot.exists():
            faults.append(f"{twin.stem} was never executed; run `make run NB={number}`")
            continue
        notebook = nbformat.read(snapshot, as_version=4)
        if unrun_cells(notebook):
            faults.append(
                f"{snapshot.name}: code cells {unrun_cells(notebook)} were not executed in order on a "
                f"clean kernel; run `make run NB={number}`"
            )
        if twin_text(notebook, twin) != twin.read_text(encoding="utf-8"):
            faults.append(
                f"{twin.stem}: .md and .ipynb differ; `make book` carries prose edits over, "
                f"`make run NB={number}` code edits"
            )
        if next(c for c in notebook.cells if c.cell_type == "code").source != setup_cell():
            faults.append(f"{snapshot.name}: the first cell is not the set-up cell of _config.yml")
    if faults:
        sys.exit("\n".join(faults))


def is_compared(cell: dict, dataset: str) -> bool:
    """Whether nbval compares this code cell's output when `dataset` is the data."""
    tags = set(cell["metadata"].get("tags", []))
    return "nbval-ignore-output" not in tags and not (dataset == "digits" and "mnist" in tags)


def printed_lines(notebook: Any, dataset: str) -> tuple[list[str], list[str]]:
    """The lines of a notebook that are compared when `dataset` is the data, and the lines that are not."""
    lines: tuple[list[str], list[str]] = [], []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", [])
            lines[0 if is_compared(cell, dataset) else 1].extend("".join(text).strip().split("\n"))
    return lines


def compared_lines(path: Path, dataset: str) -> tuple[int, int]:
    """How many printed lines of a notebook are compared, and how many are not."""
    compared, ignored = printed_lines(json.loads(path.read_text(encoding="utf-8")), dataset)
    return len(compared), len(ignored)


def claims(notebook: Any, name: str) -> list[tuple[str, float | None]]:
    """Each line of a notebook that states a bound, with the value measured; None before values were kept."""
    lines, ignored = (
        [line for line in part if CLAIM.fullmatch(line)]
        for part in printed_lines(notebook, "mnist")
    )
    if ignored:
        sys.exit(f"{name}: a claim stands in a cell whose output is not compared: {ignored[0]}")
    if "claims" not in notebook["metadata"]:
        return [(line, None) for line in lines]
    values = notebook["metadata"]["claims"]["values"]
    if lines != [line for line, _ in values]:
        odd = next(iter(set(lines) ^ {line for line, _ in values}), "their order")
        sys.exit(
            f"{name}: the claims that it prints are not those whose values it holds: {odd}\n"
            f"Execute it with `make run NB={name[:2]}`; a claim is printed by a function of checks.py."
        )
    return [(line, value) for line, value in values]


@dataclass(frozen=True)
class Exercise:
    """One exercise: the code cell that checks it, and the folded blocks a test puts in place of `...`."""

    number: str
    check: str
    solution: str | None
    wrong_answer: str | None


def exercises(notebook: Any) -> list[Exercise]:
    """All exercises of a notebook, in order: each code cell that holds `answer = ...`."""
    found = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or "answer = ...\n" not in cell.source:
            continue
        number = re.search(r'check_answer\(\s*"([^"]+)"', cell.source)
        text = ""
        for following in notebook.cells[position + 1 :]:
            if following.cell_type == "code":
                break
            text += following.source + "\n"
        blocks = {
            summary.strip(): code
            for summary, body in FOLDED.findall(text)
            for code in FENCE.findall(body)[:1]
        }
        found.append(
            Exercise(
                number[1] if number else "?",
                cell.source.replace("answer = ...\n", ""),
                blocks.get("Solution"),
                blocks.get("A tempting wrong answer"),
            )
        )
    return found


def questions(notebook: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """The questions under "Check yourself": each with its answers, and what is said to each answer."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    section = text.partition("\n## Check yourself\n")[2].split("\n## ")[0]
    return [
        (
            question.split("\n\n")[0],
            [(a.strip(), why.strip()) for a, why in FOLDED.findall(question)],
        )
        for question in re.split(r"^\*\*Question \d+\.\*\* ", section, flags=re.MULTILINE)[1:]
    ]


def shrink_png(encoded: str) -> str:
    """A figure with at most 256 colours (transparency kept), when that makes it smaller."""
    from PIL import Image

    original = base64.b64decode(encoded)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(original)) as image:
        small = image.convert("RGBA").quantize(
            256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        small.save(buffer, format="PNG", optimize=True)
    best = min(buffer.getvalue(), original, key=len)
    return base64.b64encode(best).decode()


def merge_streams(outputs: list[Any]) -> list[Any]:
    """Printed lines as one output: on a busy machine they arrive in pieces."""
    merged: list[Any] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            merged.append(output)
    return merged


def clean(notebook: Any) -> None:
    """Drop what differs from machine to machine; refuse what a reader must not see."""
    notebook.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.metadata.pop("execution", None)
        cell.outputs = merge_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                sys.exit(
                    f"code cell {number} writes to stderr; silence it at its source:\n{output.text}"
                )
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = shrink_png(data["image/png"])


def time_bound(notebook: Any) -> int:
    """The seconds that the chapter's header promises not to exceed on two cores."""
    for cell in notebook.cells:
        match = TIME_BOUND.search(cell.source)
        if cell.cell_type == "markdown" and match:
            return int(match[1])
    sys.exit('the header box must say "Runs in at most N seconds on two CPU cores"')


def execute(notebook: Any) -> tuple[float, float]:
    """Run all cells on a fresh kernel, in place, and put the values of its claims into its metadata.

    Returns the seconds it took, on the clock and of processor time.
    """
    from nbclient import NotebookClient

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # Without this argument the kernel stores TensorFlow's C++ log lines, which nbval never sees again.
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=900,
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        extra_arguments=["--IPKernelApp.capture_fd_output=False", "--IPKernelApp.log_level=ERROR"],
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "claims")
        log.touch()
        start, busy = time.perf_counter(), children_seconds()
        # TensorFlow's start-up lines go to stderr; no reader needs them.
        client.execute(stderr=subprocess.DEVNULL, env={**os.environ, "HWR_CLAIMS": str(log)})
        seconds = time.perf_counter() - start
        busy = (children_seconds() - busy) or seconds
        values = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    packages = {name: version(name.lower()) for name in ("TensorFlow", "Keras", "NumPy")}
    notebook.metadata["claims"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"Python": platform.python_version(), **packages},
        "values": values,
    }
    return seconds, busy


def children_seconds() -> float:
    """Processor time of all ended child processes; always 0 on Windows, which does not count it."""
    times = os.times()
    return times.children_user + times.children_system


def run(twins: list[Path]) -> None:
    """Execute and store; a notebook that fails or breaks its promised time leaves the old snapshot."""
    from hwr_utils.data import DataUnavailable, dataset_name, load_handwriting

    if dataset_name() != "mnist":
        sys.exit("snapshots are made on real MNIST: unset HWR_DATASET, then run again")
    try:
        load_handwriting()
    except DataUnavailable as error:
        sys.exit(str(error))
    slow = []
    for twin in twins:
        notebook = read_pair(twin)
        bound = time_bound(notebook)
        print(f"{twin.stem}: ", end="", flush=True)
        try:
            seconds, busy = execute(notebook)
        except Exception as error:  # nbclient: the cell's own error, in full, is the message
            sys.exit(f"stopped, nothing stored\n{error}")
        clean(notebook)
        claims(notebook, twin.stem)  # refuses to go on when one has no value
        # On a machine that other work slows down, the processor time is the fairer figure.
        if min(seconds, busy) > bound:
            slow.append(twin.stem)
        else:
            save_pair(notebook, twin)
        print(f"{seconds:.0f} s, {busy:.0f} s of processor time; its header promises {bound} s")
    if slow:
        sys.exit(f"over the time its header promises, so not stored: {', '.join(slow)}")


def new(names: list[str]) -> None:
    """Start a chapter from tools/chapter.md, and list it in _toc.yml after the chapters before it."""
    if len(names) != 1 or not re.fullmatch(r"[0-9]{2}_[a-z0-9_]+", names[0]):
        sys.exit(f"got {' '.join(names) or 'no name'}; name one chapter: make new NB=20_attention")
    name = names[0]
    number, title = int(name[:2]), name[3:].replace("_", " ").capitalize()
    taken = sorted(NOTEBOOKS.glob(f"{name[:2]}_*"))
    if taken:
        sys.exit(f"chapter {name[:2]} exists: {taken[0].name}; choose another number")
    toc = ROOT / "_toc.yml"
    lines = toc.read_text(encoding="utf-8").splitlines()
    listed = [(i, line) for i, line in enumerate(lines) if re.search(r"file: notebooks/\d\d", line)]
    before = [i for i, line in listed if int(line.split("notebooks/")[1][:2]) < number]
    if not before:
        sys.exit(f"_toc.yml lists no chapter before {name[:2]}; add this one by hand")
    place = before[-1] + 1
    while place < len(lines) and lines[place].lstrip().startswith("title:"):
        place += 1
    lines[place:place] = [f"      - file: notebooks/{name}", f"        title: {name[:2]} {title}"]
    template = (ROOT / "tools" / "chapter.md").read_text(encoding="utf-8")
    for word, value in (
        ("TITLE", title),
        ("NUMBER", str(number)),
        ("NAME", name[3:].replace("_", "-")),
    ):
        template = template.replace(word, value)
    write_atomically(NOTEBOOKS / f"{name}.md", template)
    write_atomically(toc, "\n".join(lines) + "\n")
    print(f"Write notebooks/{name}.md, then run: make run NB={name[:2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["sync", "check", "run", "new"])
    parser.add_argument("names", nargs="*", help="start of a notebook's name, for example 04")
    arguments = parser.parse_args()
    if arguments.verb == "new":
        new(arguments.names)
    else:
        verb = {"sync": sync, "check": check, "run": run}[arguments.verb]
        verb(find_notebooks(arguments.names))


if __name__ == "__main__":
    main()
