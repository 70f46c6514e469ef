"""Weights on disk are numbers of the expected shapes or refused, and NumPy reads with them as Keras does."""

from __future__ import annotations

import io
import json
import random
import zipfile

import numpy as np
import pytest

from hwr_utils import data, trained, training


def random_weights(name):
    """Positive where a variance must be, and small enough that logits stay near 1."""
    rng = np.random.default_rng(0)
    return [
        (0.05 * rng.uniform(0.1, 1, shape) * rng.choice([-1, 1], (*shape[:-1], 1))).astype("f4")
        if len(shape) > 1
        else rng.uniform(0.5, 1, shape).astype("f4")
        for shape in trained.MODELS[name].shapes
    ]


@pytest.mark.parametrize("name", trained.MODELS)
def test_by_hand_equals_keras(name):
    model = trained.MODELS[name].build()
    assert [w.shape for w in model.get_weights()] == trained.MODELS[name].shapes
    assert model.name == trained.MODELS[name].name
    weights = random_weights(name)
    model.set_weights(weights)
    shape = (3, 32, 52, 1) if name == "ctc" else (3, 28, 28, 1)
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(
        trained.logits_by_hand(name, images, weights), expected, rtol=1e-4, atol=1e-4
    )
    assert expected.std() > 1e-3


def shipped():
    return {card.stem: json.loads(card.read_text()) for card in trained.SHIPPED.glob("*.json")}


def test_what_ships_is_small_and_says_how_it_came_about():
    cards = shipped()
    assert set(cards) == {trained.MODELS[name].name for name in ("lean", "lstm", "ctc")}
    assert {path.stem for path in trained.SHIPPED.glob("*.npz")} == set(cards)
    assert sum(path.stat().st_size for path in trained.SHIPPED.iterdir()) < 1_500_000
    for card in cards.values():
        low, high = card["interval_95"]
        assert low < card["test_accuracy"] < high
        assert {"python", "numpy", "keras", "backend"} <= set(card["versions"])
        assert {"epochs", "batch_size", "optimizer", "peak_learning_rate"} <= set(card["recipe"])
        assert isinstance(card["seed"], int)


@pytest.mark.skipif("data.dataset_name() == 'digits'", reason="the cards are about MNIST")
def test_cards_are_about_the_data_and_the_weights():
    learned, (x_test, y_test) = data.load_mnist()
    digest = trained.digest(learned)
    for name in ("lean", "lstm", "ctc"):
        card = shipped()[trained.MODELS[name].name]
        assert card["data_sha256"] == digest
        assert card["parameters"] == sum(w.size for w in trained.load_weights(name)[1])
        if name != "ctc":
            images = x_test[:1000, ..., None]
            logits = trained.logits_by_hand(name, images, trained.load_weights(name)[1])
            assert (
                abs((logits.argmax(axis=1) == y_test[:1000]).mean() - card["test_accuracy"]) < 0.012
            )


def test_saved_weights_come_back(tmp_path):
    model = trained.MODELS["lstm"].build()
    pairs = (
        (np.zeros((9, 28, 28), "u1"), np.zeros(9, int)),
        (np.zeros((9, 28, 28), "u1"), np.zeros(9, int)),
    )
    path = tmp_path / "mine.npz"
    right, total = trained.save_weights(path, training.RECIPES["lstm"], 7, model, pairs)
    name, weights = trained.load_weights(path)
    assert (name, total) == ("lstm", 9)
    for got, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    card = json.loads((tmp_path / "mine.json").read_text())
    assert card["seed"] == 7
    assert card["test_accuracy"] == right / 9
    assert card["recipe"]["epochs"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.json", "mine.npz"]


def packed(arrays):
    file = io.BytesIO()
    np.savez_compressed(file, *arrays)
    return file.getvalue()


def object_array():
    return packed([np.array([{"a": 1}], dtype=object)])


def not_finite():
    weights = random_weights("lstm")
    weights[0][0, 0] = np.nan
    return packed(weights)


def bomb():
    return packed([np.zeros(30_000_000, np.float32)])  # 120 MB from some 100 kB


def wrong_name_in_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("00.npy", b"import os; os.abort()")
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [lambda: b"", lambda: b"a list", lambda: packed([np.zeros(3)])[:-30], object_array, not_finite, bomb, wrong_name_in_zip],
    ids=["empty", "text", "cut", "objects", "nan", "bomb", "no array"],
)  # fmt: skip
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content())
    with pytest.raises(ValueError, match=r"bad\.npz is damaged, or not a file of weights"):
        trained.load_weights(path)


@pytest.mark.parametrize("change", ["missing", "too many", "shape"])
def test_weights_of_another_network_are_refused(tmp_path, change):
    weights = random_weights("lean")
    arrays = {
        "missing": weights[:-1],
        "too many": [*weights, weights[-1]],
        "shape": [*weights[:-1], np.zeros(9)],
    }
    trained.save_arrays(tmp_path / "other.npz", arrays[change])
    with pytest.raises(ValueError, match="fits none of the models cnn, lean, lstm, ctc"):
        trained.load_weights(tmp_path / "other.npz")


def test_flipped_bits_give_weights_or_a_value_error(tmp_path):
    content, rng, refused = packed(random_weights("lstm")), random.Random(0), 0
    for _ in range(40):
        damaged = bytearray(content)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (tmp_path / "flipped.npz").write_bytes(damaged)
        try:
            assert trained.load_weights(tmp_path / "flipped.npz")[0] == "lstm"
        except ValueError:
            refused += 1
    assert refused > 30
