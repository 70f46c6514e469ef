"""Layers in NumPy, with their gradients: what chapters 02 to 06 build by hand, and Keras must agree with.

Images and feature maps are `(batch, height, width, channels)`. A layer takes its numbers first and returns new ones.
A gradient function takes the same numbers and `output_gradient`, the gradient of the loss with respect to the layer's
output; it returns the gradient of the loss with respect to each input. Numbers are floating point: float32 in,
float32 out; float64 in, float64 out.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def output_size(size: int, kernel_size: int, strides: int = 1, padding: str = "valid") -> int:
    """The height or width that a convolution or a pooling layer leaves of an input.

    Args:
        size: pixels of the input along one axis, at least 1.
        kernel_size: pixels of the kernel or the pool along that axis, at least 1.
        strides: pixels from one window to the next, at least 1.
        padding: "valid" takes only windows that lie inside the image; "same" adds zeros around it, so that
            every `strides`-th pixel gets a window.

    Returns:
        number of windows along the axis, at least 1.

    Raises:
        ValueError: a number below 1, another padding, or a "valid" kernel larger than the input.

    Source: Dumoulin and Visin (2016), https://arxiv.org/abs/1603.07285. With P zeros in all it is
    (size - kernel_size + P) // strides + 1.

    >>> output_size(28, 5), output_size(28, 2, strides=2)  # 28 - 5 + 1 and (28 - 2) / 2 + 1
    (24, 14)
    >>> output_size(28, 5, strides=3, padding="same")  # 28 / 3, rounded up
    10
    """
    for name, value in (("size", size), ("kernel_size", kernel_size), ("strides", strides)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be one whole number, at least 1")
    if padding not in ("valid", "same"):
        raise ValueError(f"padding is {padding!r}; it must be 'valid' or 'same'")
    if padding == "same":
        return -(-size // strides)  # rounded up
    if kernel_size > size:
        raise ValueError(
            f"kernel_size is {kernel_size}; on an input of {size} pixels without padding it must be "
            f"at most {size}; take a smaller window, or padding='same' in a convolution"
        )
    return (size - kernel_size) // strides + 1


# Convolution ------------------------------------------------------------------------------------


def conv2d(
    images: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    strides: int = 1,
    padding: str = "valid",
) -> np.ndarray:
    """Lay each filter on each window of the images; multiply, sum and add the bias.

    It is the cross-correlation that the field calls convolution: the kernel is not turned round. It needs memory
    for each window's pixels, the output's pixels x kernel_height x kernel_width x channels.

    Args:
        images: `(batch, height, width, channels)` floats.
        kernel: `(kernel_height, kernel_width, channels, filters)` weights.
        bias: `(filters,)`; None adds nothing.
        strides: pixels from one window to the next, down and across, at least 1.
        padding: "valid" or "same", as in `output_size`; zeros left over go below and to the right.

    Returns:
        feature maps `(batch, new_height, new_width, filters)`.

    Raises:
        TypeError: images that are not floats.
        ValueError: a shape, `strides` or `padding` that does not fit.

    Source: LeCun et al. (1998), https://doi.org/10.1109/5.726791.

    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d(image, np.ones((2, 2, 1, 1)))[0, :, :, 0]  # 0 + 1 + 3 + 4 = 8
    array([[ 8., 12.],
           [20., 24.]])
    """
    images = _image_array(images)
    _check_kernel(images, kernel)
    margins = _margins(images, kernel.shape[:2], strides, padding)
    windows = _windows(np.pad(images, margins), kernel.shape[:2], strides)
    output = np.tensordot(windows, kernel, ((4, 5, 3), (0, 1, 2)))  # one product and sum a filter
    if bias is None:
        return output
    _check_shape("bias", bias, kernel.shape[3:], "one number per filter")
    return output + bias


def conv2d_gradients(
    images: np.ndarray,
    kernel: np.ndarray,
    output_gradient: np.ndarray,
    strides: int = 1,
    padding: str = "valid",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of `conv2d`: each output passes its gradient back to its window, its filter and its bias.

    Args:
        images: `(batch, height, width, channels)` floats.
        kernel: `(kernel_height, kernel_width, channels, filters)` weights.
        output_gradient: `(batch, new_height, new_width, filters)`, the shape of the output.
        strides: as in `conv2d`.
        padding: as in `conv2d`.

    Returns:
        images_gradient, kernel_gradient, bias_gradient: shaped like images, kernel and bias.

    Raises:
        TypeError: images that are not floats.
        ValueError: a shape, `strides` or `padding` that does not fit.

    Source: LeCun et al. (1989), https://doi.org/10.1162/neco.1989.1.4.541.

    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> gradients = conv2d_gradients(image, np.ones((2, 2, 1, 1)), np.ones((1, 2, 2, 1)))
    >>> gradients[0][0, :, :, 0]  # in how many windows each pixel lies
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    >>> gradients[1][0, 0, 0, 0], gradients[2][0]  # the pixels under that weight, 0 + 1 + 3 + 4; 4 outputs
    (np.float64(8.0), np.float64(4.0))
    """
    images = _image_array(images)
    _check_kernel(images, kernel)
    margins = _margins(images, kernel.shape[:2], strides, padding)
    padded = np.pad(images, margins)
    windows = _windows(padded, kernel.shape[:2], strides)
    _check_output_gradient(output_gradient, windows.shape[:3] + kernel.shape[3:])

    # (channels, kernel_height, kernel_width, filters), then channels to their place
    kernel_gradient = np.tensordot(windows, output_gradient, ((0, 1, 2), (0, 1, 2)))
    kernel_gradient = np.moveaxis(kernel_gradient, 0, 2)
    padded_gradient = np.zeros_like(padded)
    gradient_windows = _windows(padded_gradient, kernel.shape[:2], strides)
    for row, column in np.ndindex(kernel.shape[:2]):
        gradient_windows[..., row, column] += output_gradient @ kernel[row, column].T
    (top, bottom), (left, right) = margins[1:3]
    height, width = padded.shape[1:3]
    images_gradient = padded_gradient[:, top : height - bottom, left : width - right]
    return images_gradient, kernel_gradient, output_gradient.sum(axis=(0, 1, 2))


