"""What the tests of the hand-written layers share: seeded arrays, exact equality, gradients by central differences."""

import numpy as np


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def assert_equal(got, expected):
    """Equal in shape, and nowhere further apart than float64 sums in another order."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype == np.float64
    assert np.abs(got - expected).max() < 1e-9


def numerical_gradient(loss, array, step=1e-5):
    """Central differences: each number a little up, a little down."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (loss(up) - loss(down)) / (2 * step)
    return gradient


def assert_gradient(gradient, loss, array):
    expected = numerical_gradient(loss, array)
    assert gradient.shape == array.shape
    assert np.linalg.norm(gradient - expected) < 1e-6 * np.linalg.norm(expected)


def assert_gradients(gradients, loss, arrays):
    """One gradient for each argument of `loss`, in order."""
    for place, (gradient, array) in enumerate(zip(gradients, arrays, strict=True)):

        def loss_of(changed, place=place):
            return loss(*arrays[:place], changed, *arrays[place + 1 :])

        assert_gradient(gradient, loss_of, array)
