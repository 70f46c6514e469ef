"""Training recipes and honest evaluation.

In the chapters `compile` and `fit` stand in view. `train` does the same for the command `hwr` and for the weights that
ship: tests/test_cli.py compares the two, weight by weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from hwr_utils import ctc, data, models


class Recipe(NamedTuple):
    """How a chapter trains a network."""

    build: Callable[[], Any]
    epochs: int
    batch_size: int
    optimizer: str
    peak_learning_rate: float
    settings: dict[str, Any]  # more arguments of the optimiser
    label_smoothing: float = 0.0
    augment: bool = False  # small random shifts, turns and zooms


RECIPES = {  # of chapters 08, 08, 17 and 18
    "cnn": Recipe(models.build_cnn_2018, 1, 128, "AdamW", 0.002, {"weight_decay": 0.01}, 0.05),
    "lean": Recipe(models.build_lean_cnn, 2, 128, "SGD", 0.1, {"momentum": 0.9, "nesterov": True}),
    "lstm": Recipe(models.build_lstm, 3, 128, "Adam", 0.01, {}),
    "ctc": Recipe(models.build_ctc_reader, 20, 64, "Adam", 0.01, {"global_clipnorm": 1.0}),
}
CTC_STEPS = 60  # batches of new number strips that count as one epoch


def one_cycle(peak_learning_rate: float, steps: int) -> Any:
    """A learning rate that warms up to a peak and falls to almost nothing, over one training run.

    It rises in a straight line from a tenth of the peak during the first quarter of the steps, then falls along half
    a cosine wave to a hundredth of the peak at the last step.

    Args:
        peak_learning_rate: the highest value, above 0.
        steps: optimiser steps of the whole run, at least 4: epochs x batches an epoch.

    Returns:
        keras.optimizers.schedules.CosineDecay with its warm-up.

    Raises:
        ValueError: a value outside its range.

    Source: Smith and Topin (2017), "Super-Convergence", https://arxiv.org/abs/1708.07120.

    >>> schedule = one_cycle(0.1, steps=400)
    >>> [round(float(schedule(step)), 4) for step in (0, 50, 100, 250, 400)]  # 0.055 = (0.01 + 0.1) / 2
    [0.01, 0.055, 0.1, 0.0505, 0.001]
    """
    if not peak_learning_rate > 0:
        raise ValueError(f"peak_learning_rate is {peak_learning_rate}; it must be above 0, say 0.1")
    if steps < 4:
        raise ValueError(f"steps is {steps}; it must be at least 4: epochs x batches an epoch")
    import keras

    warm_up = steps // 4
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak_learning_rate / 10,
        decay_steps=steps - warm_up,
        alpha=0.01,
        warmup_target=peak_learning_rate,
        warmup_steps=warm_up,
    )


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % interval of the true accuracy, given `correct` answers out of `total` independent images.

    Args:
        correct: right answers, 0 to `total`.
        total: images, at least 1.

    Returns:
        lower and upper end, fractions in [0, 1].

    Raises:
        ValueError: `correct` is not between 0 and `total`, or `total` is below 1.

    Source: the score interval of Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953.

    >>> [round(100 * end, 1) for end in accuracy_interval(125, 128)]  # 125 of 128: 97.66 %
    [93.3, 99.2]
    """
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(
            f"correct is {correct} of {total}; it must lie between 0 and a total of at least 1"
        )
    z = 1.959964  # 95 % of a normal distribution lie within z standard deviations
    share = correct / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def number_batches(
    images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Write number strips without end, each batch afresh: 1 to 8 digits, the longer the likelier. Built in chapter 18.

    Args:
        images: uint8 `(n, 28, 28)`.
        labels: `(n,)` from 0 to 9.
        batch_size: strips in each batch.
        seed: makes every choice.

    Returns:
        an endless iterator of strips uint8 `(batch_size, 32, 160, 1)` and targets int32 `(batch_size, 8)`: label + 1
        of each digit, then zeros.

    No source: the book's own.

    >>> strips, targets = next(number_batches(np.full((1, 28, 28), 255, np.uint8), np.array([7]), 5, seed=0))
    >>> strips.shape, np.unique(targets).tolist()  # 7 + 1 = 8
    ((5, 32, 160, 1), [0, 8])
    """
    rng, lengths = np.random.default_rng(seed), np.arange(1, 9)
    while True:
        chosen = rng.choice(lengths, batch_size, p=lengths**2 / (lengths**2).sum())
        strips, targets = data.number_strips(images, labels, chosen, rng, width=160)
        yield strips, np.pad(targets, ((0, 0), (0, 8 - targets.shape[1])))


def train(
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    seed: int,
    callbacks: Sequence[Any] = (),
    checkpoint: list[np.ndarray] | None = None,
) -> Any:
    """Train a network of the book from its seed, as its chapter does.

    Args:
        recipe: of `RECIPES`, or a changed one.
        images: uint8 `(n, 28, 28)`, digits.
        labels: `(n,)` from 0 to 9.
        seed: of the first weights, the order of the images and the distortions.
        callbacks: of `keras.Model.fit`.
        checkpoint: the variables of the model that `fit` trains, then those of its optimiser, as they were at the
            beginning of an epoch. From there it goes on to the weights of a training that was never stopped: from a
            seed, Keras gives each epoch the same order of images.

    Returns:
        keras.Model, trained.

    Raises:
        ValueError: a checkpoint of another network.

    Source: each recipe's chapter.

    >>> recipe = RECIPES["lstm"]._replace(epochs=2)
    >>> model = train(recipe, np.zeros((256, 28, 28), np.uint8), np.zeros(256, int), seed=0)
    >>> int(model.optimizer.iterations)  # 2 epochs of 256 / 128 batches
    4
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = learner = recipe.build()
    if recipe.augment:
        paper = {"fill_mode": "constant"}
        change = [
            keras.layers.RandomTranslation(2 / 28, 2 / 28, **paper),
            keras.layers.RandomRotation(10 / 360, **paper),
            keras.layers.RandomZoom(0.1, **paper),
        ]
        learner = keras.Sequential([keras.Input((28, 28, 1)), *change, model])
    x: Any = images[..., None]
    y: Any = labels
    options: dict[str, Any] = {"batch_size": recipe.batch_size}
    loss: Any = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    steps = -(-len(images) // recipe.batch_size)
    numbers = model.name == "ctc_reader"
    if numbers:
        steps, loss = CTC_STEPS, keras.losses.CTC()  # by true lengths
    elif recipe.label_smoothing:
        y = keras.utils.to_categorical(labels, 10)
        smoothing = recipe.label_smoothing
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    rate = one_cycle(recipe.peak_learning_rate, max(4, recipe.epochs * steps))
    optimizer = getattr(keras.optimizers, recipe.optimizer)(rate, **recipe.settings)
    learner.compile(optimizer, loss)
    if checkpoint is not None:
        optimizer.build(model.trainable_variables)
        variables = [*learner.variables, *optimizer.variables]  # with the states of dropout
        if [tuple(v.shape) for v in variables] != [c.shape for c in checkpoint]:
            raise ValueError(f"the checkpoint is not one of {model.name}; train without --resume")
        for variable, stored in zip(variables, checkpoint, strict=True):
            variable.assign(stored)
    start = int(optimizer.iterations) // steps
    if numbers:
        x, y = number_batches(images, labels, recipe.batch_size, seed), None
        options = {"steps_per_epoch": steps, "shuffle": False}
        for _ in range(start * steps):  # what it has read before
            next(x)
    learner.fit(
        x, y, epochs=recipe.epochs, initial_epoch=start, verbose=0, callbacks=list(callbacks), **options
    )  # fmt: skip
    return model


def right_answers(model: Any, images: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """How many test images a network reads; for the CTC reader, how many of 2,000 numbers of 1 to 8 digits.

    Args:
        model: keras.Model with its weights.
        images: uint8 `(n, 28, 28)`, test digits.
        labels: `(n,)` from 0 to 9.

    Returns:
        right answers, and all.

    Source: the test of chapters 08, 17 and 18; a number counts as right only when all its digits are.

    >>> model = models.build_lstm()
    >>> model.set_weights([*model.get_weights()[:-1], np.eye(10)[4]])  # a bias for the 4; blank images
    >>> right_answers(model, np.zeros((3, 28, 28), np.uint8), np.array([4, 5, 4]))
    (2, 3)
    """
    if model.name != "ctc_reader":
        logits = model.predict(images[..., None], batch_size=500, verbose=0)
        return int((logits.argmax(axis=1) == labels).sum()), len(labels)
    lengths = np.repeat(np.arange(1, 9), 250)
    strips, targets = data.number_strips(images, labels, lengths, np.random.default_rng(0))
    read = [ctc.best_path(each) for each in model.predict(strips, batch_size=250, verbose=0)]
    return sum(a == [k for k in b if k] for a, b in zip(read, targets, strict=True)), len(read)
