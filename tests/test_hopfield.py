"""The Hopfield functions give the numbers worked out on paper, obey the theorems, and refuse what breaks them."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwr_utils import hopfield

PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])
# Two patterns of four units, each with two units of each sign, and unrelated: their product is 0.
PATTERNS = np.array([[1, 1, -1, -1], [1, -1, 1, -1]])


def random_network(seed, units=12, states=5):
    rng = np.random.default_rng(seed)
    half = np.triu(rng.normal(size=(units, units)), 1)
    return half + half.T, rng.choice([-1.0, 1.0], (states, units)), rng


def rng(seed=0):
    return np.random.default_rng(seed)


def random_signs(*shape, seed=0):
    return rng(seed).choice([-1.0, 1.0], shape)


# Storing ----------------------------------------------------------------------------------------


def test_hebbian_weights_by_hand():
    # units 0 and 1: (1 * 1 + 1 * -1) / 4 = 0; units 0 and 3: (-1 - 1) / 4 = -0.5; units 1 and 2: the same
    expected = [[0, 0, 0, -0.5], [0, 0, -0.5, 0], [0, -0.5, 0, 0], [-0.5, 0, 0, 0]]
    assert hopfield.hebbian_weights(PATTERNS).tolist() == expected


def test_a_single_hebbian_pattern_and_its_inverse_are_the_only_minima():
    weights = hopfield.hebbian_weights(PATTERNS[:1])
    states = np.array(list(product([-1, 1], repeat=4)))
    energies = hopfield.energy(weights, states)
    assert energies.min() == -1.5  # 6 pairs of units, each -1/4
    assert states[energies == -1.5].tolist() == [[-1, -1, 1, 1], [1, 1, -1, -1]]


def test_pseudo_inverse_weights_by_hand():
    # For unrelated patterns the projection is Hebb's matrix, 1/4 of the sum of products.
    got = hopfield.pseudo_inverse_weights(PATTERNS)
    assert np.abs(got - hopfield.hebbian_weights(PATTERNS)).max() < 1e-12


def test_pseudo_inverse_holds_patterns_that_are_alike_and_hebb_does_not():
    patterns = np.repeat(random_signs(1, 40), 10, axis=0)
    patterns[
        np.arange(10), np.arange(10)
    ] *= -1  # each differs from the first in one unit of its own
    order = np.arange(40)
    pseudo = hopfield.asynchronous(hopfield.pseudo_inverse_weights(patterns), patterns, order)
    hebb = hopfield.asynchronous(hopfield.hebbian_weights(patterns), patterns, order)
    assert (pseudo == patterns).all()
    assert not (hebb == patterns).all(axis=1).any()


def test_pseudo_inverse_field_of_a_stored_pattern_is_its_own_sign():
    patterns = random_signs(15, 40)
    weights = hopfield.pseudo_inverse_weights(patterns)
    assert (patterns @ weights * patterns).min() > 0.1
    assert (weights == weights.T).all()
    assert not np.diag(weights).any()


def test_overlap_by_hand():
    # 3 of 4 alike: (3 - 1) / 4; all alike: 1; inverse: -1
    states = [[1, 1, -1, 1], [1, 1, -1, -1], [-1, -1, 1, 1]]
    assert hopfield.overlap(states, PATTERNS[0]).tolist() == [0.5, 1, -1]


# Recalling --------------------------------------------------------------------------------------


def test_energy_by_hand():
    weights = np.array([[0, 1, -2], [1, 0, 3], [-2, 3, 0]])
    # pairs: 1 * 1 * 1 - 2 * 1 * -1 + 3 * 1 * -1 = 0, and 1 - 2 + 3 = 2
    assert hopfield.energy(weights, [[1, 1, -1], [1, 1, 1]]).tolist() == [0, -2]
    assert hopfield.energy(weights, np.ones((2, 3, 3))).shape == (2, 3)


def test_asynchronous_updates_see_the_updates_before_them():
    chain = np.array([[0, 1, 0], [1, 0, 3], [0, 3, 0]])
    start = [-1, 1, -1]
    # unit 1 follows unit 2 (field -1 - 3 = -4), then all are -1
    assert hopfield.asynchronous(chain, start, [1, 0, 2]).tolist() == [-1, -1, -1]
    # unit 2 follows unit 1, then unit 1 stays (-1 + 3 = 2), then unit 0 follows
    assert hopfield.asynchronous(chain, start, [2, 1, 0]).tolist() == [1, 1, 1]
    assert hopfield.asynchronous(chain, start, []).tolist() == start


@pytest.mark.parametrize("state", [1, -1])
def test_a_unit_without_a_field_keeps_its_state(state):
    weights = np.array([[0, 0.1, -0.1], [0.1, 0, 0], [-0.1, 0, 0]])
    start = [state, 1, 1]  # field of unit 0: 0.1 - 0.1
    assert hopfield.asynchronous(weights, start, [0]).tolist() == start
    assert hopfield.synchronous(weights, start)[0] == state


def test_rounding_decides_no_tie():
    # Unit 0 has the weights 0.1, 0.2 and -0.3, whose sum is 5.6e-17 in float64.
    weights = np.zeros((4, 4))
    weights[0, 1:] = weights[1:, 0] = [0.1, 0.2, -0.3]
    start = [-1, 1, 1, 1]
    assert (weights[0] @ start) > 0
    assert hopfield.asynchronous(weights, start, [0]).tolist() == start
    assert hopfield.synchronous(weights, start)[0] == -1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_energy_never_rises_in_asynchronous_updates(seed, units):
    weights, states, draw = random_network(seed, units)
    before = hopfield.energy(weights, states)
    for unit in draw.integers(units, size=3 * units):
        states = hopfield.asynchronous(weights, states, [unit])
        after = hopfield.energy(weights, states)
        assert (after <= before + 1e-9).all()
        before = after


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_updates_side_by_side_equal_updates_one_by_one(seed, units):
    weights, states, draw = random_network(seed, units)
    order = draw.integers(units, size=2 * units)
    expected = states.copy()
    for state in expected:
        for unit in order:
            state[unit] = 1 if weights[unit] @ state > 0 else -1
    assert (hopfield.asynchronous(weights, states, order) == expected).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_recall_ends_where_no_flip_lowers_the_energy(seed, units):
    weights, states, draw = random_network(seed, units)
    settled = hopfield.recall(weights, states, draw)
    assert (settled * (settled @ weights) > -1e-9).all()
    lowest = hopfield.energy(weights, settled)
    for unit in range(units):
        flipped = settled.copy()
        flipped[:, unit] *= -1
        assert (hopfield.energy(weights, flipped) >= lowest - 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_synchronous_updates_end_in_a_point_or_a_two_cycle(seed, units):
    weights, states, _ = random_network(seed, units)
    last, period = hopfield.synchronous_recall(weights, states)
    following = hopfield.synchronous(weights, last)
    assert ((following == last).all(axis=1) == (period == 1)).all()
    assert (hopfield.synchronous(weights, following) == last).all()


def test_two_units_swap_for_ever():
    states, period = hopfield.synchronous_recall(PAIR, [[1, -1], [1, 1], [-1, -1]])
    assert period.tolist() == [2, 1, 1]
    assert states.tolist() == [[1, -1], [1, 1], [-1, -1]]
    assert hopfield.synchronous_recall(PAIR, [1, -1])[1] == 2


def test_recall_is_repeatable_and_changes_nothing_that_it_was_given():
    weights, states, _ = random_network(3, units=40)
    kept = states.copy()
    first = hopfield.recall(weights, states, rng(5))
    assert (states == kept).all()
    assert (first == hopfield.recall(weights, states, rng(5))).all()
    assert (hopfield.recall(weights, states[1], rng(5)) == first[1]).all()  # one state: same order


def test_recall_gives_up_aloud():
    with pytest.raises(RuntimeError, match="not settled after max_sweeps = 1"):
        hopfield.recall(PAIR, [1, -1], rng(), max_sweeps=1)
    ring = np.roll(np.eye(9), 1, axis=0)
    ring += ring.T  # the news of a flip takes several steps around
    start = np.where(np.arange(9) < 2, -1, 1)
    start[5] = -1
    with pytest.raises(RuntimeError, match="not periodic after max_steps = 1"):
        hopfield.synchronous_recall(ring, start, max_steps=1)


def test_a_thousand_patterns_of_784_units_are_recalled_in_seconds():
    patterns = random_signs(1000, 784)
    weights = hopfield.hebbian_weights(patterns[:40])
    starts = np.repeat(patterns[:40], 25, axis=0)
    damaged = starts * np.where(rng(1).random(starts.shape) < 0.25, -1, 1)
    start = time.process_time()
    recalled = hopfield.recall(weights, damaged, rng(2))
    seconds = time.process_time() - start
    assert hopfield.overlap(recalled, starts).mean() > 0.99
    assert seconds < 10, seconds


# Continuous units -------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 20))
def test_continuous_energy_falls_along_the_path(seed, gain):
    weights, states, _ = random_network(seed, units=8)
    path = hopfield.continuous(weights, 0.3 * states, gain, np.linspace(0, 4, 41))
    energies = hopfield.continuous_energy(weights, path, gain)
    assert path.shape == (41, 5, 8)
    assert energies.shape == (41, 5)
    assert (np.diff(energies, axis=0) <= 1e-5).all()


def test_continuous_slope_by_hand():
    # du/dt at 0 is -u + w tanh(gain u): -0.5 + 2 tanh(1) and -0.5 + 2 tanh(1), with tanh(1) = 0.761594
    path = hopfield.continuous(2 * PAIR, [0.5, 0.5], 2.0, [0, 1e-4])
    assert np.abs((path[1] - path[0]) / 1e-4 - 1.023188).max() < 1e-3


def test_continuous_settles_where_potential_equals_field():
    path = hopfield.continuous(2 * PAIR, [0.1, 0.2], 1.0, [0, 60])
    # u = 2 tanh(u) has the solution 1.915008
    assert np.abs(path[-1] - 1.915008).max() < 1e-5


def test_continuous_with_too_little_gain_forgets():
    path = hopfield.continuous(
        2 * PAIR, [1.0, 0.5], 0.4, [0, 80]
    )  # gain x largest eigenvalue = 0.8
    assert np.abs(path[-1]).max() < 1e-5


def test_continuous_energy_by_hand():
    # x = 2 u = log 3, v = 0.8, log cosh x = log(5/3) = 0.510826
    # cost of a unit (1.098612 * 0.8 - 0.510826) / 2 = 0.184032; pull 0.8 * 0.8 = 0.64
    got = hopfield.continuous_energy(PAIR, np.full((3, 2), np.log(3) / 2), 2.0)
    assert got.shape == (3,)
    assert np.abs(got - (2 * 0.184032 - 0.64)).max() < 1e-5


def test_continuous_energy_is_finite_for_decided_units():
    assert np.isfinite(hopfield.continuous_energy(PAIR, [1e6, -1e6], 1000.0))


# Dense and modern networks ----------------------------------------------------------------------


def test_dense_energy_of_degree_two_is_hebbs():
    patterns, states = random_signs(6, 20), random_signs(9, 20, seed=1)
    hebb = hopfield.energy(hopfield.hebbian_weights(patterns), states)
    # (pattern . state) ** 2 counts each pair of units twice, and units x 1 for the diagonal
    expected = 2 * 20 * hebb - 6 * 20
    assert np.abs(hopfield.dense_energy(patterns, states, 2) - expected).max() < 1e-9


def test_dense_recall_of_degree_two_is_hebbs():
    patterns, states = random_signs(6, 40), random_signs(30, 40, seed=1)
    hebb = hopfield.recall(hopfield.hebbian_weights(patterns), states, rng(2))
    assert (hopfield.dense_recall(patterns, states, 2, rng(2)) == hebb).all()


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_dense_recall_ends_where_no_flip_lowers_its_energy(degree):
    patterns, states = random_signs(30, 20), random_signs(9, 20, seed=1)
    settled = hopfield.dense_recall(patterns, states, degree, rng())
    lowest = hopfield.dense_energy(patterns, settled, degree)
    for unit in range(20):
        flipped = settled.copy()
        flipped[:, unit] *= -1
        assert (hopfield.dense_energy(patterns, flipped, degree) >= lowest).all()


def test_dense_recall_holds_more_than_units():
    patterns = random_signs(100, 60)
    cubic = hopfield.dense_recall(patterns, patterns, 3, rng())
    square = hopfield.dense_recall(patterns, patterns, 2, rng())
    assert hopfield.overlap(cubic, patterns).mean() > 0.99
    assert hopfield.overlap(square, patterns).mean() < 0.6


def test_modern_recall_by_hand():
    patterns = [[2.0, 0.0], [0.0, 1.0]]
    # likeness of (log 2, log 2) is 2 log 2 and log 2; times beta 2: weights 16 / 20 and 4 / 20
    got = hopfield.modern_recall(patterns, np.full((3, 2), np.log(2)), 2.0)
    assert np.abs(got - [1.6, 0.2]).max() < 1e-12
    assert got.shape == (3, 2)


def test_modern_recall_with_a_large_beta_is_the_nearest_pattern():
    patterns = random_signs(500, 60)
    damaged = patterns * np.where(rng(1).random(patterns.shape) < 0.1, -1, 1)
    assert np.abs(hopfield.modern_recall(patterns, damaged, 2.0) - patterns).max() < 0.01


# Bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hopfield.hebbian_weights([[0, 1]]), r"patterns hold 0; they must be \+1 and -1"),
        (lambda: hopfield.hebbian_weights([[np.nan, 1]]), r"patterns hold nan; they must be"),
        (lambda: hopfield.hebbian_weights([1, -1]), r"shape \(2,\); they must be \(count, units\)"),
        (lambda: hopfield.hebbian_weights(np.ones((0, 3))), r"patterns have shape \(0, 3\)"),
        (lambda: hopfield.pseudo_inverse_weights(1 - 2 * np.eye(4)), "span all 4 units"),
        (lambda: hopfield.overlap([1, 2], [1, 1]), r"states hold 2; they must be \+1 and -1"),
        (
            lambda: hopfield.energy(np.ones((2, 3)), [1, 1]),
            r"\(2, 3\); they must be \(units, units\)",
        ),
        (
            lambda: hopfield.energy([[0, 1], [2, 0]], [1, 1]),
            r"weights\[0, 1\] is 1 and weights\[1, 0\] is 2; weights must be symmetric",
        ),
        (lambda: hopfield.energy([[0, np.nan], [np.nan, 0]], [1, 1]), "symmetric and finite"),
        (
            lambda: hopfield.energy(np.eye(2), [1, 1]),
            r"weights\[0, 0\] is 1; no unit may feed itself",
        ),
        (lambda: hopfield.energy(PAIR, [1, 1, 1]), r"shape \(3,\); the last axis must be 2 units"),
        (lambda: hopfield.energy(PAIR, [1, 0.5]), r"states hold 0.5; they must be \+1 and -1"),
        (lambda: hopfield.asynchronous(PAIR, [1, 1], [2]), "whole numbers from 0 to 1"),
        (lambda: hopfield.asynchronous(PAIR, [1, 1], [-1]), "whole numbers from 0 to 1"),
        (lambda: hopfield.asynchronous(PAIR, [1, 1], [0.0]), "whole numbers from 0 to 1"),
        (lambda: hopfield.recall(PAIR, [1, 1], rng(), max_sweeps=0), "max_sweeps is 0; it must be"),
        (lambda: hopfield.recall(np.eye(2), [1, 1], rng()), "no unit may feed itself"),
        (
            lambda: hopfield.synchronous(PAIR, [[1], [1]]),
            r"\(2, 1\); the last axis must be 2 units",
        ),
        (lambda: hopfield.synchronous_recall(PAIR, [1, 1], max_steps=0), "max_steps is 0; it must"),
        (
            lambda: hopfield.continuous(PAIR, [1, 1], -1.0, [0, 1]),
            "gain is -1.0; it must be above 0",
        ),
        (lambda: hopfield.continuous(PAIR, [1, 1], 1.0, [1, 0]), "must be a row of rising times"),
        (
            lambda: hopfield.continuous(PAIR, [1, 1, 1], 1.0, [0, 1]),
            "the last axis must be 2 units",
        ),
        (lambda: hopfield.continuous_energy(np.eye(2), [1, 1], 1.0), "no unit may feed itself"),
        (
            lambda: hopfield.continuous_energy(PAIR, [1, 1], np.inf),
            "gain is inf; it must be above 0",
        ),
        (lambda: hopfield.dense_energy(PATTERNS, PATTERNS, 1), "degree is 1; it must be a whole"),
        (
            lambda: hopfield.dense_energy(PATTERNS, PATTERNS, 2.5),
            "degree is 2.5; it must be a whole",
        ),
        (
            lambda: hopfield.dense_recall(PATTERNS, [1, 1], 3, rng()),
            "the last axis must be 4 units",
        ),
        (
            lambda: hopfield.modern_recall(PATTERNS, [1.0], 1.0),
            r"\(count, units\) and \(\.\.\., units\)",
        ),
        (
            lambda: hopfield.modern_recall(PATTERNS, PATTERNS, -2.0),
            "beta is -2.0; it must be above 0",
        ),
        (
            lambda: hopfield.modern_recall(PATTERNS, PATTERNS, 0.0),
            "beta is 0.0; it must be above 0",
        ),
    ],
)
def test_bad_input_names_the_value_the_rule_and_the_way_out(call, message):
    with pytest.raises(ValueError, match=message):
        call()
