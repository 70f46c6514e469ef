"""Each number that the prose measures is a claim of its chapter, and book/claims.md says what the chapters claim."""

import ast
import copy
import json
import re
import shutil
from pathlib import Path

import claims
import pytest

import notebooks

ROOT = Path(__file__).resolve().parent.parent
ALL = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("notebook", ALL, ids=[p.stem for p in ALL])


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


# The page and the notebooks -----------------------------------------------------------------------


@each_notebook
def test_each_claim_has_a_value_and_stands_on_the_page(notebook):
    found = notebooks.claims(read(notebook), notebook.stem)
    missing = [line for line, value in found if value is None]
    assert not missing, f"no value; run `make run NB={notebook.stem[:2]}`: {missing}"
    page = claims.PAGE.read_text(encoding="utf-8")
    assert claims.section(read(notebook), notebook.stem) in page, "`make book` writes the page"


def test_the_page_is_what_the_notebooks_say():
    assert claims.PAGE.read_text(encoding="utf-8") == claims.page(ALL), "`make book` writes it"


def test_a_page_that_was_changed_by_hand_is_caught_and_written_anew(tmp_path, monkeypatch):
    text = claims.page(ALL)
    monkeypatch.setattr(claims, "PAGE", tmp_path / "claims.md")
    claims.PAGE.write_text(re.sub(r"above \d+", "above 100", text, count=1), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["claims.py", "check"])
    with pytest.raises(SystemExit, match="not what the notebooks say; `make book` writes it"):
        claims.main()
    monkeypatch.setattr("sys.argv", ["claims.py"])
    claims.main()
    assert claims.PAGE.read_text(encoding="utf-8") == text
    monkeypatch.setattr("sys.argv", ["claims.py", "check"])
    claims.main()


def test_each_notebook_claims_something():
    assert all(len(notebooks.claims(read(path), path.stem)) >= 5 for path in ALL)


@pytest.mark.parametrize(
    ("line", "value", "row"),
    [
        ("a: is it? is above 98.5 %", 0.98764, ["a: is it?", "above 98.5 %", "98.76 %"]),
        ("error is below 0.1 %", 0.000123, ["error", "below 0.1 %", "0.0123 %"]),
        ("x | y_z is below 20 s", 12.3456, [r"x \| y\_z", "below 20 s", "12.3 s"]),
        ("steps is above 5000", 12345.6, ["steps", "above 5000", "12,346"]),
        ("gap is below -1 points", -2.5, ["gap", "below -1 points", "-2.5 points"]),
        ("x: equal within 1e-09", 0.0, ["x", "equal within 1e-9", "no difference"]),
        ("x: equal within 0.05", 4.44e-16, ["x", "equal within 0.05", "differ by 4e-16"]),
        ("x is above 5", None, ["x", "above 5", "value: not recorded"]),
    ],
)
def test_a_row_of_the_page(line, value, row):
    assert claims.row(line, value) == row


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A book of one small chapter, executed."""
    folder = tmp_path_factory.mktemp("book")
    chapter = (ROOT / "tools" / "chapter.md").read_text(encoding="utf-8")
    for word, value in (("TITLE", "Small"), ("NUMBER", "1"), ("NAME", "small")):
        chapter = chapter.replace(word, value)
    start = chapter.index("```{code-cell} ipython3\nanswer = ...")
    cell = (
        "```{code-cell} ipython3\nfrom hwr_utils import checks, layers\n\n"
        'checks.check_above(0.9931, 0.99, "accuracy")\n'
        "mean = layers.relu(np.linspace(-1, 2, 7)).mean()\n"
        'checks.check_below(mean, 0.8, "mean after ReLU", unit="")\n'
        'checks.check_close(1, 1, "one")\nprint("exact")\n```\n\n'
    )
    (folder / "01_small.md").write_text(chapter[:start] + cell + chapter[start:], "utf-8")
    (folder / "jupytext.toml").write_bytes((ROOT / "jupytext.toml").read_bytes())
    run(folder / "01_small.md")
    return folder


def run(twin):
    """Execute a chapter as `make run` does, and store it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "NOTEBOOKS", twin.parent)
        notebook = notebooks.read_pair(twin)
        notebooks.execute(notebook)
        notebooks.clean(notebook)
        notebooks.save_pair(notebook, twin)


@pytest.fixture
def book(executed, tmp_path, monkeypatch):
    """A copy of it, where faults may be planted."""
    for path in executed.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    return tmp_path / "01_small.md"


