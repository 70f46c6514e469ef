"""Train the networks whose weights ship with the book: `make weights`, some five minutes on two cores.

Each network learns from all 60,000 training images with small random shifts, turns and zooms, and is judged once on
the test images. `hwr_utils/weights/NAME.npz` gets its arrays in the order of `get_weights`, NAME.json says how they
came about.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "hwr_utils" / "weights"
SEED = 1
# name -> epochs, batch size, and the optimiser with its peak learning rate, as in chapters 08 and 17
RECIPES = {"lean_cnn": (6, 128, "SGD", 0.1), "lstm": (10, 256, "Adam", 0.01)}


def train(name: str) -> tuple[Any, int]:
    """The trained model, and how many of the 10,000 test images it reads."""
    import keras

    from hwr_utils import data, models, training

    epochs, batch_size, optimizer, peak = RECIPES[name]
    (x_train, y_train), (x_test, y_test) = data.load_mnist()
    keras.utils.set_random_seed(SEED)
    model = getattr(models, f"build_{name}")()
    change = [
        keras.layers.RandomTranslation(2 / 28, 2 / 28, fill_mode="constant"),
        keras.layers.RandomRotation(10 / 360, fill_mode="constant"),
        keras.layers.RandomZoom(0.1, fill_mode="constant"),
    ]
    learner = keras.Sequential([keras.Input((28, 28, 1)), *change, model])
    rate = training.one_cycle(peak, epochs * -(-len(x_train) // batch_size))
    momentum = (
        {"momentum": 0.9, "nesterov": True} if optimizer == "SGD" else {"global_clipnorm": 1.0}
    )
    learner.compile(
        getattr(keras.optimizers, optimizer)(rate, **momentum),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    learner.fit(x_train[..., None], y_train, batch_size=batch_size, epochs=epochs, verbose=2)
    predictions = model.predict(x_test[..., None], batch_size=500, verbose=0).argmax(axis=1)
    return model, int((predictions == y_test).sum())


def main() -> None:
    import keras

    from hwr_utils import training

    WEIGHTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or RECIPES:
        model, correct = train(name)
        low, high = training.accuracy_interval(correct, 10_000)
        card = {
            "model": name,
            "parameters": model.count_params(),
            "recipe": dict(
                zip(("epochs", "batch_size", "optimizer", "peak_rate"), RECIPES[name], strict=True)
            ),
            "seed": SEED,
            "test_accuracy": correct / 10_000,
            "interval_95": [round(low, 4), round(high, 4)],
            "versions": {
                "python": platform.python_version(),
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
            },
        }
        arrays = {f"{i:02d}": w.astype(np.float32) for i, w in enumerate(model.get_weights())}
        temporary = WEIGHTS / f".{name}.npz"
        np.savez_compressed(temporary, **arrays)
        os.replace(temporary, WEIGHTS / f"{name}.npz")
        (WEIGHTS / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: {correct} of 10,000")


if __name__ == "__main__":
    main()
