"""One short training of each of the three readers, on the backend that KERAS_BACKEND names; prints one line for each.

    KERAS_BACKEND=tensorflow python benchmarks/backends.py
    KERAS_BACKEND=jax python benchmarks/backends.py

The figures stand in book/backends.md. The recipes are those of `hwr train`, cut to few epochs.
"""

import time

import keras

from hwr_utils import data, training

EPOCHS = {"lean": 1, "lstm": 1, "ctc": 2}


def main() -> None:
    (x_train, y_train), test = data.load_handwriting()
    learned = x_train[:-5_000], y_train[:-5_000]
    for name, epochs in EPOCHS.items():
        start = time.process_time()
        model = training.train(training.RECIPES[name]._replace(epochs=epochs), *learned, seed=0)
        seconds = time.process_time() - start
        right, total = training.right_answers(model, *test)
        trained = f"{int(model.optimizer.iterations)} steps, {seconds:5.1f} s of all cores"
        print(f"{keras.backend.backend():10} {name:4} {trained}, {right / total:.2%} right")


if __name__ == "__main__":
    main()
