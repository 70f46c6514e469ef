"""`make new` gives a chapter that executes, in the right place, and never overwrites one."""

import pytest
import yaml

import notebooks

TOC = """format: jb-book
parts:
  - caption: "Part I"
    chapters:
      - file: notebooks/01_pixels
        title: 01 Pixels
      - file: notebooks/08_read_digits_cnn
        title: 08 Reading digits with a CNN
  - caption: "At the back"
    chapters:
      - file: book/glossary
"""


@pytest.fixture
def book(tmp_path, monkeypatch):
    for name in ("tools/chapter.md", "_config.yml", "jupytext.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((notebooks.ROOT / name).read_bytes())
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "_toc.yml").write_text(TOC, encoding="utf-8")
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path


def chapters(book):
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    return [[chapter["file"] for chapter in part["chapters"]] for part in toc["parts"]]


@pytest.mark.parametrize(
    ("name", "place"),
    [("04_pooling", 1), ("20_attention", 2)],
)
def test_a_new_chapter_stands_after_those_before_it(book, name, place):
    notebooks.new([name])
    assert chapters(book)[0][place] == f"notebooks/{name}"
    assert chapters(book)[1] == ["book/glossary"]


def test_the_frame_executes_and_its_exercise_is_complete(book, monkeypatch):
    monkeypatch.setenv("HWR_DATASET", "digits")
    notebooks.new(["19_many_devices"])
    notebook = notebooks.read_pair(book / "notebooks" / "19_many_devices.md")
    assert notebook.cells[0].source.startswith("# Many devices: which question")
    notebooks.execute(notebook)
    notebooks.clean(notebook)
    assert notebooks.unrun_cells(notebook) == []
    (exercise,) = notebooks.exercises(notebook)
    assert exercise.number == "19.1"
    assert exercise.solution == "answer = 784\n"
    assert exercise.wrong_answer == "answer = 28\n"


@pytest.mark.parametrize("names", [[], ["4"], ["04_Pooling"], ["04_a", "05_b"]])
def test_a_bad_name_is_refused(book, names):
    with pytest.raises(SystemExit, match="name one chapter: make new NB=20_attention"):
        notebooks.new(names)


def test_an_existing_number_is_refused_and_nothing_changes(book):
    (book / "notebooks" / "04_pooling.md").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"chapter 04 exists: 04_pooling\.md"):
        notebooks.new(["04_other"])
    assert (book / "notebooks" / "04_pooling.md").read_text(encoding="utf-8") == "mine"
    assert (book / "_toc.yml").read_text(encoding="utf-8") == TOC
