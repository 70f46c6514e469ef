"""Keras models of the book: one function each, uncompiled, so that training stays visible in the chapter.

Every image model takes `(batch, 28, 28, 1)` brightness from 0 to 255 and scales it itself, so that images can stay
uint8 in memory. Every model ends in logits `(batch, num_classes)`: softmax belongs to the loss (chapter 05).
"""

from __future__ import annotations

from typing import Any


def build_cnn_2018(num_classes: int = 10) -> Any:
    """The two-convolution network of the 2018 chapter: 3,274,634 parameters. Built in chapter 08.

    Args:
        num_classes: number of logits, at least 2.

    Returns:
        keras.Model: `(batch, 28, 28, 1)` in [0, 255] -> logits `(batch, num_classes)`, float32.

    Source: the layers of the TensorFlow 1 "deep MNIST" tutorial, after LeNet-5 (LeCun et al. 1998,
    https://doi.org/10.1109/5.726791).

    >>> build_cnn_2018().count_params()  # 26 * 32 + 801 * 64 + 3137 * 1024 + 1025 * 10
    3274634
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(num_classes),
        ],
        name="cnn_2018",
    )


def build_lean_cnn(num_classes: int = 10) -> Any:
    """Three small convolutions, 55,002 parameters; pools before it normalises. Built in chapter 08.

    Args:
        num_classes: number of logits, at least 2.

    Returns:
        keras.Model: `(batch, 28, 28, 1)` in [0, 255] -> logits `(batch, num_classes)`, float32.

    Source: batch normalisation by Ioffe and Szegedy (2015, https://arxiv.org/abs/1502.03167); the
    arrangement is this book's own.

    >>> build_lean_cnn().count_params()  # 9 * 16 + 144 * 32 + 288 * 64 + 4 * (16 + 32 + 64) + 3137 * 10
    55002
    """
    import keras
    from keras import layers

    def block(filters: int, pool: bool) -> list[Any]:
        return [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            *([layers.MaxPooling2D(2)] if pool else []),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            *block(16, pool=True),
            *block(32, pool=True),
            *block(64, pool=False),
            layers.Flatten(),
            layers.Dense(num_classes),
        ],
        name="lean_cnn",
    )


def build_lstm(num_classes: int = 10) -> Any:
    """The LSTM of the 2018 chapter: reads row by row with 128 units, 81,674 parameters. Built in chapter 17.

    An image is one sequence: 28 timesteps, the rows from the top, of 28 features, the pixels of a row. Only the
    hidden state after the last row goes to the logits.

    Args:
        num_classes: number of logits, at least 2.

    Returns:
        keras.Model: `(batch, 28, 28, 1)` in [0, 255] -> logits `(batch, num_classes)`, float32.

    Source: Hochreiter and Schmidhuber (1997, https://doi.org/10.1162/neco.1997.9.8.1735), with the forget gate of
    Gers et al. (2000, https://doi.org/10.1162/089976600300015015).

    >>> build_lstm().count_params()  # 4 * 128 * (28 + 128 + 1) + 129 * 10
    81674
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Reshape((28, 28)),
            layers.LSTM(128),
            layers.Dense(num_classes),
        ],
        name="lstm",
    )


def build_ctc_reader(recurrent: bool = True, num_classes: int = 11) -> Any:
    """A reader of number strips: convolutions with pooling, then context along the columns. Built in chapter 18.

    Args:
        recurrent: context by a bidirectional LSTM; False takes two one-dimensional convolutions instead.
        num_classes: characters and the blank, which is class 0.

    Returns:
        keras.Model: `(batch, 32, width, 1)` in [0, 255] -> logits `(batch, width / 4, num_classes)`, float32. Any
        width from 4 on will do; it is rounded down to a multiple of 4.

    Source: Shi, Bai and Yao (2017), https://doi.org/10.1109/TPAMI.2016.2646371; this small form is the book's own.

    >>> build_ctc_reader().compute_output_shape((1, 32, 192, 1))  # 192 / 4 columns; ten digits and the blank
    (1, 48, 11)
    """
    import keras
    from keras import layers

    def conv2d(filters: int, pool: tuple[int, int]) -> list[Any]:
        convolution = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        return [
            convolution,
            layers.MaxPooling2D(pool),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    def conv1d() -> list[Any]:
        convolution = layers.Conv1D(96, 5, padding="same", use_bias=False)
        return [convolution, layers.BatchNormalization(momentum=0.9), layers.ReLU()]

    lstm = layers.LSTM(64, return_sequences=True)
    return keras.Sequential(
        [
            keras.Input((32, None, 1)),
            layers.Rescaling(1 / 255),
            *conv2d(16, (2, 2)),
            *conv2d(32, (2, 2)),
            *conv2d(64, (2, 1)),
            *conv2d(64, (2, 1)),
            layers.Permute((2, 1, 3)),  # columns first: each becomes one timestep
            layers.Reshape((-1, 2 * 64)),
            *([layers.Bidirectional(lstm)] if recurrent else [*conv1d(), *conv1d()]),
            layers.Dense(num_classes),
        ],
        name="ctc_reader",
    )