# Pooling ----------------------------------------------------------------------------------------


def max_pool2d(images: np.ndarray, pool_size: int = 2, strides: int | None = None) -> np.ndarray:
    """Keep the largest number of each square window, in each channel for itself.

    Args:
        images: `(batch, height, width, channels)` floats.
        pool_size: height and width of the window in pixels, at least 1.
        strides: pixels from one window to the next; None means `pool_size`, so that windows do not overlap.

    Returns:
        `(batch, new_height, new_width, channels)`; rows and columns that fill no window are left out.

    Raises:
        TypeError: images that are not floats.
        ValueError: images of another shape, or a window larger than the image or below 1.

    Source: Scherer, Müller and Behnke (2010), https://doi.org/10.1007/978-3-642-15825-4_10.

    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> max_pool2d(image)[0, :, :, 0]  # the largest of 0, 1, 4 and 5 is 5
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _pool_windows(images, pool_size, strides).max(axis=(4, 5))


def max_pool2d_gradient(
    images: np.ndarray, output_gradient: np.ndarray, pool_size: int = 2, strides: int | None = None
) -> np.ndarray:
    """The gradient of `max_pool2d`: only the winner of each window gets it, and of equals the first.

    The first is the one further up, then further left, as in TensorFlow on a CPU.

    Args:
        images: `(batch, height, width, channels)` floats.
        output_gradient: `(batch, new_height, new_width, channels)`, the shape of the output.
        pool_size: as in `max_pool2d`.
        strides: as in `max_pool2d`.

    Returns:
        images_gradient, shaped like images.

    Raises:
        TypeError: images that are not floats.
        ValueError: a shape or window that does not fit.

    Source: Scherer, Müller and Behnke (2010), https://doi.org/10.1007/978-3-642-15825-4_10.

    >>> image = np.array([[1.0, 3.0], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    >>> max_pool2d_gradient(image, np.full((1, 1, 1, 1), 5.0))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]])
    """
    windows = _pool_windows(images, pool_size, strides)
    _check_output_gradient(output_gradient, windows.shape[:4])
    winners = windows.reshape(*windows.shape[:4], -1).argmax(axis=-1)  # 0 .. pool_size**2 - 1
    images_gradient = np.zeros_like(images)
    gradient_windows = _pool_windows(images_gradient, pool_size, strides)
    for position, (row, column) in enumerate(np.ndindex(windows.shape[4:])):
        gradient_windows[..., row, column] += np.where(winners == position, output_gradient, 0)
    return images_gradient


def avg_pool2d(images: np.ndarray, pool_size: int = 2, strides: int | None = None) -> np.ndarray:
    """Keep the mean of each square window, in each channel for itself.

    Args:
        images: `(batch, height, width, channels)` floats.
        pool_size: height and width of the window in pixels, at least 1.
        strides: pixels from one window to the next; None means `pool_size`, so that windows do not overlap.

    Returns:
        `(batch, new_height, new_width, channels)`; rows and columns that fill no window are left out.

    Raises:
        TypeError: images that are not floats.
        ValueError: images of another shape, or a window larger than the image or below 1.

    Source: the subsampling of LeCun et al. (1998), https://doi.org/10.1109/5.726791, without its weights.

    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> avg_pool2d(image)[0, :, :, 0]  # (0 + 1 + 4 + 5) / 4 = 2.5
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    return _pool_windows(images, pool_size, strides).mean(axis=(4, 5))


