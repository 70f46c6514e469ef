"""Draw book/_static/line_by_line.png, the landing page's picture: digits, and what a network believes after each row.

An LSTM reads each image row by row and names the digit after every row, so it is trained on its answer at all
28 rows. The belief drawn for a digit comes from a network that never saw that digit: all of them are test images.

    python tools/landing_picture.py       about two minutes on two CPU cores
"""

from __future__ import annotations

from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from hwr_utils import data

PICTURE = Path(__file__).resolve().parent.parent / "book" / "_static" / "line_by_line.png"
DIGITS = (7, 3, 5)
INK, BELIEF, TEXT = "#6f7783", "#159189", "#747b86"  # readable on the white page and the dark one


def train_reader(images: np.ndarray, labels: np.ndarray) -> keras.Model:
    """An LSTM that answers after each of the 28 rows."""
    keras.utils.set_random_seed(1)
    reader = keras.Sequential(
        [
            keras.Input((28, 28)),  # 28 timesteps, a row of 28 pixels each
            keras.layers.LSTM(128, return_sequences=True),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    reader.compile("adam", "sparse_categorical_crossentropy")
    answers = np.repeat(labels[:, None], 28, axis=1)  # the same answer is right at every row
    reader.fit(images, answers, batch_size=128, epochs=3, verbose=2)
    return reader


def most_surprising(digit: int, labels: np.ndarray, beliefs: np.ndarray) -> int:
    """The index of the image of `digit` that is read rightly at the end and most wrongly on the way."""
    wrong = beliefs.copy()
    wrong[..., digit] = 0
    wrong[:, :8] = 0  # the first rows hold little ink
    right_at_the_end = (labels == digit) & (beliefs[:, -1, digit] > 0.95)
    return int(np.where(right_at_the_end, wrong.max(axis=(1, 2)), -1).argmax())


def with_strength(color: str, strength: np.ndarray) -> np.ndarray:
    """An image of one colour whose opacity is `strength`, between 0 and 1."""
    return np.dstack([np.broadcast_to(to_rgb(color), (*strength.shape, 3)), strength])


def draw(images: np.ndarray, beliefs: np.ndarray) -> None:
    figure, axes = plt.subplots(
        1,
        2 * len(images),
        figsize=(7.2, 2.15),
        width_ratios=[22, 14] * len(images),
        layout="constrained",
    )
    for image, belief, left, right in zip(images, beliefs, axes[::2], axes[1::2], strict=True):
        left.imshow(with_strength(INK, image[:, 3:25]), aspect="auto")  # a digit fills 20 columns
        left.axis("off")
        right.imshow(with_strength(BELIEF, belief), aspect="auto", interpolation="nearest")
        right.set_xticks(range(10), list("0123456789"), color=TEXT, fontsize=8)
        right.set_yticks([])
        right.tick_params(length=0)
        right.spines[:].set_color(TEXT)
        right.spines[:].set_linewidth(0.5)
    figure.savefig(PICTURE, dpi=200, transparent=True)


def main() -> None:
    (x_train, y_train), (x_test, y_test) = data.load_handwriting()
    reader = train_reader(x_train / 255.0, y_train)
    images, labels = x_test[:400] / 255.0, y_test[:400]
    beliefs = reader.predict(images, verbose=0)  # (400, 28, 10)
    chosen = [most_surprising(digit, labels, beliefs) for digit in DIGITS]
    draw(images[chosen], beliefs[chosen])


if __name__ == "__main__":
    main()
