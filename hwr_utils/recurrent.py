"""Recurrent layers in NumPy, with back-propagation through time: what Part II builds by hand, and Keras agrees with.

Sequences are `(batch, timesteps, features)`, a hidden state is `(batch, units)`. A gradient function takes the same
numbers as its layer and `output_gradient`, the gradient of the loss with respect to the layer's output; it returns the
gradient of the loss with respect to each input. Numbers are floating point, and their dtype stays.
"""

from __future__ import annotations

import numpy as np

from hwr_utils.layers import _check_shape, _float_array, sigmoid

# Simple recurrent layer -------------------------------------------------------------------------


def simple_rnn(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    initial_state: np.ndarray | None = None,
    return_sequences: bool = False,
) -> np.ndarray:
    """Read sequences timestep by timestep: h_t = tanh(x_t @ kernel + h_(t-1) @ recurrent_kernel + bias).

    Args:
        sequences: `(batch, timesteps, features)` floats, at least one timestep.
        kernel: `(features, units)` weights from the input.
        recurrent_kernel: `(units, units)` weights from the hidden state; row i holds what unit i sends.
        bias: `(units,)`; None adds nothing.
        initial_state: `(batch, units)`, the hidden state before the first timestep; None is all zeros.
        return_sequences: give the hidden state after each timestep, not only after the last.

    Returns:
        hidden state `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`; from -1 to 1.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: Elman (1990), https://doi.org/10.1207/s15516709cog1402_1; tanh as in `keras.layers.SimpleRNN`.

    >>> one = np.log(3.0)  # tanh(log 3) = 0.8
    >>> sequences = np.array([[[one], [0.0]]])
    >>> simple_rnn(sequences, np.array([[1.0]]), np.array([[one / 0.8]]), return_sequences=True)
    array([[[0.8],
            [0.8]]])
    """
    hidden_states = _hidden_states(sequences, kernel, recurrent_kernel, bias, initial_state)
    return hidden_states[:, 1:] if return_sequences else hidden_states[:, -1]