def avg_pool2d_gradient(
    images: np.ndarray, output_gradient: np.ndarray, pool_size: int = 2, strides: int | None = None
) -> np.ndarray:
    """The gradient of `avg_pool2d`: the pixels of a window share it equally.

    Args:
        images: `(batch, height, width, channels)` floats.
        output_gradient: `(batch, new_height, new_width, channels)`, the shape of the output.
        pool_size: as in `avg_pool2d`.
        strides: as in `avg_pool2d`.

    Returns:
        images_gradient, shaped like images.

    Raises:
        TypeError: images that are not floats.
        ValueError: a shape or window that does not fit.

    Source: the subsampling of LeCun et al. (1998), https://doi.org/10.1109/5.726791, without its weights.

    >>> avg_pool2d_gradient(np.zeros((1, 2, 2, 1)), np.full((1, 1, 1, 1), 5.0))[0, :, :, 0]  # 5 / 4
    array([[1.25, 1.25],
           [1.25, 1.25]])
    """
    images_gradient = np.zeros_like(images)
    gradient_windows = _pool_windows(images_gradient, pool_size, strides)
    _check_output_gradient(output_gradient, gradient_windows.shape[:4])
    for row, column in np.ndindex(gradient_windows.shape[4:]):
        gradient_windows[..., row, column] += output_gradient / pool_size**2
    return images_gradient


def global_max_pool2d(images: np.ndarray) -> np.ndarray:
    """Keep the largest number of each whole feature map.

    Args:
        images: `(batch, height, width, channels)` floats.

    Returns:
        `(batch, channels)`.

    Raises:
        TypeError: images that are not floats.
        ValueError: images of another shape.

    Source: Oquab et al. (2015), https://doi.org/10.1109/CVPR.2015.7298668.

    >>> global_max_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))  # 0, 2, 4, 6 and 1, 3, 5, 7
    array([[6., 7.]])
    """
    return _image_array(images).max(axis=(1, 2))


