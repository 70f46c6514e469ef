"""The command `hwr`, also `python -m hwr_utils`: data, train, evaluate, predict, doctor.

Nothing heavy is imported before a request is known to be sound. `predict` never imports TensorFlow: the NumPy layers
that the chapters build do the reading.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from hwr_utils import ctc, data, ink, layers, trained, training

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
LEAST_SCORE = -7.5
"""A digit's largest logit in the shipped lean network, less `INK_PRICE` times its outline, is seldom lower."""
INK_PRICE = 3


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\nSee {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("hwr", description="Train, test and use the networks of Beyond Feedforward.")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    names = ", ".join(_shipped())

    def verb(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    get = verb("data", _data, "Fetch MNIST, verify it, or print its folder.")
    get.add_argument("action", choices=("fetch", "verify", "path"))

    learn = verb("train", _train, "Train a network as its chapter does, and test it.")
    learn.add_argument("model", choices=trained.MODELS)
    learn.add_argument(
        "--epochs", type=_at_least(1), help="more of them take longer and read better"
    )
    learn.add_argument(
        "--seed", type=_at_least(0), default=1, help="of all that is random (default: 1)"
    )
    learn.add_argument(
        "--out", type=Path, metavar="FILE.npz", help="default: MODEL.npz in this folder"
    )
    learn.add_argument(
        "--resume", action="store_true", help="go on from the last epoch that was finished"
    )
    learn.add_argument("--quiet", action="store_true", help="say nothing until the end")

    mark = verb("evaluate", _evaluate, "Test trained weights on the test set.")
    mark.add_argument(
        "weights", nargs="?", default="lean", help=f"{names} or FILE.npz (default: lean)"
    )
    for each in (learn, mark):
        each.add_argument("--dataset", choices=("mnist", "digits"), help="default: mnist")

    read = verb("predict", _predict, "Read pictures of one digit each, without TensorFlow.")
    read.add_argument("image", nargs="+", type=Path, help="a picture, or a folder of pictures")
    read.add_argument("--json", action="store_true", help="one JSON object a picture")
    read.add_argument(
        "--top", type=int, default=3, choices=range(1, 11), metavar="N", help="default: 3"
    )
    read.add_argument(
        "--strip", action="store_true", help="each picture holds a number, not one digit"
    )
    read.add_argument("--weights", help=f"{names} or FILE.npz (default: lean; ctc with --strip)")

    verb("doctor", _doctor, "Show versions, backend, devices, cache and data.")
    return parser


def _at_least(least: int) -> Any:
    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {least} on")
        return int(text)

    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run one request.

    Args:
        arguments: words after `hwr`; None takes those of the command line.

    Returns:
        exit status: 0 done, 1 could not be done, 130 stopped by Ctrl-C. A request that makes no sense exits with 2.

    No source: the habits of the command line.

    >>> main(["predict", "missing.png"])  # the message goes to stderr
    1
    """
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if getattr(options, "dataset", None):
        os.environ["HWR_DATASET"] = options.dataset
    try:
        return options.run(options)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "stopped", 130)
    except BrokenPipeError:  # of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (data.DataUnavailable, OSError, ValueError) as error:
        return _complain(error, 1)


def _complain(error: object, status: int) -> int:
    """At most three lines on stderr: what is wrong, and the next step."""
    text = str(error).splitlines()[0]
    if isinstance(error, data.DataUnavailable):
        text += (
            "\nNext: hwr data fetch with a network, HWR_DATA_DIR and HWR_OFFLINE unset; or HWR_DATA_DIR=folder with "
            "the four files; or hwr train and hwr evaluate with --dataset digits"
        )
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        text = (
            f"{where}{error.strerror}\nNext: name a file or folder that exists and that you may use"
        )
    print(f"hwr: {text}", file=sys.stderr)
    return status


def _import_keras() -> Any:
    """Keras, without the lines that TensorFlow's C++ writes to stderr before it can be told not to."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import keras

        keras.ops.zeros(1)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return keras


def _data(options: argparse.Namespace) -> int:
    if options.action == "verify":
        os.environ["HWR_OFFLINE"] = "1"
    if options.action != "path":
        data.load_mnist()
        print(f"MNIST is complete: {len(data.FILES)} files with the published SHA-256 in", end=" ")
    print(data.mnist_folder())
    return 0


def _pairs() -> data.Pairs:
    return data.load_digits() if data.dataset_name() == "digits" else data.load_mnist()


def _train(options: argparse.Namespace) -> int:
    name, recipe = options.model, training.RECIPES[options.model]
    recipe = recipe._replace(epochs=options.epochs or recipe.epochs)
    out = options.out or Path(f"{name}.npz")
    if out.suffix != ".npz":
        raise ValueError(f"--out is {out}; it must end in .npz")
    unfinished = out.with_suffix(".checkpoint.npz")
    if options.resume and not unfinished.exists():
        raise ValueError(f"there is no {unfinished} to go on from; train without --resume")
    checkpoint = trained.load_arrays(unfinished) if options.resume else None
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):  # rather now than after the training
        raise ValueError(f"{folder} is not a folder that you may write to; give another --out")
    (x_all, y_all), test = _pairs()
    learned = x_all[:-5_000], y_all[:-5_000]  # the chapters keep 5,000 for validation
    asked = np.array([recipe.epochs, options.seed, int(trained.digest(learned)[:8], 16)])
    if checkpoint and not np.array_equal(checkpoint.pop(), asked):
        raise ValueError(
            f"{unfinished} is of other epochs, another seed or other data; give the same, or train without --resume"
        )
    keras = _import_keras()
    from rich.console import Console
    from rich.progress import Progress

    console = Console(quiet=options.quiet, highlight=False)
    stopped: list[bool] = []
    usual = signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    began = time.perf_counter()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(f"{name}, seed {options.seed}", total=None)

        def start_epoch(epoch: int, logs: Any) -> None:
            network, total = keep.model, recipe.epochs * keep.params["steps"]
            progress.update(bar, total=total, completed=int(network.optimizer.iterations))
            variables = [*network.variables, *network.optimizer.variables, asked]
            trained.save_arrays(unfinished, [np.asarray(variable) for variable in variables])

        def end_batch(batch: int, logs: Any) -> None:
            progress.advance(bar)
            if stopped:
                raise KeyboardInterrupt

        def end_epoch(epoch: int, logs: Any) -> None:
            seconds = time.perf_counter() - began
            console.print(
                f"epoch {epoch + 1} of {recipe.epochs}: loss {logs['loss']:.4f}, {seconds:.0f} s"
            )

        keep = keras.callbacks.LambdaCallback(
            on_epoch_begin=start_epoch, on_epoch_end=end_epoch, on_train_batch_end=end_batch
        )
        try:
            model = training.train(recipe, *learned, options.seed, [keep], checkpoint)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped; to go on from the last finished epoch, give the same command with --resume ({unfinished})"
            ) from None
        finally:
            signal.signal(signal.SIGINT, usual)
    right, total = trained.save_weights(out, recipe, options.seed, model, (learned, test))
    unfinished.unlink(missing_ok=True)
    print(_accuracy(name, right, total))
    print(f"weights in {out}, how they came about in {out.with_suffix('.json')}")
    return 0


