"""Checks: assert a claim, then print one line that stays the same on each machine.

A chapter shows its measured numbers in a cell that nbval does not compare. The claim about them stands in the next
cell, as a call of one of these functions: it fails when the claim is false, and prints a line that nbval compares.
The line holds the bound. The value goes to the file that `HWR_CLAIMS` names: from it `make run` makes book/claims.md.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hwr_utils.data import dataset_name

SAME: Any = object()
"""Default of `digits`: the bound for the embedded digits is the bound for MNIST."""


def check_shape(array: ArrayLike, shape: tuple[int, ...], name: str) -> None:
    """Check that `array` has exactly this `shape`.

    Args:
        array: an array of any shape and dtype, NumPy or Keras.
        shape: expected sizes, one per axis.
        name: what the array is, for the printed line.

    Raises:
        AssertionError: the shape is another one.

    No source: a comparison.

    >>> check_shape(np.zeros((2, 3)), (2, 3), "the batch")
    the batch has shape (2, 3)
    """
    got = tuple(np.shape(array))
    if got != tuple(shape):
        raise AssertionError(f"{name} has shape {got}, expected {tuple(shape)}")
    print(f"{name} has shape {got}")


def check_close(got: ArrayLike, expected: ArrayLike, name: str, tolerance: float = 1e-9) -> None:
    """Check that two arrays have one shape and nowhere differ by more than `tolerance`.

    Args:
        got: numbers of any shape.
        expected: numbers of the same shape.
        name: what is compared, for the printed line.
        tolerance: the largest absolute difference allowed, above 0.

    Raises:
        AssertionError: the shapes differ, or a number does, or there is none to compare.

    No source: a comparison. Compare in float64: float32 sums in another order differ by some 1e-6.

    >>> check_close([0.5, 1.0], [0.5, 1.0 + 1e-12], "the sum, by hand and by Keras")
    the sum, by hand and by Keras: equal within 1e-09
    """
    a, b = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    if a.shape != b.shape or not a.size:
        raise AssertionError(f"{name}: shapes {a.shape} and {b.shape} differ, or hold nothing")
    worst = float(np.max(np.abs(a - b)))
    if not worst <= tolerance:
        raise AssertionError(f"{name}: differs by {worst:.3g}, more than {tolerance:g}")
    _claim(f"{name}: equal within {tolerance:g}", worst)


def check_above(
    value: float, bound: float, name: str, *, unit: str = "%", digits: float | None = SAME
) -> None:
    """Check that a measured value lies above a bound, and print the bound, not the value.

    Args:
        value: the measured number; a fraction in [0, 1] when `unit` is "%".
        bound: the claim, in the same unit as `value`.
        name: what was measured.
        unit: "%" prints a fraction as per cent; any other text is printed behind the number.
        digits: the bound where the embedded digits stand in for MNIST; None claims nothing there.

    Raises:
        AssertionError: the value is not above the bound, or is not a number.

    No source: a comparison.

    >>> check_above(0.9931, 0.99, "test accuracy")
    test accuracy is above 99 %
    >>> check_above(12.5, 10, "speed-up", unit="times")
    speed-up is above 10 times
    """
    _check_bound(value, bound, name, unit, digits, "above")


def check_below(
    value: float, bound: float, name: str, *, unit: str = "%", digits: float | None = SAME
) -> None:
    """Check that a measured value lies below a bound, and print the bound, not the value.

    Args:
        value: the measured number; a fraction in [0, 1] when `unit` is "%".
        bound: the claim, in the same unit as `value`.
        name: what was measured.
        unit: "%" prints a fraction as per cent; any other text is printed behind the number.
        digits: the bound where the embedded digits stand in for MNIST; None claims nothing there.

    Raises:
        AssertionError: the value is not below the bound, or is not a number.

    No source: a comparison.

    >>> check_below(0.006, 0.01, "test error")
    test error is below 1 %
    """
    _check_bound(value, bound, name, unit, digits, "below")


def _check_bound(
    value: float, bound: float, name: str, unit: str, digits: float | None, word: str
) -> None:
    if dataset_name() == "digits" and digits is not SAME:
        if digits is None:
            print(f"{name}: not claimed on the embedded digits")
            return
        bound = digits
    expected = f"{word} {_quantity(bound, unit)}"
    if not (value > bound if word == "above" else value < bound):
        raise AssertionError(f"{name} is {_quantity(value, unit)}, expected {expected}")
    _claim(f"{name} is {expected}", value)


def _claim(line: str, value: float) -> None:
    print(line)
    if log := os.environ.get("HWR_CLAIMS"):
        with open(log, "a", encoding="utf-8") as file:
            print(json.dumps([line, float(value)]), file=file)


def _quantity(value: float, unit: str) -> str:
    return f"{value * (100 if unit == '%' else 1):.6g} {unit}".strip()


def check_answer(
    exercise: str, answer: Any, expected: Any, *arguments: Any, tolerance: float = 1e-9
) -> None:
    """Tell a learner whether an exercise's answer is right, and what it was if not.

    Nothing is raised: an open or wrong answer is a step, not a fault.

    Args:
        exercise: the exercise's number, for example "2.1".
        answer: the learner's value; `...` means not answered yet. With `arguments`, a function.
        expected: the right value: a number, text, or an array; for a function, what it must return.
        arguments: what the learner's function is called with.
        tolerance: the largest absolute difference that numbers may have.

    No source: a comparison.

    >>> check_answer("1.1", ..., 76)
    1.1: not answered yet
    >>> check_answer("1.1", 75, 76)
    1.1: not yet: got 75, expected 76
    >>> check_answer("1.1", 5 * 5 * 3 + 1, 76)
    1.1: right
    >>> check_answer("1.2", lambda x: 2 * x, 6, 3)
    1.2: right
    """
    if answer is ...:
        print(f"{exercise}: not answered yet")
        return
    if arguments:
        if not callable(answer):
            print(f"{exercise}: not yet: got {_short(answer)}, expected a function")
            return
        try:
            answer = answer(*arguments)
        except Exception as error:
            print(f"{exercise}: not yet: your function raised {type(error).__name__}: {error}")
            return
    if _same(answer, expected, tolerance):
        print(f"{exercise}: right")
    else:
        print(f"{exercise}: not yet: got {_short(answer)}, expected {_short(expected)}")


def _same(answer: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, str):
        return isinstance(answer, str) and answer.strip().lower() == expected.strip().lower()
    try:
        a, b = np.asarray(answer, dtype=float), np.asarray(expected, dtype=float)
    except (TypeError, ValueError):
        return False
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance))


def _short(value: Any) -> str:
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        return str(value)
    if array.ndim == 0:
        return f"{one:.6g}" if isinstance(one := array.item(), float) else repr(one)
    if array.size <= 12:
        return str(array.tolist())
    return f"an array of shape {array.shape} that starts with {array.ravel()[:3].tolist()}"
