"""Training recipes and honest evaluation; `compile` and `fit` stay in the chapters."""

from __future__ import annotations

import math
from typing import Any


def one_cycle(peak_learning_rate: float, steps: int) -> Any:
    """A learning rate that warms up to a peak and falls to almost nothing, over one training run.

    It rises in a straight line from a tenth of the peak during the first quarter of the steps, then falls along half
    a cosine wave to a hundredth of the peak at the last step.

    Args:
        peak_learning_rate: the highest value, above 0.
        steps: optimiser steps of the whole run, at least 4: epochs x batches an epoch.

    Returns:
        keras.optimizers.schedules.CosineDecay with its warm-up.

    Raises:
        ValueError: a value outside its range.

    Source: Smith and Topin (2017), "Super-Convergence", https://arxiv.org/abs/1708.07120.

    >>> schedule = one_cycle(0.1, steps=400)
    >>> [round(float(schedule(step)), 4) for step in (0, 50, 100, 250, 400)]  # 0.055 = (0.01 + 0.1) / 2
    [0.01, 0.055, 0.1, 0.0505, 0.001]
    """
    if not peak_learning_rate > 0:
        raise ValueError(f"peak_learning_rate is {peak_learning_rate}; it must be above 0, say 0.1")
    if steps < 4:
        raise ValueError(f"steps is {steps}; it must be at least 4: epochs x batches an epoch")
    import keras

    warm_up = steps // 4
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak_learning_rate / 10,
        decay_steps=steps - warm_up,
        alpha=0.01,
        warmup_target=peak_learning_rate,
        warmup_steps=warm_up,
    )


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % interval of the true accuracy, given `correct` answers out of `total` independent images.

    Args:
        correct: right answers, 0 to `total`.
        total: images, at least 1.

    Returns:
        lower and upper end, fractions in [0, 1].

    Raises:
        ValueError: `correct` is not between 0 and `total`, or `total` is below 1.

    Source: the score interval of Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953.

    >>> [round(100 * end, 1) for end in accuracy_interval(125, 128)]  # 125 of 128: 97.66 %
    [93.3, 99.2]
    """
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(
            f"correct is {correct} of {total}; it must lie between 0 and a total of at least 1"
        )
    z = 1.959964  # 95 % of a normal distribution lie within z standard deviations
    share = correct / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)
