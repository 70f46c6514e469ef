"""Write what the shipped networks misread as a script that a page can load: `python tools/page_errors.py`.

The lean CNN and the LSTM of `hwr_utils/weights` read the 10,000 test images. The script holds three tables of counts,
each image that at least one of the two misreads, and for each network and digit the two right answers that it is least
sure of.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from page_weights import write_script

from hwr_utils import data, layers, trained

NAMES = ("lean_cnn", "lstm")
LEAST_SURE = 2


def probabilities(name: str, images: np.ndarray) -> np.ndarray:
    """What a shipped network answers: (images, 10), in float64 from the logits on."""
    from hwr_utils import models

    model = getattr(models, f"build_{name}")()
    model.set_weights(trained.load_arrays(trained.SHIPPED / f"{name}.npz"))
    logits = model.predict(images[..., None], batch_size=500, verbose=0)
    return layers.softmax(logits.astype(float))


def counts(rows: np.ndarray, columns: np.ndarray) -> list[list[int]]:
    """How many images stand at each pair of digits."""
    table = np.zeros((10, 10), int)
    np.add.at(table, (rows, columns), 1)
    return table.tolist()


def pack_image(image: np.ndarray) -> dict[str, Any]:
    """The rectangle that holds the ink: top, left, height and width, and its bytes in base64."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    inside = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return {
        "box": [int(rows[0]), int(columns[0]), *inside.shape],
        "bytes": base64.b64encode(inside.tobytes()).decode(),
    }


def unpack_image(packed: dict[str, Any]) -> np.ndarray:
    """The whole image again, 28 x 28."""
    top, left, height, width = packed["box"]
    image = np.zeros((28, 28), np.uint8)
    inside = np.frombuffer(base64.b64decode(packed["bytes"]), np.uint8)
    image[top : top + height, left : left + width] = inside.reshape(height, width)
    return image


def collect(images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The tables and the images; probabilities are whole numbers of thousandths."""
    all_p = [probabilities(name, images) for name in NAMES]
    answers = [p.argmax(axis=1) for p in all_p]
    shown = (answers[0] != labels) | (answers[1] != labels)
    for p, answer in zip(all_p, answers, strict=True):
        for digit in range(10):
            right = np.flatnonzero((labels == digit) & (answer == digit))
            shown[right[np.argsort(p[right, digit])[:LEAST_SURE]]] = True
    return {
        "tables": {
            "cnn": counts(labels, answers[0]),
            "lstm": counts(labels, answers[1]),
            "both": counts(answers[0], answers[1]),
        },
        "images": [
            {
                "index": int(index),
                "label": int(labels[index]),
                **pack_image(images[index]),
                "cnn": np.round(1000 * all_p[0][index]).astype(int).tolist(),
                "lstm": np.round(1000 * all_p[1][index]).astype(int).tolist(),
            }
            for index in np.flatnonzero(shown)
        ],
    }


def main() -> None:
    write_script("errors", collect(*data.load_mnist()[1]))


if __name__ == "__main__":
    main()
