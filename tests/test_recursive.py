"""The tree network gives the numbers worked out on paper, agrees with TensorFlow, and has true gradients."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from hwr_utils import recurrent, recursive
from tests.arrays import assert_equal, assert_gradients, normal

# Two trees of 8 and 1 nodes, up to 3 children, one place left empty before a filled one. 4 features and 5 units:
# no two sizes are equal, so a mixed-up axis shows.
TREES = [("a", ("b", "c", ("d", "e"), "f"), ("g", "h")), "i"]
LABELS, CHILDREN, ROOTS = recursive.flatten_trees(TREES, max_children=3)
CHILDREN[3] = [-1, CHILDREN[3, 0], -1]  # d has a second child and no first
FEATURES = normal(9, 4)
KERNEL, CHILD_KERNELS = normal(4, 5, seed=1), normal(3, 5, 5, seed=2) / 2
BIAS, SENT_BACK = normal(5, seed=3), normal(9, 5, seed=4)
SHARED = CHILDREN.copy()
SHARED[6, 1] = 3  # g takes d, too, which b already has: no tree any more, but no cycle


# Worked by hand ---------------------------------------------------------------------------------


def test_flatten_trees_by_hand():
    assert list("abcdefghi") == LABELS
    labels, children, roots = recursive.flatten_trees([("-", ("+", 1, 2), 3), 4])
    assert labels == ["-", "+", 1, 2, 3, 4]
    assert children.tolist() == [[1, 4], [2, 3], [-1, -1], [-1, -1], [-1, -1], [-1, -1]]
    assert roots.tolist() == [0, 5]


def test_flatten_trees_takes_a_chain_deeper_than_function_calls_can_go():
    chain = 0
    for number in range(1, 5001):
        chain = (number, chain)
    labels, children, _ = recursive.flatten_trees([chain], max_children=1)
    assert labels == list(range(5000, -1, -1))
    assert children.ravel().tolist() == [*range(1, 5001), -1]


def test_tree_levels_by_hand():
    levels = [level.tolist() for level in recursive.tree_levels(CHILDREN)]
    assert levels == [[2, 4, 5, 7, 8], [3, 6], [1], [0]]


def test_recursive_net_by_hand():
    # unit 0 hears the features, unit 1 hears unit 0 of the first child, less that of the second
    features = np.array([[0.0], [np.log(3)], [np.log(2)]])  # tanh: 0, 0.8, 0.6
    children = [[1, 2], [-1, -1], [-1, -1]]
    child_kernels = np.array([[[0.0, 1.0], [0, 0]], [[0.0, -1.0], [0, 0]]])
    states = recursive.recursive_net(features, children, np.array([[1.0, 0.0]]), child_kernels)
    assert_equal(states, [[0.0, np.tanh(0.2)], [0.8, 0.0], [0.6, 0.0]])


def test_the_bias_reaches_every_node():
    states = recursive.recursive_net(
        np.zeros((2, 1)), [[1], [-1]], np.ones((1, 1)), np.array([[[0.0]]]), np.log([3.0])
    )
    assert_equal(states, [[0.8], [0.8]])


# Equal to TensorFlow ----------------------------------------------------------------------------


def by_tensorflow(node, children, variables):
    """The state of one node as the formula has it: a function that calls itself for each child."""
    features, kernel, child_kernels, bias = variables
    inside = features[node : node + 1] @ kernel + bias
    for place, child in enumerate(children[node]):
        if child >= 0:
            inside += by_tensorflow(child, children, variables) @ child_kernels[place]
    return tf.tanh(inside)


@pytest.mark.parametrize("children", [CHILDREN, SHARED], ids=["trees", "shared part"])
def test_recursive_net_and_its_gradients_equal_tensorflow(children):
    variables = [tf.Variable(array) for array in (FEATURES, KERNEL, CHILD_KERNELS, BIAS)]
    with tf.GradientTape() as tape:
        states = tf.concat([by_tensorflow(node, children, variables) for node in range(9)], axis=0)
        loss = tf.reduce_sum(states * SENT_BACK)
    assert_equal(recursive.recursive_net(FEATURES, children, KERNEL, CHILD_KERNELS, BIAS), states)
    weights = (FEATURES, children, KERNEL, CHILD_KERNELS, SENT_BACK, BIAS)
    by_hand = recursive.recursive_net_gradients(*weights)
    for ours, theirs in zip(by_hand, tape.gradient(loss, variables), strict=True):
        assert_equal(ours, theirs)


# True gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("children", [CHILDREN, SHARED], ids=["trees", "shared part"])
def test_recursive_net_gradients_are_true(children):
    arrays = [FEATURES, KERNEL, CHILD_KERNELS, BIAS]

    def loss(features, *weights):
        return (recursive.recursive_net(features, children, *weights) * SENT_BACK).sum()

    gradients = recursive.recursive_net_gradients(
        FEATURES, children, KERNEL, CHILD_KERNELS, SENT_BACK, BIAS
    )
    assert_gradients(gradients, loss, arrays)


# What must hold for all -------------------------------------------------------------------------

SIZES = st.integers(1, 5)


@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_on_a_chain_it_is_the_recurrent_layer(batch, timesteps, features, units, seed):
    sequences, kernel = (
        normal(batch, timesteps, features, seed=seed),
        normal(features, units, seed=1),
    )
    recurrent_kernel, bias = normal(units, units, seed=2), normal(units, seed=3)
    sent_back = normal(batch, timesteps, units, seed=seed + 1)
    before = (
        np.arange(batch * timesteps).reshape(batch, timesteps) - 1
    )  # the timestep before is the child
    before[:, 0] = -1
    flat, children = sequences.reshape(-1, features), before.reshape(-1, 1)
    weights = (sequences, kernel, recurrent_kernel)
    states = recurrent.simple_rnn(*weights, bias, return_sequences=True)
    on_chain = recursive.recursive_net(flat, children, kernel, recurrent_kernel[None], bias)
    assert_equal(on_chain.reshape(states.shape), states)
    back = recursive.recursive_net_gradients(
        flat, children, kernel, recurrent_kernel[None], sent_back.reshape(-1, units), bias
    )
    theirs = recurrent.simple_rnn_gradients(*weights, sent_back, bias, return_sequences=True)
    assert_equal(back[0].reshape(sequences.shape), theirs[0])
    assert_equal(back[1], theirs[1])
    assert_equal(back[2][0], theirs[2])
    assert_equal(back[3], theirs[3])


NESTED = st.recursive(
    st.integers(0, 9),
    lambda trees: st.builds(lambda label, parts: (label, *parts), st.integers(0, 9), st.lists(trees, max_size=3)),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(NESTED, min_size=1, max_size=4), st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_the_numbering_of_the_nodes_and_the_company_of_other_trees_change_nothing(trees, seed):
    labels, children, roots = recursive.flatten_trees(trees, max_children=3)
    features = np.eye(10)[labels][:, :4]
    together = recursive.recursive_net(features, children, KERNEL, CHILD_KERNELS, BIAS)
    order = np.random.default_rng(seed).permutation(len(labels))
    new_number = np.append(np.argsort(order), -1)  # -1 stays -1
    shuffled = new_number[children][order]
    states = recursive.recursive_net(features[order], shuffled, KERNEL, CHILD_KERNELS, BIAS)
    assert_equal(states, together[order])
    for tree, root in zip(trees, roots, strict=True):
        labels, children, _ = recursive.flatten_trees([tree], max_children=3)
        alone = recursive.recursive_net(np.eye(10)[labels][:, :4], children, KERNEL, CHILD_KERNELS, BIAS)  # fmt: skip
        assert_equal(alone[0], together[root])


@given(st.lists(NESTED, min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_children_stand_in_levels_before_their_node(trees):
    labels, children, _ = recursive.flatten_trees(trees, max_children=3)
    levels = recursive.tree_levels(children)
    assert sorted(np.concatenate(levels)) == list(range(len(labels)))
    level_of = np.full(len(labels) + 1, -1)  # the last: no child
    for number, level in enumerate(levels):
        level_of[level] = number
    assert (level_of[children].max(axis=1) + 1 == level_of[:-1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    features, kernel, child_kernels, sent_back, bias = (
        array.astype(dtype) for array in (FEATURES, KERNEL, CHILD_KERNELS, SENT_BACK, BIAS)
    )
    weights = (features, CHILDREN, kernel, child_kernels)
    results = [
        recursive.recursive_net(*weights),
        *recursive.recursive_net_gradients(*weights, sent_back, bias),
    ]
    assert [result.dtype for result in results] == [dtype] * 5


def test_no_function_changes_its_arguments():
    arrays = [a.copy() for a in (FEATURES, CHILDREN, KERNEL, CHILD_KERNELS, SENT_BACK, BIAS)]
    for array in arrays:
        array.flags.writeable = False  # a write would raise
    recursive.tree_levels(arrays[1])
    recursive.recursive_net(*arrays[:4], BIAS)
    recursive.recursive_net_gradients(*arrays)


def changed(node, place, child):
    children = CHILDREN.copy()
    children[node, place] = child
    return children


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recursive.flatten_trees([["or", 1, 0]]), TypeError, r"a tree holds \['or', 1, 0\] where a label must stand; write \(label, child, child\)"),
        (lambda: recursive.flatten_trees([("or", 1, ())]), TypeError, r"a tree holds \(\) where a label"),
        (lambda: recursive.flatten_trees([((1, "or"), 0)]), TypeError, r"a tree holds \(1, 'or'\) where a label"),
        (lambda: recursive.flatten_trees([("or", 1, 0, 1)]), ValueError, "node 'or' has 3 children; it must have at most max_children=2"),
        (lambda: recursive.tree_levels(changed(7, 2, 7)), ValueError, r"the cycle 7 -> 7; no node may lie below itself; set one of them to -1"),
        (lambda: recursive.tree_levels(changed(4, 0, 1)), ValueError, r"the cycle (1 -> 3 -> 4 -> 1|3 -> 4 -> 1 -> 3); no node"),
        (lambda: recursive.tree_levels(changed(4, 0, 9)), ValueError, "node 4 has child 9, which does not exist; it must be 0 to 8, or -1 for no child"),
        (lambda: recursive.tree_levels(changed(4, 0, -2)), ValueError, "node 4 has child -2, which does not exist"),
        (lambda: recursive.tree_levels(CHILDREN[:, 0]), ValueError, r"children has shape \(9,\) and dtype int64; it must be whole numbers \(nodes, max_children\)"),
        (lambda: recursive.tree_levels(CHILDREN / 1.0), ValueError, r"children has shape \(9, 3\) and dtype float64; it must be whole numbers"),
        (lambda: recursive.tree_levels(CHILDREN[:0]), ValueError, r"children has shape \(0, 3\)"),
        (lambda: recursive.tree_levels(CHILDREN[:, :0]), ValueError, r"children has shape \(9, 0\)"),
        (lambda: recursive.tree_levels(-1), ValueError, r"children has shape \(\)"),
        (lambda: recursive.recursive_net(FEATURES.astype(int), CHILDREN, KERNEL, CHILD_KERNELS), TypeError, r"features has dtype int64; .* features.astype\('float32'\)"),
        (lambda: recursive.recursive_net(FEATURES[:8], CHILDREN, KERNEL, CHILD_KERNELS), ValueError, r"features has shape \(8, 4\); it must be \(9, 4\): a row per node"),
        (lambda: recursive.recursive_net(FEATURES[0], CHILDREN, KERNEL, CHILD_KERNELS), ValueError, r"features has shape \(4,\); it must be \(9, 4\)"),
        (lambda: recursive.recursive_net(FEATURES, CHILDREN, KERNEL.T, CHILD_KERNELS), ValueError, r"features has shape \(9, 4\); it must be \(9, 5\): a row per node, a column per kernel row"),
        (lambda: recursive.recursive_net(FEATURES, CHILDREN, KERNEL[:, :3], CHILD_KERNELS), ValueError, r"kernel has shape \(4, 3\); it must be \(4, 5\): \(features, units\)"),
        (lambda: recursive.recursive_net(FEATURES, CHILDREN, KERNEL, CHILD_KERNELS[:2]), ValueError, r"child_kernels has shape \(2, 5, 5\); it must be \(3, 5, 5\): one per place"),
        (lambda: recursive.recursive_net(FEATURES, CHILDREN, KERNEL, CHILD_KERNELS[0]), ValueError, r"child_kernels has shape \(5, 5\); it must be \(3, 5, 5\)"),
        (lambda: recursive.recursive_net(FEATURES, CHILDREN, KERNEL, CHILD_KERNELS, BIAS[:1]), ValueError, r"bias has shape \(1,\); it must be \(5,\): one number per unit"),
        (lambda: recursive.recursive_net(FEATURES, changed(4, 0, 1), KERNEL, CHILD_KERNELS), ValueError, "holds the cycle"),
        (lambda: recursive.recursive_net_gradients(FEATURES, CHILDREN, KERNEL, CHILD_KERNELS, SENT_BACK[:1]), ValueError, r"output_gradient has shape \(1, 5\); it must be \(9, 5\): the network's output"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
