"""CTC agrees with what can be counted on paper, with all alignments one by one, and with Keras."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwr_utils import ctc

LABELS = st.lists(st.integers(1, 2), max_size=3)
TEXTS = st.text("012", max_size=6)


def random_logits(columns, classes=3, seed=0, scale=2.0):
    return scale * np.random.default_rng(seed).standard_normal((columns, classes))


def brute_force(logits):
    """Probability of every label: all alignments, one by one."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = {}
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        merged = [k for k, _ in itertools.groupby(path) if k]
        key = tuple(merged)
        labels[key] = labels.get(key, 0.0) + np.prod(p[np.arange(len(p)), path])
    return labels


def columns_needed(label):
    return len(label) + sum(a == b for a, b in itertools.pairwise(label))


# Texts ------------------------------------------------------------------------------------------


def test_a_text_becomes_classes_and_comes_back():
    assert ctc.encode("09180") == [1, 10, 2, 9, 1]
    assert ctc.decode([1, 10, 2, 9, 1]) == "09180"
    assert ctc.encode("ba", alphabet="abc") == [2, 1]
    assert ctc.encode("") == []


def test_an_unknown_character_is_named():
    with pytest.raises(ValueError, match=r"'12a4' holds \['a'\].*knows only '0123456789'"):
        ctc.encode("12a4")
    with pytest.raises(ValueError, match="holds 11; it must hold classes from 1 to 10"):
        ctc.decode([1, 11])
    with pytest.raises(ValueError, match=r"holds 0;.*0 is the blank"):
        ctc.decode([1, 0])


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ([], []),
        ([0, 0, 0], []),
        ([4], [4]),
        ([4, 4, 4], [4]),
        ([4, 0, 4], [4, 4]),
        ([0, 4, 4, 0, 0, 4, 7, 7, 0], [4, 4, 7]),
        ([1, 2, 1], [1, 2, 1]),
    ],
)
def test_collapse_by_hand(path, label):
    assert ctc.collapse(path) == label


@given(st.lists(st.integers(0, 2), max_size=8))
def test_collapse_merges_first_and_then_removes(path):
    assert ctc.collapse(path) == [k for k, _ in itertools.groupby(path) if k]
    assert ctc.collapse(list(itertools.chain(*([k, k] for k in path)))) == ctc.collapse(path)


# The lattice ------------------------------------------------------------------------------------


