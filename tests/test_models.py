"""The networks have the layers, shapes and parameter counts that the chapters state."""

import keras
import numpy as np
import pytest

from hwr_utils import models


@pytest.mark.parametrize(
    ("build", "parameters", "shapes"),
    [
        (
            models.build_cnn_2018,
            3_274_634,  # 832 + 51,264 + 3136 * 1024 + 1024 + 10,250
            [
                (28, 28, 1),
                (28, 28, 32),
                (14, 14, 32),
                (14, 14, 64),
                (7, 7, 64),
                (3136,),
                (1024,),
                (1024,),
                (10,),
            ],
        ),
        (
            models.build_lean_cnn,
            55_002,  # 144 + 64 + 4,608 + 128 + 18,432 + 256 + 31,370
            [
                (28, 28, 1),
                (28, 28, 16),
                (14, 14, 16),
                (14, 14, 16),
                (14, 14, 16),
                (14, 14, 32),
                (7, 7, 32),
                (7, 7, 32),
                (7, 7, 32),
                (7, 7, 64),
                (7, 7, 64),
                (7, 7, 64),
                (3136,),
                (10,),
            ],
        ),
        (
            models.build_lstm,
            81_674,  # 4 gates x 128 units x (28 pixels + 128 units + 1 bias) + 129 x 10
            [(28, 28, 1), (28, 28), (128,), (10,)],
        ),
    ],
)
def test_shapes_and_parameters(build, parameters, shapes):
    model = build()
    assert model.count_params() == parameters
    assert [tuple(layer.output.shape[1:]) for layer in model.layers] == shapes
    assert not model.compiled


@pytest.mark.parametrize("build", [models.build_cnn_2018, models.build_lean_cnn, models.build_lstm])
def test_bytes_go_in_and_logits_come_out(build):
    model = build(num_classes=3)
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    logits = np.asarray(model(images))
    assert logits.shape == (2, 3)
    assert logits.dtype == np.float32
    assert np.allclose(logits, np.asarray(model(images.astype("float32"))), atol=1e-6)
    assert np.abs(logits).max() < 20  # scaled inside: raw bytes would give logits in the hundreds


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_lstm_reads_the_rows_from_the_top():
    """The same logits from a loop over the rows, with the four gates written out."""
    model = models.build_lstm()
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    kernel, recurrent_kernel, bias, head, head_bias = (w.astype(float) for w in model.get_weights())
    hidden_state = cell_state = np.zeros((3, 128))
    for row in range(28):
        z = images[:, row, :, 0] / 255 @ kernel + hidden_state @ recurrent_kernel + bias
        input_gate, forget_gate, candidate, output_gate = np.split(z, 4, axis=1)
        cell_state = sigmoid(forget_gate) * cell_state + sigmoid(input_gate) * np.tanh(candidate)
        hidden_state = sigmoid(output_gate) * np.tanh(cell_state)
    expected = hidden_state @ head + head_bias
    assert np.allclose(np.asarray(model(images)), expected, atol=1e-5)
    turned = np.asarray(model(images.swapaxes(1, 2)))
    assert np.abs(turned - expected).max() > 1e-3  # columns are not rows


@pytest.mark.parametrize(("recurrent", "parameters"), [(True, 160_987), (False, 170_107)])
def test_readers_give_a_column_for_each_four_pixels(recurrent, parameters):
    # convolutions 144 + 4,608 + 18,432 + 36,864, their normalisation 4 x 176 = 704, in all 60,752;
    # bidirectional LSTM 2 x 4 x 64 x (128 + 64 + 1) = 98,816 and dense 129 x 11 = 1,419; or two
    # 1D convolutions 5 x 96 x (128 + 96) = 107,520, their normalisation 768, and dense 97 x 11 = 1,067
    model = models.build_ctc_reader(recurrent)
    assert model.count_params() == parameters
    assert model.compute_output_shape((2, 32, 192, 1)) == (2, 48, 11)
    assert model.compute_output_shape((2, 32, 198, 1))[1] == 49


@pytest.mark.parametrize("recurrent", [True, False])
def test_a_column_depends_on_its_own_place(recurrent):
    keras.utils.set_random_seed(0)
    model = models.build_ctc_reader(recurrent, num_classes=4)
    strips = np.zeros((2, 32, 192, 1), np.uint8)
    strips[1, :, 80:88] = 255  # columns 20 and 21
    logits = np.asarray(model(strips))
    assert logits.shape == (2, 48, 4)
    change = np.abs(logits[1] - logits[0]).sum(axis=1)
    assert 18 <= change.argmax() <= 23
    assert change[:4].max() < change.max() / 5