def test_values_are_kept_by_a_run_and_a_prose_edit_and_dropped_by_a_code_edit(book):
    stored = read(book.with_suffix(".ipynb"))["metadata"]["claims"]
    mean = ["mean after ReLU is below 0.8", pytest.approx(5 / 7)]
    one = ["one: equal within 1e-09", 0]
    assert stored["values"] == [["accuracy is above 99 %", 0.9931], mean, one]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", stored["date"])
    assert stored["versions"].keys() == {"Python", "TensorFlow", "Keras", "NumPy"}
    page = claims.page([book.with_suffix(".ipynb")])
    assert "3 claims with a bound" in page
    assert "| accuracy | above 99 % | 99.31 % |\n| mean after ReLU | below 0.8 | 0.714 |\n" in page
    assert "| one | equal within 1e-9 | no difference |\n" in page
    assert "\nexact\n```" in page
    text = book.read_text(encoding="utf-8")
    assert "claims" not in text.split("\n# ")[0], "the twin holds no values"

    book.write_text(text.replace("## What you can do now", "## What you can do"), "utf-8")
    notebooks.sync([book])
    assert read(book.with_suffix(".ipynb"))["metadata"]["claims"] == stored

    book.write_text(text.replace("0.9931, 0.99", "0.9931, 0.95"), "utf-8")
    assert "claims" not in notebooks.read_pair(book).metadata


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("above 99 %", "above 98 %", "not those whose values it holds: accuracy is above 9"),
        ("exact\\n", "error is below 1 %\\n", "whose values it holds: error is below 1 %"),
    ],
)
def test_a_claim_without_its_value_is_refused(book, old, new, said):
    notebook = read(book.with_suffix(".ipynb"))
    values = notebook["metadata"].pop("claims")
    notebook = json.loads(json.dumps(notebook).replace(old, new))
    assert {value for _, value in notebooks.claims(notebook, "01_small")} == {None}
    notebook["metadata"]["claims"] = values
    with pytest.raises(SystemExit, match=said):
        notebooks.claims(notebook, "01_small")


def test_a_claim_that_is_not_compared_is_refused(book):
    notebook = read(book.with_suffix(".ipynb"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["metadata"]["tags"] = ["nbval-ignore-output"]
    with pytest.raises(SystemExit, match="not compared: accuracy is above 99 %"):
        notebooks.claims(notebook, "01_small")


def test_a_changed_layer_moves_the_rows_that_rest_on_it_and_no_other(book, monkeypatch):
    """What CONTRIBUTING says: `make run`, then `git diff book/claims.md`."""
    shutil.copytree(ROOT / "hwr_utils", book.parent / "hwr_utils")
    monkeypatch.setenv("PYTHONPATH", str(book.parent))
    before = claims.page([book.with_suffix(".ipynb")]).splitlines()
    layers = book.parent / "hwr_utils" / "layers.py"
    source = layers.read_text(encoding="utf-8")
    changed = source.replace(
        'np.maximum(_float_array("inputs", inputs), 0)', "np.maximum(inputs, inputs / 10)"
    )
    assert changed != source
    layers.write_text(changed, encoding="utf-8")
    run(book)
    after = claims.page([book.with_suffix(".ipynb")]).splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [
        ("| mean after ReLU | below 0.8 | 0.714 |", "| mean after ReLU | below 0.8 | 0.693 |")
    ]


# The prose and the claims -------------------------------------------------------------------------

WORDS = "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty fifty"
NUMBER_WORDS = dict(zip(WORDS.split(), [*range(2, 13), 15, 20, 30, 50], strict=True))
NUMBER = rf"(?<![\w.,^{{-])(-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?|(?:{WORDS.replace(' ', '|')})\b)"
UNITS = {
    "%": r"%|per cent\b",
    "points": r"(?:percentage )?points?\b",
    "seconds": r"(?<=\s)s\b|seconds?\b",
    "minutes": r"minutes?\b",
    "as many": r"times (?:the|as (?:many|much|large|wide|long|big))\b",  # often the ratio of two counts
    "times": r"times (?:as|faster|slower|more|less|fewer|smaller|larger|longer)\b",
}
QUANTITY = re.compile(
    rf"{NUMBER}(?:,? (?:to|and|or) {NUMBER})?[\s-]*"
    f"(?:{'|'.join(f'({unit})' for unit in UNITS.values())})",
    re.IGNORECASE,
)

# Arithmetic that the sentence itself carries out, and nothing that was measured.
ARITHMETIC = {
    ("01", "100 %"): "the whole",
    ("03", "97 %"): "9,700 of 10,000, which the line above prints",
    ("05", "2.7 times"): "e, the ratio of probabilities whose scores differ by 1",
    ("09", "99.85 %"): "all but fifteen of 10,000",
    ("14", "14000 as many"): "1.1 to the power of 100",
    ("15", "37 %"): "1 / e",
    ("18", "88.6 %"): "0.99 to the power of 12, the solution above",
    ("18", "88 %"): "1 - 12 x 0.01, the wrong answer above",
}


def quantities(text):
    """Each number with a unit of measurement in a text, as (number, unit)."""
    found = set()
    for match in QUANTITY.finditer(text):
        unit = list(UNITS)[next(i for i, group in enumerate(match.groups()[2:]) if group)]
        for number in filter(None, match.groups()[:2]):
            value = NUMBER_WORDS.get(number.lower()) or float(number.rstrip(",").replace(",", ""))
            found.add((float(value), unit))
    return found


def constants(source):
    """The numbers that stand in code; comments and texts do not count."""
    code = re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.MULTILINE)
    nodes = ast.walk(ast.parse(code))
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return {float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)}


