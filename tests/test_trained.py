"""Weights on disk are numbers of the expected shapes or refused, and NumPy reads with them as Keras does."""

from __future__ import annotations

import io
import json
import pickle
import random
import re
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


def well_formed_but(name, content):
    """Weights of the LSTM in a sound archive, but for one member."""
    file = io.BytesIO()
    good = zipfile.ZipFile(io.BytesIO(packed(random_weights("lstm"))))
    with zipfile.ZipFile(file, "w") as archive:
        for member in good.namelist():
            archive.writestr(member, content if member == name else good.read(member))
    return file.getvalue()


def lying_header():
    """A header that says it is 16 bytes shorter: the numbers would begin in its spaces."""
    file = io.BytesIO()
    np.save(file, random_weights("lstm")[0])
    content = bytearray(file.getvalue())
    content[8] -= 16
    return well_formed_but("arr_0.npy", bytes(content))


def flipped():
    content = bytearray(packed(random_weights("lstm")))
    content[5_000] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "it begins with b''"),
        (lambda: b"<!DOCTYPE html>", "it begins with b'<!DO'"),
        (lambda: pickle.dumps([1, 2]), r"it begins with b'\\x80\\x04\\x95"),
        (lambda: packed([np.zeros(3)])[:-30], "File is not a zip file"),
        (flipped, "Error -3 while decompressing|Bad CRC-32 for file 'arr_0.npy'"),
        (lying_header, "arr_0.npy holds more than its header says"),
        (object_array, "Object arrays cannot be loaded"),
        (not_finite, "not all of it are finite numbers"),
        (bomb, "it unpacks to more than any network of this book needs"),
        (wrong_name_in_zip, "the magic string is not correct"),
        (lambda: well_formed_but("arr_0.npy", b""), "EOF: reading magic string"),
    ],
    ids=[
        "empty",
        "page",
        "pickle",
        "cut",
        "flip",
        "lie",
        "objects",
        "nan",
        "bomb",
        "text",
        "no array",
    ],
)
def test_damaged_files_are_refused_each_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "bad.npz"
    path.write_bytes(content())
    with pytest.raises(
        ValueError, match=rf"bad\.npz is damaged, or not a file of weights \(\.npz\): ({reason})"
    ):
        trained.load_weights(path)


@pytest.mark.parametrize("change", ["missing", "too many", "shape", "type", "byte order"])
def test_weights_of_another_network_are_refused(tmp_path, change):
    weights = random_weights("lean")
    last = weights.pop()
    arrays = {
        "missing": weights,
        "too many": [*weights, last, last],
        "shape": [*weights, np.zeros(9, np.float32)],
        "type": [*weights, last.astype(np.float64)],
        "byte order": [*weights, last.astype(">f4")],
    }
    trained.save_arrays(tmp_path / "other.npz", arrays[change])
    with pytest.raises(ValueError, match="fits none of the models cnn, lean, lstm, ctc"):
        trained.load_weights(tmp_path / "other.npz")


class Payload:
    """What a pickle runs when it is loaded: here it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def changed(array, rng):
    """The array in another shape, or of another type."""
    shapes = [
        lambda: array[..., None],
        lambda: array[:-1],
        lambda: np.concatenate([array, array]),
        lambda: np.zeros(0, "f4"),
        lambda: array.ravel()[0],
        lambda: array.ravel()[None],
    ]
    types = [">f4", "f2", "f8", "i4", "u1", "c8", "?", "U5", "S4", "M8[s]", "V4"]
    number = rng.randrange(len(shapes) + len(types))
    if number < len(shapes):
        return shapes[number]()
    return np.zeros(array.shape, types[number - len(shapes)])


def mutant(content, weights, canary, rng):
    """A file of weights after one of eleven accidents or attacks, and the name of it."""
    place, end = sorted(rng.randrange(len(content)) for _ in range(2))
    length = rng.randrange(1, 200)
    match kind := rng.randrange(11):
        case 0:
            return kind, content[:place] + bytes(
                [content[place] ^ 1 << rng.randrange(8)]
            ) + content[place + 1 :]
        case 1:
            return kind, content[:place] + rng.randbytes(length) + content[place + length :]
        case 2:
            return kind, content[:place]
        case 3:
            return kind, content + rng.randbytes(length)
        case 4:  # a piece is lost
            return kind, content[:place] + content[end + 1 :]
        case 5:  # a piece comes twice
            return kind, content[:end] + content[place:]
        case 6:  # half of another file
            other = (trained.SHIPPED / rng.choice(["lean_cnn.npz", "ctc_reader.npz"])).read_bytes()
            return kind, content[:place] + other[place:]
        case 7:
            number = rng.randrange(len(weights))
            arrays = [changed(w, rng) if i == number else w for i, w in enumerate(weights)]
            return kind, packed(arrays)
        case 8:  # a sound archive, and a flipped bit in the header of an array
            number = rng.randrange(len(weights))
            file = io.BytesIO()
            np.save(file, weights[number])
            array = bytearray(file.getvalue())
            array[rng.randrange(128)] ^= 1 << rng.randrange(8)
            return kind, well_formed_but(f"arr_{number}.npy", bytes(array))
        case 9:
            objects = np.array([Payload(canary)], dtype=object)
            return kind, packed([*weights[:-1], objects])
        case _:  # a pickle in place of the archive, or of an array
            harm = pickle.dumps(Payload(canary), protocol=rng.randrange(5))
            return kind, rng.choice([harm, well_formed_but("arr_0.npy", harm)])


@pytest.mark.parametrize("count", [200, pytest.param(2_000, marks=pytest.mark.long)])
def test_spoiled_weights_are_refused_or_read_as_they_were(tmp_path, count):
    """What is read must be the very numbers: a bit in a date or a name may change, or one that is read nowhere."""
    path, canary = tmp_path / "bad.npz", tmp_path / "canary"
    pickle.loads(pickle.dumps(Payload(str(canary)))).close()
    assert canary.exists()  # the attack works on who loads pickles
    canary.unlink()
    weights, rng = random_weights("lstm"), random.Random(2026)
    content = packed(weights)
    refused, read = [[] for _ in range(11)], [0] * 11
    for _ in range(count):
        kind, spoiled = mutant(content, weights, str(canary), rng)
        path.write_bytes(spoiled)
        try:
            name, got = trained.load_weights(path)
        except ValueError as error:
            refused[kind].append(str(error))
            continue
        assert name == "lstm"
        for a, b in zip(got, weights, strict=True):
            np.testing.assert_array_equal(a, b)
        read[kind] += 1
    assert not canary.exists()
    said = r".*bad\.npz (is damaged, or not a file of weights \(\.npz\): .+|fits none of .+); train new .+"
    assert [e for errors in refused for e in errors if not re.fullmatch(said, e)] == []
    assert min(read[3], *(len(refused[kind]) for kind in range(11) if kind != 3)) > count / 40
    assert [read[kind] for kind in (2, 7, 9, 10)] == [0] * 4