def global_average_pool2d(images: np.ndarray) -> np.ndarray:
    """Keep the mean of each whole feature map.

    Args:
        images: `(batch, height, width, channels)` floats.

    Returns:
        `(batch, channels)`.

    Raises:
        TypeError: images that are not floats.
        ValueError: images of another shape.

    Source: Lin, Chen and Yan (2013), https://arxiv.org/abs/1312.4400.

    >>> global_average_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))  # (0 + 2 + 4 + 6) / 4 = 3
    array([[3., 4.]])
    """
    return _image_array(images).mean(axis=(1, 2))


# Fully connected --------------------------------------------------------------------------------


def flatten(images: np.ndarray) -> np.ndarray:
    """Lay the numbers of each image in one row, channel by channel, then pixel by pixel.

    Its gradient is the way back: `output_gradient.reshape(images.shape)`.

    Args:
        images: `(batch, ...)` of any dtype.

    Returns:
        `(batch, features)`, where features is the product of all other axes.

    No source: a change of shape.

    >>> flatten(np.zeros((2, 7, 7, 64))).shape  # 7 x 7 x 64 = 3136
    (2, 3136)
    """
    return np.reshape(images, (len(images), -1))


def dense(inputs: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Connect each input with each unit: a weighted sum and a bias per unit.

    Args:
        inputs: `(batch, features)` floats.
        kernel: `(features, units)` weights.
        bias: `(units,)`; None adds nothing.

    Returns:
        `(batch, units)`.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: a shape that does not fit.

    Source: the perceptron's weighted sum, Rosenblatt (1958), https://doi.org/10.1037/h0042519.

    >>> dense(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))  # 1 x 3 + 2 x 4 + 5
    array([[16.]])
    """
    inputs = _float_array("inputs", inputs)
    _check_dense(inputs, kernel)
    if bias is None:
        return inputs @ kernel
    _check_shape("bias", bias, kernel.shape[1:], "one number per unit")
    return inputs @ kernel + bias


def dense_gradients(
    inputs: np.ndarray, kernel: np.ndarray, output_gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of `dense`.

    Args:
        inputs: `(batch, features)` floats.
        kernel: `(features, units)` weights.
        output_gradient: `(batch, units)`.

    Returns:
        inputs_gradient, kernel_gradient, bias_gradient: shaped like inputs, kernel and bias.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: a shape that does not fit.

    Source: Rumelhart, Hinton and Williams (1986), https://doi.org/10.1038/323533a0.

    >>> dense_gradients(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([[10.0]]))
    (array([[30., 40.]]), array([[10.],
           [20.]]), array([10.]))
    """
    inputs = _float_array("inputs", inputs)
    _check_dense(inputs, kernel)
    _check_output_gradient(output_gradient, (len(inputs), kernel.shape[1]))
    return output_gradient @ kernel.T, inputs.T @ output_gradient, output_gradient.sum(axis=0)


# Activations ------------------------------------------------------------------------------------


