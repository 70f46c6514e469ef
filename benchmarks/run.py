"""Train the rows of recipes.py, and write what they reach and what they cost to results.json after each.

python benchmarks/run.py                       # all rows; those already measured on this machine are skipped
python benchmarks/run.py lean small            # these rows, and the anchor
python benchmarks/run.py --split validation    # the ablations, judged by the last 5,000 training images
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import json
import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import recipes
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from hwr_utils import ctc, data, ink, training

RECORD = Path(__file__).with_name("results.json")
TARGETS = (0.9723, 0.985, 0.99, 0.995)


class Stopwatch(keras.callbacks.Callback):
    """Counts the seconds of a training from the building of the network on, and stands still while it is tested."""

    def __init__(
        self, row: recipes.Row, accuracy: Callable[[Any], float], progress: Callable[[float], None]
    ) -> None:
        super().__init__()
        self.row, self.accuracy, self.progress = row, accuracy, progress
        self.reached: dict[str, dict[str, float]] = {}
        self.steps, self.seconds, self.processor_seconds = 0, 0.0, 0.0
        self.go()

    def go(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        getattr(self.model, "jax_state_sync", lambda: None)()
        np.asarray(self.model.optimizer.iterations)  # waits for the device
        self.seconds += time.perf_counter() - self.wall
        self.processor_seconds += time.process_time() - self.processor

    def look(self) -> None:
        accuracy = self.accuracy(self.model)
        for target in TARGETS:
            if accuracy >= target:
                spent = {"seconds": self.seconds, "processor_seconds": self.processor_seconds}
                self.reached.setdefault(str(target), {**spent, "steps": self.steps})
        if accuracy >= self.row.until:
            self.model.stop_training = True

    def on_train_begin(self, logs: Any = None) -> None:
        per_epoch = self.params["steps"]
        self.every = round(self.row.every * per_epoch)
        whole, peak = self.row.recipe.epochs * per_epoch, self.row.recipe.peak_learning_rate
        self.total = min(self.row.steps, whole)
        if self.row.decay is not None:
            self.model.optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(
                peak, per_epoch, self.row.decay, staircase=True
            )
        elif self.total < whole:  # the recipe's own cycle spans the whole
            self.model.optimizer.learning_rate = training.one_cycle(peak, self.total)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        if self.every and self.steps % self.every == 0:
            self.stop()
            self.look()
            self.progress(self.steps / self.total)
            self.go()
        elif self.steps % 50 == 0:
            self.progress(self.steps / self.total)
        if self.steps >= self.row.steps:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self.stop()


def measure(
    row: recipes.Row, seed: int, pairs: data.Pairs, progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:  # fmt: skip
    """Train one row with one seed, and test it."""
    (x_train, y_train), test = pairs

    def accuracy(model: Any) -> float:
        right, total = training.right_answers(model, *test)
        return right / total

    watch = Stopwatch(row, accuracy, progress)
    learned = x_train[: row.images], y_train[: row.images]
    model = training.train(row.recipe, *learned, seed=seed, callbacks=[watch])
    right, total = training.right_answers(model, *test)
    if row.every:
        watch.accuracy = lambda model: right / total
        watch.look()
    more = globals()[row.more](model, test) if row.more else {}
    return {
        "what": row.what,
        "parameters": model.count_params(),
        "images": len(learned[0]),
        "steps": watch.steps,
        "seconds": watch.seconds,
        "processor_seconds": watch.processor_seconds,
        "correct": right,
        "total": total,
        "reached": watch.reached,
        **more,
    }


@functools.cache
def canvases(pictures: bytes, size: int = 280) -> tuple[np.ndarray, np.ndarray]:
    """Each digit normalised again; and drawn at 35 to 95 % of a white page, anywhere, and brought back by `ink`."""
    images = np.frombuffer(pictures, np.uint8).reshape(-1, 28, 28)
    rng, drawn, again = np.random.default_rng(0), np.zeros_like(images), np.zeros_like(images)
    for i, image in enumerate(images):
        again[i] = data.centre_by_mass(data.fit_box(image))
        large = data.fit_box(image, int(rng.uniform(0.35, 0.95) * size))
        page = np.zeros((size, size), np.uint8)
        top, left = (rng.integers(0, size - length + 1) for length in large.shape)
        page[top : top + large.shape[0], left : left + large.shape[1]] = large
        with contextlib.suppress(ink.NoDigitSeen):  # then it stays blank, and counts as misread
            drawn[i] = ink.normalise(Image.fromarray(255 - page))
    return again, drawn


def drawn(model: Any, test: tuple[np.ndarray, np.ndarray]) -> dict[str, int]:
    again, pages = canvases(np.ascontiguousarray(test[0]).tobytes())
    seen = pages.any(axis=(1, 2))
    return {
        "correct_normalised": training.right_answers(model, again, test[1])[0],
        "correct_drawn": training.right_answers(model, pages[seen], test[1][seen])[0],
        "no_digit_seen": int((~seen).sum()),
    }


def error_rates(model: Any, test: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Character error rates on 2,000 numbers of 1 to 8 digits, by the gap between digits in pixels."""
    rates, lengths = {}, np.repeat(np.arange(1, 9), 250)
    for gap in ((-4, 10), (0, 10)):
        strips, targets = data.number_strips(*test, lengths, np.random.default_rng(0), gap=gap)
        read = [ctc.best_path(each) for each in model.predict(strips, batch_size=250, verbose=0)]
        written = [[k for k in each if k] for each in targets]
        rates[f"error_rate, gaps {gap[0]} to {gap[1]}"] = ctc.character_error_rate(read, written)
    return rates


