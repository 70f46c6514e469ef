"""Each notebook reads well in four places and is an honest snapshot (DESIGN: a notebook; nbval rules)."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml

import notebooks
from tests import leaks

ROOT = Path(__file__).resolve().parent.parent
ALL = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {
    "remove-cell",
    "hide-input",
    "hide-cell",
    "hide-output",
    "nbval-ignore-output",
    "raises-exception",
    "mnist",
}
MACHINE = re.compile(r"0x[0-9a-f]{6,}|/(?:home|root|tmp|Users|work)/|site-packages")
ON_THE_CPU = {"19": "its worker processes would take one GPU's memory from each other"}
each_notebook = pytest.mark.parametrize("notebook", ALL, ids=[p.stem for p in ALL])


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_there_are_notebooks():
    assert len(ALL) >= 2
    assert {p.stem for p in ALL} == {p.stem for p in (ROOT / "notebooks").glob("*.md")}


@each_notebook
def test_twin_snapshot_and_first_cell_agree(notebook):
    notebooks.check([notebook.with_suffix(".md")])


@each_notebook
def test_is_in_the_table_of_contents(notebook):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert f"notebooks/{notebook.stem}" in files


@each_notebook
def test_is_small_enough_to_open(notebook):
    assert notebook.stat().st_size < 1_000_000


@each_notebook
def test_outputs_hold_nothing_of_a_machine(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in cell.metadata.get(
                "tags", []
            )
            assert output.get("name") != "stderr", output
            data = output.get("data", {})
            assert set(data) <= {"text/plain", "image/png", "text/html"}, set(data)
            text = output.get("text", "") + data.get("text/plain", "") + data.get("text/html", "")
            assert not MACHINE.search(text), text
            assert leaks.search({notebook.stem: text}) == {}


@each_notebook
def test_each_figure_has_name_caption_and_alt_text(notebook):
    for cell in code_cells(notebook):
        figures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        if not figures:
            continue
        assert len(figures) == 1, "one figure a cell"
        meta = cell.metadata.get("mystnb", {})
        assert re.fullmatch(r"fig-[a-z0-9-]+", meta["figure"]["name"]), cell.source
        assert len(meta["figure"]["caption"]) > 20
        assert 30 <= len(meta["image"]["alt"]) <= 250, len(meta["image"]["alt"])
        assert meta["image"]["alt"] != meta["figure"]["caption"]


def test_figure_names_are_unique():
    names = [
        cell.metadata["mystnb"]["figure"]["name"]
        for path in ALL
        for cell in code_cells(path)
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    assert len(names) > 5
    assert sorted(names) == sorted(set(names))


@each_notebook
def test_cells_are_short_and_tags_are_known(notebook):
    cells = code_cells(notebook)
    assert "remove-cell" in cells[0].metadata.get("tags", [])
    for cell in cells:
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 15, f"{len(lines)} lines:\n{cell.source}"
        assert set(cell.metadata.get("tags", [])) <= TAGS


@each_notebook
def test_code_lines_fit_on_a_laptop(notebook):
    """At 1280 pixels a cell shows 98 characters and a fold 94; a longer line would have to be scrolled."""
    cells = [cell.source for cell in code_cells(notebook)[1:]]
    for width, blocks in ((98, cells), (94, notebooks.FENCE.findall(prose(notebook)))):
        lines = [line for block in blocks for line in block.splitlines()]
        assert [line for line in lines if len(line) > width] == []


@each_notebook
def test_no_compared_cell_asks_for_device_or_version(notebook):
    """A line that is compared must be the same on a CPU and a GPU, and on each version that the book supports."""
    asks = re.compile(
        r"__version__|list_(physical|logical)_devices|\.device\b(?!\()|cpu_count|sys\.version|platform\."
    )
    for cell in code_cells(notebook):
        if notebooks.is_compared(cell, "mnist"):
            assert not asks.search(cell.source), cell.source


@each_notebook
def test_colab_is_asked_for_a_gpu_where_training_takes_most_of_the_time(notebook):
    """By the bound in the header: from a minute on, it is training that takes it. The header says so, too."""
    trains = notebooks.time_bound(read(notebook)) >= 60 and notebook.stem[:2] not in ON_THE_CPU
    metadata = read(notebook).metadata
    gpu = {"accelerator": "GPU", "colab": {"gpuType": "T4", "provenance": [], "toc_visible": True}}
    assert {k: v for k, v in metadata.items() if k in gpu} == (gpu if trains else {})
    assert ("Colab opens it with a GPU" in prose(notebook)) == trains


@each_notebook
def test_a_bound_for_the_digits_stands_in_a_cell_tagged_mnist(notebook):
    """On the embedded digits such a cell prints the other bound, so its output must not be compared there."""
    for cell in code_cells(notebook):
        if "digits=" in cell.source:
            assert "mnist" in cell.metadata.get("tags", []), cell.source


@each_notebook
def test_has_the_frame_of_a_chapter(notebook):
    text = prose(notebook)
    title, box = text.split("\n\n")[:2]
    assert re.fullmatch(r"# [^#\n]+\?", title), title
    assert box.startswith("> **After this chapter you can**")
    assert re.search(r"> \*\*Time\*\*: \d+ minutes to read\.", box)
    assert notebooks.time_bound(read(notebook)) > 0
    for heading in ("## What you can do now", "## Exercises", "## Further reading"):
        assert heading in text, heading
    assert len(re.findall(r"^## ", text, re.MULTILINE)) >= 6


@each_notebook
def test_markdown_renders_in_colab_and_on_github(notebook):
    text = prose(notebook)
    assert not re.search(r"^(```|:::)\{|\{[a-z]+\}`", text, re.MULTILINE), (
        "no MyST roles or directives"
    )
    assert not re.search(r"!\[|<img|attachment:", text), "a picture is the output of a cell"


@each_notebook
def test_has_four_exercises_with_hint_solution_and_wrong_answer(notebook):
    found = notebooks.exercises(read(notebook))
    number = int(notebook.stem[:2])
    assert [e.number for e in found] == [f"{number}.{i}" for i in range(1, len(found) + 1)]
    assert len(found) >= 4
    assert all(e.solution and e.wrong_answer for e in found)
    assert prose(notebook).count("<summary>Hint</summary>") == len(found)


@each_notebook
def test_each_exercise_says_how_hard_it_is(notebook):
    titles = re.findall(r"^\*\*(\d+\.\d+) (.*?)\*\*", prose(notebook), re.MULTILINE)
    assert [number for number, _ in titles] == [
        e.number for e in notebooks.exercises(read(notebook))
    ]
    marks = [title for _, title in titles]
    title = re.compile(r"(Compute|Predict|Code|Explain), (easy|medium|hard)\.")
    assert [mark for mark in marks if not title.fullmatch(mark)] == []
    assert any(mark.endswith("easy.") for mark in marks), "a chapter has an exercise to begin with"


def test_the_teaching_plan_adds_up_what_the_headers_say():
    rows = re.findall(
        r"^\| \d .*", (ROOT / "book" / "teaching.md").read_text("utf-8"), re.MULTILINE
    )
    planned = []
    for row in rows:
        chapters = [
            ROOT / "notebooks" / name for name in re.findall(r"notebooks/(\w+\.ipynb)", row)
        ]
        minutes = [int(re.search(r"(\d+) minutes to read", prose(path))[1]) for path in chapters]
        seconds = [notebooks.time_bound(read(path)) for path in chapters]
        assert row.endswith(f"| {sum(minutes)} | {sum(seconds)} |"), row
        planned += chapters
    assert len(rows) == 6
    assert planned == ALL


@each_notebook
def test_has_two_to_four_questions_with_one_right_answer_each(notebook):
    assert len(re.findall(r"^## Check yourself\n", prose(notebook), re.MULTILINE)) == 1
    headings = re.findall(r"^## (.*)", prose(notebook), re.MULTILINE)
    assert headings[headings.index("Check yourself") + 1] == "Exercises"
    found = notebooks.questions(read(notebook))
    assert 2 <= len(found) <= 4
    for question, answers in found:
        assert len(answers) >= 3, question
        assert sum(why.startswith("Right.\n") for _, why in answers) == 1, question
        for answer, why in answers:
            assert re.match(r"(Right|No)\.\n\S.{20,}", why, re.DOTALL), f"{answer}: say why"
            assert not re.search(r"[*`$<]", answer), f"{answer}: a fold's title is plain text"


def test_the_right_answer_has_no_usual_place():
    """Whoever always takes the first answer, or always the longest, must fail."""
    asked = [a for path in ALL for _, a in notebooks.questions(read(path))]
    right = [[why.startswith("Right.") for _, why in answers].index(True) for answers in asked]
    for place in range(3):
        assert right.count(place) < len(asked) / 2
    longest = [max(range(len(a)), key=lambda k: len(a[k][0])) for a in asked]
    assert sum(r == k for r, k in zip(right, longest, strict=True)) < len(asked) / 2


@each_notebook
@pytest.mark.parametrize("dataset", ["mnist", "digits"])
def test_most_lines_are_compared(notebook, dataset):
    compared, ignored = notebooks.compared_lines(notebook, dataset)
    assert compared >= ignored, f"{compared} lines compared, {ignored} not, on {dataset}"


@each_notebook
def test_stored_json_is_plain(notebook):
    stored = json.loads(notebook.read_text(encoding="utf-8"))
    assert stored["metadata"]["kernelspec"]["name"] == "python3"
    assert all(set(cell["metadata"]) <= {"tags", "mystnb"} for cell in stored["cells"])


def works(markdown):
    """The works that a text links to: DOI or arXiv number, whatever the form of the link."""
    links = re.findall(r"\]\(https://([^\s()]*(?:\([^\s()]*\)[^\s()]*)*)\)", markdown)
    found = set()
    for link in (unquote(link).lower() for link in links):
        place, _, name = link.partition("/")
        if place == "doi.org":
            found.add(name.removeprefix("10.48550/arxiv."))
        elif place == "arxiv.org":
            found.add(re.sub(r"^(abs|pdf)/|v\d+$", "", name))
    return found


def test_works_are_known_in_each_form():
    forms = "[a](https://doi.org/10.48550/arXiv.1/2) [b](https://arxiv.org/abs/3.4v2), [c](https://doi.org/10.5/K%281%29)"
    assert works(forms) == {"1/2", "3.4", "10.5/k(1)"}


@each_notebook
def test_works_cited_stand_on_the_references_page(notebook):
    listed = works((ROOT / "book" / "references.md").read_text(encoding="utf-8"))
    assert works(prose(notebook)) <= listed
