"""Recursive networks over trees in NumPy, with back-propagation through structure: what chapter 13 builds by hand.

A tree, or any number of trees, is a table `children`: row i lists the nodes that node i takes as its first, second, ...
child, and -1 where it has none. Nodes stand in any order. A node may be the child of several nodes, which is a shared
part. The numbers of all nodes are `(nodes, features)` and `(nodes, units)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hwr_utils.layers import _check_shape, _float_array

# Trees ------------------------------------------------------------------------------------------


def flatten_trees(
    trees: Sequence[Any], max_children: int = 2
) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Number the nodes of nested trees, and list each node's label and children.

    Args:
        trees: each a tuple `(label, child, child, ...)`, or a label alone for a node without children. A label is
            anything but a tuple or a list.
        max_children: columns of the table of children, at least 1.

    Returns:
        labels: a list with one label per node.
        children: `(nodes, max_children)` whole numbers, -1 for no child.
        roots: `(len(trees),)` whole numbers, the root of each tree; each root stands before the nodes below it.

    Raises:
        TypeError: a tuple or a list in the place of a label.
        ValueError: more than `max_children` children.

    No source: a table in the place of nested tuples.

    >>> labels, children, roots = flatten_trees([("or", 1, ("and", 0, 1)), 0])
    >>> labels
    ['or', 1, 'and', 0, 1, 0]
    >>> children[0], children[2], roots  # "or" takes nodes 1 and 2, and "and" takes 3 and 4
    (array([1, 2]), array([3, 4]), array([0, 5]))
    """
    labels, children, roots = list[Any](), list[list[int]](), [-1] * len(trees)
    waiting = [(tree, roots, k) for k, tree in enumerate(trees)][::-1]  # where to note its number
    while waiting:  # no function calls itself: a long chain would be too deep for that
        tree, noted_in, place = waiting.pop()
        label, *parts = tree if isinstance(tree, tuple) and tree else (tree,)
        if isinstance(label, tuple | list):
            raise TypeError(
                f"a tree holds {label!r} where a label must stand; write (label, child, child), or the "
                "label alone for a node without children"
            )
        if len(parts) > max_children:
            raise ValueError(
                f"node {label!r} has {len(parts)} children; it must have at most max_children={max_children}"
            )
        noted_in[place] = len(labels)
        labels.append(label)
        children.append([-1] * max_children)
        waiting += [(part, children[-1], k) for k, part in enumerate(parts)][::-1]
    return labels, np.array(children), np.array(roots)


def tree_levels(children: np.ndarray) -> list[np.ndarray]:
    """Sort nodes into levels, so that each node's children stand in levels before its own.

    Args:
        children: `(nodes, max_children)` whole numbers from -1, no child, to nodes - 1.

    Returns:
        arrays of node numbers: first the nodes without children, then those that wait for the first only, and so on.

    Raises:
        ValueError: another shape, no whole numbers, a child that does not exist, or a cycle.

    Source: the order of Goller and Küchler (1996), https://doi.org/10.1109/ICNN.1996.548916.

    >>> tree_levels(np.array([[1, 2], [-1, -1], [3, 1], [-1, -1]]))  # 1 and 3, then 2, then 0
    [array([1, 3]), array([2]), array([0])]
    """
    children = np.asarray(children)
    if children.ndim != 2 or 0 in children.shape or children.dtype.kind not in "iu":
        raise ValueError(
            f"children has shape {children.shape} and dtype {children.dtype}; it must be whole numbers "
            "(nodes, max_children), a row per node; see flatten_trees"
        )
    nodes = len(children)
    for node, place in np.argwhere((children < -1) | (children >= nodes)):
        raise ValueError(
            f"node {node} has child {children[node, place]}, which does not exist; it must be 0 to "
            f"{nodes - 1}, or -1 for no child"
        )
    done = np.append(
        np.zeros(nodes, bool), True
    )  # the last place, which is also place -1: no child
    levels, waiting = [], np.arange(nodes)
    while waiting.size:
        ready = done[children[waiting]].all(axis=1)
        if not ready.any():
            raise ValueError(_cycle(children, done))
        levels.append(waiting[ready])
        done[levels[-1]] = True
        waiting = waiting[~ready]
    return levels


# The network ------------------------------------------------------------------------------------


