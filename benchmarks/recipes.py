"""What is measured: our recipes, those of 2018, and those that others published.

The latter are written anew from their published layers and settings; only Keras' own first weights are kept.

keras-io: F. Chollet, "Simple MNIST convnet", https://keras.io/examples/vision/mnist_convnet/ (Apache 2.0).
pytorch: the example "mnist" of https://github.com/pytorch/examples (BSD-3-Clause).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from hwr_utils import models
from hwr_utils.training import RECIPES, Recipe


class Row(NamedTuple):
    """One training, repeated with the seeds 0, 1, 2, ..."""

    what: str
    recipe: Recipe
    seeds: int = 1
    decay: float | None = None  # of the learning rate, each epoch: 1.0 keeps it; None is one-cycle
    images: int = 60_000  # training images
    every: float = 0.0  # epochs between two looks at the accuracy; 0 looks at the end alone
    until: float = 1.0  # stop at this accuracy
    steps: int = 10**9  # plan for so many optimiser steps, and stop after them
    more: str = ""  # what else is asked of the trained network: a function of run.py


class RandomAffine(layers.Layer):
    """Turns, moves, resizes and slants each image of a batch anew, in training alone; one resampling for all of it."""

    def __init__(self, degrees: float, pixels: float, zoom: float, slant: float, **how: Any):
        super().__init__()
        self.most = (degrees * 3.1416 / 180, pixels, pixels, zoom, zoom, slant)
        self.how = {"interpolation": "bilinear", "fill_mode": "constant", **how}
        self.random = keras.random.SeedGenerator()

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        n, zero = ops.shape(images)[:1], ops.zeros(ops.shape(images)[:1])
        turn, down, right, wide, high, slant = (
            keras.random.uniform(n, -most, most, seed=self.random) for most in self.most
        )
        a, b = (1 + wide) * ops.cos(turn), slant - ops.sin(turn)
        c, d = ops.sin(turn), (1 + high) * ops.cos(turn)
        x, y = right + 13.5 * (1 - a - b), down + 13.5 * (1 - c - d)  # about the middle
        maps = ops.stack([a, b, x, c, d, y, zero, zero], axis=1)
        return ops.image.affine_transform(images, maps, **self.how)


def convolutions(
    blocks: list[tuple[int, bool]], head: str = "max", change: Any = None, normalise_last: bool = True
) -> Any:  # fmt: skip
    """3 x 3 convolutions with batch normalisation; blocks are (filters, pool). Pools before it normalises."""
    tail = {"max": layers.GlobalMaxPooling2D, "average": layers.GlobalAveragePooling2D}
    stack: list[Any] = [change] if change else []
    for filters, pool in blocks:
        rest = [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        rest.insert(
            0 if normalise_last else 2, layers.MaxPooling2D(2) if pool else layers.Identity()
        )
        stack += [layers.Conv2D(filters, 3, padding="same", use_bias=False), *rest]
    last = tail.get(head, layers.Flatten)()
    return keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), *stack, last, layers.Dense(10)]
    )


LEAN = [(16, True), (32, True), (64, False)]
SMALL = [(32, True), (64, False), (64, True), (128, False)]


def small_cnn(degrees: float = 10, pixels: float = 2, zoom: float = 0.1, slant: float = 0.1) -> Any:
    return convolutions(SMALL, change=RandomAffine(degrees, pixels, zoom, slant))


def large_cnn() -> Any:
    twice = [(2 * filters, pool) for filters, pool in SMALL]
    return convolutions(twice, change=RandomAffine(10, 2, 0.1, 0.1))


def lstm_2018() -> Any:
    """TensorFlow 1 drew the output's kernel from N(0, 1)."""
    model = models.build_lstm()
    model.layers[-1].kernel.assign(keras.random.normal((128, 10)))
    return model


def shifted_lstm() -> Any:
    shift = RandomAffine(0, 2.5, 0, 0, interpolation="nearest")  # whole pixels, -2 to 2
    rows = [layers.Reshape((28, 28)), layers.LSTM(128), layers.Dropout(0.2), layers.Dense(10)]
    return keras.Sequential([keras.Input((28, 28, 1)), shift, layers.Rescaling(1 / 255), *rows])


def deep_lstm() -> Any:
    """Reads the rows downwards and upwards, then what came of it."""
    first = layers.Bidirectional(layers.LSTM(96, return_sequences=True))
    rows = [layers.Reshape((28, 28)), first, layers.Dropout(0.2), layers.LSTM(128)]
    change = [RandomAffine(10, 2, 0.1, 0.1), layers.Rescaling(1 / 255)]
    last = [layers.Dropout(0.2), layers.Dense(10)]
    return keras.Sequential([keras.Input((28, 28, 1)), *change, *rows, *last])


def wide_ctc_reader() -> Any:
    """As the reader of chapter 18, with twice the filters, an LSTM half as wide again, and dropout."""
    stack: list[Any] = []
    for filters, pool in ((32, (2, 2)), (64, (2, 2)), (128, (2, 1)), (128, (2, 1))):
        stack += [layers.Conv2D(filters, 3, padding="same", use_bias=False)]
        stack += [layers.MaxPooling2D(pool), layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    columns = [layers.Permute((2, 1, 3)), layers.Reshape((-1, 2 * 128)), layers.Dropout(0.3)]
    context = layers.Bidirectional(layers.LSTM(96, return_sequences=True))
    begin = [keras.Input((32, None, 1)), layers.Rescaling(1 / 255)]
    end = [context, layers.Dropout(0.3), layers.Dense(11)]
    return keras.Sequential([*begin, *stack, *columns, *end], name="ctc_reader")


def keras_io() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


def pytorch_mnist() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255 / 0.3081, -0.1307 / 0.3081),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


