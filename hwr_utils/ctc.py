"""Connectionist temporal classification (CTC) in NumPy: alignments, loss, decoding and error rate.

A strip of handwriting gives logits `(columns, classes)`: one score per column and class, where class 0 is the blank
and class k the k-th character. A label is a row of classes from 1 on, without blanks. All sums over alignments are
taken of logarithms: the probability of one alignment of 50 columns is too small for a float32.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

BLANK = 0
"""The class that means "nothing new here"."""


def encode(text: str, alphabet: str = "0123456789") -> list[int]:
    """The label of a text: each character's place in the alphabet, counted from 1, as 0 is the blank.

    Args:
        text: characters of the alphabet.
        alphabet: all characters, each once.

    Returns:
        classes from 1 to len(alphabet), one per character.

    Raises:
        ValueError: a character that the alphabet lacks.

    No source: a table.

    >>> encode("105")
    [2, 1, 6]
    """
    unknown = sorted(set(text) - set(alphabet))
    if unknown:
        raise ValueError(
            f"{text!r} holds {unknown}; the reader knows only {alphabet!r}. "
            "Leave them out, or train a reader with a larger alphabet"
        )
    return [alphabet.index(character) + 1 for character in text]


def decode(label: Sequence[int], alphabet: str = "0123456789") -> str:
    """The text of a label: what `encode` undoes.

    Args:
        label: classes from 1 to len(alphabet).
        alphabet: as in `encode`.

    Returns:
        one character per class.

    Raises:
        ValueError: a class outside the alphabet, the blank among them.

    No source: a table.

    >>> decode([2, 1, 6])
    '105'
    """
    _check_label(label, len(alphabet) + 1)
    return "".join(alphabet[k - 1] for k in label)


def collapse(path: Sequence[int]) -> list[int]:
    """The label of an alignment: equal neighbours are merged, then the blanks removed.

    Args:
        path: one class per column.

    Returns:
        label.

    Source: the map B of Graves et al. (2006), https://doi.org/10.1145/1143844.1143891.

    >>> collapse([0, 3, 3, 0, 3, 5, 5])  # only a blank keeps two equal characters apart
    [3, 3, 5]
    """
    return [
        int(k) for k, before in zip(path, [BLANK, *path], strict=False) if k not in (before, BLANK)
    ]


# The lattice ------------------------------------------------------------------------------------


def lattice(logits: np.ndarray, label: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The forward and the backward sums of all alignments of a label.

    The nodes of a column are the label with a blank before, between and behind its characters. From one column to the
    next an alignment stays, moves on by one node, or skips a blank between two different characters.

    Args:
        logits: `(columns, classes)` floats, scores before softmax.
        label: classes from 1 to classes - 1; may be empty.

    Returns:
        forward, backward: `(columns, 2 len(label) + 1)`. forward[t, s] is the log-probability of all beginnings
        that are at node s in column t, that column included; backward[t, s] of all endings from there, that column
        excluded. So the log of the sum of exp(forward + backward) is the same in every column: it is log p(label).

    Raises:
        TypeError: logits that are not floats.
        ValueError: logits that are not finite or not two-dimensional, a class outside the range, or a label that
            needs more columns than there are.

    Source: Graves et al. (2006), https://doi.org/10.1145/1143844.1143891, section 4.1.

    >>> forward, backward = lattice(np.zeros((2, 2)), [1])  # each of the 4 paths has probability 1/4
    >>> np.exp(forward + backward).round(4)  # -1, 1-, 11: three of them read 1
    array([[0.25, 0.5 , 0.  ],
           [0.  , 0.5 , 0.25]])
    """
    nodes, log_p = _nodes(logits, label)
    flipped_nodes, flipped = nodes[::-1], log_p[::-1, ::-1]
    backward = _forward(flipped_nodes, flipped)[::-1, ::-1] - log_p
    return _forward(nodes, log_p), backward


