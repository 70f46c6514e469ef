"""The checks of a notebook must be able to fail, and print nothing when they do."""

import json

import numpy as np
import pytest

from hwr_utils import checks


@pytest.fixture(autouse=True)
def mnist(monkeypatch):
    monkeypatch.setenv("HWR_DATASET", "mnist")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda: checks.check_shape(np.zeros((2, 3)), (3, 2), "x"),
            r"x has shape \(2, 3\), expected \(3, 2\)",
        ),
        (
            lambda: checks.check_close([1.0, 2.0], [1.0, 2.001], "sums"),
            "sums: differs by 0.001, more than 1e-09",
        ),
        (lambda: checks.check_close([1.0], [np.nan], "sums"), "sums: differs by nan"),
        (lambda: checks.check_close([1.0], [1.0, 1.0], "sums"), r"shapes \(1,\) and \(2,\) differ"),
        (lambda: checks.check_close([], [], "sums"), "differ, or hold nothing"),
        (
            lambda: checks.check_above(0.99, 0.99, "accuracy"),
            "accuracy is 99 %, expected above 99 %",
        ),
        (lambda: checks.check_above(float("nan"), 0.99, "accuracy"), "accuracy is nan %"),
        (
            lambda: checks.check_below(3.0, 2.5, "steps", unit="times"),
            "steps is 3 times, expected below 2.5 times",
        ),
    ],
)
def test_a_false_claim_fails_and_says_why(check, message, capsys):
    with pytest.raises(AssertionError, match=message):
        check()
    assert capsys.readouterr().out == ""


def test_the_printed_line_holds_the_bound_and_not_the_value(capsys):
    checks.check_above(0.99312345, 0.985, "test accuracy")
    checks.check_below(12.3456, 20, "seconds", unit="s")
    assert capsys.readouterr().out == "test accuracy is above 98.5 %\nseconds is below 20 s\n"


def test_embedded_digits_have_their_own_bound(monkeypatch, capsys):
    monkeypatch.setenv("HWR_DATASET", "digits")
    checks.check_above(0.97, 0.99, "accuracy", digits=0.96)
    checks.check_above(0.5, 0.99, "accuracy", digits=None)
    assert capsys.readouterr().out == (
        "accuracy is above 96 %\naccuracy: not claimed on the embedded digits\n"
    )
    with pytest.raises(AssertionError, match="expected above 98 %"):
        checks.check_above(0.97, 0.99, "accuracy", digits=0.98)
    with pytest.raises(AssertionError, match="expected above 99 %"):
        checks.check_above(0.97, 0.99, "accuracy")


@pytest.mark.parametrize(
    ("answer", "expected", "line"),
    [
        (..., 1, "1.1: not answered yet"),
        (76, 76, "1.1: right"),
        (76.0, 76, "1.1: right"),
        (75, 76, "1.1: not yet: got 75, expected 76"),
        ("B ", "b", "1.1: right"),
        ("a", "b", "1.1: not yet: got 'a', expected 'b'"),
        (3, "b", "1.1: not yet: got 3, expected 'b'"),
        ("four", 3, "1.1: not yet: got 'four', expected 3"),
        (True, 3, "1.1: not yet: got True, expected 3"),
        (np.float32(0.5), 3, "1.1: not yet: got 0.5, expected 3"),
        (1 / 3, 3, "1.1: not yet: got 0.333333, expected 3"),
        (None, 3, "1.1: not yet: got None, expected 3"),
        ([[1], [2, 3]], 3, "1.1: not yet: got [[1], [2, 3]], expected 3"),
        ([1] * 12, 3, f"1.1: not yet: got {[1] * 12}, expected 3"),
        (
            [1] * 13,
            3,
            "1.1: not yet: got an array of shape (13,) that starts with [1, 1, 1], expected 3",
        ),
        ([1, 2], [1, 2], "1.1: right"),
        ([1, 2, 3], [1, 2], "1.1: not yet: got [1, 2, 3], expected [1, 2]"),
        (
            np.zeros((4, 4)),
            np.ones((4, 4)),
            "1.1: not yet: got an array of shape (4, 4) that starts with [0.0, 0.0, 0.0], expected an array of shape (4, 4) that starts with [1.0, 1.0, 1.0]",
        ),
        (float("nan"), 1.0, "1.1: not yet: got nan, expected 1"),
    ],
)
def test_answers(answer, expected, line, capsys):
    checks.check_answer("1.1", answer, expected)
    assert capsys.readouterr().out == line + "\n"


def test_an_answer_may_be_off_by_the_tolerance_and_no_more(capsys):
    checks.check_answer("1.1", 1.5, 1.0, tolerance=0.5)
    checks.check_answer("1.1", 1.50001, 1.0, tolerance=0.5)
    assert capsys.readouterr().out == "1.1: right\n1.1: not yet: got 1.50001, expected 1\n"


def test_arrays_may_differ_by_the_tolerance_and_no_more():
    checks.check_close([1.5], [1.0], "sums", tolerance=0.5)
    with pytest.raises(AssertionError, match=r"differs by 0\.75, more than 0\.5"):
        checks.check_close([1.0, 1.75], [1.0, 1.0], "sums", tolerance=0.5)


def test_each_claim_is_added_to_the_log_with_its_value(tmp_path, monkeypatch, capsys):
    log = tmp_path / "claims"
    monkeypatch.setenv("HWR_CLAIMS", str(log))
    checks.check_above(0.9931, 0.99, "accuracy")
    checks.check_close([1.5], [1.0], "sums", tolerance=0.5)
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line for line, _ in lines] == capsys.readouterr().out.splitlines()
    assert [value for _, value in lines] == [0.9931, 0.5]


def test_function_answers(capsys):
    checks.check_answer("1.2", lambda a, b: a + b, 5, 2, 3)
    checks.check_answer("1.2", lambda a: a / 0, 5, 2)
    checks.check_answer("1.2", 5, 5, 2)
    assert capsys.readouterr().out == (
        "1.2: right\n"
        "1.2: not yet: your function raised ZeroDivisionError: division by zero\n"
        "1.2: not yet: got 5, expected a function\n"
    )