def test_three_columns_by_hand():
    # blank 1/2, a 1/3, b 1/6 in each column; "ab" has 5 alignments: ab-, a-b, -ab, aab, abb
    logits = np.log(np.tile([1 / 2, 1 / 3, 1 / 6], (3, 1)))
    expected = 3 * (1 / 2) * (1 / 18) + (1 / 9) * (1 / 6) + (1 / 3) * (1 / 36)
    assert ctc.loss(logits, [1, 2]) == pytest.approx(-np.log(expected), abs=1e-12)
    assert ctc.loss(logits, [1, 1]) == pytest.approx(-np.log(1 / 18), abs=1e-12)  # only a-a
    assert ctc.loss(logits, []) == pytest.approx(-np.log(1 / 8), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(LABELS, st.integers(1, 5), st.integers(0, 10_000))
def test_the_lattice_sums_all_alignments(label, columns, seed):
    logits = random_logits(columns, seed=seed)
    if columns < columns_needed(label):
        with pytest.raises(ValueError, match=f"{columns_needed(label)} columns"):
            ctc.loss(logits, label)
        return
    expected = -np.log(brute_force(logits)[tuple(label)])
    assert ctc.loss(logits, label) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(LABELS, st.integers(5, 9), st.integers(0, 10_000))
def test_every_column_of_the_lattice_sums_to_the_label(label, columns, seed):
    logits = random_logits(columns, seed=seed)
    forward, backward = ctc.lattice(logits, label)
    assert forward.shape == backward.shape == (columns, 2 * len(label) + 1)
    assert np.exp(backward[-1, -2:]) == pytest.approx(1.0)
    sums = np.logaddexp.reduce(forward + backward, axis=1)
    assert np.abs(sums + ctc.loss(logits, label)).max() < 1e-9


def test_the_loss_is_the_one_of_keras():
    logits = random_logits(24, 11, seed=3)
    labels = [ctc.encode("1099"), ctc.encode("7"), ctc.encode("55555555")]
    padded = np.zeros((3, 8), "int32")
    for row, label in zip(padded, labels, strict=True):
        row[: len(label)] = label
    lengths, columns = np.array([4, 1, 8], "int32"), np.full(3, 24, "int32")
    theirs = keras.ops.ctc_loss(padded, np.stack([logits] * 3), lengths, columns)
    ours = [ctc.loss(logits, label) for label in labels]
    assert np.asarray(theirs) == pytest.approx(ours, rel=1e-6)  # Keras works in float32 there


@settings(deadline=None, max_examples=30)
@given(LABELS, st.integers(0, 10_000))
def test_the_gradient_is_the_numerical_one(label, seed):
    logits = random_logits(6, seed=seed)
    gradient = ctc.loss_gradient(logits, label)
    numerical = np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        for step in (1e-5, -1e-5):
            moved = logits.copy()
            moved[place] += step
            numerical[place] += ctc.loss(moved, label) / (2 * step)
    assert np.abs(gradient - numerical).max() < 1e-8
    assert np.abs(gradient.sum(axis=1)).max() < 1e-12


def test_long_strips_neither_underflow_nor_overflow():
    logits = random_logits(2_000, 11, scale=100.0)
    forward, backward = ctc.lattice(logits, [3] * 20)
    assert 2_000 < ctc.loss(logits, [3] * 20) < 1e6
    assert not np.isnan(forward).any()
    assert not np.isnan(backward).any()
    assert np.isfinite(ctc.loss_gradient(logits, [3] * 20)).all()


def test_a_label_longer_than_the_output_is_refused():
    with pytest.raises(
        ValueError, match=r"4 characters with 2 equal neighbours needs 6 columns.*5"
    ):
        ctc.loss(random_logits(5), [1, 1, 2, 2])
    assert np.isfinite(ctc.loss(random_logits(6), [1, 1, 2, 2]))


@pytest.mark.parametrize("label", [[0], [1, 3], [-1]])
def test_a_label_outside_the_classes_is_refused(label):
    with pytest.raises(ValueError, match="classes from 1 to 2"):
        ctc.loss(random_logits(5), label)


@pytest.mark.parametrize("function", [lambda z: ctc.loss(z, [1]), ctc.best_path, ctc.beam_search])
def test_logits_that_are_no_logits_are_refused(function):
    with pytest.raises(TypeError, match="int64; they must be floats"):
        function(np.zeros((4, 3), int))
    with pytest.raises(ValueError, match=r"\(2, 4, 3\); it must be \(columns, classes\)"):
        function(np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match="NaN or infinity"):
        function(np.array([[0.0, np.nan]]))


# Decoding ---------------------------------------------------------------------------------------


def test_best_path_by_hand():
    classes = [0, 3, 3, 0, 3, 1, 1, 0]
    logits = np.eye(4)[classes]
    assert ctc.best_path(logits) == [3, 3, 1]


def test_the_likeliest_path_is_not_the_likeliest_label():
    logits = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert ctc.best_path(logits) == []  # -- has 0.36; 1-, -1 and 11 together 0.64
    assert ctc.beam_search(logits)[0][0] == [1]


def test_beam_search_keeps_twins_apart():
    logits = np.log([[0.1, 0.9], [0.8, 0.2], [0.1, 0.9]])
    (label, log_p), *_ = ctc.beam_search(logits)
    assert label == [1, 1]
    assert np.exp(log_p) == pytest.approx(0.9 * 0.8 * 0.9)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_a_beam_that_drops_nothing_is_exact(columns, seed):
    logits = random_logits(columns, seed=seed)
    found = {tuple(label): np.exp(log_p) for label, log_p in ctc.beam_search(logits, 10_000)}
    expected = brute_force(logits)
    assert found.keys() == expected.keys()
    assert sum(found.values()) == pytest.approx(1)
    for label, p in expected.items():
        assert found[label] == pytest.approx(p, abs=1e-9)


def test_beams_come_best_first_and_no_more_than_asked():
    beams = ctc.beam_search(random_logits(8, 5), beam_width=3)
    assert len(beams) == 3
    assert [log_p for _, log_p in beams] == sorted((log_p for _, log_p in beams), reverse=True)
    with pytest.raises(ValueError, match="beam_width is 0; it must be at least 1"):
        ctc.beam_search(random_logits(8), beam_width=0)


# Errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "written", "distance"),
    [
        ("", "", 0),
        ("123", "123", 0),
        ("", "123", 3),
        ("123", "", 3),
        ("1123", "123", 1),
        ("13", "123", 1),
        ("173", "123", 1),
        ("2341", "1234", 2),
        ("kitten", "sitting", 3),
        ([1, 2], (1, 2), 0),
    ],
)
def test_edit_distance_by_hand(read, written, distance):
    assert ctc.edit_distance(read, written) == distance


@given(TEXTS, TEXTS, TEXTS)
def test_edit_distance_is_a_distance(a, b, c):
    assert ctc.edit_distance(a, b) == ctc.edit_distance(b, a)
    assert (ctc.edit_distance(a, b) == 0) == (a == b)
    assert ctc.edit_distance(a, c) <= ctc.edit_distance(a, b) + ctc.edit_distance(b, c)
    assert abs(len(a) - len(b)) <= ctc.edit_distance(a, b) <= max(len(a), len(b))


def test_a_perfect_reader_scores_zero():
    labels = ["1", "22", "12345678"]
    assert ctc.character_error_rate(labels, labels) == 0
    assert ctc.character_error_rate(["", "", ""], labels) == 1
    assert ctc.character_error_rate(["1", "2", "12345687"], labels) == pytest.approx(3 / 11)
    assert ctc.character_error_rate(["123"], ["4"]) == 3  # more invented than written


def test_an_error_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="2 predictions and 1 labels"):
        ctc.character_error_rate(["1", "2"], ["1"])
    with pytest.raises(ValueError, match="no character"):
        ctc.character_error_rate([""], [""])
