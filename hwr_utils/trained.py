"""Trained networks: their weights on disk, and reading with them by the NumPy layers that the chapters build.

Nothing here runs what a file says: a network is built in code, and a file gives numbers of the expected shapes.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwr_utils import data, layers, models, recurrent, training

Shapes = list[tuple[int, ...]]


def _cnn_2018(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    for kernel, bias in (weights[:2], weights[2:4]):
        x = layers.max_pool2d(layers.relu(layers.conv2d(x, kernel, bias, padding="same")))
    hidden = layers.relu(layers.dense(layers.flatten(x), *weights[4:6]))
    return layers.dense(hidden, *weights[6:])


def _convolutions(x: np.ndarray, weights: list[np.ndarray], pools: str) -> np.ndarray:
    """Each letter is one convolution and what it pools: "2" two by two, "d" two downwards, "-" nothing."""
    for i, pool in enumerate(pools):
        kernel, gamma, beta, mean, variance = weights[5 * i : 5 * i + 5]
        x = layers.conv2d(x, kernel, padding="same")
        if pool == "2":
            x = layers.max_pool2d(x)
        elif pool == "d":
            x = np.maximum(x[:, ::2], x[:, 1::2])
        x = layers.relu(layers.batch_normalization(x, gamma, beta, mean, variance))
    return x


def _lean_cnn(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    return layers.dense(layers.flatten(_convolutions(x, weights, "22-")), *weights[15:])


def _lstm(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    kernel, recurrent_kernel, bias, *head = weights
    hidden_state, _ = recurrent.lstm(x[..., 0], kernel, recurrent_kernel, bias)
    return layers.dense(hidden_state, *head)


def _ctc_reader(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    x = _convolutions(x, weights, "22dd").transpose(0, 2, 1, 3)  # columns first
    x = x.reshape(*x.shape[:2], -1)
    directions = []
    for way, start in ((1, 20), (-1, 23)):  # from the left, from the right
        kernel, recurrent_kernel, bias = weights[start : start + 3]
        states, _ = recurrent.lstm(
            x[:, ::way], kernel, recurrent_kernel, bias, return_sequences=True
        )
        directions.append(states[:, ::way])
    kernel, bias = weights[26:]
    return np.concatenate(directions, axis=-1) @ kernel + bias


def _convolution(kernel_size: int, channels: int, filters: int) -> Shapes:
    """The shapes of a kernel and of its four rows of batch normalisation."""
    return [(kernel_size, kernel_size, channels, filters), *[(filters,)] * 4]


class Model(NamedTuple):
    """One network: what builds it in Keras, what runs it in NumPy, and the shapes of its weights."""

    build: Callable[[], Any]
    by_hand: Callable[[np.ndarray, list[np.ndarray]], np.ndarray]
    shapes: Shapes  # in the order of Keras' get_weights

    @property
    def name(self) -> str:
        return self.build.__name__.removeprefix("build_")


_DEEP = [*_convolution(3, 1, 16), *_convolution(3, 16, 32), *_convolution(3, 32, 64)]
MODELS = {
    "cnn": Model(
        models.build_cnn_2018,
        _cnn_2018,
        [(5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 1024), (1024,), (1024, 10), (10,)],
    ),
    "lean": Model(models.build_lean_cnn, _lean_cnn, [*_DEEP, (3136, 10), (10,)]),
    "lstm": Model(models.build_lstm, _lstm, [(28, 512), (128, 512), (512,), (128, 10), (10,)]),
    "ctc": Model(
        models.build_ctc_reader,
        _ctc_reader,
        [*_DEEP, *_convolution(3, 64, 64), *[(128, 256), (64, 256), (256,)] * 2, (128, 11), (11,)],
    ),
}
SHIPPED = Path(__file__).parent / "weights"
"""Trained weights that come with the package, of all models but "cnn": `make weights` trains them anew."""


def load_arrays(path: Path) -> list[np.ndarray]:
    """Read the arrays of a .npz file, in the order of their names.

    Args:
        path: of the file.

    Returns:
        numbers of any shape.

    Raises:
        OSError: the file does not exist, or may not be read.
        ValueError: it is damaged, or holds something else than numbers, or unpacks to more than 100 MB.

    No source: it reads a file. Nothing in it is run.

    >>> len(load_arrays(SHIPPED / "lstm.npz"))  # 3 arrays of the LSTM, 2 of the dense layer
    5
    """
    with path.open("rb") as file:
        try:
            if (start := file.read(4)) != b"PK\x03\x04":
                raise ValueError(f"it begins with {start!r}, and a .npz file with b'PK\\x03\\x04'")
            with zipfile.ZipFile(file) as archive:
                if sum(part.file_size for part in archive.infolist()) > 100_000_000:
                    raise ValueError("it unpacks to more than any network of this book needs")
                arrays = [_read_array(archive, name) for name in sorted(archive.namelist())]
            if not all(np.isfinite(array).all() for array in arrays):
                raise ValueError("not all of it are finite numbers")
        except Exception as error:  # a damaged file can raise nearly anything
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ValueError(
                f"{path} is damaged, or not a file of weights (.npz): {reason}; train new ones with hwr train"
            ) from error
    return arrays


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array, and nothing behind it: `np.load` would neither see a header that lies nor get to the checksum."""
    with archive.open(name) as part:
        array = np.lib.format.read_array(part, allow_pickle=False)
        if part.read():
            raise ValueError(f"{name} holds more than its header says")
    return array


