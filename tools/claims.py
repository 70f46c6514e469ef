"""Write book/claims.md: each claim that the chapters check, with its bound, its value and the day of the last run.

python tools/claims.py         write the page from the stored notebooks
python tools/claims.py check   fail when the page is not what the notebooks say
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

from notebooks import CLAIM, NOTEBOOKS, ROOT, claims, printed_lines, write_atomically

PAGE = ROOT / "book" / "claims.md"
INTRODUCTION = """# What is claimed, and what was measured

This page lists what the chapters claim in numbers: {bounds} claims with a bound, and {exact} exact lines.
It is written by `make run`, from the stored notebooks, and never by hand.

- **A claim with a bound** is a call such as `checks.check_above(accuracy, 0.99, "test accuracy")`.
  It fails when the bound does not hold, so a chapter with a false claim cannot be stored.
  The text quotes the bound, because the bound holds on every machine; the value is what the last run found.
  The room between them is for other seeds, other versions and other processors.
- **Equal within** compares two computations of one thing, number by number.
  Its value is the largest difference between them.
- **An exact line** has no room at all: shapes, counts, results in whole numbers.
  It must come out letter by letter, so it is its own value.

Speed-ups and seconds change with each run, and a value can change in its last digits on another machine.
Any other value that moves after a change of the code was moved by that change.
"""


def number(value: float) -> str:
    """A measured value with three digits that count: 12,345 and 0.0123 and 1.2e-5."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return re.sub(r"e-0*", "e-", f"{value:.3g}")


def row(line: str, value: float | None) -> list[str]:
    """A claim as what is claimed, its bound and its value, each ready to stand in a table."""
    match = CLAIM.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is no claim; checks.py prints them")
    word = match[1]
    what, _, bound = line.rpartition(word)
    quantity, _, unit = bound.partition(" ")
    if value is None:
        measured = "value: not recorded"
    elif word.startswith(":"):
        measured = "no difference" if value == 0 else f"differ by {number(float(f'{value:.0e}'))}"
    elif unit == "%":
        measured = f"{100 * value:.2f} %" if abs(value) >= 0.001 else f"{number(100 * value)} %"
    else:
        measured = f"{number(value)} {unit}".strip()
    quantity = re.sub(r"e-0*", "e-", quantity)
    bound = f"{word.removeprefix(' is ').strip(': ')} {quantity} {unit}".strip()
    return [re.sub(r"([\\|*_$<>\[\]`~])", r"\\\1", cell) for cell in (what, bound, measured)]


def section(notebook: Any, name: str) -> str:
    """What the page says of one chapter."""
    title = next(c for c in notebook["cells"] if c["cell_type"] == "markdown")["source"]
    title = "".join(title).splitlines()[0].removeprefix("# ")
    found = claims(notebook, name)
    run = notebook["metadata"].get("claims")
    when = "Executed before the values were kept."
    if run:
        day = date.fromisoformat(run["date"])
        *others, last = (f"{program} {version}" for program, version in run["versions"].items())
        when = f"Last verified on {day.day} {day:%B %Y}, with {', '.join(others)} and {last}."
    exact = exact_lines(notebook)
    table = ["| what is claimed | bound | value |", "|---|---|---|"]
    table += [f"| {' | '.join(row(line, value))} |" for line, value in found]
    return "\n".join(
        [
            f"\n## {name[:2]} {title.split(':')[0]}\n",
            f"[{title}](../notebooks/{name}.ipynb) {when}\n",
            *table,
            f"\n<details><summary>{len(exact)} exact lines</summary>\n",
            "```text",
            *exact,
            "```\n",
            "</details>\n",
        ]
    )


def exact_lines(notebook: Any) -> list[str]:
    """The lines that are compared letter by letter and state no bound; not those of exercises and figures."""
    lines = (line.rstrip() for line in printed_lines(notebook, "mnist")[0])
    other = re.compile(r"|\d+\.\d+: not answered yet|<Figure size .*>")
    return [line for line in lines if not CLAIM.fullmatch(line) and not other.fullmatch(line)]


def page(notebooks: list[Path]) -> str:
    """The text of the page, from the stored notebooks of all chapters."""
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in notebooks}
    bounds = sum(len(claims(notebook, name)) for name, notebook in read.items())
    exact = sum(len(exact_lines(notebook)) for notebook in read.values())
    sections = [section(notebook, name) for name, notebook in read.items()]
    return INTRODUCTION.format(bounds=bounds, exact=exact) + "".join(sections)


def main() -> None:
    text = page(sorted(NOTEBOOKS.glob("[0-9]*.ipynb")))
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return
    if sys.argv[1:] == ["check"]:
        sys.exit("book/claims.md is not what the notebooks say; `make book` writes it")
    write_atomically(PAGE, text)


if __name__ == "__main__":
    main()
