"""Write the tables of book/benchmarks.md from results.json: python benchmarks/page.py, or make bench."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import run

PAGE = Path(__file__).parent.parent / "book" / "benchmarks.md"
MARKED = re.compile(r"(?<=<!-- from results.json -->\n).*?(?=<!-- end -->)", re.S)
Rows = dict[str, list[dict[str, Any]]]


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def accuracies(rows: list[dict[str, Any]], key: str = "correct") -> list[float]:
    return [100 * row[key] / row["total"] for row in rows]


def spread(numbers: list[float], digits: int) -> str:
    """The mean, and behind it the lowest and the highest of several."""
    text = f"{mean(numbers):,.{digits}f}"
    return text + f" ({min(numbers):,.{digits}f}-{max(numbers):,.{digits}f})" * (len(numbers) > 1)


def cost_to(rows: list[dict[str, Any]], target: str, clock: str) -> list[float]:
    return [row["reached"][target][clock] for row in rows if target in row["reached"]]


def table(head: str, lines: list[list[str]]) -> str:
    rule = " | ".join("---" for _ in head.split("|"))
    return "\n".join(f"| {line} |" for line in [head, rule, *(" | ".join(each) for each in lines)])


def speed_goal(
    slow: list[float], fast: list[float], least: float, who: str, more: str = ""
) -> list[str]:
    """How many times faster, by the mean of each."""
    ratio = mean(slow) / mean(fast)
    return [
        f"at least {least}x faster",
        f"{more}{ratio:.3g}x, {who}",
        "yes" if ratio >= least else "**no**",
    ]


def accuracy_goal(rows: list[dict[str, Any]], least: float, minutes: float) -> list[str]:
    """The mean accuracy, and the longest training against the time allowed."""
    reached, longest = mean(accuracies(rows)) >= least, max(row["seconds"] for row in rows)
    verdict = ["**no**", "yes"][reached]
    if longest > 60 * minutes:
        verdict = f"accuracy {verdict}, time **no**"
    said = f"{spread(accuracies(rows), 2)} % in {longest:.0f} s at most, {seeds(rows)}"
    return [f"at least {least:.2f} %", said, verdict]


def seeds(rows: list[Any]) -> str:
    return "1 seed" if len(rows) == 1 else f"{len(rows)} seeds"


def goals(rows: Rows, probes: dict[str, Any]) -> Iterator[list[str]]:
    """Claim, goal, what was measured, reached: one line for each goal, those that were missed or not run too."""
    missing, none = "not measured", ["not measured", "-"]
    for clock, name in (("seconds", "seconds"), ("processor_seconds", "processor seconds")):
        fast = cost_to(rows.get("lean, to 97.23", []), "0.9723", clock)
        old = rows.get("2018 cnn") or rows.get("2018 cnn, first half")
        yield [f"{name} to 97.23 %: lean CNN against the 15,000 steps of 2018"] + (
            speed_goal(
                [row[clock] for row in old], fast, 100, f"{seeds(fast)} against {len(old)}",
                "" if "2018 cnn" in rows else "more than ",  # half of its steps
            )
            if fast and old else ["at least 100x faster", *none]
        )  # fmt: skip
        fast, peer = (cost_to(rows.get(each, []), "0.99", clock) for each in ("lean", "keras-io"))
        yield [f"{name} to 99.0 %: lean CNN against keras-io"] + (
            speed_goal(peer, fast, 8, f"{len(fast)} of {len(rows['lean'])} seeds against {len(peer)}")
            if fast and peer else ["at least 8x faster", *none]
        )  # fmt: skip
    for name, claim, least, minutes in (
        ("lean", "lean CNN, two epochs", 99.25, 0.25),
        ("small", "small CNN, under 150 k parameters, within 4 minutes", 99.65, 4),
        ("best", "best single CNN, under 1 M parameters, within 30 minutes", 99.75, 30),
        ("lstm", "LSTM(128) by rows, within 2.5 minutes", 99.25, 2.5),
        ("best recurrent", "best recurrent reader by rows, within 20 minutes", 99.55, 20),
    ):
        yield [claim] + (
            accuracy_goal(rows[name], least, minutes) if name in rows else [f"at least {least:.2f} %", *none]
        )  # fmt: skip
    for gap, most in (("-4 to 10", 1.0), ("0 to 10", 0.5)):
        key, goal = f"error_rate, gaps {gap}", f"at most {most} %"
        rates = [100 * row[key] for row in rows.get("ctc", [])]
        yield [f"character errors of the CTC reader within 15 minutes, gaps of {gap} pixels", goal] + (
            [f"{spread(rates, 2)} %, {seeds(rows['ctc'])}", "yes" if mean(rates) <= most else "**no**"]
            if rates else none
        )  # fmt: skip
    small = rows.get("small", [])
    pages = accuracies(small, "correct_drawn")
    yield ["the test digits drawn on large pages, read by the small CNN", "at least 99.40 %"] + (
        [f"{spread(pages, 2)} %, {seeds(small)}", "yes" if mean(pages) >= 99.4 else "**no**"]
        if pages else none
    )  # fmt: skip
    change = [
        a - b
        for a, b in zip(accuracies(small, "correct_normalised"), accuracies(small), strict=True)
    ]
    yield ["MNIST normalised again, against MNIST", "within 0.1 points"] + (
        [f"{spread(change, 2)} points", "yes" if max(map(abs, change)) <= 0.1 else "**no**"]
        if change else none
    )  # fmt: skip
    conv = probes.get("conv2d")
    yield ["`layers.conv2d` in NumPy against TensorFlow", "at most 10x slower"] + (
        [f"{conv['ratio']:.1f}x", "yes" if conv["ratio"] <= 10 else "**no**"] if conv else none
    )
    yield ["any of this on a GPU", "-", missing, "-"]


def tables(record: dict[str, Any]) -> str:
    """All runs, the newest first."""
    parts = []
    for name in reversed(record["runs"]):
        groups: dict[str, Rows] = {"test": {}, "validation": {}}
        for row in record["rows"]:
            if row["run"] == name:
                groups[row["split"]].setdefault(row["name"], []).append(row)
        test, probes = groups["test"], record.get("probes", {}).get(name, {})
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
            table("claim | goal | measured | reached", list(goals(test, probes))),
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
    PAGE.write_text(
        render(PAGE.read_text(encoding="utf-8"), run.load_record(run.RECORD)), encoding="utf-8"
    )
