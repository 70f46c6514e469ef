"""Write the tables of book/benchmarks.md from results.json: python benchmarks/page.py, or make bench."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import run

from hwr_utils import data

PAGE = Path(__file__).parent.parent / "book" / "benchmarks.md"
MARKED = re.compile(r"(?<=<!-- from results.json -->\n).*?(?=<!-- end -->)", re.S)
Rows = dict[str, list[dict[str, Any]]]


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def accuracies(rows: list[dict[str, Any]], key: str = "correct") -> list[float]:
    return [100 * row[key] / row["total"] for row in rows]


def spread(numbers: list[float], digits: int) -> str:
    """The mean, and behind it the lowest and the highest of several."""
    text = f"{mean(numbers):,.{digits}f}"
    if len(set(numbers)) < 2:
        return text
    return f"{text} ({min(numbers):,.{digits}f} to {max(numbers):,.{digits}f})"


def cost_to(rows: list[dict[str, Any]], target: str, clock: str) -> list[float]:
    return [row["reached"][target][clock] for row in rows if target in row["reached"]]


def table(head: str, lines: list[list[str]]) -> str:
    rule = " | ".join("---" for _ in head.split("|"))
    return "\n".join(f"| {line} |" for line in [head, rule, *(" | ".join(each) for each in lines)])


def seeds(rows: list[Any]) -> str:
    return "1 seed" if len(rows) == 1 else f"{len(rows)} seeds"


def goal(claim: str, wanted: str, values: list[float], said: str, reached: bool) -> list[str]:
    """One line of the table; without values the goal was not measured."""
    return [
        claim,
        wanted,
        *([said, "yes" if reached else "**no**"] if values else ["not measured", "-"]),
    ]


def in_time(line: list[str], rows: list[dict[str, Any]], minutes: float) -> list[str]:
    """The line; where a training took longer, it says that too."""
    late = max((row["seconds"] for row in rows), default=0) > 60 * minutes
    return [*line[:3], f"accuracy {line[3]}, time **no**"] if late else line


def goals(rows: Rows, probes: dict[str, Any]) -> Iterator[list[str]]:
    """Claim, goal, what was measured, reached: those that were missed or not run too."""
    longer = {"small": "small, longer", "ctc": "wide ctc"}  # judged instead, where it was trained
    rows = {**rows, **{name: rows[better] for name, better in longer.items() if better in rows}}
    old = rows.get("2018 cnn") or rows.get("2018 cnn, first half", [])
    more = "" if "2018 cnn" in rows else "more than "  # half of its steps
    for clock, unit in (("seconds", "seconds"), ("processor_seconds", "processor seconds")):
        to_9723 = cost_to(rows.get("lean, to 97.23", []), "0.9723", clock)
        planned = "lean, to 99.0" if "lean, to 99.0" in rows else "lean"
        to_99, peer = (cost_to(rows.get(name, []), "0.99", clock) for name in (planned, "keras-io"))
        for claim, fast, slow, least, more_than in (
            ("97.23 %: lean CNN against the 15,000 steps of 2018", to_9723, [row[clock] for row in old], 100, more),
            ("99.0 %: lean CNN against keras-io", to_99, peer, 8, ""),
        ):  # fmt: skip
            times = mean(slow) / mean(fast) if fast and slow else 0.0
            said = f"{more_than}{times:.3g}x, {seeds(fast)} against {len(slow)}"
            wanted = f"at least {least}x faster"
            yield goal(f"{unit} to {claim}", wanted, fast and slow, said, times >= least)
    for name, claim, least, minutes in (
        ("lean", "lean CNN, two epochs, within 15 seconds", 99.25, 0.25),
        ("small", "small CNN, under 150 k parameters, within 4 minutes", 99.65, 4),
        ("best", "best single CNN, under 1 M parameters, within 30 minutes", 99.75, 30),
        ("lstm", "LSTM(128) by rows, within 2.5 minutes", 99.25, 2.5),
        ("best recurrent", "best recurrent reader by rows, within 20 minutes", 99.55, 20),
    ):
        here = rows.get(name, [])
        right, longest = accuracies(here), max((row["seconds"] for row in here), default=0)
        said = f"{spread(right, 2)} % in {longest:,.0f} s at most, {seeds(right)}"
        line = goal(claim, f"at least {least:.2f} %", right, said, mean(right) >= least)
        yield in_time(line, here, minutes)
    readers = rows.get("ctc", [])
    for gap, most in (("-4 to 10", 1.0), ("0 to 10", 0.5)):
        rates = [100 * row[f"error_rate, gaps {gap}"] for row in readers]
        claim = f"character errors of the CTC reader within 15 minutes, gaps of {gap} pixels"
        said = f"{spread(rates, 2)} %, {seeds(rates)}"
        line = goal(claim, f"at most {most} %", rates, said, mean(rates) <= most)
        yield in_time(line, readers, 15)
    small = rows.get("small", [])
    pages, again = (accuracies(small, f"correct_{key}") for key in ("drawn", "normalised"))
    unseen = sum(row["no_digit_seen"] for row in small)
    said = f"{spread(pages, 2)} %, {seeds(pages)}; `ink` saw no digit on {unseen} pages"
    claim = "the test digits drawn on large pages, read by the small CNN"
    yield goal(claim, "at least 99.40 %", pages, said, mean(pages) >= 99.4)
    change = [a - b for a, b in zip(again, accuracies(small), strict=True)]
    said, reached = f"{spread(change, 2)} points", max(map(abs, change), default=1) <= 0.1
    yield goal("MNIST normalised again, against MNIST", "within 0.1 points", change, said, reached)
    slower = [probes["conv2d"]["ratio"]] if "conv2d" in probes else []
    claim = "`layers.conv2d` in NumPy against TensorFlow"
    yield goal(claim, "at most 10x slower", slower, f"{mean(slower):.1f}x", mean(slower) <= 10)
    book = [probes["book"]["seconds"] / 60] if "book" in probes else []
    claim, wanted = "all 19 chapters executed", "at most 25 minutes"
    yield goal(claim, wanted, book, f"{mean(book):.1f} minutes", mean(book) <= 25)
    yield goal("a GPU", "-", [], "", False)


def tables(record: dict[str, Any]) -> str:
    """All runs, the newest first. A goal that only another run measured stands there; one that none did, at the top."""
    parts = []
    trained: dict[str, dict[str, Rows]] = {
        name: {"test": {}, "validation": {}} for name in reversed(record["runs"])
    }
    for row in record["rows"]:
        trained[row["run"]][row["split"]].setdefault(row["name"], []).append(row)
    probed = {name: record.get("probes", {}).get(name, {}) for name in trained}
    lines = {name: list(goals(trained[name]["test"], probed[name])) for name in trained}
    measured = {line[0] for each in lines.values() for line in each if line[-1] != "-"}
    newest = next(iter(trained), "")
    for name, groups in trained.items():
        test, probes = groups["test"], probed[name]
        reached = [
            line
            for line in lines[name]
            if line[-1] != "-" or (name == newest and line[0] not in measured)
        ]
        machine = ", ".join(f"{key} {value}" for key, value in record["runs"][name].items())
        every = [
            [
                rows[0]["what"], f"{rows[0]['parameters']:,}", str(len(rows)),
                spread([row["steps"] for row in rows], 0),
                spread([row["seconds"] for row in rows], 0),
                spread([row["processor_seconds"] for row in rows], 0),
                spread(accuracies(rows), 2),
            ]
            for rows in (*test.values(), *groups["validation"].values())
        ]  # fmt: skip
        times = [
            [rows[0]["what"]]
            + [
                f"{spread(cost, 1)}; {len(cost)} of {len(rows)}" if cost else "not reached"
                for target in map(str, run.TARGETS)
                for cost in [cost_to(rows, target, "processor_seconds")]
            ]
            for rows in test.values()
            if any(row["reached"] for row in rows)
        ]
        head = "training | parameters | seeds | steps | seconds | processor seconds | accuracy, %"
        parts += [
            f"### Run {name}",
            f"The machine and the versions: {machine}.",
            table("claim | goal | measured | reached", reached),
            "Each training, with the mean of its seeds, the lowest and the highest:",
            table(head, every[: len(test)]),
            "Processor seconds until the network read so many of the test digits, and by how many of the seeds:",
            table("training | 97.23 % | 98.5 % | 99.0 % | 99.5 %", times),
        ]
        if groups["validation"]:
            parts += ["One choice changed at a time, judged by the 5,000 validation images:"]
            parts += [table(head, every[len(test) :])]
        for probe in probes.values():
            parts += [probe["text"]]
    return "\n\n".join(parts) + "\n\n"


def render(page: str, record: dict[str, Any]) -> str:
    """The page with its tables written anew."""
    return MARKED.sub(lambda _: "\n" + tables(record), page)


if __name__ == "__main__":
    text = render(PAGE.read_text(encoding="utf-8"), run.load_record(run.RECORD))
    data.publish(text.encode(), PAGE)