def loss(logits: np.ndarray, label: Sequence[int]) -> float:
    """The CTC loss of one strip: minus the log-probability of all alignments that collapse to the label.

    Args:
        logits: as in `lattice`.
        label: as in `lattice`.

    Returns:
        loss, 0 or more.

    Raises:
        TypeError, ValueError: as `lattice`.

    Source: Graves et al. (2006), https://doi.org/10.1145/1143844.1143891; the same as `keras.ops.ctc_loss`.

    >>> round(loss(np.zeros((2, 2)), [1]), 6)  # -log(3/4)
    0.287682
    """
    return max(0.0, -float(np.logaddexp.reduce(_forward(*_nodes(logits, label))[-1, -2:])))


def loss_gradient(logits: np.ndarray, label: Sequence[int]) -> np.ndarray:
    """The gradient of `loss` with respect to the logits: softmax minus the share of each class in the alignments.

    Args:
        logits: as in `lattice`.
        label: as in `lattice`.

    Returns:
        gradient, shaped like logits; each column's entries sum to 0.

    Raises:
        TypeError, ValueError: as `lattice`.

    Source: Graves et al. (2006), https://doi.org/10.1145/1143844.1143891, equation 16.

    >>> loss_gradient(np.zeros((2, 2)), [1]).round(4)  # 1/2 - 1/3 and 1/2 - 2/3
    array([[ 0.1667, -0.1667],
           [ 0.1667, -0.1667]])
    """
    forward, backward = lattice(logits, label)
    together = forward + backward
    share = np.exp(together - np.logaddexp.reduce(together, axis=1, keepdims=True))
    nodes, _ = _nodes(logits, label)
    gradient = np.exp(_log_softmax(logits))
    for s, k in enumerate(nodes):
        gradient[:, k] -= share[:, s]
    return gradient