def relu(inputs: np.ndarray) -> np.ndarray:
    """Pass positive numbers on, and zero for all others.

    Args:
        inputs: floats of any shape.

    Returns:
        numbers of at least 0, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.

    Source: Glorot, Bordes and Bengio (2011), https://proceedings.mlr.press/v15/glorot11a.html.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return np.maximum(_float_array("inputs", inputs), 0)


def relu_gradient(inputs: np.ndarray, output_gradient: np.ndarray) -> np.ndarray:
    """The gradient of `relu`: slope 1 above zero, 0 below; at zero, in the kink, 0 as in TensorFlow.

    Args:
        inputs: floats of any shape.
        output_gradient: shaped like inputs.

    Returns:
        inputs_gradient, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: the shapes differ.

    Source: Glorot, Bordes and Bengio (2011), https://proceedings.mlr.press/v15/glorot11a.html.

    >>> relu_gradient(np.array([-2.0, 0.0, 3.0]), np.array([5.0, 5.0, 5.0]))
    array([0., 0., 5.])
    """
    inputs = _checked_inputs(inputs, output_gradient)
    return np.where(inputs > 0, output_gradient, 0)


def leaky_relu(inputs: np.ndarray, negative_slope: float = 0.2) -> np.ndarray:
    """Pass positive numbers on, and a small share of all others.

    Args:
        inputs: floats of any shape.
        negative_slope: the share, usually in (0, 1); 0.2 is the value of `keras.activations.leaky_relu`.

    Returns:
        numbers shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.

    Source: Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".

    >>> leaky_relu(np.array([-2.0, 0.0, 3.0]), negative_slope=0.25)  # 0.25 x -2 = -0.5
    array([-0.5,  0. ,  3. ])
    """
    inputs = _float_array("inputs", inputs)
    return np.where(inputs > 0, inputs, negative_slope * inputs)


def leaky_relu_gradient(
    inputs: np.ndarray, output_gradient: np.ndarray, negative_slope: float = 0.2
) -> np.ndarray:
    """The gradient of `leaky_relu`: slope 1 above zero, `negative_slope` below and at zero.

    Args:
        inputs: floats of any shape.
        output_gradient: shaped like inputs.
        negative_slope: as in `leaky_relu`.

    Returns:
        inputs_gradient, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: the shapes differ.

    Source: Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".

    >>> leaky_relu_gradient(np.array([-2.0, 3.0]), np.array([8.0, 8.0]), negative_slope=0.25)
    array([2., 8.])
    """
    inputs = _checked_inputs(inputs, output_gradient)
    return np.where(inputs > 0, output_gradient, negative_slope * output_gradient)


def sigmoid(inputs: np.ndarray) -> np.ndarray:
    """Squeeze each number x into (0, 1): 1 / (1 + exp(-x)).

    Args:
        inputs: floats of any shape.

    Returns:
        numbers from 0 to 1, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.

    Source: Rumelhart, Hinton and Williams (1986), https://doi.org/10.1038/323533a0.

    >>> sigmoid(np.array([-1000.0, 0.0, np.log(3.0)]))  # 1 / (1 + 1/3) = 0.75
    array([0.  , 0.5 , 0.75])
    """
    # exp(-x) itself overflows for a large negative x; log(1 + exp(-x)) from logaddexp does not.
    return np.exp(-np.logaddexp(0, -_float_array("inputs", inputs)))


def sigmoid_gradient(inputs: np.ndarray, output_gradient: np.ndarray) -> np.ndarray:
    """The gradient of `sigmoid`: the slope is s(x) (1 - s(x)), at most 1/4.

    Args:
        inputs: floats of any shape.
        output_gradient: shaped like inputs.

    Returns:
        inputs_gradient, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: the shapes differ.

    Source: Rumelhart, Hinton and Williams (1986), https://doi.org/10.1038/323533a0.

    >>> sigmoid_gradient(np.array([0.0, np.log(3.0)]), np.array([1.0, 1.0]))  # 0.75 x 0.25 = 0.1875
    array([0.25  , 0.1875])
    """
    inputs = _checked_inputs(inputs, output_gradient)
    return output_gradient * sigmoid(inputs) * sigmoid(-inputs)  # 1 - s(x) = s(-x)


def tanh(inputs: np.ndarray) -> np.ndarray:
    """Squeeze each number into (-1, 1), with zero at zero.

    Args:
        inputs: floats of any shape.

    Returns:
        numbers from -1 to 1, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.

    Source: LeCun et al. (1998), "Efficient BackProp", https://doi.org/10.1007/3-540-49430-8_2.

    >>> tanh(np.array([0.0, np.log(3.0)]))  # (3 - 1/3) / (3 + 1/3) = 0.8
    array([0. , 0.8])
    """
    return np.tanh(_float_array("inputs", inputs))


def tanh_gradient(inputs: np.ndarray, output_gradient: np.ndarray) -> np.ndarray:
    """The gradient of `tanh`: the slope is 1 - tanh(x) squared, at most 1.

    Args:
        inputs: floats of any shape.
        output_gradient: shaped like inputs.

    Returns:
        inputs_gradient, shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: the shapes differ.

    Source: LeCun et al. (1998), "Efficient BackProp", https://doi.org/10.1007/3-540-49430-8_2.

    >>> tanh_gradient(np.array([0.0, np.log(3.0)]), np.array([1.0, 1.0]))  # 1 - 0.64 = 0.36
    array([1.  , 0.36])
    """
    return output_gradient * (1 - np.tanh(_checked_inputs(inputs, output_gradient)) ** 2)


# The decision -----------------------------------------------------------------------------------


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Turn logits into probabilities that sum to 1 along the last axis.

    Args:
        logits: `(..., num_classes)` floats.
        temperature: above 0; below 1 sharpens the probabilities, above 1 evens them out.

    Returns:
        probabilities in [0, 1], shaped like logits.

    Raises:
        TypeError: logits that are not floats.
        ValueError: a temperature that is not above 0.

    Source: Bridle (1990), https://doi.org/10.1007/978-3-642-76153-9_28; the temperature as in Hinton,
    Vinyals and Dean (2015), https://arxiv.org/abs/1503.02531.

    >>> softmax(np.log([1.0, 2.0, 5.0]))  # 1/8, 2/8, 5/8
    array([0.125, 0.25 , 0.625])
    >>> softmax(np.log([1.0, 9.0]), temperature=2.0)  # square roots: 1/4, 3/4
    array([0.25, 0.75])
    """
    if not temperature > 0:
        raise ValueError(
            f"temperature is {temperature!r}; it must be above 0, and 1 changes nothing"
        )
    exponentials = np.exp(_below_zero(_float_array("logits", logits)) / temperature)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.floating:
    """The loss of a classifier: minus the log of the probability of the true class, averaged over the batch.

    Args:
        logits: `(batch, num_classes)` floats; softmax is part of this function, so that no log meets a zero.
        labels: `(batch,)` whole numbers from 0 to num_classes - 1.

    Returns:
        loss in nats, at least 0, one number in the dtype of logits.

    Raises:
        TypeError: logits that are not floats, labels that are not whole numbers.
        ValueError: a shape that does not fit, or a label outside its range.

    Source: Bridle (1990), https://doi.org/10.1007/978-3-642-76153-9_28.

    >>> loss = cross_entropy(np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]), np.array([1, 2]))
    >>> round(float(loss), 4)  # (log 4 + log 2) / 2, from the probabilities 2/8 and 2/4
    1.0397
    """
    logits, labels = _checked_logits(logits, labels)
    logits = _below_zero(logits)
    true_logits = logits[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(logits).sum(axis=-1)) - true_logits)