def known(notebook):
    """What a chapter may quote: its compared lines, with their units, and the settings in its code."""
    printed = "\n".join(notebooks.printed_lines(notebook, "mnist")[0])
    settings = set()
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        code = [source] if cell["cell_type"] == "code" else notebooks.FENCE.findall(source)
        settings |= set().union(*map(constants, code))
    plain = {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", printed)}
    return (
        quantities(printed)
        | {(round(100 * n, 9), "%") for n in settings if n < 1}
        # A small whole number stands in any code for something else.
        | {(n, "times") for n in plain | settings if n >= 10 or n % 1}
        | {(n, "as many") for n in plain | settings}  # the ratio of two counts
    )


CHAPTERS = {path.stem[:2]: known(read(path)) for path in ALL}


def paragraphs(notebook):
    """The prose of a notebook without code, in paragraphs. The header's times are kept by `make run`."""
    cells = (c for c in notebook["cells"] if c["cell_type"] == "markdown")
    text = "\n\n".join("".join(cell["source"]) for cell in cells)
    text = re.sub(r"^> \*\*Time\*\*.*", "", notebooks.FENCE.sub("", text), flags=re.MULTILINE)
    return re.split(r"\n\s*\n", text)


def without_claim(notebook, number, chapters):
    """The sentences of a chapter's prose that give a measured number without a claim: (number, sentence)."""
    found, given, told = [], set(), False
    for paragraph in paragraphs(notebook):
        # A table belongs to the paragraph before it.
        table = paragraph.lstrip().startswith("|")
        told = "outside this page" in paragraph.lower() or (told and table)
        if re.match(r"\*\*(Question )?\d[\d.]*", paragraph):
            given = quantities(paragraph)  # an answer may repeat what its question says
        for sentence in re.split(r"\n|(?<=[.?!:;])\s+(?=[A-Z(*\[`])", paragraph):
            if told or "2018" in sentence or re.search(r"\]\(https?://", sentence):
                continue  # measured elsewhere, as the reader is told
            may = chapters[number] | given
            for other in re.findall(r"\b(\d\d)\b", sentence):
                may = may | chapters.get(other, set())  # another chapter's claim, by its number
            for value, unit in sorted(quantities(sentence) - may):
                if (number, f"{value:.15g} {unit}") not in ARITHMETIC:
                    found.append((f"{value:.15g} {unit}", sentence.strip()))
    return found


@each_notebook
def test_each_measured_number_in_the_prose_has_a_claim(notebook):
    found = without_claim(read(notebook), notebook.stem[:2], CHAPTERS)
    assert not found, "\n".join(f"{quantity}: {sentence}" for quantity, sentence in found)


def test_each_measured_number_in_the_readme_is_a_claim_of_the_chapter_it_names():
    readme = {"cell_type": "markdown", "source": (ROOT / "README.md").read_text(encoding="utf-8")}
    assert without_claim({"cells": [readme]}, "README", {**CHAPTERS, "README": set()}) == []


def test_each_exception_is_used():
    used = set()
    for path in ALL:
        for paragraph in paragraphs(read(path)):
            for value, unit in quantities(paragraph):
                used.add((path.stem[:2], f"{value:.15g} {unit}"))
    assert ARITHMETIC.keys() <= used


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("It reads above 99 % of them.", []),
        ("It reads above 98 % of them.", ["98 %"]),
        ("It reads ninety-eight or 98.5 per cent.", ["98.5 %"]),
        ("The gap is two points.", ["2 points"]),
        ("It takes 2 to 7 s, and is 3.5 times faster.", ["2 seconds", "3.5 times", "7 seconds"]),
        ("It drops 40 % of the units.", []),
        ("It gains 40 points.", ["40 points"]),
        ("It takes 20 seconds.", ["20 seconds"]),
        ("The text of 2018 says 97.66 %.", []),
        ("[Ada (1843)](https://doi.org/1) says 97.66 %.", []),
        ("Once, outside this page, it read 91 %.\nAnd 92 %.\n\n| a | 93 % |\n\nThen 94 %.", ["94 %"]),
        ("Chapter 02 got above 82 %.", []),
        ("Chapter 03 got above 82 %.", ["82 %"]),
        ("**Question 1.** It reads 55 %. Why?\n\nBecause 55 % is little.\n\n**Question 2.** Why?\n\n55 %.", ["55 %"]),
        ("We have zeros and ones, 4s and two points of view.", ["2 points"]),
    ],
)  # fmt: skip
def test_a_number_without_a_claim_is_found(sentence, found):
    code = {"cell_type": "code", "source": "rate, count = 0.4, 20  # 0.98 and 98 %", "metadata": {}}
    code["outputs"] = [{"text": "accuracy is above 99 %\n"}]
    prose = {"cell_type": "markdown", "source": sentence}
    other = copy.deepcopy(code)
    other["outputs"] = [{"text": "average digit is above 82 %\n"}]
    chapters = {"01": known({"cells": [code]}), "02": known({"cells": [other]}), "03": set()}
    notebook = {"cells": [code, prose]}
    assert sorted(q for q, _ in without_claim(notebook, "01", chapters)) == found