def recursive_net(
    features: np.ndarray,
    children: np.ndarray,
    kernel: np.ndarray,
    child_kernels: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Give each node a state, from the leaves up: h = tanh(x @ kernel + sum of h_child @ child_kernel + bias).

    All nodes share the weights. A child that is -1 adds nothing. With one child per node, the tree is a chain, and the
    network is `recurrent.simple_rnn`.

    Args:
        features: `(nodes, features)` floats, what stands in each node.
        children: `(nodes, max_children)` whole numbers, as from `flatten_trees`; -1 for no child.
        kernel: `(features, units)` weights from a node's features.
        child_kernels: `(max_children, units, units)`, the weights from the first child, from the second, ...
        bias: `(units,)`; None adds nothing.

    Returns:
        hidden states `(nodes, units)`, from -1 to 1.

    Raises:
        TypeError: features that are not floats.
        ValueError: a shape that does not fit, a child that does not exist, or a cycle.

    Source: Goller and Küchler (1996), https://doi.org/10.1109/ICNN.1996.548916; here with tanh.

    >>> features = np.array([[0.0], [np.log(3.0)], [np.log(2.0)]])  # tanh: 0, 0.8, 0.6
    >>> children = np.array([[1, 2], [-1, -1], [-1, -1]])  # node 0 takes nodes 1 and 2
    >>> child_kernels = np.array([[[1.0]], [[-1.0]]])  # first child minus second child
    >>> hidden_states = recursive_net(features, children, np.array([[1.0]]), child_kernels)
    >>> hidden_states.ravel().round(3)  # tanh(0.8 - 0.6) = 0.197
    array([0.197, 0.8  , 0.6  ])
    """
    return _hidden_states(features, children, kernel, child_kernels, bias)[0][:-1]


def recursive_net_gradients(
    features: np.ndarray,
    children: np.ndarray,
    kernel: np.ndarray,
    child_kernels: np.ndarray,
    output_gradient: np.ndarray,
    bias: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of `recursive_net`, by back-propagation through structure from the roots to the leaves.

    Args:
        features: as in `recursive_net`.
        children: as in `recursive_net`.
        kernel: as in `recursive_net`.
        child_kernels: as in `recursive_net`.
        output_gradient: `(nodes, units)`; zero for a node that the loss does not read, often all but the roots.
        bias: as in `recursive_net`.

    Returns:
        features_gradient, kernel_gradient, child_kernels_gradient, bias_gradient: shaped like features, kernel,
        child_kernels and `(units,)`.

    Raises:
        TypeError: features that are not floats.
        ValueError: a shape that does not fit, a child that does not exist, or a cycle.

    Source: Goller and Küchler (1996), https://doi.org/10.1109/ICNN.1996.548916.

    >>> features, children = np.zeros((3, 1)), np.array([[1, 2], [-1, -1], [-1, -1]])
    >>> kernel, child_kernels = np.array([[1.0]]), np.array([[[0.5]], [[0.25]]])
    >>> sent_back = np.array([[8.0], [0.0], [0.0]])  # the loss reads the root; the slope of tanh is 1
    >>> gradients = recursive_net_gradients(features, children, kernel, child_kernels, sent_back)
    >>> gradients[0].ravel(), gradients[3]  # 8 x 0.5, 8 x 0.25, and 8 + 4 + 2
    (array([8., 4., 2.]), array([14.]))
    """
    features, children = np.asarray(features), np.asarray(children)
    states, levels = _hidden_states(features, children, kernel, child_kernels, bias)
    arriving, z_gradient = np.zeros_like(states), np.empty_like(states[:-1])
    _check_shape("output_gradient", output_gradient, z_gradient.shape, "the network's output")
    arriving[:-1] = output_gradient  # the last row collects what is sent to no child
    for level in reversed(levels):
        z_gradient[level] = arriving[level] * (1 - states[level] ** 2)
        for row, child_kernel in zip(children[level].T, child_kernels, strict=True):
            np.add.at(arriving, row, z_gradient[level] @ child_kernel.T)  # sums, where shared
    per_place = np.stack([states[row].T @ z_gradient for row in children.T])  # all nodes share them
    return z_gradient @ kernel.T, features.T @ z_gradient, per_place, z_gradient.sum(axis=0)


# Shared by the functions above ------------------------------------------------------------------


def _hidden_states(
    features: np.ndarray,
    children: np.ndarray,
    kernel: np.ndarray,
    child_kernels: np.ndarray,
    bias: np.ndarray | None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The state of each node and, in the last row, the zeros that stand for no child; and the levels."""
    features, children = _float_array("features", features), np.asarray(children)
    levels, (nodes, max_children) = tree_levels(children), np.shape(children)
    inputs, units = np.shape(kernel)[:1], np.shape(child_kernels)[-1:]
    _check_shape("features", features, (nodes, *inputs), "a row per node, a column per kernel row")
    _check_shape("kernel", kernel, (*inputs, *units), "(features, units)")
    _check_shape("child_kernels", child_kernels, (max_children, *units, *units), "one per place")
    z = features @ kernel
    if bias is not None:
        _check_shape("bias", bias, units, "one number per unit")
        z = z + bias
    stacked = np.reshape(child_kernels, (-1, *units))  # one product serves all children
    states = np.zeros((nodes + 1, *units), z.dtype)
    for level in levels:
        from_children = states[children[level]].reshape(len(level), -1)  # side by side
        states[level] = np.tanh(z[level] + from_children @ stacked)
    return states, levels


def _cycle(children: np.ndarray, done: np.ndarray) -> str:
    """Name a cycle: from a node that waits for ever, go down to a child that does, until one comes again."""
    path = [int(done.argmin())]
    while path[-1] not in path[:-1]:
        path.append(next(int(child) for child in children[path[-1]] if not done[child]))
    names = " -> ".join(map(str, path[path.index(path[-1]) :]))
    return f"children holds the cycle {names}; no node may lie below itself; set one of them to -1"
