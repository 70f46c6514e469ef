"""Short measurements beside the trainings, written to results.json: python benchmarks/probes.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import nbclient
import nbformat
import numpy as np
import run

from hwr_utils import layers, models


def best_of(function: Callable[[], Any], repeats: int = 10) -> float:
    """Processor milliseconds of one call: the least of several, after one that does not count."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def conv2d() -> dict[str, Any]:
    """32 images of 28 x 28, 32 filters of 5 x 5: the book's NumPy layer, and the backend's on the same cores."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(32, 28, 28, 1)).astype("float32")
    kernel, bias = rng.normal(size=(5, 5, 1, 32)).astype("float32"), np.zeros(32, "float32")
    ours = best_of(lambda: layers.conv2d(images, kernel, bias))
    theirs = best_of(lambda: keras.ops.convert_to_numpy(keras.ops.conv(images, kernel) + bias))
    said = f"`layers.conv2d` takes {ours:.1f} ms of processor time, {keras.backend.backend()} {theirs:.1f} ms."
    return {"numpy_ms": ours, "backend_ms": theirs, "ratio": ours / theirs, "text": said}


def compiling() -> dict[str, Any]:
    """A training step with `jit_compile` and with `steps_per_execution`, of the lean CNN and of the LSTM."""
    x, y = np.zeros((40 * 128, 28, 28, 1), np.uint8), np.zeros(40 * 128, int)
    found: dict[str, float] = {}
    for build in (models.build_lean_cnn, models.build_lstm):
        for jit, steps in ((False, 1), (True, 1), (False, 10)):
            model = build()
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("adam", loss, jit_compile=jit, steps_per_execution=steps)
            spent = best_of(lambda model=model: model.fit(x, y, batch_size=128, verbose=0), 2)
            found[f"{model.name}, jit_compile={jit}, steps_per_execution={steps}"] = spent / 40
    lines = [[f"`{name}`", f"{spent:.1f}"] for name, spent in found.items()]
    return {
        **found,
        "text": "Processor milliseconds of one training step at batch 128, by how it is compiled:\n\n"
        + "\n".join(f"| {' | '.join(each)} |" for each in [["step", "ms"], ["---", "---"], *lines]),
    }


def book() -> dict[str, Any]:
    """All chapters, one after the other, each on a fresh kernel; what they print is thrown away."""
    chapters = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9]*.ipynb"))
    seconds = []
    for path in chapters:
        start = time.perf_counter()
        nbclient.execute(nbformat.read(path, as_version=4), cwd=path.parent, timeout=900)
        seconds.append(time.perf_counter() - start)
    most, longest = max(zip(seconds, chapters, strict=True))
    said = f"The {len(chapters)} chapters take {sum(seconds):.0f} s on the clock, "
    return {"seconds": sum(seconds), "text": said + f"the longest, `{longest.stem}`, {most:.0f} s."}


if __name__ == "__main__":
    record = run.load_record(run.RECORD)
    mine = record.setdefault("probes", {}).setdefault(run.run_id(record), {})
    for probe in (conv2d, compiling, book):
        if probe.__name__ not in mine:
            mine[probe.__name__] = probe()
            print(mine[probe.__name__]["text"])
            run.save_record(run.RECORD, record)