def load_weights(source: str | Path) -> tuple[str, list[np.ndarray]]:
    """Read trained weights, and find out by their shapes whose they are.

    Args:
        source: a key of `MODELS` but "cnn", whose weights ship with the package, or the path of a .npz file.

    Returns:
        name, weights: a key of `MODELS`, and float32 arrays in the order of Keras' `get_weights`.

    Raises:
        OSError: the file may not be read.
        ValueError: it does not exist, or is damaged, or holds the weights of no model of this book.

    No source: it reads a file.

    >>> name, weights = load_weights("lstm")
    >>> name, weights[0].shape  # 28 pixels a row; 4 gates of 128 units
    ('lstm', (28, 512))
    """
    model = MODELS.get(str(source))
    path = SHIPPED / f"{model.name}.npz" if model else Path(source)
    if not path.exists():
        raise ValueError(
            f"{source} is neither a file nor a model whose weights ship; train some with hwr train, and name their file"
        )
    arrays = load_arrays(path)
    for name, model in MODELS.items():
        if [array.shape for array in arrays] == model.shapes and all(
            array.dtype == np.float32 for array in arrays
        ):
            return name, arrays
    raise ValueError(
        f"{source} fits none of the models {', '.join(MODELS)}: it holds {len(arrays)} arrays of "
        "other shapes or types; train new ones with hwr train"
    )


def logits_by_hand(name: str, images: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Run a trained network through the NumPy layers of this package.

    Args:
        name: a key of `MODELS`.
        images: `(batch, 28, 28, 1)` from 0 to 255; for "ctc" `(batch, 32, width, 1)`.
        weights: as `load_weights` gives them.

    Returns:
        logits `(batch, 10)` float32; for "ctc" `(batch, width / 4, 11)`.

    Raises:
        ValueError: images of another shape.

    Source: the layers of `hwr_utils.layers` and `hwr_utils.recurrent`.

    >>> name, weights = load_weights("lean")
    >>> logits_by_hand(name, np.zeros((2, 28, 28, 1)), weights).shape
    (2, 10)
    """
    return MODELS[name].by_hand(images.astype(np.float32) / 255, weights)


def save_arrays(path: Path, arrays: Sequence[np.ndarray]) -> None:
    """Write arrays as `load_arrays` reads them: the file is there whole or not at all.

    Args:
        path: of the .npz file.
        arrays: numbers of any shape.

    Raises:
        OSError: the folder cannot be written.

    No source: it writes a file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_arrays(Path(folder) / "two.npz", [np.zeros(2), np.ones(3)])
    ...     [array.shape for array in load_arrays(Path(folder) / "two.npz")]
    [(2,), (3,)]
    """
    file = io.BytesIO()
    named: dict[str, Any] = {f"{i:02d}": array for i, array in enumerate(arrays)}
    np.savez_compressed(file, **named)
    data.publish(file.getvalue(), path)


def save_weights(
    path: Path, recipe: training.Recipe, seed: int, model: Any, pairs: data.Pairs
) -> tuple[int, int]:
    """Test a trained network, and write its weights and a card that says how they came about.

    Args:
        path: of the .npz file; the card stands beside it and ends in .json.
        recipe: as given to `training.train`.
        seed: as given to `training.train`.
        model: keras.Model, trained.
        pairs: what it learned from, and the test images.

    Returns:
        right answers on the test images, and all.

    Raises:
        OSError: the folder cannot be written.

    Source: after the model cards of Mitchell et al. (2019), https://doi.org/10.1145/3287560.3287596.
    """
    import keras

    right, total = training.right_answers(model, *pairs[1])
    card = {
        "model": model.name,
        "parameters": model.count_params(),
        "recipe": {k: v for k, v in recipe._asdict().items() if k != "build"},
        "seed": seed,
        "data": data.dataset_name(),
        "images": len(pairs[0][0]),
        "data_sha256": digest(pairs[0]),
        "test_accuracy": right / total,
        "interval_95": [round(end, 4) for end in training.accuracy_interval(right, total)],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
        },
    }
    save_arrays(path, model.get_weights())
    data.publish((json.dumps(card, indent=2) + "\n").encode(), path.with_suffix(".json"))
    return right, total


def digest(arrays: Sequence[np.ndarray]) -> str:
    """The SHA-256 of arrays: equal data, equal digest.

    Args:
        arrays: of any shape.

    Returns:
        64 hexadecimal digits.

    Source: FIPS 180-4, https://doi.org/10.6028/NIST.FIPS.180-4.

    >>> digest([np.zeros(0)])[:8]  # of nothing
    'e3b0c442'
    """
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