def simple_rnn_gradients(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    output_gradient: np.ndarray,
    bias: np.ndarray | None = None,
    initial_state: np.ndarray | None = None,
    return_sequences: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of `simple_rnn`, by back-propagation through time from the last timestep to the first.

    Args:
        sequences: as in `simple_rnn`.
        kernel: as in `simple_rnn`.
        recurrent_kernel: as in `simple_rnn`.
        output_gradient: the shape of the output, `(batch, units)`, or `(batch, timesteps, units)` with
            `return_sequences`.
        bias: as in `simple_rnn`.
        initial_state: as in `simple_rnn`.
        return_sequences: as in `simple_rnn`.

    Returns:
        sequences_gradient, kernel_gradient, recurrent_kernel_gradient, bias_gradient, initial_state_gradient: shaped
        like sequences, kernel, recurrent_kernel, `(units,)` and `(batch, units)`.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: Werbos (1990), https://doi.org/10.1109/5.58337.

    >>> sequences = np.zeros((1, 3, 1))  # all states are 0, where the slope of tanh is 1
    >>> kernel, recurrent_kernel, sent_back = np.array([[[1.0]], [[0.5]], [[8.0]]])
    >>> gradients = simple_rnn_gradients(sequences, kernel, recurrent_kernel, sent_back)
    >>> gradients[0].ravel()  # each step back multiplies by 0.5
    array([2., 4., 8.])
    >>> gradients[3], gradients[4]  # 2 + 4 + 8, and 2 x 0.5
    (array([14.]), array([[1.]]))
    """
    hidden_states = _hidden_states(sequences, kernel, recurrent_kernel, bias, initial_state)
    before, after = hidden_states[:, :-1], hidden_states[:, 1:]
    arriving = _arriving_gradient(output_gradient, after, return_sequences)
    z_gradient = np.empty_like(after)  # z is the weighted sum inside tanh
    from_later = np.zeros_like(before[:, 0])
    for t in reversed(range(after.shape[1])):
        z_gradient[:, t] = (arriving[:, t] + from_later) * (1 - after[:, t] ** 2)
        from_later = z_gradient[:, t] @ recurrent_kernel.T
    return (*_shared_gradients(sequences, kernel, before, z_gradient), from_later)


# Fully recurrent network ------------------------------------------------------------------------


def fully_recurrent(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    output_units: int,
) -> np.ndarray:
    """Let each unit hear each unit, and read the last ones: outputs are units of the recurrent pool, too.

    An output hears the hidden units with one timestep of delay, because all units change at the same moment.

    Args:
        sequences: `(batch, timesteps, features)` floats, at least one timestep.
        kernel: `(features, units)` weights from the input.
        recurrent_kernel: `(units, units)` weights from each unit to each unit; row i holds what unit i sends.
        bias: `(units,)`; None adds nothing.
        output_units: how many units, the last ones, are outputs; from 1 to units. The others are hidden.

    Returns:
        outputs `(batch, timesteps, output_units)`, from -1 to 1.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape or a number of outputs that does not fit.

    Source: Williams and Zipser (1989), https://doi.org/10.1162/neco.1989.1.2.270; here with tanh.

    >>> sequences = np.array([[[np.log(3.0)], [0.0]]])  # tanh(log 3) = 0.8
    >>> kernel = np.array([[1.0, 0.0]])  # only the hidden unit sees the input
    >>> recurrent_kernel = np.array([[0.0, np.log(3.0) / 0.8], [0.0, 0.0]])  # and sends it to the output
    >>> fully_recurrent(sequences, kernel, recurrent_kernel, output_units=1)
    array([[[0. ],
            [0.8]]])
    """
    pool = simple_rnn(sequences, kernel, recurrent_kernel, bias, return_sequences=True)
    _check_output_units(output_units, pool.shape[2])
    return pool[:, :, -output_units:]


def fully_recurrent_gradients(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    output_gradient: np.ndarray,
    bias: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of `fully_recurrent`: the loss speaks to the outputs only, and through them to each unit.

    Args:
        sequences: as in `fully_recurrent`.
        kernel: as in `fully_recurrent`.
        recurrent_kernel: as in `fully_recurrent`.
        output_gradient: `(batch, timesteps, output_units)`, the shape of the output.
        bias: as in `fully_recurrent`.

    Returns:
        sequences_gradient, kernel_gradient, recurrent_kernel_gradient, bias_gradient: shaped like sequences, kernel,
        recurrent_kernel and `(units,)`.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: Werbos (1990), https://doi.org/10.1109/5.58337.

    >>> sequences, kernel = np.zeros((1, 2, 1)), np.array([[1.0, 0.0]])
    >>> recurrent_kernel = np.array([[0.0, 0.5], [0.0, 0.0]])  # from the hidden unit to the output
    >>> sent_back = np.array([[[0.0], [8.0]]])  # a loss after the second timestep
    >>> fully_recurrent_gradients(sequences, kernel, recurrent_kernel, sent_back)[0].ravel()
    array([4., 0.])
    """
    units = np.shape(recurrent_kernel)[-1]
    if np.ndim(output_gradient) != 3:
        raise ValueError(
            f"output_gradient has shape {np.shape(output_gradient)}; it must be (batch, timesteps, "
            "output_units), the shape of the output"
        )
    output_units = output_gradient.shape[2]
    _check_output_units(output_units, units)
    to_pool = np.pad(output_gradient, ((0, 0), (0, 0), (units - output_units, 0)))
    weights = (sequences, kernel, recurrent_kernel, to_pool, bias)
    return simple_rnn_gradients(*weights, return_sequences=True)[:4]


# LSTM -------------------------------------------------------------------------------------------


def lstm(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    initial_state: tuple[np.ndarray, np.ndarray] | None = None,
    return_sequences: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Read sequences with gated cells: c_t = f * c_(t-1) + i * candidate, and h_t = o * tanh(c_t).

    The gates i, f, o are sigmoids and the candidate is a tanh, each of its own weighted sum of x_t and h_(t-1). The
    four stand side by side in the weights, in Keras' order: input gate, forget gate, candidate, output gate.

    Args:
        sequences: `(batch, timesteps, features)` floats, at least one timestep.
        kernel: `(features, 4 * units)` weights from the input.
        recurrent_kernel: `(units, 4 * units)` weights from the hidden state.
        bias: `(4 * units,)`; None adds nothing.
        initial_state: the hidden state and the cell state before the first timestep, each `(batch, units)`; None is all
            zeros.
        return_sequences: give the states after each timestep, not only after the last.

    Returns:
        hidden_state, cell_state: each `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`. The
        hidden state is from -1 to 1; the cell state has no bounds.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735; the forget gate by Gers,
    Schmidhuber and Cummins (2000), https://doi.org/10.1162/089976600300015015; as in `keras.layers.LSTM`.

    >>> sequences = np.array([[[1.0], [0.0]]])
    >>> kernel = np.array([[0.0, 0.0, np.log(3.0), 0.0]])  # gates half open; tanh(log 3) = 0.8
    >>> hidden_state, cell_state = lstm(sequences, kernel, np.zeros((1, 4)), return_sequences=True)
    >>> cell_state.ravel()  # half of 0.8 is written, then half of that is kept
    array([0.4, 0.2])
    >>> bool(hidden_state[0, 1, 0] == 0.5 * np.tanh(0.2))
    True
    """
    _, hidden_states, cell_states = _lstm_states(
        sequences, kernel, recurrent_kernel, bias, initial_state
    )
    kept = slice(1, None) if return_sequences else -1
    return hidden_states[:, kept], cell_states[:, kept]


def lstm_gradients(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    output_gradient: np.ndarray,
    bias: np.ndarray | None = None,
    initial_state: tuple[np.ndarray, np.ndarray] | None = None,
    return_sequences: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The gradients of `lstm` for a loss of its hidden state, by back-propagation through time.

    Args:
        sequences: as in `lstm`.
        kernel: as in `lstm`.
        recurrent_kernel: as in `lstm`.
        output_gradient: the shape of the hidden state, `(batch, units)`, or `(batch, timesteps, units)` with
            `return_sequences`.
        bias: as in `lstm`.
        initial_state: as in `lstm`.
        return_sequences: as in `lstm`.

    Returns:
        sequences_gradient, kernel_gradient, recurrent_kernel_gradient, bias_gradient, initial_state_gradient: shaped
        like sequences, kernel, recurrent_kernel, `(4 * units,)`, and a pair of `(batch, units)` for hidden and cell
        state.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: the full gradient, as in Graves and Schmidhuber (2005), https://doi.org/10.1016/j.neunet.2005.06.042.

    >>> sequences, kernel, recurrent_kernel = np.zeros((1, 3, 1)), np.ones((1, 4)), np.zeros((1, 4))
    >>> gradients = lstm_gradients(sequences, kernel, recurrent_kernel, np.array([[8.0]]))
    >>> gradients[4][1]  # 8 x 0.5 through the output gate, then 0.5 through each of three forget gates
    array([[0.5]])
    """
    gates, hidden_states, cell_states = _lstm_states(
        sequences, kernel, recurrent_kernel, bias, initial_state
    )
    arriving = _arriving_gradient(output_gradient, hidden_states[:, 1:], return_sequences)
    z_gradient = np.empty_like(gates)  # z is the weighted sum inside each gate
    hidden_gradient = cell_gradient = np.zeros_like(hidden_states[:, 0])
    for t in reversed(range(arriving.shape[1])):
        i, f, candidate, o = np.split(gates[:, t], 4, axis=-1)
        squashed = np.tanh(cell_states[:, t + 1])
        hidden_gradient = hidden_gradient + arriving[:, t]
        cell_gradient = cell_gradient + hidden_gradient * o * (1 - squashed**2)
        parts = (
            cell_gradient * candidate * i * (1 - i),
            cell_gradient * cell_states[:, t] * f * (1 - f),
            cell_gradient * i * (1 - candidate**2),
            hidden_gradient * squashed * o * (1 - o),
        )
        z_gradient[:, t] = np.concatenate(parts, axis=-1)
        hidden_gradient = z_gradient[:, t] @ recurrent_kernel.T
        cell_gradient = cell_gradient * f  # through the cell alone: nothing but the forget gate
    weight_gradients = _shared_gradients(sequences, kernel, hidden_states[:, :-1], z_gradient)
    return (*weight_gradients, (hidden_gradient, cell_gradient))


def _lstm_states(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None,
    initial_state: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gates after each timestep, and the states from the initial ones on."""
    first = None if initial_state is None else initial_state[0]
    z, hidden_states = _start(sequences, kernel, recurrent_kernel, first, gates=4)
    cell_states = np.zeros_like(hidden_states)
    if initial_state is not None:
        shapes, shape = [np.shape(state) for state in initial_state], hidden_states[:, 0].shape
        if shapes != [shape, shape]:
            raise ValueError(
                f"initial_state has shapes {shapes}; it must be a hidden state and a cell state, each {shape}"
            )
        cell_states[:, 0] = initial_state[1]
    if bias is not None:
        _check_shape("bias", bias, (z.shape[2],), "one number per unit and gate")
        z = z + bias
    for t in range(z.shape[1]):
        i, f, candidate, o = np.split(z[:, t] + hidden_states[:, t] @ recurrent_kernel, 4, axis=-1)
        i, f, candidate, o = sigmoid(i), sigmoid(f), np.tanh(candidate), sigmoid(o)
        z[:, t] = np.concatenate((i, f, candidate, o), axis=-1)
        cell_states[:, t + 1] = f * cell_states[:, t] + i * candidate
        hidden_states[:, t + 1] = o * np.tanh(cell_states[:, t + 1])
    return z, hidden_states, cell_states


# GRU --------------------------------------------------------------------------------------------


def gru(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    initial_state: np.ndarray | None = None,
    return_sequences: bool = False,
    reset_after: bool = True,
) -> np.ndarray:
    """Read sequences with gated recurrent units: h_t = z_t * h_(t-1) + (1 - z_t) * candidate_t.

    The update gate z, the reset gate r and the candidate stand side by side in the weights, in Keras' order.

    Args:
        sequences: `(batch, timesteps, features)` floats, at least one timestep.
        kernel: `(features, 3 * units)` weights from the input.
        recurrent_kernel: `(units, 3 * units)` weights from the hidden state; row i holds what unit i sends.
        bias: `(2, 3 * units)` with `reset_after`, for the input and for the hidden state, else `(3 * units,)`; None
            adds nothing.
        initial_state: `(batch, units)`, the hidden state before the first timestep; None is all zeros.
        return_sequences: give the hidden state after each timestep, not only after the last.
        reset_after: the reset gate multiplies what the hidden state sends to the candidate; False: the hidden state
            itself, before it is sent.

    Returns:
        hidden state `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: Cho et al. (2014), https://doi.org/10.3115/v1/D14-1179, as in `keras.layers.GRU`.

    >>> kernel = np.array([[0.0, 0.0, np.log(3.0)]])  # both gates are half open; tanh(log 3) = 0.8
    >>> gru(np.ones((1, 2, 1)), kernel, np.zeros((1, 3)), return_sequences=True).round(9)
    array([[[0.4],
            [0.6]]])
    """
    weights = (sequences, kernel, recurrent_kernel, bias, initial_state, reset_after)
    hidden_states = _gru_states(*weights)[0]
    return hidden_states[:, 1:] if return_sequences else hidden_states[:, -1]


def gru_gradients(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    output_gradient: np.ndarray,
    bias: np.ndarray | None = None,
    initial_state: np.ndarray | None = None,
    return_sequences: bool = False,
    reset_after: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of `gru`, by back-propagation through time from the last timestep to the first.

    Args:
        sequences: as in `gru`.
        kernel: as in `gru`.
        recurrent_kernel: as in `gru`.
        output_gradient: the shape of the output, `(batch, units)`, or `(batch, timesteps, units)` with
            `return_sequences`.
        bias: as in `gru`.
        initial_state: as in `gru`.
        return_sequences: as in `gru`.
        reset_after: as in `gru`.

    Returns:
        sequences_gradient, kernel_gradient, recurrent_kernel_gradient, bias_gradient, initial_state_gradient: shaped
        like sequences, kernel, recurrent_kernel, the bias that `reset_after` asks for, and `(batch, units)`.

    Raises:
        TypeError: sequences that are not floats.
        ValueError: a shape that does not fit.

    Source: Werbos (1990), https://doi.org/10.1109/5.58337, on the units of Cho et al. (2014).

    >>> sequences, sent_back = np.zeros((1, 3, 1)), np.array([[8.0]])
    >>> gradients = gru_gradients(sequences, np.zeros((1, 3)), np.zeros((1, 3)), sent_back)
    >>> gradients[4]  # each step back passes through a half open update gate: 8 / 2 / 2 / 2
    array([[1.]])
    """
    weights = (sequences, kernel, recurrent_kernel, bias, initial_state, reset_after)
    hidden_states, parts = _gru_states(*weights)
    states, units = hidden_states[:, :-1], hidden_states.shape[2]
    arriving = _arriving_gradient(output_gradient, hidden_states[:, 1:], return_sequences)
    gates, new = slice(2 * units), slice(2 * units, None)
    a_gradient = np.empty((*states.shape[:2], 3 * units), states.dtype)  # inside sigmoid and tanh
    from_later = np.zeros_like(states[:, 0])
    for t in reversed(range(states.shape[1])):
        h, (z, r, candidate, sent) = states[:, t], parts[:, :, t]
        before, after = (1, r) if reset_after else (r, 1)
        gradient = arriving[:, t] + from_later
        a_candidate = gradient * (1 - z) * (1 - candidate**2)
        back = (a_candidate * after) @ recurrent_kernel[:, new].T
        a_update = gradient * (h - candidate) * z * (1 - z)
        a_reset = (a_candidate * sent if reset_after else back * h) * r * (1 - r)
        a_gradient[:, t] = np.concatenate([a_update, a_reset, a_candidate], axis=1)
        a_gates = a_gradient[:, t, gates]
        from_later = gradient * z + back * before + a_gates @ recurrent_kernel[:, gates].T

    shared = _shared_gradients(sequences, kernel, states, a_gradient)
    sequences_gradient, kernel_gradient, recurrent_gradient, bias_gradient = shared
    speaker, listener = states, a_gradient[:, :, new]  # of what is sent to the candidate
    if reset_after:
        listener = parts[1] * listener
        for_state = np.append(bias_gradient[gates], listener.sum(axis=(0, 1)))
        bias_gradient = np.stack([bias_gradient, for_state])
    else:
        speaker = parts[1] * speaker
    recurrent_gradient[:, new] = np.tensordot(speaker, listener, ((0, 1), (0, 1)))
    return sequences_gradient, kernel_gradient, recurrent_gradient, bias_gradient, from_later


def _gru_states(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None,
    initial_state: np.ndarray | None,
    reset_after: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The hidden states with the first; and update gate, reset gate, candidate, and what h sends to the candidate."""
    a, hidden_states = _start(sequences, kernel, recurrent_kernel, initial_state, gates=3)
    batch, timesteps, units = *a.shape[:2], hidden_states.shape[2]
    recurrent_bias = np.zeros(3 * units, a.dtype)
    if bias is not None:
        shape = (2, 3 * units) if reset_after else (3 * units,)
        _check_shape("bias", bias, shape, f"three numbers per unit, with reset_after={reset_after}")
        a, recurrent_bias = (a + bias[0], bias[1]) if reset_after else (a + bias, recurrent_bias)
    gates, new = slice(2 * units), slice(2 * units, None)
    parts = np.empty((4, batch, timesteps, units), a.dtype)
    for t in range(timesteps):
        h = hidden_states[:, t]
        a_gates = a[:, t, gates] + h @ recurrent_kernel[:, gates] + recurrent_bias[gates]
        z, r = np.split(sigmoid(a_gates), 2, axis=1)
        before, after = (1, r) if reset_after else (r, 1)
        sent = (before * h) @ recurrent_kernel[:, new] + recurrent_bias[new]
        candidate = np.tanh(a[:, t, new] + after * sent)
        parts[:, :, t] = z, r, candidate, sent
        hidden_states[:, t + 1] = z * h + (1 - z) * candidate
    return hidden_states, parts


# Dynamics ---------------------------------------------------------------------------------------


def spectral_radius(recurrent_kernel: np.ndarray) -> float:
    """The size of a matrix's largest eigenvalue: how much a small state grows per timestep in the long run.

    Args:
        recurrent_kernel: `(units, units)` weights.

    Returns:
        the largest absolute value among the eigenvalues, real or complex; at least 0.

    Raises:
        ValueError: the matrix is not square.

    Source: linear algebra; its part in recurrent networks in Pascanu et al. (2013),
    https://proceedings.mlr.press/v28/pascanu13.html.

    >>> spectral_radius(np.array([[0.25, 8.0], [0.0, -0.5]]))  # eigenvalues on the diagonal; 8 is none
    0.5
    """
    shape = np.shape(recurrent_kernel)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            f"recurrent_kernel has shape {shape}; it must be (units, units): a weight from each unit "
            "to each unit"
        )
    return float(np.abs(np.linalg.eigvals(recurrent_kernel)).max())


# Shared by the functions above ------------------------------------------------------------------


def _hidden_states(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None,
    initial_state: np.ndarray | None,
) -> np.ndarray:
    """The initial state and the hidden state after each timestep, `(batch, timesteps + 1, units)`."""
    z, hidden_states = _start(sequences, kernel, recurrent_kernel, initial_state)
    if bias is not None:
        _check_shape("bias", bias, (z.shape[2],), "one number per unit")
        z = z + bias
    for t in range(z.shape[1]):
        hidden_states[:, t + 1] = np.tanh(z[:, t] + hidden_states[:, t] @ recurrent_kernel)
    return hidden_states


def _start(
    sequences: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    initial_state: np.ndarray | None,
    gates: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """The part that needs no memory, for all timesteps at once; and room for the hidden states, the first filled in.

    `gates` matrices of `units` columns stand side by side in the kernels; 1 is a layer without gates.
    """
    sequences = _sequence_array(sequences)
    batch, timesteps, features = sequences.shape
    if np.ndim(kernel) != 2 or kernel.shape[0] != features or kernel.shape[1] % gates:
        columns = "units" if gates == 1 else f"{gates} * units"
        raise ValueError(
            f"kernel has shape {np.shape(kernel)}; it must be (features, {columns}) with the "
            f"sequences' {features} features"
        )
    units = kernel.shape[1] // gates
    _check_shape("recurrent_kernel", recurrent_kernel, (units, gates * units), "from each to each")
    z = sequences @ kernel
    hidden_states = np.zeros((batch, timesteps + 1, units), z.dtype)
    if initial_state is not None:
        _check_shape("initial_state", initial_state, (batch, units), "a hidden state per sequence")
        hidden_states[:, 0] = initial_state
    return z, hidden_states


def _arriving_gradient(
    output_gradient: np.ndarray, hidden_states: np.ndarray, return_sequences: bool
) -> np.ndarray:
    """What the loss sends to the hidden state of each timestep directly."""
    arriving = np.zeros_like(hidden_states)
    outputs = slice(None) if return_sequences else -1
    shape = arriving[:, outputs].shape
    _check_shape("output_gradient", output_gradient, shape, "the shape of the layer's output")
    arriving[:, outputs] = output_gradient
    return arriving


def _shared_gradients(
    sequences: np.ndarray, kernel: np.ndarray, before: np.ndarray, z_gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of sequences, kernel, recurrent kernel and bias: shared weights sum over all timesteps."""
    every_timestep = ((0, 1), (0, 1))  # of every sequence
    return (
        z_gradient @ kernel.T,
        np.tensordot(sequences, z_gradient, every_timestep),
        np.tensordot(before, z_gradient, every_timestep),
        z_gradient.sum(axis=(0, 1)),
    )


def _sequence_array(sequences: np.ndarray) -> np.ndarray:
    sequences = _float_array("sequences", sequences)
    if sequences.ndim != 3 or sequences.shape[1] < 1:
        raise ValueError(
            f"sequences has shape {sequences.shape}; it must be (batch, timesteps, features) with at "
            "least one timestep; a single sequence becomes that with sequence[None]"
        )
    return sequences


def _check_output_units(output_units: int, units: int) -> None:
    if not isinstance(output_units, int | np.integer) or not 1 <= output_units <= units:
        raise ValueError(
            f"output_units is {output_units!r}; with {units} units in the pool it must be a whole "
            f"number from 1 to {units}"
        )
