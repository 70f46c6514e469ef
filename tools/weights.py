"""Train the networks whose weights ship with the book: `make weights`, some ten minutes on two cores.

The recipes are those of the chapters, trained longer, and single digits are changed by small random shifts, turns and
zooms. Each network learns from all 60,000 training images, and is judged once on the test images.
"""

from __future__ import annotations

import sys
from typing import Any

from hwr_utils import data, trained, training

SEED = 1
CHANGES: dict[str, dict[str, Any]] = {  # of the chapters' recipes
    "lean": {"epochs": 6, "augment": True},
    "lstm": {
        "epochs": 10,
        "augment": True,
        "batch_size": 256,
        "settings": {"global_clipnorm": 1.0},
    },
    "ctc": {"epochs": 40},
}


def main() -> None:
    pairs = data.load_mnist()
    for name in sys.argv[1:] or CHANGES:
        recipe = training.RECIPES[name]._replace(**CHANGES[name])
        model = training.train(recipe, *pairs[0], SEED)
        path = trained.SHIPPED / f"{model.name}.npz"
        right, total = trained.save_weights(path, recipe, SEED, model, pairs)
        print(f"{name}: {right:,} of {total:,}", flush=True)


if __name__ == "__main__":
    main()
