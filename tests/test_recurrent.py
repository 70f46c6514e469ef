"""The recurrent layers give the numbers worked out on paper, agree with Keras, and have true gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from hwr_utils import layers, recurrent
from tests.arrays import assert_equal, assert_gradients, normal

# 4 sequences, 6 timesteps, 3 features, 5 units: no two sizes are equal, so a mixed-up axis shows
SEQUENCES = normal(4, 6, 3)
KERNEL, RECURRENT, BIAS = normal(3, 5, seed=1), normal(5, 5, seed=2) / 2, normal(5, seed=3)
START = normal(4, 5, seed=4)


# Worked by hand ---------------------------------------------------------------------------------


def test_simple_rnn_by_hand():
    # unit 0 hears the input, unit 1 hears unit 0; tanh(log 3) = 0.8, tanh(log 2) = 0.6
    sequences = np.array([[[np.log(3)], [0.0], [np.log(2)]]])
    kernel, recurrent_kernel = np.array([[1.0, 0.0]]), np.array([[0.0, np.log(2) / 0.8], [0, 0]])
    outputs = recurrent.simple_rnn(sequences, kernel, recurrent_kernel, return_sequences=True)
    assert_equal(outputs, [[[0.8, 0.0], [0.0, 0.6], [0.6, 0.0]]])
    last = recurrent.simple_rnn(sequences, kernel, recurrent_kernel)
    assert_equal(last, [[0.6, 0.0]])


def test_bias_and_initial_state_by_hand():
    zeros, start, bias = np.zeros((1, 1, 1)), np.array([[0.5, 0.0]]), np.array([0.0, np.log(3)])
    recurrent_kernel = np.array([[2 * np.log(2), 0.0], [0.0, 0.0]])  # 0.5 x 2 log 2 = log 2
    output = recurrent.simple_rnn(zeros, np.ones((1, 2)), recurrent_kernel, bias, start)
    assert_equal(output, [[0.6, 0.8]])


def test_fully_recurrent_reads_the_last_units():
    weights = (SEQUENCES, KERNEL, RECURRENT, BIAS)
    pool = recurrent.simple_rnn(*weights, return_sequences=True)
    assert_equal(recurrent.fully_recurrent(*weights, output_units=2), pool[:, :, 3:])
    assert_equal(recurrent.fully_recurrent(*weights, output_units=5), pool)


def test_spectral_radius_by_hand():
    assert recurrent.spectral_radius(np.diag([0.5, -3.0, 2.0])) == 3.0
    assert recurrent.spectral_radius(np.array([[0.0, 7.0], [0.0, 0.0]])) == 0.0
    assert recurrent.spectral_radius(np.array([[3.0, -4.0], [4.0, 3.0]])) == pytest.approx(5)


# Equal to Keras ---------------------------------------------------------------------------------


def keras_layer(return_sequences):
    layer = keras.layers.SimpleRNN(5, return_sequences=return_sequences, dtype="float64")
    layer.build(SEQUENCES.shape)
    layer.set_weights([KERNEL, RECURRENT, BIAS])
    return layer


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("start", [None, START])
def test_simple_rnn_and_its_gradients_equal_keras(return_sequences, start):
    layer = keras_layer(return_sequences)
    sequences = tf.Variable(SEQUENCES)
    state = tf.Variable(np.zeros((4, 5)) if start is None else start)
    with tf.GradientTape() as tape:
        expected = layer(sequences, initial_state=state)
        sent_back = normal(*expected.shape, seed=5)
        loss = tf.reduce_sum(expected * sent_back)
    variables = [sequences, *(weight.value for weight in layer.trainable_weights), state]
    output = recurrent.simple_rnn(SEQUENCES, KERNEL, RECURRENT, BIAS, start, return_sequences)
    assert_equal(output, expected)
    weights = (SEQUENCES, KERNEL, RECURRENT, sent_back, BIAS, start, return_sequences)
    gradients = recurrent.simple_rnn_gradients(*weights)
    for by_hand, by_keras in zip(gradients, tape.gradient(loss, variables), strict=True):
        assert_equal(by_hand, by_keras)


def test_fully_recurrent_gradients_equal_tensorflow():
    variables = [tf.Variable(array) for array in (SEQUENCES, KERNEL, RECURRENT, BIAS)]
    sent_back = normal(4, 6, 2, seed=5)
    with tf.GradientTape() as tape:
        pool, outputs = tf.zeros((4, 5), tf.float64), []
        for t in range(6):
            pool = tf.tanh(variables[0][:, t] @ variables[1] + pool @ variables[2] + variables[3])
            outputs.append(pool[:, 3:])
        loss = tf.reduce_sum(tf.stack(outputs, axis=1) * sent_back)
    by_hand = recurrent.fully_recurrent_gradients(SEQUENCES, KERNEL, RECURRENT, sent_back, BIAS)
    for ours, theirs in zip(by_hand, tape.gradient(loss, variables), strict=True):
        assert_equal(ours, theirs)


# True gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("return_sequences", [False, True])
def test_simple_rnn_gradients_are_true(return_sequences):
    arrays = [SEQUENCES, KERNEL, RECURRENT, BIAS, START]
    sent_back = normal(*recurrent.simple_rnn(*arrays, return_sequences).shape, seed=5)
    gradients = recurrent.simple_rnn_gradients(
        *arrays[:3], sent_back, *arrays[3:], return_sequences
    )
    assert_gradients(
        gradients,
        lambda *changed: (recurrent.simple_rnn(*changed, return_sequences) * sent_back).sum(),
        arrays,
    )


def test_fully_recurrent_gradients_are_true():
    arrays = [SEQUENCES, KERNEL, RECURRENT, BIAS]
    sent_back = normal(4, 6, 2, seed=5)
    gradients = recurrent.fully_recurrent_gradients(*arrays[:3], sent_back, BIAS)
    assert_gradients(
        gradients,
        lambda *changed: (recurrent.fully_recurrent(*changed, output_units=2) * sent_back).sum(),
        arrays,
    )


# LSTM -------------------------------------------------------------------------------------------

# the four gates have 5 units each, so a mixed-up order of the gates shows
LSTM = [SEQUENCES, normal(3, 20, seed=6), normal(5, 20, seed=7) / 2, normal(20, seed=8)]
LSTM_START = (normal(4, 5, seed=9), normal(4, 5, seed=10))


def gates(i, f, candidate, o):
    """One number per gate, as the weights hold them: `(1, 4)`."""
    return np.array([[i, f, candidate, o]])


def test_lstm_by_hand():
    # sigmoid(log 3) = 0.75, sigmoid(0) = 0.5, tanh(log 3) = 0.8: 0.75 x 0.8 + 0.5 x 0.8 = 1
    bias = gates(0.0, np.log(3), np.log(3), -np.log(3))[0]
    start = (np.zeros((1, 1)), np.array([[0.8]]))
    hidden_state, cell_state = recurrent.lstm(
        np.zeros((1, 1, 1)), np.zeros((1, 4)), np.zeros((1, 4)), bias, start
    )
    assert_equal(cell_state, [[1.0]])
    assert_equal(hidden_state, [[0.25 * np.tanh(1.0)]])


def test_lstm_hears_its_hidden_state_by_hand():
    # the first step leaves the hidden state at tanh(0.4) / 2; the input gate alone listens to it
    sequences = np.array([[[1.0], [1.0]]])
    to_input_gate = gates(np.log(3) / (np.tanh(0.4) / 2), 0.0, 0.0, 0.0)
    weights = (sequences, gates(0.0, 0.0, np.log(3), 0.0), to_input_gate)
    hidden_states, cell_states = recurrent.lstm(*weights, return_sequences=True)
    assert_equal(cell_states, [[[0.4], [0.5 * 0.4 + 0.75 * 0.8]]])
    assert_equal(hidden_states, [[[np.tanh(0.4) / 2], [np.tanh(0.8) / 2]]])


@pytest.mark.parametrize(
    ("opened", "cell", "hidden"),
    [
        ("if", 0.5 + 0.8, 0.0),  # write on top of what is kept, and show nothing
        ("f", 0.5, 0.0),  # keep
        ("i", 0.8, 0.0),  # write over
        ("", 0.0, 0.0),  # reset
        ("fo", 0.5, np.tanh(0.5)),  # read
    ],
)
def test_lstm_with_gates_forced_open_or_shut(opened, cell, hidden):
    bias = gates(*(1000.0 if gate in opened else -1000.0 for gate in "if"), np.log(3), 0.0)[0]
    bias[3] = 1000.0 if "o" in opened else -1000.0
    start = (normal(1, 1), np.array([[0.5]]))
    arrays = (np.zeros((1, 1, 1)), np.zeros((1, 4)), np.zeros((1, 4)), bias, start)
    hidden_state, cell_state = recurrent.lstm(*arrays)
    assert_equal(cell_state, [[cell]])
    assert_equal(hidden_state, [[hidden]])


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("start", [None, LSTM_START], ids=["from zero", "from a state"])
def test_lstm_and_its_gradients_equal_keras(return_sequences, start):
    layer = keras.layers.LSTM(
        5, return_sequences=return_sequences, return_state=True, dtype="float64"
    )
    layer.build(SEQUENCES.shape)
    layer.set_weights(LSTM[1:])
    sequences = tf.Variable(SEQUENCES)
    states = [tf.Variable(state) for state in start or (np.zeros((4, 5)), np.zeros((4, 5)))]
    with tf.GradientTape() as tape:
        expected, last_hidden, last_cell = layer(sequences, initial_state=states)
        sent_back = normal(*expected.shape, seed=5)
        loss = tf.reduce_sum(expected * sent_back)
    variables = [sequences, *(weight.value for weight in layer.trainable_weights), *states]
    hidden_state, cell_state = recurrent.lstm(*LSTM, start, return_sequences)
    assert_equal(hidden_state, expected)
    assert_equal(hidden_state[:, -1] if return_sequences else hidden_state, last_hidden)
    assert_equal(cell_state[:, -1] if return_sequences else cell_state, last_cell)
    arrays = (*LSTM[:3], sent_back, LSTM[3], start, return_sequences)
    *gradients, state_gradients = recurrent.lstm_gradients(*arrays)
    for by_hand, by_keras in zip(
        [*gradients, *state_gradients], tape.gradient(loss, variables), strict=True
    ):
        assert_equal(by_hand, by_keras)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_lstm_gradients_are_true(return_sequences):
    sent_back = normal(*recurrent.lstm(*LSTM, LSTM_START, return_sequences)[0].shape, seed=5)
    *gradients, state_gradients = recurrent.lstm_gradients(
        *LSTM[:3], sent_back, LSTM[3], LSTM_START, return_sequences
    )

    def loss(*arrays):
        hidden_state, _ = recurrent.lstm(*arrays[:4], arrays[4:], return_sequences)
        return (hidden_state * sent_back).sum()

    assert_gradients([*gradients, *state_gradients], loss, [*LSTM, *LSTM_START])


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_lstm_can_read_in_two_parts(first, second, seed):
    sequences = normal(2, first + second, 3, seed=seed)
    whole = recurrent.lstm(sequences, *LSTM[1:])
    middle = recurrent.lstm(sequences[:, :first], *LSTM[1:])
    parts = recurrent.lstm(sequences[:, first:], *LSTM[1:], middle)
    for of_parts, of_whole in zip(parts, whole, strict=True):
        assert_equal(of_parts, of_whole)


@given(st.integers(1, 8), st.floats(-6, 6), st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_lstm_without_recurrent_weights_fades_by_its_forget_gate(timesteps, forget_bias, seed):
    bias = np.repeat([0.0, forget_bias, 0.0, 0.0], 5)
    start = (np.zeros((2, 5)), normal(2, 5, seed=seed))
    sequences, kernel = np.zeros((2, timesteps, 3)), normal(3, 20, seed=seed + 1)
    _, cell_state = recurrent.lstm(sequences, kernel, np.zeros((5, 20)), bias, start)
    assert_equal(cell_state, start[1] * layers.sigmoid(np.array(forget_bias)) ** timesteps)


def test_lstm_bears_weighted_sums_of_any_size():
    with np.errstate(over="raise", invalid="raise"):
        _, cell_state = recurrent.lstm(
            np.ones((1, 3, 1)), gates(1e4, 1e4, -1e4, -1e4), np.zeros((1, 4))
        )
    assert_equal(cell_state, [[-3.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lstm_keeps_the_dtype_and_changes_no_argument(dtype):
    arrays = [a.astype(dtype) for a in (*LSTM, *LSTM_START, np.ones((4, 5)))]
    for array in arrays:
        array.flags.writeable = False  # a write would raise
    *weights, bias, hidden, cell, sent_back = arrays
    *gradients, state_gradients = recurrent.lstm_gradients(
        *weights, sent_back, bias, (hidden, cell)
    )
    results = [*recurrent.lstm(*weights, bias, (hidden, cell)), *gradients, *state_gradients]
    assert [result.dtype for result in results] == [dtype] * 8


# GRU --------------------------------------------------------------------------------------------

GATED_KERNEL, GATED_RECURRENT = normal(3, 15, seed=6), normal(5, 15, seed=7) / 2
GATED_BIAS = {True: normal(2, 15, seed=8), False: normal(15, seed=9)}  # by reset_after
both_forms = pytest.mark.parametrize("reset_after", [True, False])


def test_gru_by_hand():
    # sigmoid(log 3) = 3/4, sigmoid(-log 3) = 1/4, tanh(log 3) = 0.8
    log3, zero, start = np.log(3), np.zeros((1, 1, 1)), np.array([[0.5]])
    kernel, recurrent_kernel = np.zeros((1, 3)), np.array([[0.0, 0.0, 2 * log3]])
    # after: 3/4 x (0.5 x 2 log 3 + log 3 / 3) = log 3, so the candidate is 0.8, and h = 1/4 x 0.5 + 3/4 x 0.8
    bias = np.array([[-log3, log3, 0.0], [0.0, 0.0, log3 / 3]])
    assert_equal(recurrent.gru(zero, kernel, recurrent_kernel, bias, start), [[0.725]])
    # before: (3/4 x 0.5) x 2 log 3 + log 3 / 4 = log 3
    bias = np.array([-log3, log3, log3 / 4])
    output = recurrent.gru(zero, kernel, recurrent_kernel, bias, start, reset_after=False)
    assert_equal(output, [[0.725]])


def test_gru_reset_silences_the_listener_or_the_speaker():
    # each unit sends log 3 to the other; unit 0 is in reset, unit 1 is not, and both take their candidate
    recurrent_kernel = np.zeros((2, 6))
    recurrent_kernel[0, 5] = recurrent_kernel[1, 4] = np.log(3)
    shut = np.array([-1e3, -1e3, -1e3, 1e3, 0, 0])
    weights = (np.zeros((1, 1, 1)), np.zeros((1, 6)), recurrent_kernel)
    start = np.ones((1, 2))
    after = recurrent.gru(*weights, np.stack([shut, 0 * shut]), start)
    assert_equal(after, [[0.0, 0.8]])
    assert_equal(recurrent.gru(*weights, shut, start, reset_after=False), [[0.8, 0.0]])


@both_forms
def test_gru_keeps_its_state_behind_an_open_update_gate(reset_after):
    bias = GATED_BIAS[reset_after].copy()
    bias[..., :5] = 1e3
    weights = (SEQUENCES, GATED_KERNEL, GATED_RECURRENT, bias, START)
    assert_equal(recurrent.gru(*weights, reset_after=reset_after), START)


@both_forms
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("start", [None, START])
def test_gru_and_its_gradients_equal_keras(reset_after, return_sequences, start):
    layer = keras.layers.GRU(
        5, return_sequences=return_sequences, reset_after=reset_after, dtype="float64"
    )
    layer.build(SEQUENCES.shape)
    bias = GATED_BIAS[reset_after]
    layer.set_weights([GATED_KERNEL, GATED_RECURRENT, bias])
    sequences = tf.Variable(SEQUENCES)
    state = tf.Variable(np.zeros((4, 5)) if start is None else start)
    with tf.GradientTape() as tape:
        expected = layer(sequences, initial_state=state)
        sent_back = normal(*expected.shape, seed=5)
        loss = tf.reduce_sum(expected * sent_back)
    variables = [sequences, *(weight.value for weight in layer.trainable_weights), state]
    weights, options = (SEQUENCES, GATED_KERNEL, GATED_RECURRENT), (return_sequences, reset_after)
    assert_equal(recurrent.gru(*weights, bias, start, *options), expected)
    gradients = recurrent.gru_gradients(*weights, sent_back, bias, start, *options)
    for by_hand, by_keras in zip(gradients, tape.gradient(loss, variables), strict=True):
        assert_equal(by_hand, by_keras)


@both_forms
@pytest.mark.parametrize("return_sequences", [False, True])
def test_gru_gradients_are_true(reset_after, return_sequences):
    arrays = [SEQUENCES, GATED_KERNEL, GATED_RECURRENT, GATED_BIAS[reset_after], START]
    options = (return_sequences, reset_after)
    sent_back = normal(*recurrent.gru(*arrays, *options).shape, seed=5)
    gradients = recurrent.gru_gradients(*arrays[:3], sent_back, *arrays[3:], *options)
    assert_gradients(
        gradients, lambda *changed: (recurrent.gru(*changed, *options) * sent_back).sum(), arrays
    )


@both_forms
def test_gru_without_bias(reset_after):
    weights = (SEQUENCES, GATED_KERNEL, GATED_RECURRENT)
    zeros = np.zeros_like(GATED_BIAS[reset_after])
    output = recurrent.gru(*weights, reset_after=reset_after)
    assert_equal(output, recurrent.gru(*weights, zeros, reset_after=reset_after))
    gradients = [
        recurrent.gru_gradients(*weights, np.ones((4, 5)), bias, reset_after=reset_after)
        for bias in (None, zeros)
    ]
    for without, with_zeros in zip(*gradients, strict=True):
        assert_equal(without, with_zeros)


@both_forms
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gru_keeps_the_dtype_and_its_arguments(dtype, reset_after):
    arrays = (SEQUENCES, GATED_KERNEL, GATED_RECURRENT, GATED_BIAS[reset_after], START)
    arrays = [array.astype(dtype) for array in (*arrays, np.ones((4, 5)))]
    for array in arrays:
        array.flags.writeable = False  # a write would raise
    *weights, bias, start, sent_back = arrays
    output = recurrent.gru(*weights, bias, start, reset_after=reset_after)
    gradients = recurrent.gru_gradients(*weights, sent_back, bias, start, reset_after=reset_after)
    assert [result.dtype for result in (output, *gradients)] == [dtype] * 6


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16))
@settings(max_examples=10, deadline=None)
def test_reversed_time_and_exchanged_weights_swap_the_halves(timesteps, features, units, seed):
    sequences = normal(2, timesteps, features, seed=seed)
    forward, backward = (
        [normal(rows, 3 * units, seed=seed + place + rows) for rows in (features, units, 2)]
        for place in (1, 50)
    )

    def by_keras(sequences, forward, backward):
        layer = keras.layers.Bidirectional(
            keras.layers.GRU(units, return_sequences=True, dtype="float64"), dtype="float64"
        )
        layer.build(sequences.shape)
        layer.set_weights([*forward, *backward])
        return np.asarray(layer(sequences))

    def by_hand(sequences, forward, backward):
        there = recurrent.gru(sequences, *forward, return_sequences=True)
        back = recurrent.gru(sequences[:, ::-1], *backward, return_sequences=True)[:, ::-1]
        return np.concatenate([there, back], axis=2)

    both = by_hand(sequences, forward, backward)
    assert_equal(both, by_keras(sequences, forward, backward))
    swapped = by_keras(sequences[:, ::-1], backward, forward)[:, ::-1]
    assert_equal(np.roll(swapped, units, axis=2), both)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recurrent.lstm(SEQUENCES.astype(int), *LSTM[1:]), TypeError, "sequences has dtype int64"),
        (lambda: recurrent.lstm(SEQUENCES[0], *LSTM[1:]), ValueError, r"sequences has shape \(6, 3\); it must be \(batch, timesteps, features\)"),
        (lambda: recurrent.lstm(SEQUENCES, KERNEL, RECURRENT), ValueError, r"kernel has shape \(3, 5\); it must be \(features, 4 \* units\) with the sequences' 3 features"),
        (lambda: recurrent.lstm(SEQUENCES, LSTM[2], LSTM[2]), ValueError, r"kernel has shape \(5, 20\); it must be \(features, 4 \* units\)"),
        (lambda: recurrent.lstm(*LSTM[:2], RECURRENT), ValueError, r"recurrent_kernel has shape \(5, 5\); it must be \(5, 20\)"),
        (lambda: recurrent.lstm(*LSTM[:3], BIAS), ValueError, r"bias has shape \(5,\); it must be \(20,\): one number per unit and gate"),
        (lambda: recurrent.lstm(*LSTM, START), ValueError, r"initial_state has shape \(5,\); it must be \(4, 5\): a hidden state per sequence"),
        (lambda: recurrent.lstm(*LSTM, (START,)), ValueError, r"initial_state has shapes \[\(4, 5\)\]; it must be a hidden state and a cell state, each \(4, 5\)"),
        (lambda: recurrent.lstm(*LSTM, (START, START[:, :4])), ValueError, r"initial_state has shapes \[\(4, 5\), \(4, 4\)\]"),
        (lambda: recurrent.lstm_gradients(*LSTM[:3], np.ones((4, 6, 5))), ValueError, r"output_gradient has shape \(4, 6, 5\); it must be \(4, 5\)"),
        (lambda: recurrent.lstm_gradients(*LSTM[:3], np.ones((4, 5)), return_sequences=True), ValueError, r"output_gradient has shape \(4, 5\); it must be \(4, 6, 5\)"),
    ],
)  # fmt: skip
def test_lstm_refuses_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recurrent.gru(SEQUENCES.astype(int), GATED_KERNEL, GATED_RECURRENT), TypeError, r"sequences has dtype int64; .* sequences.astype\('float32'\)"),
        (lambda: recurrent.gru(SEQUENCES[0], GATED_KERNEL, GATED_RECURRENT), ValueError, r"sequences has shape \(6, 3\); it must be \(batch, timesteps, features\)"),
        (lambda: recurrent.gru(SEQUENCES, KERNEL, RECURRENT), ValueError, r"kernel has shape \(3, 5\); it must be \(features, 3 \* units\) with the sequences' 3 features"),
        (lambda: recurrent.gru(SEQUENCES, GATED_KERNEL[:2], GATED_RECURRENT), ValueError, r"kernel has shape \(2, 15\); it must be \(features, 3 \* units\) with the sequences' 3 features"),
        (lambda: recurrent.gru(SEQUENCES, GATED_KERNEL, RECURRENT), ValueError, r"recurrent_kernel has shape \(5, 5\); it must be \(5, 15\)"),
        (lambda: recurrent.gru(SEQUENCES, GATED_KERNEL, GATED_RECURRENT, GATED_BIAS[False]), ValueError, r"bias has shape \(15,\); it must be \(2, 15\): .* reset_after=True"),
        (lambda: recurrent.gru(SEQUENCES, GATED_KERNEL, GATED_RECURRENT, GATED_BIAS[True], reset_after=False), ValueError, r"bias has shape \(2, 15\); it must be \(15,\): .* reset_after=False"),
        (lambda: recurrent.gru(SEQUENCES, GATED_KERNEL, GATED_RECURRENT, None, np.ones(5)), ValueError, r"initial_state has shape \(5,\); it must be \(4, 5\)"),
        (lambda: recurrent.gru_gradients(SEQUENCES, GATED_KERNEL, GATED_RECURRENT, np.ones((4, 6, 5))), ValueError, r"output_gradient has shape \(4, 6, 5\); it must be \(4, 5\)"),
        (lambda: recurrent.gru_gradients(SEQUENCES, GATED_KERNEL, GATED_RECURRENT, np.ones((4, 5)), return_sequences=True), ValueError, r"output_gradient has shape \(4, 5\); it must be \(4, 6, 5\)"),
    ],
)  # fmt: skip
def test_gru_refuses_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# What must hold for all -------------------------------------------------------------------------

SIZES = st.integers(1, 5)


@given(SIZES, SIZES, SIZES, st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_one_timestep_is_a_feedforward_layer(batch, features, units, seed):
    inputs, kernel = normal(batch, features, seed=seed), normal(features, units, seed=seed + 1)
    recurrent_kernel, bias = normal(units, units, seed=seed + 2), normal(units, seed=seed + 3)
    output = recurrent.simple_rnn(inputs[:, None], kernel, recurrent_kernel, bias)
    assert_equal(output, layers.tanh(layers.dense(inputs, kernel, bias)))


@given(SIZES, SIZES, st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_a_sequence_can_be_read_in_two_parts(first, second, seed):
    sequences = normal(2, first + second, 3, seed=seed)
    whole = recurrent.simple_rnn(sequences, KERNEL, RECURRENT, BIAS)
    middle = recurrent.simple_rnn(sequences[:, :first], KERNEL, RECURRENT, BIAS)
    assert_equal(recurrent.simple_rnn(sequences[:, first:], KERNEL, RECURRENT, BIAS, middle), whole)


@given(st.integers(0, 2**16), st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_spectral_radius_scales_with_the_matrix(seed, factor):
    matrix = normal(6, 6, seed=seed)
    scaled = recurrent.spectral_radius(factor * matrix)
    assert scaled == pytest.approx(abs(factor) * recurrent.spectral_radius(matrix), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    sequences, kernel, recurrent_kernel, bias, start = (
        array.astype(dtype) for array in (SEQUENCES, KERNEL, RECURRENT, BIAS, START)
    )
    weights = (sequences, kernel, recurrent_kernel)
    results = [
        recurrent.simple_rnn(*weights, bias, start),
        recurrent.fully_recurrent(*weights, output_units=2),
        *recurrent.simple_rnn_gradients(*weights, np.ones((4, 5), dtype), bias, start),
        *recurrent.fully_recurrent_gradients(*weights, np.ones((4, 6, 2), dtype), bias),
    ]
    assert [result.dtype for result in results] == [dtype] * 11


def test_no_function_changes_its_arguments():
    arrays = [a.copy() for a in (SEQUENCES, KERNEL, RECURRENT, BIAS, START, np.ones((4, 6, 5)))]
    for array in arrays:
        array.flags.writeable = False  # a write would raise
    *weights, bias, start, sent_back = arrays
    recurrent.simple_rnn(*weights, bias, start)
    recurrent.simple_rnn_gradients(*weights, sent_back, bias, start, return_sequences=True)
    recurrent.fully_recurrent_gradients(*weights, sent_back[:, :, :2], bias)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recurrent.simple_rnn(SEQUENCES.astype(np.uint8), KERNEL, RECURRENT), TypeError, r"sequences has dtype uint8; .* sequences.astype\('float32'\)"),
        (lambda: recurrent.simple_rnn(SEQUENCES[0], KERNEL, RECURRENT), ValueError, r"sequences has shape \(6, 3\); it must be \(batch, timesteps, features\) .* sequence\[None\]"),
        (lambda: recurrent.simple_rnn(SEQUENCES[:, :0], KERNEL, RECURRENT), ValueError, r"sequences has shape \(4, 0, 3\); .* at least one timestep"),
        (lambda: recurrent.simple_rnn(SEQUENCES, KERNEL.T, RECURRENT), ValueError, r"kernel has shape \(5, 3\); it must be \(features, units\) with the sequences' 3 features"),
        (lambda: recurrent.simple_rnn(SEQUENCES, KERNEL, KERNEL), ValueError, r"recurrent_kernel has shape \(3, 5\); it must be \(5, 5\)"),
        (lambda: recurrent.simple_rnn(SEQUENCES, KERNEL, RECURRENT, np.ones(1)), ValueError, r"bias has shape \(1,\); it must be \(5,\): one number per unit"),
        (lambda: recurrent.simple_rnn(SEQUENCES, KERNEL, RECURRENT, None, np.ones(5)), ValueError, r"initial_state has shape \(5,\); it must be \(4, 5\)"),
        (lambda: recurrent.simple_rnn_gradients(SEQUENCES, KERNEL, RECURRENT, np.ones((4, 6, 5))), ValueError, r"output_gradient has shape \(4, 6, 5\); it must be \(4, 5\)"),
        (lambda: recurrent.simple_rnn_gradients(SEQUENCES, KERNEL, RECURRENT, np.ones((4, 5)), return_sequences=True), ValueError, r"output_gradient has shape \(4, 5\); it must be \(4, 6, 5\)"),
        (lambda: recurrent.fully_recurrent(SEQUENCES, KERNEL, RECURRENT, output_units=0), ValueError, "output_units is 0; with 5 units in the pool it must be a whole number from 1 to 5"),
        (lambda: recurrent.fully_recurrent(SEQUENCES, KERNEL, RECURRENT, output_units=6), ValueError, "output_units is 6; with 5 units"),
        (lambda: recurrent.fully_recurrent(SEQUENCES, KERNEL, RECURRENT, output_units=2.0), ValueError, "output_units is 2.0; with 5 units"),
        (lambda: recurrent.fully_recurrent_gradients(SEQUENCES, KERNEL, RECURRENT, np.ones((4, 2))), ValueError, r"output_gradient has shape \(4, 2\); it must be \(batch, timesteps, output_units\)"),
        (lambda: recurrent.fully_recurrent_gradients(SEQUENCES, KERNEL, RECURRENT, np.ones((4, 6, 7))), ValueError, "output_units is 7; with 5 units"),
        (lambda: recurrent.fully_recurrent_gradients(SEQUENCES, KERNEL, RECURRENT, np.ones((4, 5, 2))), ValueError, r"output_gradient has shape \(4, 5, 5\); it must be \(4, 6, 5\)"),
        (lambda: recurrent.spectral_radius(KERNEL), ValueError, r"recurrent_kernel has shape \(3, 5\); it must be \(units, units\)"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
