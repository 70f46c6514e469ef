"""The learning-rate schedule and the interval, with values worked by hand."""

import keras
import numpy as np
import pytest

from hwr_utils import data, training


def test_one_cycle_rises_falls_and_never_goes_below_its_end():
    schedule = training.one_cycle(1.0, steps=8)
    rates = [round(float(schedule(step)), 4) for step in range(10)]
    # a straight line to 1, then 0.01 + 0.99 * (1 + cos(pi * k / 6)) / 2 for k = 0..6
    assert rates == [0.1, 0.55, 1.0, 0.9337, 0.7525, 0.505, 0.2575, 0.0763, 0.01, 0.01]


def test_one_cycle_drives_an_optimizer():
    variable = keras.Variable([1.0])
    optimizer = keras.optimizers.SGD(training.one_cycle(1.0, steps=8))
    for expected in (0.9, 0.35):  # steps of 0.1 and 0.55 against a gradient of 1
        optimizer.apply([keras.ops.ones(1)], [variable])
        assert float(variable[0]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("arguments", [(0, 10), (-1.0, 10), (float("nan"), 10), (0.1, 3)])
def test_one_cycle_refuses(arguments):
    with pytest.raises(ValueError, match="it must be"):
        training.one_cycle(*arguments)


@pytest.mark.parametrize(
    ("correct", "total", "interval"),
    [
        (125, 128, (0.9334, 0.9920)),
        (9931, 10_000, (0.9913, 0.9946)),
        (0, 10, (0.0, 0.2775)),
        (10, 10, (0.7225, 1.0)),
    ],
)
def test_accuracy_interval(correct, total, interval):
    assert training.accuracy_interval(correct, total) == pytest.approx(interval, abs=6e-4)


@pytest.mark.parametrize(("correct", "total"), [(-1, 10), (11, 10), (0, 0)])
def test_accuracy_interval_refuses(correct, total):
    with pytest.raises(ValueError, match=f"correct is {correct} of {total}"):
        training.accuracy_interval(correct, total)


DIGITS = np.zeros((300, 28, 28), np.uint8)
DIGITS[:, 4:24, 10:18] = 255
LABELS = np.arange(300) % 10


def test_a_number_counts_only_when_all_its_digits_are_right():
    lengths = np.repeat(np.arange(1, 9), 250)
    _, targets = data.number_strips(DIGITS, LABELS, lengths, np.random.default_rng(0))
    logits = np.zeros((2_000, 17, 11))
    logits[..., 0] = 1
    strip, place = np.nonzero(targets)
    logits[strip, 2 * place + 1, targets[strip, place]] = 2

    class Reader:
        name = "ctc_reader"

        def predict(self, strips, **options):
            assert strips.shape == (2_000, 32, 192, 1)
            return logits

    assert training.right_answers(Reader(), DIGITS, LABELS) == (2_000, 2_000)
    logits[1_999, 1] = logits[1_999, 0]  # the first of eight digits is lost
    assert training.right_answers(Reader(), DIGITS, LABELS) == (1_999, 2_000)


def test_augmented_training_trains_the_network_and_not_a_copy():
    recipe = training.RECIPES["lstm"]._replace(epochs=1, augment=True)
    model = training.train(recipe, DIGITS, LABELS, seed=0)
    keras.utils.set_random_seed(0)
    fresh = recipe.build()
    assert model.name == fresh.name
    moved = [
        np.abs(a - b).max() for a, b in zip(model.get_weights(), fresh.get_weights(), strict=True)
    ]
    assert min(moved) > 1e-3


def test_a_checkpoint_of_another_network_is_refused():
    recipe = training.RECIPES["lstm"]
    with pytest.raises(ValueError, match="not one of lstm; train without --resume"):
        training.train(recipe, DIGITS, LABELS, seed=0, checkpoint=[np.zeros(3)])


@pytest.mark.parametrize(("name", "augment"), [("cnn", False), ("lstm", True), ("ctc", False)])
def test_training_goes_on_from_each_epoch_to_the_same_weights(name, augment, monkeypatch):
    """Exact bits, with the order of images, dropout, distortions and new strips: tests/test_cli.py, on one thread."""
    monkeypatch.setattr(training, "CTC_STEPS", 2)
    recipe = training.RECIPES[name]._replace(epochs=3, augment=augment)
    kept, began = [], []

    def keep(epoch, logs):
        learner = callback.model
        variables = [*learner.variables, *learner.optimizer.variables]
        kept.append([np.asarray(variable).copy() for variable in variables])
        began.append(learner.get_weights())

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=keep)
    expected = training.train(recipe, DIGITS, LABELS, 1, [callback]).get_weights()
    for checkpoint, weights in zip(kept[1:], began[1:], strict=True):
        resumed = training.train(recipe, DIGITS, LABELS, 1, checkpoint=checkpoint).get_weights()
        for got, each in zip(resumed, expected, strict=True):
            np.testing.assert_allclose(got, each, rtol=0, atol=1e-5)
        moved = [np.abs(a - b).max() for a, b in zip(expected, weights, strict=True)]
        assert max(moved) > 1e-3
