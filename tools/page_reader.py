"""Train the small reader of number strips for the page of chapter 18: `python tools/page_reader.py`.

It is the convolutional reader of that chapter at half its size, so that a page can load it. Its weights become whole
numbers from -127 to 127, as in `tools/page_weights.py`; tests/test_labs.py says how many numbers it still reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from page_weights import pack_convolutions, unpack, write_script

from hwr_utils import data, training

SEED = 1
STEPS = 1200
WIDTH, LONGEST = 128, 5
FILTERS = (16, 32, 32, 48)
POOLS = ((2, 2), (2, 2), (2, 1), (2, 1))
UNITS = 64


def build() -> Any:
    """`(batch, 32, width, 1)` in [0, 255] -> logits `(batch, width / 4, 11)`; class 0 is the blank."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((32, None, 1)), layers.Rescaling(1 / 255)])
    for filters, pool in zip(FILTERS, POOLS, strict=True):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.MaxPooling2D(pool))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.Permute((2, 1, 3)))
    model.add(layers.Reshape((-1, 2 * FILTERS[-1])))
    for _ in range(2):
        model.add(layers.Conv1D(UNITS, 5, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.Dense(11))
    return model


def write(
    images: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Strips of 1 to 5 digits and their targets. Every second strip loses its noise, as a drawing has none."""
    lengths = rng.integers(1, LONGEST + 1, count)
    strips, targets = data.number_strips(images, labels, lengths, rng, width=WIDTH)
    strips[::2] = np.where(strips[::2] < 45, 0, strips[::2])
    return strips, np.pad(targets, ((0, 0), (0, LONGEST - targets.shape[1])))


def train() -> Any:
    import keras

    (x_train, y_train), _ = data.load_mnist()
    keras.utils.set_random_seed(SEED)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(SEED)
        while True:
            yield write(x_train, y_train, 64, rng)

    model = build()
    rate = training.one_cycle(0.01, STEPS)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), loss=keras.losses.CTC())
    model.fit(batches(), steps_per_epoch=STEPS // 10, epochs=10, shuffle=False, verbose=2)
    return model


def unpack_reader(packed: dict[str, Any]) -> list[np.ndarray]:
    """The weights of `build()` that compute what the page computes."""
    weights = []
    for each in packed["rounds"]:
        scale, shift = np.array(each["scale"]), np.array(each["shift"])
        variance = np.full_like(scale, 1 - 1e-3)
        weights += [unpack(each["kernel"]), scale, shift, np.zeros_like(scale), variance]
    return [*weights, unpack(packed["kernel"]), np.array(packed["bias"])]


def main() -> None:
    write_script("reader", pack_convolutions(train().get_weights()))


if __name__ == "__main__":
    main()
