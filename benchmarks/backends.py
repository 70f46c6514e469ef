"""One short training of each of the three readers, on the backend that KERAS_BACKEND names; prints one line for each.

    KERAS_BACKEND=tensorflow python benchmarks/backends.py
    KERAS_BACKEND=jax python benchmarks/backends.py

The figures stand in book/backends.md. The code is that of chapters 08, 17 and 18, with fewer steps.
"""

import time

import keras
import numpy as np
from keras import ops

from hwr_utils import ctc, data, models, training

SEED, BATCH_SIZE, STRIPS = 0, 128, 64


def ctc_loss(targets, logits):
    targets = ops.cast(targets, "int32")
    label_lengths = ops.sum(ops.cast(targets > 0, "int32"), axis=1)
    columns = ops.full_like(label_lengths, ops.shape(logits)[1])
    return ops.ctc_loss(targets, logits, label_lengths, columns)


def strips(images, labels, seed):
    rng, lengths = np.random.default_rng(seed), np.arange(1, 9)
    while True:
        chosen = rng.choice(lengths, STRIPS, p=lengths / lengths.sum())
        batch, targets = data.number_strips(images, labels, chosen, rng, width=160)
        yield batch, np.pad(targets, ((0, 0), (0, 8 - targets.shape[1])))


def timed_fit(model, *arguments, **options):
    """The seconds of the clock and of all cores together."""
    start, busy = time.perf_counter(), time.process_time()
    model.fit(*arguments, verbose=0, **options)
    return time.perf_counter() - start, time.process_time() - busy


def report(name, steps, seconds, result):
    clock, busy = seconds
    print(
        f"{keras.backend.backend():10} {name:5} {steps} steps {clock:6.1f} s {busy:6.1f} s of all cores, {result}"
    )


def main():
    (x_train, y_train), (x_test, y_test) = data.load_handwriting()
    x_train, y_train = x_train[:55_000], y_train[:55_000]
    steps = -(-len(x_train) // BATCH_SIZE)
    readers = {
        "CNN": (
            models.build_lean_cnn,
            keras.optimizers.SGD,
            0.1,
            {"momentum": 0.9, "nesterov": True},
        ),
        "LSTM": (models.build_lstm, keras.optimizers.Adam, 0.01, {}),
    }
    for name, (build, optimizer, peak, options) in readers.items():
        keras.utils.set_random_seed(SEED)
        model = build()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(training.one_cycle(peak, steps), **options), loss)
        seconds = timed_fit(model, x_train[..., None], y_train, batch_size=BATCH_SIZE)
        answers = model.predict(x_test[..., None], batch_size=500, verbose=0).argmax(axis=1)
        report(name, steps, seconds, f"test accuracy {(answers == y_test).mean():.2%}")

    keras.utils.set_random_seed(SEED)
    model, steps = models.build_ctc_reader(), 100
    rate = training.one_cycle(0.01, steps)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), ctc_loss)
    seconds = timed_fit(model, strips(x_train, y_train, SEED), steps_per_epoch=steps, shuffle=False)
    lengths, rng = np.repeat(np.arange(1, 9), 125), np.random.default_rng(SEED)
    images, targets = data.number_strips(x_test, y_test, lengths, rng)
    numbers = ["".join(str(k - 1) for k in row if k) for row in targets]
    logits = model.predict(images, batch_size=250, verbose=0)
    texts = [ctc.decode(ctc.best_path(each)) for each in logits]
    error = ctc.character_error_rate(texts, numbers)
    report("CTC", steps, seconds, f"character error rate {error:.1%}")


if __name__ == "__main__":
    main()
