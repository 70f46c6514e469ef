"""The hand-written layers give the numbers worked out on paper, agree with Keras, and have true gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from hwr_utils import layers
from tests.arrays import assert_equal, assert_gradient, normal

# Worked by hand ---------------------------------------------------------------------------------

# 0 1 2 3      1 0
# 4 5 6 7      0 2
# 8 9 ...
IMAGE = np.arange(16.0).reshape(1, 4, 4, 1)
KERNEL = np.array([[1.0, 0.0], [0.0, 2.0]])[:, :, None, None]


@pytest.mark.parametrize(
    ("strides", "padding", "expected"),
    [
        # 0 + 2 * 5 = 10, 1 + 2 * 6 = 13, ...; one row down adds 3 * 4
        (1, "valid", [[10, 13, 16], [22, 25, 28], [34, 37, 40]]),
        (2, "valid", [[10, 16], [34, 40]]),
        (3, "valid", [[10]]),
        # one row and one column of zeros, below and to the right: 3 + 2 * 0 = 3
        (1, "same", [[10, 13, 16, 3], [22, 25, 28, 7], [34, 37, 40, 11], [12, 13, 14, 15]]),
        # last start 3, so 3 + 2 - 4 = 1 column of zeros again
        (3, "same", [[10, 3], [12, 15]]),
    ],
)
def test_conv2d_by_hand(strides, padding, expected):
    output = layers.conv2d(IMAGE, KERNEL, strides=strides, padding=padding)
    assert output[0, :, :, 0].tolist() == expected


def test_conv2d_sums_over_channels_and_has_one_bias_per_filter():
    images = np.array([1.0, 2.0]).reshape(1, 1, 1, 2)
    kernel = np.array([[3.0, 5.0, 0.0], [4.0, 6.0, 0.0]])[None, None]
    bias = np.array([0.5, 0.25, -1.0])
    # 1 * 3 + 2 * 4 + 0.5, 1 * 5 + 2 * 6 + 0.25, 0 - 1
    assert layers.conv2d(images, kernel, bias).ravel().tolist() == [11.5, 17.25, -1.0]


def test_conv2d_does_not_turn_the_kernel_round():
    kernel = np.array([[0.0, 1.0]])[:, :, None, None]
    assert layers.conv2d(IMAGE, kernel)[0, 0, :, 0].tolist() == [1, 2, 3]


def test_conv2d_gradients_by_hand():
    output_gradient = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)
    images, kernel, bias = layers.conv2d_gradients(IMAGE[:, :3, :3], KERNEL, output_gradient)
    # each output adds its gradient times the kernel to its window
    assert images[0, :, :, 0].tolist() == [[1, 10, 0], [100, 1002, 20], [0, 200, 2000]]
    # weight (0, 0) met 0, 1, 4, 5: 10 + 400 + 5000; weight (0, 1) met 1, 2, 5, 6; and so on
    assert kernel[:, :, 0, 0].tolist() == [[5410, 6521], [9854, 10965]]
    assert bias.tolist() == [1111]


@pytest.mark.parametrize(
    ("pool_size", "strides", "largest", "mean"),
    [
        (2, None, [[5, 7], [13, 15]], [[2.5, 4.5], [10.5, 12.5]]),
        (2, 1, [[5, 6, 7], [9, 10, 11], [13, 14, 15]], [[2.5, 3.5, 4.5], [6.5, 7.5, 8.5], [10.5, 11.5, 12.5]]),
        (3, None, [[10]], [[5]]),  # the last row and column fill no window
        (1, 3, [[0, 3], [12, 15]], [[0, 3], [12, 15]]),
    ],
)  # fmt: skip
def test_pooling_by_hand(pool_size, strides, largest, mean):
    assert layers.max_pool2d(IMAGE, pool_size, strides)[0, :, :, 0].tolist() == largest
    assert layers.avg_pool2d(IMAGE, pool_size, strides)[0, :, :, 0].tolist() == mean


def test_max_pooling_gives_the_gradient_to_the_first_of_equals():
    images = np.array([[1.0, 7.0, 7.0], [7.0, 0.0, 7.0]]).reshape(1, 2, 3, 1)
    output_gradient = np.array([3.0, 4.0]).reshape(1, 1, 2, 1)
    gradient = layers.max_pool2d_gradient(images, output_gradient, pool_size=2, strides=1)
    assert gradient[0, :, :, 0].tolist() == [[0, 7, 0], [0, 0, 0]]  # first in both windows: 3 + 4


def test_avg_pooling_shares_the_gradient():
    images, output_gradient = np.zeros((1, 2, 3, 1)), np.array([4.0, 8.0]).reshape(1, 1, 2, 1)
    gradient = layers.avg_pool2d_gradient(images, output_gradient, pool_size=2, strides=1)
    assert gradient[0, :, :, 0].tolist() == [[1, 3, 2], [1, 3, 2]]


def test_flatten_keeps_channels_together():
    images = np.arange(8).reshape(1, 2, 2, 2)
    images[0, 0, 1] = [40, 50]
    assert layers.flatten(images).tolist() == [[0, 1, 40, 50, 4, 5, 6, 7]]
    assert layers.flatten(np.zeros((3, 2, 5), np.uint8)).shape == (3, 10)


def test_softmax_and_its_temperature_by_hand():
    logits = np.log([[1.0, 3.0], [1.0, 1.0]])
    assert_equal(layers.softmax(logits), [[0.25, 0.75], [0.5, 0.5]])
    assert_equal(layers.softmax(logits, temperature=0.5), [[0.1, 0.9], [0.5, 0.5]])  # 1 : 9


def test_cross_entropy_by_hand():
    logits = np.log([[1.0, 3.0], [1.0, 1.0]])
    assert layers.cross_entropy(logits, [1, 0]) == pytest.approx(0.4904146265)  # ln(8/3) / 2
    gradient = layers.cross_entropy_gradient(logits, [1, 0])
    assert_equal(gradient, [[0.125, -0.125], [-0.25, 0.25]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_overflow_nowhere(dtype):
    logits = np.array([[1e4, 0.0], [-1e4, 0.0]], dtype)
    assert layers.softmax(logits).tolist() == [[1, 0], [0, 1]]
    assert layers.cross_entropy(logits, [1, 0]) == 1e4
    assert layers.cross_entropy(logits, [0, 1]) == 0
    assert layers.sigmoid(logits).tolist() == [[1, 0.5], [0, 0.5]]
    assert layers.sigmoid_gradient(logits, np.ones_like(logits)).tolist() == [[0, 0.25], [0, 0.25]]


def test_dropout_keeps_the_mean_and_follows_the_seed():
    inputs = np.full((100, 100), 3.0)
    output = layers.dropout(inputs, 0.4, np.random.default_rng(0))
    assert set(output.ravel().tolist()) == {0.0, 5.0}  # 3 / 0.6
    assert abs((output == 0).mean() - 0.4) < 0.02  # 4 standard deviations of 10,000 draws
    assert np.array_equal(output, layers.dropout(inputs, 0.4, np.random.default_rng(0)))
    assert not np.array_equal(output, layers.dropout(inputs, 0.4, np.random.default_rng(1)))
    assert np.array_equal(layers.dropout(inputs, 0.0, np.random.default_rng(0)), inputs)


# Equal to Keras ---------------------------------------------------------------------------------

IMAGES = normal(2, 9, 8, 3)
SIZES = [(kernel, strides) for kernel in (1, 2, 3, 5, 8) for strides in (1, 2, 3)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel_size", "strides"), SIZES)
def test_conv2d_equals_keras(kernel_size, strides, padding):
    layer = keras.layers.Conv2D(
        4, kernel_size, strides, padding, bias_initializer="random_normal", dtype="float64"
    )
    expected = layer(IMAGES)
    kernel, bias = layer.get_weights()
    assert_equal(layers.conv2d(IMAGES, kernel, bias, strides, padding), expected)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv2d_equals_tensorflow_with_an_oblong_kernel(padding):
    kernel = normal(4, 3, 3, 5, seed=1)
    expected = tf.nn.conv2d(IMAGES, kernel, 2, padding.upper())
    assert_equal(layers.conv2d(IMAGES, kernel, strides=2, padding=padding), expected)


@pytest.mark.parametrize(("pool_size", "strides"), [*SIZES, (2, None), (3, None)])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling_equals_keras(kind, pool_size, strides):
    by_keras = {"max": keras.layers.MaxPooling2D, "avg": keras.layers.AveragePooling2D}[kind]
    by_hand = {"max": layers.max_pool2d, "avg": layers.avg_pool2d}[kind]
    expected = by_keras(pool_size, strides, dtype="float64")(IMAGES)
    assert_equal(by_hand(IMAGES, pool_size, strides), expected)


FEATURES = normal(5, 7) * 4


@pytest.mark.parametrize(
    ("by_hand", "by_keras", "inputs"),
    [
        (layers.relu, keras.activations.relu, FEATURES),
        (
            lambda x: layers.leaky_relu(x, 0.25),
            keras.layers.LeakyReLU(0.25, dtype="float64"),
            FEATURES,
        ),
        (layers.sigmoid, keras.activations.sigmoid, FEATURES),
        (layers.tanh, keras.activations.tanh, FEATURES),
        (layers.softmax, keras.activations.softmax, FEATURES),
        (layers.flatten, keras.layers.Flatten(dtype="float64"), IMAGES),
        (layers.global_max_pool2d, keras.layers.GlobalMaxPooling2D(dtype="float64"), IMAGES),
        (
            layers.global_average_pool2d,
            keras.layers.GlobalAveragePooling2D(dtype="float64"),
            IMAGES,
        ),
    ],
)
def test_layer_without_weights_equals_keras(by_hand, by_keras, inputs):
    assert_equal(by_hand(inputs), by_keras(tf.constant(inputs)))


def test_leaky_relu_has_the_default_slope_of_keras():
    assert layers.leaky_relu(np.array([-1.0])).tolist() == [-0.2]
    assert layers.leaky_relu_gradient(np.array([-1.0]), np.array([1.0])).tolist() == [0.2]
    by_keras = float(keras.activations.leaky_relu(tf.constant([-1.0]))[0])
    assert by_keras == pytest.approx(-0.2, abs=1e-7)  # TensorFlow keeps the slope in float32


def test_dense_equals_keras():
    layer = keras.layers.Dense(3, bias_initializer="random_normal", dtype="float64")
    expected = layer(FEATURES)
    assert_equal(layers.dense(FEATURES, *layer.get_weights()), expected)


def test_cross_entropy_equals_keras():
    labels = np.array([0, 6, 3, 3, 1])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
    assert_equal(layers.cross_entropy(FEATURES, labels), loss(labels, FEATURES))


@pytest.mark.parametrize("inputs", [IMAGES, IMAGES[:, 0, 0]])
def test_batch_normalization_equals_keras(inputs):
    weights = [normal(3, seed=1), normal(3, seed=2), normal(3, seed=3), normal(3, seed=4) ** 2]
    layer = keras.layers.BatchNormalization(dtype="float64")
    layer.build(inputs.shape)
    layer.set_weights(weights)  # gamma, beta, moving mean, moving variance
    assert_equal(layers.batch_normalization(inputs, *weights), layer(inputs))

    axes = tuple(range(inputs.ndim - 1))
    of_batch = inputs.mean(axes), inputs.var(axes)
    by_hand = layers.batch_normalization(inputs, *weights[:2], *of_batch)
    assert_equal(by_hand, layer(inputs, training=True))


@pytest.mark.parametrize("inputs", [IMAGES, IMAGES[:, 0, 0]])
def test_layer_normalization_equals_keras(inputs):
    layer = keras.layers.LayerNormalization(dtype="float64")
    layer.build(inputs.shape)
    layer.set_weights([normal(3, seed=1), normal(3, seed=2)])
    assert_equal(layers.layer_normalization(inputs, *layer.get_weights()), layer(inputs))


def test_dropout_scales_as_keras_does():
    by_keras = keras.layers.Dropout(0.4, seed=0, dtype="float64")(np.ones((20, 20)), training=True)
    by_hand = layers.dropout(np.ones((20, 20)), 0.4, np.random.default_rng(0))
    assert set(np.asarray(by_keras).ravel()) == set(by_hand.ravel())


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_output_size_equals_keras(padding):
    for kernel_size in range(1, 7):
        for strides in range(1, 5):
            layer = keras.layers.Conv2D(1, kernel_size, strides, padding)
            pool = keras.layers.MaxPooling2D(kernel_size, strides, padding)
            for size in range(kernel_size if padding == "valid" else 1, 13):
                expected = layers.output_size(size, kernel_size, strides, padding)
                assert layer.compute_output_shape((1, size, 13, 1))[1] == expected
                assert pool.compute_output_shape((1, size, 13, 1))[1] == expected


def test_a_whole_cnn_equals_keras():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), dtype="float64"),  # else it rounds images to float32
            keras.layers.Conv2D(4, 3, padding="same", use_bias=False, dtype="float64"),
            keras.layers.MaxPooling2D(2, dtype="float64"),
            keras.layers.BatchNormalization(dtype="float64"),
            keras.layers.ReLU(dtype="float64"),
            keras.layers.Conv2D(6, 5, strides=2, dtype="float64"),
            keras.layers.AveragePooling2D(2, dtype="float64"),
            keras.layers.BatchNormalization(dtype="float64"),
            keras.layers.ReLU(dtype="float64"),
            keras.layers.Flatten(dtype="float64"),
            keras.layers.Dense(10, activation="softmax", dtype="float64"),
        ]
    )
    # moving averages too: their first values, 0 and 1, would hide a mistake
    weights = [normal(*weight.shape, seed=i) for i, weight in enumerate(model.get_weights())]
    for variance in (weights[4], weights[10]):
        variance[:] = variance**2 + 1
    weights[11] /= 20  # logits near 1, so that no probability is almost 0 or 1
    model.set_weights(weights)
    images = normal(3, 28, 28, 1)

    x = layers.conv2d(images, weights[0], padding="same")  # (3, 28, 28, 4)
    x = layers.batch_normalization(layers.max_pool2d(x), *weights[1:5])  # (3, 14, 14, 4)
    x = layers.conv2d(layers.relu(x), *weights[5:7], strides=2)  # (3, 5, 5, 6)
    x = layers.batch_normalization(layers.avg_pool2d(x), *weights[7:11])  # (3, 2, 2, 6)
    logits = layers.dense(layers.flatten(layers.relu(x)), *weights[11:])  # (3, 10)
    assert_equal(layers.softmax(logits), model(images))


# True gradients ---------------------------------------------------------------------------------


CONVOLUTIONS = [(s, p, size) for s in (1, 2, 3) for p in ("valid", "same") for size in (5, 6)]


@pytest.mark.parametrize(("strides", "padding", "size"), CONVOLUTIONS)
def test_conv2d_gradients_are_true(strides, padding, size):
    images, kernel, bias = normal(2, size, 5, 2), normal(3, 2, 2, 3, seed=1), normal(3, seed=2)
    with tf.GradientTape() as tape:
        variables = [tf.Variable(array) for array in (images, kernel, bias)]
        output = tf.nn.conv2d(*variables[:2], strides, padding.upper()) + variables[2]
        sent_back = normal(*output.shape, seed=3)
        loss = tf.reduce_sum(output * sent_back)
    gradients = layers.conv2d_gradients(images, kernel, sent_back, strides, padding)
    for by_hand, by_tensorflow in zip(gradients, tape.gradient(loss, variables), strict=True):
        assert_equal(by_hand, by_tensorflow)

    def loss_of(*arrays):
        return (layers.conv2d(*arrays, strides, padding) * sent_back).sum()

    assert_gradient(gradients[0], lambda x: loss_of(x, kernel, bias), images)
    assert_gradient(gradients[1], lambda k: loss_of(images, k, bias), kernel)
    assert_gradient(gradients[2], lambda b: loss_of(images, kernel, b), bias)


@pytest.mark.parametrize(("pool_size", "strides"), [(2, None), (2, 1), (3, 2), (2, 3), (3, None)])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling_gradients_are_true(kind, pool_size, strides):
    pool, gradient_of, by_tensorflow = {
        "max": (layers.max_pool2d, layers.max_pool2d_gradient, tf.nn.max_pool2d),
        "avg": (layers.avg_pool2d, layers.avg_pool2d_gradient, tf.nn.avg_pool2d),
    }[kind]
    images = normal(2, 7, 6, 2)
    sent_back = normal(*pool(images, pool_size, strides).shape, seed=1)
    gradient = gradient_of(images, sent_back, pool_size, strides)
    assert_gradient(gradient, lambda x: (pool(x, pool_size, strides) * sent_back).sum(), images)

    with tf.GradientTape() as tape:
        variable = tf.Variable(images)
        output = by_tensorflow(variable, pool_size, strides or pool_size, "VALID")
        loss = tf.reduce_sum(output * sent_back)
    assert_equal(gradient, tape.gradient(loss, variable))


@pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="cuDNN may choose another of equals"
)
@pytest.mark.parametrize("strides", [1, 2])
def test_ties_in_max_pooling_go_where_tensorflow_sends_them(strides):
    images = np.random.default_rng(0).integers(0, 3, (4, 8, 8, 2)).astype(float)
    with tf.GradientTape() as tape:
        variable = tf.Variable(images)
        output = tf.nn.max_pool2d(variable, 2, strides, "VALID")
        sent_back = normal(*output.shape, seed=1)
        loss = tf.reduce_sum(output * sent_back)
    by_hand = layers.max_pool2d_gradient(images, sent_back, 2, strides)
    assert_equal(by_hand, tape.gradient(loss, variable))


def test_dense_gradients_are_true():
    inputs, kernel, bias = normal(4, 5), normal(5, 3, seed=1), normal(3, seed=2)
    sent_back = normal(4, 3, seed=3)
    gradients = layers.dense_gradients(inputs, kernel, sent_back)

    def loss_of(*arrays):
        return (layers.dense(*arrays) * sent_back).sum()

    assert_gradient(gradients[0], lambda x: loss_of(x, kernel, bias), inputs)
    assert_gradient(gradients[1], lambda k: loss_of(inputs, k, bias), kernel)
    assert_gradient(gradients[2], lambda b: loss_of(inputs, kernel, b), bias)
    with tf.GradientTape() as tape:
        variables = [tf.Variable(array) for array in (inputs, kernel, bias)]
        loss = tf.reduce_sum((variables[0] @ variables[1] + variables[2]) * sent_back)
    for by_hand, by_tensorflow in zip(gradients, tape.gradient(loss, variables), strict=True):
        assert_equal(by_hand, by_tensorflow)


@pytest.mark.parametrize(
    ("name", "arguments"), [("relu", ()), ("leaky_relu", (0.25,)), ("sigmoid", ()), ("tanh", ())]
)
def test_activation_gradients_are_true(name, arguments):
    def activation(inputs):
        return getattr(layers, name)(inputs, *arguments)

    def gradient_of(inputs, output_gradient):
        return getattr(layers, f"{name}_gradient")(inputs, output_gradient, *arguments)

    sent_back = normal(5, 7, seed=1)
    assert np.abs(FEATURES).min() > 1e-3  # away from the kink at 0
    assert_gradient(
        gradient_of(FEATURES, sent_back), lambda x: (activation(x) * sent_back).sum(), FEATURES
    )
    inputs = FEATURES.copy()
    inputs[0, 0] = 0.0  # in the kink
    with tf.GradientTape() as tape:
        variable = tf.Variable(inputs)
        loss = tf.reduce_sum(getattr(keras.activations, name)(variable, *arguments) * sent_back)
    assert_equal(gradient_of(inputs, sent_back), tape.gradient(loss, variable))


def test_cross_entropy_gradient_is_true():
    labels = np.array([0, 6, 3, 3, 1])
    gradient = layers.cross_entropy_gradient(FEATURES, labels)
    assert_gradient(gradient, lambda x: layers.cross_entropy(x, labels), FEATURES)
    with tf.GradientTape() as tape:
        variable = tf.Variable(FEATURES)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, variable)
        loss = tf.reduce_mean(losses)
    assert_equal(gradient, tape.gradient(loss, variable))


# What holds for any numbers ---------------------------------------------------------------------

SEED = st.integers(0, 2**32 - 1)
PADDING = st.sampled_from(["valid", "same"])


@given(SEED, st.integers(3, 9), st.integers(1, 3), st.integers(1, 3), PADDING)
@settings(max_examples=50, deadline=None)
def test_convolution_is_linear(seed, size, kernel_size, strides, padding):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 1, size, size, 2))
    kernel = rng.standard_normal((kernel_size, kernel_size, 2, 3))
    together = layers.conv2d(2 * a - 3 * b, kernel, strides=strides, padding=padding)
    apart = [layers.conv2d(x, kernel, strides=strides, padding=padding) for x in (a, b)]
    assert_equal(together, 2 * apart[0] - 3 * apart[1])


@given(SEED, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_a_shifted_image_gives_a_shifted_valid_convolution(seed, down, right):
    rng = np.random.default_rng(seed)
    image, kernel = rng.standard_normal((1, 10, 11, 2)), rng.standard_normal((3, 4, 2, 2))
    whole = layers.conv2d(image, kernel)
    assert_equal(layers.conv2d(image[:, down:, right:], kernel), whole[:, down:, right:])


@given(SEED, st.floats(-1e3, 1e3), st.floats(0.1, 10))
@settings(max_examples=50, deadline=None)
def test_softmax_sums_to_one_and_ignores_a_constant(seed, constant, temperature):
    logits = np.random.default_rng(seed).standard_normal((4, 10)) * 5
    probabilities = layers.softmax(logits, temperature)
    assert_equal(probabilities.sum(axis=-1), np.ones(4))
    assert_equal(layers.softmax(logits + constant, temperature), probabilities)


@given(st.floats(-1e3, 1e3), st.integers(4, 9), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_pooling_of_a_constant_is_the_constant(constant, size, pool_size, strides):
    images = np.full((1, size, size + 1, 2), constant)
    for pool in (layers.max_pool2d, layers.avg_pool2d):
        pooled = pool(images, pool_size, strides)
        assert_equal(pooled, np.full(pooled.shape, constant))


# The dtype stays, and wrong input is refused ----------------------------------------------------


ACTIVATIONS = ["relu", "leaky_relu", "sigmoid", "tanh"]


def every_result(dtype):
    """Each function, called with arrays of one dtype: name -> what it returned."""
    images, kernel = np.ones((2, 4, 4, 3), dtype), np.ones((3, 3, 3, 2), dtype)
    maps, pooled = np.ones((2, 2, 2, 2), dtype), np.ones((2, 2, 2, 3), dtype)
    rows, weights, per_feature = np.ones((2, 3), dtype), np.ones((3, 2), dtype), np.ones(3, dtype)
    results = {
        "conv2d": layers.conv2d(images, kernel, np.ones(2, dtype), 2, "same"),
        "conv2d_gradients": layers.conv2d_gradients(images, kernel, maps),
        "max_pool2d": layers.max_pool2d(images),
        "max_pool2d_gradient": layers.max_pool2d_gradient(images, pooled),
        "avg_pool2d": layers.avg_pool2d(images),
        "avg_pool2d_gradient": layers.avg_pool2d_gradient(images, pooled),
        "global_max_pool2d": layers.global_max_pool2d(images),
        "global_average_pool2d": layers.global_average_pool2d(images),
        "flatten": layers.flatten(images),
        "dense": layers.dense(rows, weights, np.ones(2, dtype)),
        "dense_gradients": layers.dense_gradients(rows, weights, np.ones((2, 2), dtype)),
        "softmax": layers.softmax(rows, temperature=2.0),
        "cross_entropy": layers.cross_entropy(rows, [0, 1]),
        "cross_entropy_gradient": layers.cross_entropy_gradient(rows, [0, 1]),
        "batch_normalization": layers.batch_normalization(images, *[per_feature] * 4),
        "layer_normalization": layers.layer_normalization(images, *[per_feature] * 2),
        "dropout": layers.dropout(rows, 0.5, np.random.default_rng(0)),
    }
    for name in ACTIVATIONS:
        results[name] = getattr(layers, name)(rows)
        results[f"{name}_gradient"] = getattr(layers, f"{name}_gradient")(rows, rows)
    return results


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_stays(dtype):
    results = every_result(dtype)
    public = {name for name, value in vars(layers).items() if getattr(value, "__module__", "") == layers.__name__ and name[0] != "_"}  # fmt: skip
    assert results.keys() == public - {"output_size"}
    for name, result in results.items():
        for array in result if isinstance(result, tuple) else (result,):
            assert array.dtype == dtype, name


def test_no_function_changes_its_arguments():
    images, kernel, sent_back = normal(1, 4, 4, 1), normal(2, 2, 1, 1), normal(1, 3, 3, 1)
    for array in (images, kernel, sent_back):
        array.flags.writeable = False  # a write would raise
    layers.conv2d(images, kernel)
    layers.conv2d_gradients(images, kernel, sent_back)
    layers.max_pool2d(images, 2, 1)
    layers.max_pool2d_gradient(images, sent_back, 2, 1)
    layers.avg_pool2d_gradient(images, sent_back, 2, 1)
    layers.cross_entropy_gradient(images[0, ..., 0], [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layers.output_size(3, 5), ValueError, r"kernel_size is 5; on an input of 3 pixels .* at most 3; take a smaller window"),
        (lambda: layers.output_size(28, 5, strides=0), ValueError, "strides is 0; it must be one whole number, at least 1"),
        (lambda: layers.output_size(28, 2.5), ValueError, "kernel_size is 2.5; it must be one whole"),
        (lambda: layers.output_size(0, 1, padding="same"), ValueError, "size is 0; it must be"),
        (lambda: layers.output_size(28, 5, padding="full"), ValueError, "padding is 'full'; it must be 'valid' or 'same'"),
        (lambda: layers.conv2d(IMAGE, KERNEL, strides=(2, 2)), ValueError, r"strides is \(2, 2\); it must be one"),
        (lambda: layers.conv2d(IMAGE.astype(np.uint8), KERNEL), TypeError, r"images has dtype uint8; .* convert first: images.astype\('float32'\)"),
        (lambda: layers.conv2d(IMAGE[0], KERNEL), ValueError, r"images has shape \(4, 4, 1\); it must be \(batch, height, width, channels\)"),
        (lambda: layers.conv2d(IMAGE, KERNEL[..., 0, 0]), ValueError, r"kernel has shape \(2, 2\); .* kernel\[:, :, None, None\]"),
        (lambda: layers.conv2d(IMAGES, KERNEL), ValueError, r"kernel has shape \(2, 2, 1, 1\); .* with the images' 3 channels"),
        (lambda: layers.conv2d(IMAGE, normal(2, 2, 1, 3), np.ones(1)), ValueError, r"bias has shape \(1,\); it must be \(3,\): one number per filter"),
        (lambda: layers.conv2d_gradients(IMAGE, KERNEL, np.ones((1, 1, 1, 1))), ValueError, r"output_gradient has shape \(1, 1, 1, 1\); it must be \(1, 3, 3, 1\)"),
        (lambda: layers.max_pool2d(IMAGE, pool_size=5), ValueError, "kernel_size is 5; on an input of 4 pixels"),
        (lambda: layers.max_pool2d(IMAGE, strides=0), ValueError, "strides is 0; it must be"),
        (lambda: layers.max_pool2d_gradient(IMAGE, np.ones((1, 1, 1, 1))), ValueError, r"it must be \(1, 2, 2, 1\)"),
        (lambda: layers.avg_pool2d_gradient(IMAGE, np.ones((1, 1, 1, 1))), ValueError, r"it must be \(1, 2, 2, 1\)"),
        (lambda: layers.avg_pool2d_gradient(IMAGE.astype(int), np.ones((1, 2, 2, 1))), TypeError, "images has dtype int64"),
        (lambda: layers.global_max_pool2d(FEATURES), ValueError, "images has shape"),
        (lambda: layers.dense(IMAGE, np.ones((4, 3))), ValueError, r"inputs has shape \(1, 4, 4, 1\) and kernel \(4, 3\); .* flatten images first"),
        (lambda: layers.dense(FEATURES, np.ones((6, 3))), ValueError, r"kernel \(6, 3\)"),
        (lambda: layers.dense(FEATURES, np.ones((7, 3)), np.ones((5, 1))), ValueError, r"bias has shape \(5, 1\); it must be \(3,\)"),
        (lambda: layers.dense_gradients(FEATURES, np.ones((7, 3)), np.ones(3)), ValueError, r"it must be \(5, 3\)"),
        (lambda: layers.relu(np.array([1, 2])), TypeError, "inputs has dtype int64"),
        (lambda: layers.sigmoid_gradient(FEATURES, np.ones((5, 1))), ValueError, r"output_gradient has shape \(5, 1\); it must be \(5, 7\)"),
        (lambda: layers.softmax(FEATURES, temperature=0), ValueError, "temperature is 0; it must be above 0"),
        (lambda: layers.softmax([True, False]), TypeError, "logits has dtype bool"),
        (lambda: layers.cross_entropy(FEATURES, np.eye(5, 7, dtype=int)), ValueError, r"labels has shape \(5, 7\); it must be \(5,\): .*argmax"),
        (lambda: layers.cross_entropy(FEATURES, np.zeros(5)), TypeError, "labels has dtype float64; .*astype"),
        (lambda: layers.cross_entropy(FEATURES, [0, 1, 2, -1, 3]), ValueError, "labels holds -1; with 7 classes it must lie in 0 to 6"),
        (lambda: layers.cross_entropy_gradient(FEATURES, [0, 1, 2, 7, 3]), ValueError, "labels holds 7; with 7 classes"),
        (lambda: layers.cross_entropy(FEATURES[0], [0]), ValueError, r"logits has shape \(7,\); it must be \(batch, num_classes\)"),
        (lambda: layers.batch_normalization(IMAGES, *[np.ones(3)] * 3, np.ones(8)), ValueError, r"variance has shape \(8,\); it must be \(3,\): one number per channel"),
        (lambda: layers.layer_normalization(FEATURES, np.ones((5, 1)), np.zeros(7)), ValueError, r"gamma has shape \(5, 1\); it must be \(7,\)"),
        (lambda: layers.dropout(FEATURES, 1.0, np.random.default_rng(0)), ValueError, "rate is 1.0; it must be at least 0 and below 1"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
