"""The layers by hand give the same bits at each run, and with another number of threads nearly the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROCESSORS = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
COMPUTE = """
import sys
import numpy as np
from threadpoolctl import threadpool_info
from hwr_utils import ctc, hopfield, layers, recurrent, trained

def normal(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)

images, kernel, bias = normal(64, 28, 28, 8), normal(5, 5, 8, 32), normal(32)
convolved = layers.conv2d(images, kernel, bias)
flat, matrix = normal(300, 784), normal(784, 784)
steps, hidden = normal(64, 28, 28), 128
gates = [normal(28, 4 * hidden), normal(hidden, 4 * hidden), normal(4 * hidden)]
lstm = recurrent.lstm(steps, *gates, return_sequences=True)
three = [normal(28, 3 * hidden), normal(hidden, 3 * hidden), np.zeros((2, 3 * hidden))]
patterns = np.sign(normal(40, 784))
logits, label = normal(50, 11), [1, 2, 2, 3]
results = {
    "conv2d": convolved,
    "conv2d_gradients": layers.conv2d_gradients(images, kernel, convolved),
    "max_pool2d": layers.max_pool2d(convolved),
    "dense": layers.dense(flat, matrix),
    "dense_gradients": layers.dense_gradients(flat, matrix, flat),
    "softmax": layers.softmax(flat),
    "lstm": lstm,
    "lstm_gradients": recurrent.lstm_gradients(steps, *gates[:2], normal(64, hidden), gates[2]),
    "gru": recurrent.gru(steps, *three),
    "hebbian_weights": hopfield.hebbian_weights(patterns),
    "modern_recall": hopfield.modern_recall(patterns, patterns[:9], 0.1),
    "ctc": ctc.loss_gradient(logits, label),
    "lean": trained.logits_by_hand("lean", 9 * normal(64, 28, 28, 1), trained.load_weights("lean")[1]),
}

flat = {}
for name, values in results.items():
    values = values if isinstance(values, tuple) else (values,)
    flat[name] = np.concatenate([np.ravel(part) for each in values for part in (each if isinstance(each, tuple) else (each,))])
np.savez(sys.argv[1], **flat)
print(*(pool["num_threads"] for pool in threadpool_info() if "numpy" in pool["filepath"]))
"""


def compute(threads: int, folder: Path) -> dict[str, np.ndarray]:
    """Each result, from a fresh process whose linear algebra has that many threads."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    said = subprocess.run(
        [sys.executable, "-c", COMPUTE, folder / "results.npz"],
        cwd=ROOT, env=os.environ | dict.fromkeys(variables, str(threads)), capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout == f"{threads}\n", said
    with np.load(folder / "results.npz") as stored:
        return dict(stored)


def differences(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> dict[str, float]:
    """Name -> the largest difference, by the largest number, of the results that are not the same bits."""
    assert len(one) == 13
    assert one.keys() == two.keys()
    return {
        name: float(np.abs(one[name] - two[name]).max() / np.abs(one[name]).max())
        for name in one
        if one[name].tobytes() != two[name].tobytes()
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return compute(1, tmp_path_factory.mktemp("one"))


def test_three_runs_on_one_thread_give_the_same_bits(alone, tmp_path):
    for _ in range(2):
        assert differences(alone, compute(1, tmp_path)) == {}


@pytest.mark.skipif(PROCESSORS < 2, reason="on one processor there is one thread")
def test_three_runs_on_two_threads_give_the_same_bits_and_nearly_those_of_one(alone, tmp_path):
    """Two threads share a large matrix product, and add up its terms in another order. Which ones, the processor says."""
    first, *others = (compute(2, tmp_path) for _ in range(3))
    for other in others:
        assert differences(first, other) == {}
    apart = differences(alone, first)
    assert set(apart) <= {"dense", "dense_gradients", "lean"}
    bounds = {"float64": 1e-14, "float32": 1e-6}  # some units in the last digit
    for name, difference in apart.items():
        assert difference < bounds[str(alone[name].dtype)], name


def test_a_difference_of_one_bit_is_seen(alone):
    changed = {name: values.copy() for name, values in alone.items()}
    changed["lstm"][0] = np.nextafter(changed["lstm"][0], 9)
    assert 0 < differences(alone, changed)["lstm"] < 1e-15