ANCHOR = "keras-io"  # in every run, so that ratios have something to stand on
lean, cnn = RECIPES["lean"], RECIPES["cnn"]
cnn_2018 = Recipe(models.build_cnn_2018, 25, 100, "SGD", 0.001, {})
small = Recipe(small_cnn, 8, 128, "Adam", 0.008, {})
keras_io_recipe = Recipe(keras_io, 15, 128, "Adam", 0.001, {})

slowly = {"use_ema": True, "ema_momentum": 0.998}  # the weights are averaged over some 500 steps

ROWS = {  # on the test set, after training on all 60,000
    ANCHOR: Row("keras-io mnist_convnet, until 99.0 %", keras_io_recipe, 5, 1.0, 54_000, 0.1, 0.99),
    "lean": Row("lean CNN, two epochs", lean, 5, every=0.1),
    "lean, to 97.23": Row(
        "lean CNN, planned for one epoch, until 97.23 %",
        lean._replace(epochs=1), 5, every=0.1, until=0.9723,
    ),
    "lean, to 99.0": Row(
        "lean CNN, planned for 1.25 epochs, until 99.0 %", lean, 5, every=0.1, until=0.99, steps=586,
    ),
    "2018 cnn, first half": Row(
        "2018 CNN: SGD 0.001, batch 100, the first 7,500 of its 15,000 steps",
        cnn_2018, decay=1.0, every=1.0, steps=7_500,
    ),
    "2018 cnn, modern recipe": Row("2018 CNN, the recipe of chapter 08", cnn, every=0.1),
    "small": Row("small CNN, augmented, 8 epochs", small, 3, more="drawn"),
    "small, longer": Row(
        "small CNN, augmented, 12 epochs", small._replace(epochs=12), 3, more="drawn"
    ),
    "lstm": Row(
        "LSTM(128) by rows, shifted digits, 14 epochs",
        Recipe(shifted_lstm, 14, 128, "Adam", 0.005, {}), 3,
    ),
    "2018 lstm": Row(
        "2018 LSTM: SGD 0.001, batch 128, 20,000 steps",
        Recipe(lstm_2018, 43, 128, "SGD", 0.001, {}), decay=1.0, steps=20_000,
    ),
    "ctc": Row("CTC reader of numbers, 1,200 steps", RECIPES["ctc"], more="error_rates"),
    "wide ctc": Row(
        "wide CTC reader of numbers, dropout, 4,800 steps",
        RECIPES["ctc"]._replace(build=wide_ctc_reader, epochs=80, peak_learning_rate=0.006), 2,
        more="error_rates",
    ),
    "best": Row(
        "large CNN: twice the filters, augmented, EMA, label smoothing, 16 epochs",
        Recipe(large_cnn, 16, 128, "Adam", 0.006, slowly, 0.05), 2,
    ),
    "best recurrent": Row(
        "two recurrent layers by rows, augmented, EMA, label smoothing, 20 epochs",
        Recipe(deep_lstm, 20, 128, "Adam", 0.004, slowly, 0.05), 2,
    ),
    "2018 cnn": Row("2018 CNN: the same, all 15,000 steps", cnn_2018, decay=1.0, every=1.0),
    "keras-io, to the end": Row("keras-io mnist_convnet, 15 epochs", keras_io_recipe, 1, 1.0, 54_000),
    "pytorch": Row(
        "pytorch/examples mnist, 14 epochs",
        Recipe(pytorch_mnist, 14, 64, "Adadelta", 1.0, {"rho": 0.9, "epsilon": 1e-6}), decay=0.7,
    ),
}  # fmt: skip

one_epoch = lean._replace(epochs=1)
averaged = {**lean.settings, "use_ema": True, "ema_momentum": 0.98}
three_lstm = Recipe(models.build_lstm, 3, 128, "Adam", 0.01, {})
three_small = small._replace(epochs=3)


def lean_with(augment: bool = False, **settings: Any) -> Recipe:
    def build() -> Any:
        change = RandomAffine(10, 2, 0.1, 0.1) if augment else None
        return convolutions(LEAN, **{"head": "flatten", "change": change, **settings})

    return one_epoch._replace(build=build)


ABLATIONS = {  # one choice changed at a time, judged by the validation images
    "lean": Row("lean CNN, one epoch", one_epoch),
    "constant": Row("- learning rate constant at 0.1", one_epoch, decay=1.0),
    "adam": Row("- Adam, peak 0.005", one_epoch._replace(optimizer="Adam", peak_learning_rate=0.005, settings={})),
    "smoothing": Row("- label smoothing 0.05", one_epoch._replace(label_smoothing=0.05)),
    "batch 64": Row("- batch 64", one_epoch._replace(batch_size=64)),
    "batch 64, 0.05": Row("- batch 64, peak 0.05", one_epoch._replace(batch_size=64, peak_learning_rate=0.05)),
    "batch 512": Row("- batch 512", one_epoch._replace(batch_size=512)),
    "ema": Row("- weights averaged, EMA 0.98", one_epoch._replace(settings=averaged)),
    "pool last": Row("- pools after it normalises", lean_with(normalise_last=False)),
    "average": Row("- global average instead of flatten", lean_with(head="average")),
    "max": Row("- global maximum instead of flatten", lean_with(head="max")),
    "affine": Row("- images turned, moved, resized, slanted", lean_with(augment=True)),
    "lstm": Row("LSTM(128), three epochs", three_lstm),
    "lstm shifts": Row("- dropout and shifted digits", three_lstm._replace(build=shifted_lstm)),
    "small": Row("small CNN, augmented, three epochs", three_small),
    "small plain": Row("- images unchanged", three_small._replace(build=lambda: convolutions(SMALL))),
}  # fmt: skip