def _accuracy(name: str, right: int, total: int) -> str:
    low, high = training.accuracy_interval(right, total)
    what = "numbers" if name == "ctc" else "digits"
    return (
        f"{name} reads {right:,} of {total:,} test {what} ({data.dataset_name()}): {right / total:.2%}, "
        f"95 % interval {low:.2%} to {high:.2%}"
    )


def _evaluate(options: argparse.Namespace) -> int:
    name, weights = trained.load_weights(options.weights)
    _, test = _pairs()
    _import_keras()
    model = trained.MODELS[name].build()
    model.set_weights(weights)
    print(_accuracy(name, *training.right_answers(model, *test)))
    return 0


def _pictures(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
        if not found:
            raise ValueError(f"{path} holds no picture; name a folder with some, or a file")
        yield from found


def _predict(options: argparse.Namespace) -> int:
    name, weights = trained.load_weights(options.weights or ("ctc" if options.strip else "lean"))
    if (name == "ctc") != options.strip:
        wanted = "ctc weights, and no others, read numbers"
        raise ValueError(f"{options.weights} are weights of {name}; {wanted} with --strip")
    lean = trained.load_weights("lean")[1]
    status = 0
    for path in list(_pictures(options.image)):
        answer: dict[str, Any]
        try:
            if options.strip:
                answer = _read_number(path, weights)
            else:
                answer = _read_digit(path, name, weights, lean, options.top)
        except ink.NoDigitSeen as error:
            nothing: dict[str, Any] = (
                {"number": None} if options.strip else {"digit": None, "top": []}
            )
            status, answer = 1, {**nothing, "probability": 0.0, "reason": str(error)}
        except (OSError, ValueError) as error:
            status = _complain(error, 1)
            continue
        if options.json:
            print(json.dumps({"file": str(path), **answer}, ensure_ascii=False), flush=True)
        else:
            print(f"{path}: {_in_words(answer)}", flush=True)
    return status


def _in_words(answer: dict[str, Any]) -> str:
    if "reason" in answer:
        return answer["reason"]
    if "number" in answer:
        return f"{answer['number']} ({answer['probability']:.1%})"
    first, *others = (f"{each['digit']} ({each['probability']:.1%})" for each in answer["top"])
    return f"{first}" + (f", or {', '.join(others)}" if others else "")


def _read_number(path: Path, weights: list[np.ndarray]) -> dict[str, Any]:
    strip = ink.normalise_strip(path)
    logits = trained.logits_by_hand("ctc", strip[None, ..., None], weights)[0]
    label, log_probability = ctc.beam_search(logits)[0]
    if not label:
        raise ink.NoDigitSeen("no digit seen: the ink is no number; write digits in one line")
    return {"number": ctc.decode(label), "probability": round(float(np.exp(log_probability)), 4)}


def _read_digit(
    path: Path, name: str, weights: list[np.ndarray], lean: list[np.ndarray], top: int
) -> dict[str, Any]:
    drawn = ink.find_ink(path)
    image = data.centre_by_mass(data.fit_box(ink.thicken(drawn)))[None, ..., None]
    belief = trained.logits_by_hand("lean", image, lean).max()
    if belief - INK_PRICE * ink.outline(drawn) < LEAST_SCORE:
        raise ink.NoDigitSeen(
            "no digit seen: the ink looks like none of the ten; write one digit, and nothing else"
        )
    probabilities = layers.softmax(trained.logits_by_hand(name, image, weights))[0]
    best = [
        {"digit": int(k), "probability": round(float(probabilities[k]), 4)}
        for k in probabilities.argsort()[::-1][:top]
    ]
    return {**best[0], "top": best}


def _shipped() -> list[str]:
    """The models whose weights come with the package."""
    return [
        name
        for name, model in trained.MODELS.items()
        if (trained.SHIPPED / f"{model.name}.npz").exists()
    ]


def _doctor(options: argparse.Namespace) -> int:
    from importlib import metadata

    packages = "hwr-utils keras tensorflow numpy scipy pillow scikit-learn rich"
    print(f"python        {sys.version.split()[0]}, {sys.executable}")
    for package in packages.split():
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = f"missing; pip install {package}"
        print(f"{package:13} {version}")
    try:
        keras = _import_keras()
        devices = keras.distribution.list_devices()
        print(f"backend       {keras.backend.backend()}, devices {', '.join(devices)}")
    except Exception as error:
        print(f"backend       cannot be imported: {error}")
    os.environ["HWR_OFFLINE"] = "1"
    try:
        data.load_mnist()
        state = "complete"
    except data.DataUnavailable:
        state = "missing or damaged, see hwr data verify"
    print(f"mnist         {state}: {data.mnist_folder()}")
    sizes = [
        f"{name} {sum(w.size for w in trained.load_weights(name)[1]):,}" for name in _shipped()
    ]
    print(f"weights       {', '.join(sizes)}: {trained.SHIPPED}")
    return 0