def cross_entropy_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of `cross_entropy`: the probabilities, less 1 at the true class, divided by the batch size.

    It takes no `output_gradient`: the loss is where back-propagation starts.

    Args:
        logits: `(batch, num_classes)` floats.
        labels: `(batch,)` whole numbers from 0 to num_classes - 1.

    Returns:
        logits_gradient `(batch, num_classes)`; each row sums to 0.

    Raises:
        TypeError: logits that are not floats, labels that are not whole numbers.
        ValueError: a shape that does not fit, or a label outside its range.

    Source: Bridle (1990), https://doi.org/10.1007/978-3-642-76153-9_28.

    >>> cross_entropy_gradient(np.log([[1.0, 2.0, 5.0]]), np.array([1]))  # 2/8 - 1 = -0.75
    array([[ 0.125, -0.75 ,  0.625]])
    """
    logits, labels = _checked_logits(logits, labels)
    gradient = softmax(logits)
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


# Normalisation and dropout ----------------------------------------------------------------------


def batch_normalization(
    inputs: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = 1e-3,
) -> np.ndarray:
    """Bring each channel to mean 0 and variance 1, then to a mean and spread that are learned.

    In training, `mean` and `variance` are those of the batch, over all axes but the last; in use, they are the
    moving averages that training left behind.

    Args:
        inputs: `(batch, ..., channels)` floats.
        gamma: `(channels,)`, the learned spread.
        beta: `(channels,)`, the learned mean.
        mean: `(channels,)`.
        variance: `(channels,)`, at least 0.
        epsilon: above 0, added to the variance so that a constant channel divides by no zero.

    Returns:
        numbers shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: a shape that does not fit.

    Source: Ioffe and Szegedy (2015), https://arxiv.org/abs/1502.03167.

    >>> gamma, beta, mean, variance = np.array([[3.0], [2.0], [1.0], [15.0]])
    >>> inputs = np.array([[5.0], [9.0]])  # (5 - 1) / sqrt(15 + 1) = 1, and 1 x 3 + 2 = 5
    >>> batch_normalization(inputs, gamma, beta, mean, variance, epsilon=1.0)
    array([[5.],
           [8.]])
    """
    inputs = _float_array("inputs", inputs)
    per_channel = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for name, numbers in per_channel.items():
        _check_shape(name, numbers, inputs.shape[-1:], "one number per channel")
    return (inputs - mean) / np.sqrt(variance + epsilon) * gamma + beta


def layer_normalization(
    inputs: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float = 1e-3
) -> np.ndarray:
    """Bring the last axis of each example to mean 0 and variance 1, then to a learned mean and spread.

    Args:
        inputs: `(batch, ..., features)` floats.
        gamma: `(features,)`, the learned spread.
        beta: `(features,)`, the learned mean.
        epsilon: above 0, added to the variance so that constant features divide by no zero.

    Returns:
        numbers shaped like inputs.

    Raises:
        TypeError: inputs that are not floats.
        ValueError: a shape that does not fit.

    Source: Ba, Kiros and Hinton (2016), https://arxiv.org/abs/1607.06450.

    >>> inputs = np.array([[1.0, 7.0]])  # mean 4, variance 9, and (7 - 4) / sqrt(9 + 16) = 0.6
    >>> layer_normalization(inputs, np.ones(2), np.zeros(2), epsilon=16.0)
    array([[-0.6,  0.6]])
    """
    inputs = _float_array("inputs", inputs)
    for name, numbers in (("gamma", gamma), ("beta", beta)):
        _check_shape(name, numbers, inputs.shape[-1:], "one number per feature")
    mean = inputs.mean(axis=-1, keepdims=True)  # (batch, ..., 1)
    variance = inputs.var(axis=-1, keepdims=True)
    return (inputs - mean) / np.sqrt(variance + epsilon) * gamma + beta


def dropout(inputs: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Set a random share of the numbers to zero, and scale the others up so that the mean stays.

    For training only. Its gradient is the same mask and scale, applied to `output_gradient`; dropout of an array
    of ones returns them.

    Args:
        inputs: floats of any shape.
        rate: chance of each number to be dropped, in [0, 1).
        rng: source of chance, from `np.random.default_rng(seed)`.

    Returns:
        numbers shaped like inputs: 0 or inputs / (1 - rate).

    Raises:
        TypeError: inputs that are not floats.
        ValueError: `rate` outside [0, 1).

    Source: Srivastava et al. (2014), https://jmlr.org/papers/v15/srivastava14a.html.

    >>> sorted(set(dropout(np.ones(100), 0.2, np.random.default_rng(0)).tolist()))  # 1 / 0.8 = 1.25
    [0.0, 1.25]
    """
    inputs = _float_array("inputs", inputs)
    if not 0 <= rate < 1:
        raise ValueError(f"rate is {rate!r}; it must be at least 0 and below 1, say 0.4")
    kept = rng.random(inputs.shape) >= rate
    return np.where(kept, inputs / (1 - rate), 0)