def here() -> dict[str, Any]:
    """The machine and the versions: rows are compared only where all of it is the same."""
    cpu = Path("/proc/cpuinfo")
    text = cpu.read_text(encoding="utf-8") if cpu.exists() else ""
    known = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.M))
    backend = keras.backend.backend()
    return {  # of a virtual machine the name alone says little
        "processor": "{model name}, family {cpu family}, model {model}".format(**known)
        if len(known) == 3
        else platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "data": data.dataset_name(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        backend: __import__(backend).__version__,
    }  # fmt: skip


def load_record(path: Path) -> dict[str, Any]:
    return (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": {}, "rows": []}
    )


def save_record(path: Path, record: dict[str, Any]) -> None:
    data.publish((json.dumps(record, indent=1) + "\n").encode(), path)  # whole or not at all


def run_id(record: dict[str, Any]) -> str:
    """The run that this machine began; a new one where the record knows none."""
    for name, known in record["runs"].items():
        if known == here():
            return name
    name = f"{datetime.date.today()} {len(record['runs']) + 1}"
    record["runs"][name] = here()
    return name


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help="names in recipes.py; all by default")
    parser.add_argument("--split", choices=["test", "validation"], default="test")
    parser.add_argument("--seeds", type=int, default=5, help="at most so many of each row")
    parser.add_argument("--record", type=Path, default=RECORD)
    options = parser.parse_args(arguments)
    known = {"test": recipes.ROWS, "validation": recipes.ABLATIONS}[options.split]
    if unknown := set(options.rows) - set(known):
        parser.error(f"{sorted(unknown)} are not rows; they must be of {list(known)}")
    names = options.rows or list(known)
    (x_train, y_train), test = data.load_handwriting()
    if options.split == "validation":
        x_train, test = x_train[:-5_000], (x_train[-5_000:], y_train[-5_000:])
        y_train = y_train[:-5_000]
    record = load_record(options.record)
    run = run_id(record)
    done = {(row["run"], row["split"], row["name"], row["seed"]) for row in record["rows"]}
    todo = [
        (name, seed)
        for name in names
        for seed in range(min(known[name].seeds, options.seeds))
        if (run, options.split, name, seed) not in done
    ]
    anchor = (recipes.ANCHOR, 0)
    if options.split == "test" and (run, "test", *anchor) not in done:
        todo = list(dict.fromkeys([anchor, *todo]))
    console = Console()
    console.print(f"run {run}: {len(todo)} trainings to go")
    with Progress(console=console, disable=not console.is_terminal) as progress:
        for name, seed in todo:
            bar = progress.add_task(f"{name}, seed {seed}", total=1.0)
            measured = measure(
                known[name], seed, ((x_train, y_train), test),
                lambda share, bar=bar: progress.update(bar, completed=share),
            )  # fmt: skip
            date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            entry = {"run": run, "split": options.split, "name": name, "seed": seed, **measured}
            record["rows"].append({**entry, "date": date})
            save_record(options.record, record)
            progress.remove_task(bar)
            console.print(
                f"{name}, seed {seed}: {measured['correct'] / measured['total']:.2%}, "
                f"{measured['seconds']:.1f} s, {measured['reached']}"
            )


if __name__ == "__main__":
    main()