def _nodes(logits: np.ndarray, label: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The classes of the lattice's nodes `(nodes,)` and their log-probability in each column `(columns, nodes)`."""
    log_softmax = _log_softmax(logits)
    columns, classes = log_softmax.shape
    _check_label(label, classes)
    twins = sum(a == b for a, b in itertools.pairwise(label))
    if len(label) + twins > columns:
        raise ValueError(
            f"a label of {len(label)} characters with {twins} equal neighbours needs "
            f"{len(label) + twins} columns, and the logits have {columns}. "
            "Shorten the label, or pool less so that more columns remain"
        )
    nodes = np.full(2 * len(label) + 1, BLANK)
    nodes[1::2] = label
    return nodes, log_softmax[:, nodes]


def _forward(nodes: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    may_skip = np.zeros(len(nodes), bool)
    may_skip[2:] = (nodes[2:] != BLANK) & (nodes[2:] != nodes[:-2])
    forward = np.full(log_p.shape, -np.inf)
    forward[0, :2] = log_p[0, :2]
    for t in range(1, len(log_p)):
        before = np.concatenate([[-np.inf, -np.inf], forward[t - 1]])
        skipped = np.where(may_skip, before[:-2], -np.inf)
        forward[t] = np.logaddexp(np.logaddexp(before[2:], before[1:-1]), skipped) + log_p[t]
    return forward


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    if not np.issubdtype(np.asarray(logits).dtype, np.floating):
        raise TypeError(f"logits are {np.asarray(logits).dtype}; they must be floats")
    if np.ndim(logits) != 2 or not np.size(logits):
        raise ValueError(
            f"logits have shape {np.shape(logits)}; it must be (columns, classes) of one strip"
        )
    if not np.isfinite(logits).all():
        raise ValueError("logits hold NaN or infinity; they must be finite scores before softmax")
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _check_label(label: Sequence[int], classes: int) -> None:
    for k in label:
        if not 0 < k < classes:
            raise ValueError(
                f"the label {[int(k) for k in label]} holds {k}; it must hold classes from 1 to {classes - 1}: "
                "0 is the blank, so count characters from 1, and take no padding along"
            )


# Decoding ---------------------------------------------------------------------------------------


def best_path(logits: np.ndarray) -> list[int]:
    """Read a strip by its likeliest alignment: the best class of each column, collapsed.

    Args:
        logits: as in `lattice`.

    Returns:
        label.

    Raises:
        TypeError, ValueError: logits that `lattice` would refuse.

    Source: Graves et al. (2006), https://doi.org/10.1145/1143844.1143891, section 3.2.

    >>> best_path(np.log([[0.6, 0.4], [0.6, 0.4]]))  # two blanks: 0.36, the likeliest path
    []
    """
    return collapse(_log_softmax(logits).argmax(axis=1).tolist())


def beam_search(logits: np.ndarray, beam_width: int = 8) -> list[tuple[list[int], float]]:
    """Read a strip by its likeliest label: prefixes of labels grow column by column, and the best are kept.

    Args:
        logits: as in `lattice`.
        beam_width: prefixes kept after each column, at least 1. If none is dropped, the result is exact.

    Returns:
        (label, log-probability), best first, at most `beam_width`.

    Raises:
        TypeError, ValueError: logits that `lattice` would refuse, or a beam_width below 1.

    Source: prefix beam search as in Hannun (2017), https://doi.org/10.23915/distill.00008.

    >>> [(label, round(float(np.exp(log_p)), 2)) for label, log_p in beam_search(np.log([[0.6, 0.4]] * 2))]
    [([1], 0.64), ([], 0.36)]
    """
    if beam_width < 1:
        raise ValueError(f"beam_width is {beam_width}; it must be at least 1")
    nothing = -np.inf
    # prefix -> log-probability of its alignments that end in a blank, and of those that end in its last character
    beams: dict[tuple[int, ...], list[float]] = {(): [0.0, nothing]}
    for column in _log_softmax(logits).tolist():
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, (blank, character) in beams.items():
            either = float(np.logaddexp(blank, character))
            steps = [(prefix, 0, either + column[BLANK])]
            for k, log_p in enumerate(column[1:], start=1):
                twin = prefix[-1:] == (k,)  # a twin is a new character only after a blank
                steps.append(((*prefix, k), 1, (blank if twin else either) + log_p))
                if twin:
                    steps.append((prefix, 1, character + log_p))
            for longer, end, log_p in steps:
                if log_p > nothing:
                    sums = grown.setdefault(longer, [nothing, nothing])
                    sums[end] = float(np.logaddexp(sums[end], log_p))
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(item[1][0], item[1][1]))
        beams = dict(best[:beam_width])
    return [
        (list(prefix), float(np.logaddexp(blank, character)))
        for prefix, (blank, character) in beams.items()
    ]


# Errors -----------------------------------------------------------------------------------------


def edit_distance(read: Sequence[object], written: Sequence[object]) -> int:
    """The fewest insertions, deletions and replacements of one character that turn one text into the other.

    Args:
        read: text or label.
        written: text or label.

    Returns:
        0 if they are equal, at most the longer one's length.

    Source: Levenshtein (1966), "Binary codes capable of correcting deletions, insertions and reversals".

    >>> edit_distance("1004", "104"), edit_distance("17", "71")
    (1, 2)
    """
    row = list(range(len(written) + 1))
    for i, got in enumerate(read, start=1):
        above, row = row, [i]
        for j, wanted in enumerate(written):
            row.append(min(above[j] + (got != wanted), above[j + 1] + 1, row[j] + 1))
    return row[-1]


def character_error_rate(
    predictions: Sequence[Sequence[object]], labels: Sequence[Sequence[object]]
) -> float:
    """All edit distances together, divided by the number of characters written.

    Args:
        predictions: one text or label per strip.
        labels: what is written there, in the same order, without padding.

    Returns:
        0 for a perfect reader; above 1 if more is invented than was written.

    Raises:
        ValueError: not one prediction per label, or nothing written.

    No source: the usual definition.

    >>> character_error_rate(["12", "345"], ["12", "35"])  # one insertion, four characters
    0.25
    """
    if len(predictions) != len(labels):
        raise ValueError(
            f"there are {len(predictions)} predictions and {len(labels)} labels; one for each is needed"
        )
    written = sum(map(len, labels))
    if not written:
        raise ValueError("the labels hold no character; an error rate needs at least one")
    return sum(map(edit_distance, predictions, labels)) / written