# Windows and checks -----------------------------------------------------------------------------


def _windows(images: np.ndarray, size: tuple[int, ...], strides: int) -> np.ndarray:
    """Each window of the images: `(batch, new_height, new_width, channels, *size)`.

    It is a view, not a copy: writing into a window writes into the images. Windows overlap, so write one position
    of them at a time, `windows[..., row, column]`.
    """
    windows = sliding_window_view(images, size, axis=(1, 2), writeable=True)
    return windows[:, ::strides, ::strides]


def _pool_windows(images: np.ndarray, pool_size: int, strides: int | None) -> np.ndarray:
    images = _image_array(images)
    strides = pool_size if strides is None else strides
    for size in images.shape[1:3]:
        output_size(size, pool_size, strides)  # raises where no window fits
    return _windows(images, (pool_size, pool_size), strides)


def _margins(
    images: np.ndarray, size: tuple[int, ...], strides: int, padding: str
) -> list[tuple[int, int]]:
    """Zeros before and after each of the four axes, so that every window lies inside."""
    margins = [(0, 0)]
    for length, kernel_size in zip(images.shape[1:3], size, strict=True):
        last_start = (output_size(length, kernel_size, strides, padding) - 1) * strides
        total = max(last_start + kernel_size - length, 0)  # 0 for "valid"
        margins.append((total // 2, total - total // 2))
    return [*margins, (0, 0)]


def _float_array(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(
            f"{name} has dtype {array.dtype}; layers calculate with floats, because whole numbers can "
            f"wrap around (in uint8, 200 + 100 is 44); convert first: {name}.astype('float32')"
        )
    return array


def _image_array(images: np.ndarray) -> np.ndarray:
    images = _float_array("images", images)
    if images.ndim != 4:
        raise ValueError(
            f"images has shape {images.shape}; it must be (batch, height, width, channels); "
            "a single grey image becomes that with image[None, :, :, None]"
        )
    return images


def _checked_inputs(inputs: np.ndarray, output_gradient: np.ndarray) -> np.ndarray:
    inputs = _float_array("inputs", inputs)
    _check_output_gradient(output_gradient, inputs.shape)
    return inputs


def _checked_logits(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logits, labels = _float_array("logits", logits), np.asarray(labels)
    if logits.ndim != 2:
        raise ValueError(f"logits has shape {logits.shape}; it must be (batch, num_classes)")
    _check_shape("labels", labels, logits.shape[:1], "one class per row; one-hot rows: argmax(-1)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(
            f"labels has dtype {labels.dtype}; classes are whole numbers; convert: labels.astype(int)"
        )
    wrong = labels[(labels < 0) | (labels >= logits.shape[1])]
    if wrong.size:
        raise ValueError(
            f"labels holds {wrong[0]}; with {logits.shape[1]} classes it must lie in "
            f"0 to {logits.shape[1] - 1}; give the logits one column per class"
        )
    return logits, labels


def _below_zero(logits: np.ndarray) -> np.ndarray:
    """Logits less the largest of each row: softmax stays the same, and exp cannot overflow."""
    return logits - logits.max(axis=-1, keepdims=True)


def _check_kernel(images: np.ndarray, kernel: np.ndarray) -> None:
    if np.ndim(kernel) != 4 or kernel.shape[2] != images.shape[3]:
        raise ValueError(
            f"kernel has shape {np.shape(kernel)}; it must be (kernel_height, kernel_width, channels, "
            f"filters) with the images' {images.shape[3]} channels; "
            "a single grey filter becomes that with kernel[:, :, None, None]"
        )


def _check_dense(inputs: np.ndarray, kernel: np.ndarray) -> None:
    if inputs.ndim != 2 or np.ndim(kernel) != 2 or inputs.shape[1] != len(kernel):
        raise ValueError(
            f"inputs has shape {inputs.shape} and kernel {np.shape(kernel)}; they must be "
            "(batch, features) and (features, units); flatten images first"
        )


def _check_output_gradient(output_gradient: np.ndarray, shape: tuple[int, ...]) -> None:
    _check_shape("output_gradient", output_gradient, shape, "the shape of the layer's output")


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...], why: str) -> None:
    if np.shape(array) != shape:
        raise ValueError(f"{name} has shape {np.shape(array)}; it must be {shape}: {why}")
