"""Hopfield networks in NumPy: what chapter 12 builds by hand.

A network of N units has weights `(N, N)`, symmetric, with zeros on the diagonal. A state is +1 or -1 for each unit,
and any number of states may be given at once: the last axis counts the units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from hwr_utils.layers import softmax

# Storing ----------------------------------------------------------------------------------------


def hebbian_weights(patterns: ArrayLike) -> np.ndarray:
    """Store patterns by Hebb's rule: units that are often alike pull each other, others push.

    Args:
        patterns: `(count, units)` of +1 and -1.

    Returns:
        weights `(units, units)`: the mean over units of the products, symmetric, zeros on the diagonal.

    Raises:
        ValueError: another shape, or a value that is not +1 or -1.

    Source: Hopfield (1982), https://doi.org/10.1073/pnas.79.8.2554; here divided by the number of units.

    >>> hebbian_weights([[1, -1], [1, -1]])  # two patterns, each (1 x -1) / 2
    array([[ 0., -1.],
           [-1.,  0.]])
    """
    signs = _pattern_table(patterns)
    weights = signs.T @ signs / signs.shape[1]
    np.fill_diagonal(weights, 0)
    return weights


def pseudo_inverse_weights(patterns: ArrayLike) -> np.ndarray:
    """Store patterns so that each is stable exactly, however alike they are: project onto what they span.

    Args:
        patterns: `(count, units)` of +1 and -1, fewer independent ones than units.

    Returns:
        weights `(units, units)`: the projection with its diagonal set to zero.

    Raises:
        ValueError: another shape, a value that is not +1 or -1, or patterns that span all units.

    Source: Personnaz, Guyon and Dreyfus (1985), https://doi.org/10.1051/jphyslet:01985004608035900; the zero
    diagonal as in Kanter and Sompolinsky (1987), https://doi.org/10.1103/PhysRevA.35.380.

    >>> pseudo_inverse_weights([[1, 1, -1], [1, 1, -1]]).round(3)  # stored twice is stored once: 1/3 each
    array([[ 0.   ,  0.333, -0.333],
           [ 0.333,  0.   , -0.333],
           [-0.333, -0.333,  0.   ]])
    """
    signs = _pattern_table(patterns)
    _, sizes, directions = np.linalg.svd(signs, full_matrices=False)
    directions = directions[
        sizes > 1e-9 * sizes[0]
    ]  # an orthonormal basis of what the patterns span
    if len(directions) == signs.shape[1]:
        raise ValueError(
            f"the patterns span all {signs.shape[1]} units, so every state would be stable; store "
            "fewer independent patterns than units"
        )
    weights = directions.T @ directions
    weights = (weights + weights.T) / 2  # symmetric to the last bit
    np.fill_diagonal(weights, 0)
    return weights


def overlap(states: ArrayLike, patterns: ArrayLike) -> np.ndarray:
    """How alike states and patterns are: the mean over units of their product.

    Args:
        states: `(..., units)` of +1 and -1.
        patterns: of a shape that broadcasts with states.

    Returns:
        `(...)` from -1, the inverse, over 0, unrelated, to 1, the same.

    Raises:
        ValueError: a value that is not +1 or -1.

    Source: the order parameter m of Amit, Gutfreund and Sompolinsky (1985),
    https://doi.org/10.1103/PhysRevLett.55.1530.

    >>> float(overlap([1, 1, -1, 1], [1, 1, 1, 1]))  # (3 - 1) / 4
    0.5
    """
    return (_signs("states", states) * _signs("patterns", patterns)).mean(axis=-1)


# Recalling --------------------------------------------------------------------------------------


def energy(weights: ArrayLike, states: ArrayLike) -> np.ndarray:
    """The number that no asynchronous update can raise: minus half the sum of weight x unit x unit.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        states: `(..., units)` of +1 and -1.

    Returns:
        `(...)` energies.

    Raises:
        ValueError: weights or states that break these rules.

    Source: Hopfield (1982), https://doi.org/10.1073/pnas.79.8.2554.

    >>> energy([[0, 2], [2, 0]], [[1, 1], [1, -1]])  # -(2 + 2) / 2 and +(2 + 2) / 2
    array([-2.,  2.])
    """
    matrix, signs = _network(weights, states)
    return -((signs @ matrix) * signs).sum(axis=-1) / 2


def asynchronous(weights: ArrayLike, states: ArrayLike, order: ArrayLike) -> np.ndarray:
    """Update units one after the other: each takes the sign of its field, the weighted sum of the others.

    All states are updated side by side. A unit whose field is zero stays as it is.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        states: `(..., units)` of +1 and -1.
        order: `(updates,)` whole numbers, the unit of each update.

    Returns:
        the new states, float64, shaped like states.

    Raises:
        ValueError: weights, states or an order that break these rules.

    Source: Hopfield (1982), https://doi.org/10.1073/pnas.79.8.2554.

    >>> asynchronous([[0, 1], [1, 0]], [1, -1], order=[0, 1])  # unit 0 follows unit 1, which then stays
    array([-1., -1.])
    """
    matrix, signs = _network(weights, states)
    places = np.asarray(order)
    units = len(matrix)
    if places.ndim != 1 or (
        places.size
        and not (places.dtype.kind in "iu" and 0 <= places.min() <= places.max() < units)
    ):
        raise ValueError(
            f"order is {order!r}; it must be a row of whole numbers from 0 to {units - 1}"
        )
    flat = signs.reshape(-1, units)
    fields = flat @ matrix
    zero = _rounding(matrix)
    for unit in places:
        wrong = np.flatnonzero(flat[:, unit] * fields[:, unit] < -zero)
        flat[wrong, unit] *= -1
        fields[wrong] += 2 * flat[wrong, unit, None] * matrix[unit]  # only what the flips change
    return flat.reshape(signs.shape)


def recall(
    weights: ArrayLike, states: ArrayLike, rng: np.random.Generator, max_sweeps: int = 100
) -> np.ndarray:
    """Update asynchronously, all units in a new random order at each sweep, until no unit changes.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        states: `(..., units)` of +1 and -1, where to start.
        rng: draws the orders; each sweep uses one order for all states.
        max_sweeps: sweeps after which to give up, at least 1.

    Returns:
        the settled states, float64, shaped like states: no single flip lowers their energy.

    Raises:
        ValueError: weights or states that break these rules.
        RuntimeError: something still changes in the last sweep.

    Source: Hopfield (1982), https://doi.org/10.1073/pnas.79.8.2554.

    >>> weights = hebbian_weights([[1, 1, -1, -1]])
    >>> recall(weights, [1, 1, -1, 1], np.random.default_rng(0))  # one unit was wrong
    array([ 1.,  1., -1., -1.])
    """
    _network(weights, states)
    return _settle(lambda now, order: asynchronous(weights, now, order), states, rng, max_sweeps)


def synchronous(weights: ArrayLike, states: ArrayLike) -> np.ndarray:
    """Update all units at once, each by its field in the old state.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        states: `(..., units)` of +1 and -1.

    Returns:
        the new states, float64, shaped like states.

    Raises:
        ValueError: weights or states that break these rules.

    Source: Little (1974), https://doi.org/10.1016/0025-5564(74)90031-5, without his noise.

    >>> synchronous([[0, 1], [1, 0]], [1, -1])  # each follows the other, and they swap
    array([-1.,  1.])
    """
    matrix, signs = _network(weights, states)
    fields = signs @ matrix
    return np.where(np.abs(fields) <= _rounding(matrix), signs, np.sign(fields))


def synchronous_recall(
    weights: ArrayLike, states: ArrayLike, max_steps: int = 1000
) -> tuple[np.ndarray, np.ndarray]:
    """Update synchronously until each state repeats: at once, or every second step.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        states: `(..., units)` of +1 and -1, where to start.
        max_steps: steps after which to give up, at least 1.

    Returns:
        states, period: the last states, float64; and for each 1 (settled) or 2 (a cycle of two states), `(...)`.

    Raises:
        ValueError: weights or states that break these rules.
        RuntimeError: some state has not come back after `max_steps`.

    Source: Goles, Fogelman and Pellegrin (1985), https://doi.org/10.1016/0166-218X(85)90029-0, who prove that symmetric
    weights allow no longer cycle.

    >>> states, period = synchronous_recall([[0, 1], [1, 0]], [[1, 1], [1, -1]])
    >>> period  # the first stays, the second swaps for ever
    array([1, 2])
    """
    _check_limit("max_steps", max_steps)
    before, now = _signs("states", states), synchronous(weights, states)
    for _ in range(max_steps):
        after = synchronous(weights, now)
        if np.array_equal(after, before):
            return after, np.where((after == now).all(axis=-1), 1, 2)
        before, now = now, after
    raise RuntimeError(f"not periodic after max_steps = {max_steps}; give it more steps")


# Continuous units -------------------------------------------------------------------------------


def continuous(
    weights: ArrayLike, potentials: ArrayLike, gain: float, times: ArrayLike
) -> np.ndarray:
    """Let graded units follow du/dt = -u + weights @ tanh(gain u), solved by SciPy.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        potentials: `(..., units)` floats, u at time 0.
        gain: above 0; the larger, the more a unit is like a sign.
        times: `(steps,)` rising times from 0 on, in units of the decay time, when to look.

    Returns:
        potentials `(steps, ..., units)`; what the units send is tanh(gain x potentials).

    Raises:
        ValueError: weights, potentials, gain or times that break these rules.
        RuntimeError: the solver gave up.

    Source: Hopfield (1984), https://doi.org/10.1073/pnas.81.10.3088.

    >>> path = continuous(np.zeros((1, 1)), [1.0], gain=1.0, times=[0.0, np.log(2.0)])
    >>> path.round(6)[:, 0]  # without weights, u falls as exp(-t): a half after log 2
    array([1. , 0.5])
    """
    from scipy.integrate import solve_ivp

    matrix = _symmetric(weights)
    start = _potentials(matrix, potentials)
    moments = np.asarray(times, dtype=float)
    _check_positive("gain", gain)
    if moments.ndim != 1 or not moments.size or moments[0] < 0 or (np.diff(moments) <= 0).any():
        raise ValueError(f"times is {times!r}; it must be a row of rising times from 0 on")

    def slope(_time: float, flat: np.ndarray) -> np.ndarray:
        now = flat.reshape(-1, len(matrix))
        return (np.tanh(gain * now) @ matrix - now).ravel()

    span = (0.0, float(moments[-1]) or 1.0)
    path = solve_ivp(slope, span, start.ravel(), t_eval=moments, rtol=1e-7, atol=1e-9)
    if not path.success:
        raise RuntimeError(f"SciPy's solver stopped: {path.message}")
    return path.y.T.reshape(len(moments), *start.shape)


def continuous_energy(weights: ArrayLike, potentials: ArrayLike, gain: float) -> np.ndarray:
    """The number that falls along each path of `continuous`: the energy of the outputs plus a cost of being decided.

    With x = gain u and v = tanh(x), the cost of one unit is (x v - log cosh x) / gain.

    Args:
        weights: `(units, units)`, symmetric, zeros on the diagonal.
        potentials: `(..., units)` floats.
        gain: above 0.

    Returns:
        `(...)` energies.

    Raises:
        ValueError: weights, potentials or gain that break these rules.

    Source: Hopfield (1984), https://doi.org/10.1073/pnas.81.10.3088.

    >>> weights = [[0, 1], [1, 0]]
    >>> float(continuous_energy(weights, [0.0, 0.0], gain=1.0))
    0.0
    >>> float(continuous_energy(weights, [9.0, 9.0], gain=1000.0).round(3))  # -1 + 2 x log(2) / 1000
    -0.999
    """
    matrix = _symmetric(weights)
    inputs = _potentials(matrix, potentials)
    _check_positive("gain", gain)
    x = gain * inputs
    outputs = np.tanh(x)
    log_cosh = np.logaddexp(x, -x) - np.log(2)
    pull = ((outputs @ matrix) * outputs).sum(axis=-1) / 2
    return (x * outputs - log_cosh).sum(axis=-1) / gain - pull


# Dense and modern networks ----------------------------------------------------------------------


def dense_energy(patterns: ArrayLike, states: ArrayLike, degree: int) -> np.ndarray:
    """The energy of a dense network: minus the sum, over patterns, of (pattern . state) to a power.

    Args:
        patterns: `(count, units)` of +1 and -1, kept as they are instead of weights.
        states: `(..., units)` of +1 and -1.
        degree: the power, at least 2; with 2 it is Hebb's energy x 2 x units, less a constant.

    Returns:
        `(...)` energies.

    Raises:
        ValueError: patterns, states or a degree that break these rules.

    Source: Krotov and Hopfield (2016), https://arxiv.org/abs/1606.01164.

    >>> dense_energy([[1, 1, -1]], [[1, 1, -1], [1, 1, 1]], degree=3)  # -(3 ** 3) and -(1 ** 3)
    array([-27.,  -1.])
    """
    memories, signs = _memories(patterns, states, degree)
    return -((signs @ memories.T) ** degree).sum(axis=-1)


def dense_recall(
    patterns: ArrayLike,
    states: ArrayLike,
    degree: int,
    rng: np.random.Generator,
    max_sweeps: int = 100,
) -> np.ndarray:
    """Flip units one after the other, in random order, as long as a flip lowers `dense_energy`.

    Args:
        patterns: `(count, units)` of +1 and -1.
        states: `(..., units)` of +1 and -1, where to start.
        degree: the power, at least 2; 2 is `recall` with Hebb's weights.
        rng: draws the orders.
        max_sweeps: sweeps after which to give up, at least 1.

    Returns:
        the settled states, float64, shaped like states.

    Raises:
        ValueError: patterns, states or a degree that break these rules.
        RuntimeError: something still changes in the last sweep.

    Source: Krotov and Hopfield (2016), https://arxiv.org/abs/1606.01164.

    >>> dense_recall([[1, 1, -1, -1]], [1, 1, -1, 1], 3, np.random.default_rng(0))  # one unit was wrong
    array([ 1.,  1., -1., -1.])
    """
    memories, _ = _memories(patterns, states, degree)

    def sweep(now: np.ndarray, order: np.ndarray) -> np.ndarray:
        flat = now.reshape(-1, memories.shape[1])
        products = flat @ memories.T  # pattern . state: whole numbers
        for unit in order:
            change = (
                -2 * flat[:, unit, None] * memories[:, unit]
            )  # of the products, if the unit flips
            gain = ((products + change) ** degree - products**degree).sum(axis=1)
            better = np.flatnonzero(gain > 0)
            flat[better, unit] *= -1
            products[better] += change[better]
        return flat.reshape(now.shape)

    return _settle(sweep, states, rng, max_sweeps)


def modern_recall(patterns: ArrayLike, states: ArrayLike, beta: float) -> np.ndarray:
    """One step of a modern Hopfield network: the average of the patterns, weighted by a softmax of likeness.

    It is softmax attention with the states as queries and the patterns as keys and values.

    Args:
        patterns: `(count, units)` real numbers.
        states: `(..., units)` real numbers.
        beta: above 0, an inverse temperature: the larger, the more the most alike pattern wins.

    Returns:
        the new states, float64, shaped like states.

    Raises:
        ValueError: shapes that do not fit, or a beta that is not above 0.

    Source: Ramsauer et al. (2021), https://arxiv.org/abs/2008.02217.

    >>> weight = modern_recall([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0], beta=np.log(3.0))
    >>> weight  # likeness 1 and 0, times log 3: weights 3/4 and 1/4
    array([0.75, 0.25])
    """
    memories, now = np.asarray(patterns, dtype=float), np.asarray(states, dtype=float)
    if memories.ndim != 2 or now.shape[-1:] != memories.shape[1:]:
        raise ValueError(
            f"patterns have shape {memories.shape} and states {now.shape}; they must be "
            "(count, units) and (..., units)"
        )
    _check_positive("beta", beta)
    return softmax(beta * (now @ memories.T)) @ memories


# What the functions above share -----------------------------------------------------------------


def _settle(
    sweep: Callable[[np.ndarray, np.ndarray], np.ndarray],
    states: ArrayLike,
    rng: np.random.Generator,
    max_sweeps: int,
) -> np.ndarray:
    _check_limit("max_sweeps", max_sweeps)
    now = _signs("states", states)
    for _ in range(max_sweeps):
        before, now = now, sweep(now.copy(), rng.permutation(now.shape[-1]))
        if np.array_equal(before, now):
            return now
    raise RuntimeError(f"not settled after max_sweeps = {max_sweeps}; give it more sweeps")


def _rounding(weights: np.ndarray) -> float:
    """How far from zero a field that is truly zero may come out."""
    return float(np.finfo(float).eps * len(weights) * np.abs(weights).sum(axis=0).max(initial=0))


def _signs(name: str, values: ArrayLike) -> np.ndarray:
    array = np.array(values, dtype=float)  # a copy
    others = array[np.abs(array) != 1]
    if array.ndim == 0 or not array.size or others.size:
        found = f"hold {others.flat[0]:g}" if others.size else f"have shape {array.shape}"
        raise ValueError(
            f"{name} {found}; they must be +1 and -1, one per unit: np.where(x > 0.5, 1, -1)"
        )
    return array


def _pattern_table(patterns: ArrayLike) -> np.ndarray:
    signs = _signs("patterns", patterns)
    if signs.ndim != 2:
        raise ValueError(
            f"patterns have shape {signs.shape}; they must be (count, units): reshape(count, -1)"
        )
    return signs


def _symmetric(weights: ArrayLike) -> np.ndarray:
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"weights have shape {matrix.shape}; they must be (units, units)")
    if not np.array_equal(matrix, matrix.T):
        row, column = np.argwhere(matrix != matrix.T)[0]
        raise ValueError(
            f"weights[{row}, {column}] is {matrix[row, column]:g} and weights[{column}, {row}] is "
            f"{matrix[column, row]:g}; weights must be symmetric and finite: (weights + weights.T) / 2"
        )
    if np.diag(matrix).any():
        unit = np.flatnonzero(np.diag(matrix))[0]
        raise ValueError(
            f"weights[{unit}, {unit}] is {matrix[unit, unit]:g}; no unit may feed itself: "
            "np.fill_diagonal(weights, 0)"
        )
    return matrix


def _network(weights: ArrayLike, states: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    matrix, signs = _symmetric(weights), _signs("states", states)
    _check_units(signs, len(matrix))
    return matrix, signs


def _potentials(matrix: np.ndarray, potentials: ArrayLike) -> np.ndarray:
    values = np.asarray(potentials, dtype=float)
    _check_units(values, len(matrix))
    return values


def _memories(patterns: ArrayLike, states: ArrayLike, degree: int) -> tuple[np.ndarray, np.ndarray]:
    memories, signs = _pattern_table(patterns), _signs("states", states)
    _check_units(signs, memories.shape[1])
    if not isinstance(degree, int | np.integer) or degree < 2:
        raise ValueError(f"degree is {degree!r}; it must be a whole number, at least 2")
    return memories, signs


def _check_units(states: np.ndarray, units: int) -> None:
    if states.shape[-1:] != (units,):
        raise ValueError(f"states have shape {states.shape}; the last axis must be {units} units")


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} is {value!r}; it must be above 0 and finite")


def _check_limit(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value!r}; it must be at least 1")
