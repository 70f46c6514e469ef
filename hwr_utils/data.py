"""Handwritten digits: MNIST, fetched once and verified at every load, and a set that needs no download.

`load_handwriting` is what the chapters call. Nothing here ever falls back from one data set to the other in silence:
a number measured on the small set must not be taken for a number on MNIST.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import struct
import sys
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Pairs = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(x_train, y_train), (x_test, y_test), in the order that Keras uses."""


class Published(NamedTuple):
    """What is known about one file of MNIST."""

    shape: tuple[int, ...]
    sha256: str  # of the content; a .gz may be packed anew, the content may not change
    packed_size: int  # bytes of the .gz that the mirrors serve
    packed_sha256: str

    @property
    def size(self) -> int:
        """Bytes of the content: a header of 4 bytes, 4 more per axis, then one byte per value."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


# Smallest first: a bad mirror or an unwritable cache shows itself before the 10 MB download.
FILES = {
    "t10k-labels-idx1-ubyte": Published(
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "train-labels-idx1-ubyte": Published(
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte": Published(
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "train-images-idx3-ubyte": Published(
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
TIMEOUT = 10.0  # seconds without an answer or a byte, after which the next mirror is asked
SLOWEST = 20_000  # bytes a second; a download slower than this as a whole is given up


class DataUnavailable(RuntimeError):
    """MNIST is missing or damaged; the message names what was tried and the ways out."""


def dataset_name() -> str:
    """The data set that `HWR_DATASET` asks for.

    Returns:
        "mnist", which is the default, or "digits".

    Raises:
        ValueError: the variable holds something else.

    No source: it reads one environment variable.

    >>> dataset_name() in ("mnist", "digits")
    True
    """
    name = os.environ.get("HWR_DATASET", "mnist")
    if name not in ("mnist", "digits"):
        raise ValueError(
            f"HWR_DATASET is {name!r}; it must be 'mnist' or 'digits'. Without it, MNIST is read."
        )
    return name


def load_handwriting() -> Pairs:
    """Load the data set that `HWR_DATASET` asks for, and print one line that says which it is.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8; images `(n, 28, 28)` from 0, paper, to 255, ink; labels `(n,)`
        from 0 to 9.

    Raises:
        DataUnavailable: MNIST is asked for and cannot be had. The digits never take its place unasked.
        ValueError: `HWR_DATASET` is neither "mnist" nor "digits".

    Sources: see `load_mnist` and `load_digits`.

    >>> (x_train, y_train), (x_test, y_test) = load_handwriting()  # doctest: +ELLIPSIS
    handwriting: ..., 60000 training and ... test images of 28 x 28 pixels
    """
    name = dataset_name()
    (x_train, y_train), (x_test, y_test) = load_digits() if name == "digits" else load_mnist()
    print(
        f"handwriting: {name}, {len(x_train)} training and {len(x_test)} test images of "
        f"{x_train.shape[1]} x {x_train.shape[2]} pixels"
    )
    return (x_train, y_train), (x_test, y_test)


def load_mnist() -> Pairs:
    """Load MNIST: 60,000 training and 10,000 test images of digits that 500 people wrote.

    The files are read from `HWR_DATA_DIR` where that is set (as .gz or unpacked), else from the user's cache, else
    from a mirror into that cache, unless `HWR_OFFLINE=1`. Their SHA-256 is checked at every load, before use.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8; images `(60000, 28, 28)` and `(10000, 28, 28)` from 0, paper, to
        255, ink; labels `(60000,)` and `(10000,)` from 0 to 9.

    Raises:
        DataUnavailable: a file is missing or damaged in `HWR_DATA_DIR`, or no mirror serves it, or the cache
            cannot be written.

    Source: LeCun et al. (1998), "Gradient-based learning", https://doi.org/10.1109/5.726791.

    >>> (x_train, y_train), (x_test, y_test) = load_mnist()  # doctest: +SKIP
    >>> y_train[:5]  # doctest: +SKIP
    array([5, 0, 4, 1, 9], dtype=uint8)
    """
    given = os.environ.get("HWR_DATA_DIR")
    mirrors = list(MIRRORS)
    arrays = {
        name: parse_idx(_read_given(name) if given else _read_cached(name, mirrors), name)
        for name in FILES
    }
    return (
        (arrays["train-images-idx3-ubyte"], arrays["train-labels-idx1-ubyte"]),
        (arrays["t10k-images-idx3-ubyte"], arrays["t10k-labels-idx1-ubyte"]),
    )


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """Parse a file in MNIST's IDX format, and refuse whatever does not fit it to the byte.

    The format: two zero bytes, the type (8 for unsigned bytes), the number of axes, the length of each axis as four
    bytes with the largest first, then the values.

    Args:
        content: the unpacked file.
        name: what to call the file in an error.

    Returns:
        uint8 of the shape in the header, 1 to 3 axes, writable.

    Raises:
        DataUnavailable: the content is not such a file, or is cut, or has bytes left over.

    Source: the format is described with MNIST by LeCun, Cortes and Burges (1998).

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]), "labels")  # one axis of length 3
    array([5, 0, 4], dtype=uint8)
    """
    if len(content) < 4 or content[:2] != b"\0\0":
        fault = f"it begins with {content[:4]!r}; an IDX file begins with two zero bytes"
        raise _unavailable(f"{name} is damaged: {fault}")
    kind, axes = content[2], content[3]
    if kind != 8 or not 1 <= axes <= 3:
        fault = f"its header says type {kind} and {axes} axes; it must be type 8 and 1 to 3 axes"
        raise _unavailable(f"{name} is damaged: {fault}")
    start = 4 + 4 * axes
    if len(content) < start:
        fault = f"its header needs {start} bytes, and the file has {len(content)}"
        raise _unavailable(f"{name} is damaged: {fault}")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if not 0 < math.prod(shape) == len(content) - start:
        fault = f"its header promises shape {shape}, and {len(content) - start} bytes follow"
        raise _unavailable(f"{name} is damaged: {fault}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _read_given(name: str) -> bytes:
    """The content of one file in the folder that the user pointed at."""
    folder, expected = mnist_folder(), FILES[name]
    path = next((p for p in (folder / f"{name}.gz", folder / name) if os.path.exists(p)), None)
    if path is None:
        raise _unavailable(f"HWR_DATA_DIR is {folder}, which has neither {name}.gz nor {name}.")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(expected.size + 1)  # one more than due, never a whole gzip bomb
    except (OSError, EOFError, zlib.error) as error:
        raise _unavailable(f"{path} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise _unavailable(
            f"{path} is not the published file.",
            f"unpacked, it begins {content[:16]!r};",
            f"it must be {expected.size} bytes with SHA-256 {expected.sha256}",
        )
    return content


def mnist_folder() -> Path:
    """The folder in which `load_mnist` looks for MNIST.

    Returns:
        what `HWR_DATA_DIR` names, else the user's cache; it need not exist.

    No source: it reads one environment variable.

    >>> mnist_folder().is_absolute() or "HWR_DATA_DIR" in os.environ
    True
    """
    import platformdirs

    given = os.environ.get("HWR_DATA_DIR")
    if given:
        return Path(os.path.expanduser(given))
    return platformdirs.user_cache_path("hwr_utils", appauthor=False)


def _read_cached(name: str, mirrors: list[str]) -> bytes:
    """The content of one file from the cache, which is filled from the mirrors where it must be."""
    expected = FILES[name]
    path = mnist_folder() / f"{name}.gz"
    try:
        with path.open("rb") as file:
            packed = file.read(expected.packed_size + 1)
        found = "damaged"
    except OSError as error:
        packed, found = b"", f"not readable ({error.strerror})"
    if hashlib.sha256(packed).hexdigest() != expected.packed_sha256:
        if os.environ.get("HWR_OFFLINE", "0") not in ("", "0"):
            raise _unavailable(f"{path} is {found}, and offline it is not fetched (HWR_OFFLINE).")
        packed = _fetch(name, mirrors, f"cache {path} is {found}")
        try:
            publish(packed, path)
        except OSError as error:
            raise _unavailable(
                f"the cache {path.parent} cannot be written: {error.strerror}."
            ) from error
    return gzip.decompress(packed)


def _fetch(name: str, mirrors: list[str], *tried: str) -> bytes:
    """The verified .gz from the first mirror that serves it; mirrors that fail move to the end of the list."""
    expected = FILES[name]
    for mirror in tuple(mirrors):
        url = f"{mirror}{name}.gz"
        try:
            packed = _download(url, expected.packed_size)
            if hashlib.sha256(packed).hexdigest() != expected.packed_sha256:
                raise ValueError(
                    f"{len(packed)} bytes with a wrong SHA-256 came; they begin {packed[:12]!r} "
                    f"(the published file has {expected.packed_size} bytes)"
                )
        except Exception as error:  # whatever it is, the next mirror may do better
            mirrors.append(mirrors.pop(mirrors.index(mirror)))
            cause = " ".join(str(error).split())[-160:]  # requests puts the cause last
            tried += (f"{url}: {type(error).__name__}: {cause}",)
        else:
            return packed
    raise _unavailable(f"no mirror serves {name}.gz.", *tried)


class _Bounded(io.BytesIO):
    """A buffer that takes one byte more than `size`, so that an endless answer ends, and its hash is wrong."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def write(self, chunk: Any, /) -> int:
        if self.tell() > self.size:
            raise ValueError(f"more than the published {self.size} bytes came")
        return super().write(chunk)


def _download(url: str, size: int) -> bytes:
    """What `url` answers, in at most TIMEOUT + size / SLOWEST seconds whatever the other end does.

    The time-outs of a socket start anew with each byte, and finding the address has none. So a thread waits for the
    network, and this function for the thread.
    """
    import pooch  # type: ignore[import-untyped]
    from tqdm import tqdm

    received = _Bounded(size)
    answers: list[Any] = []  # pooch leaves them open when they fail
    failures: list[Exception] = []

    def receive() -> None:
        name = url.rpartition("/")[2]
        silent = not sys.stderr.isatty()
        with tqdm(desc=name, total=size, unit="B", unit_scale=True, disable=silent) as bar:
            fetch = pooch.HTTPDownloader(
                progressbar=bar,
                timeout=TIMEOUT,
                hooks={"response": lambda answer, **_: answers.append(answer)},
            )
            try:
                fetch(url, received, None)
            except Exception as error:
                failures.append(error)
            finally:
                for answer in answers:
                    answer.close()

    seconds = TIMEOUT + size / SLOWEST
    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"{received.tell()} bytes in {seconds:.0f} seconds")
    if failures:
        raise failures[0]
    return received.getvalue()


def publish(content: bytes, path: Path) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time.

    Args:
        content: all of the file.
        path: where; its folder is made.

    Raises:
        OSError: the folder cannot be made or written.

    No source: the file is written beside its place, then renamed.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     publish(b"ink", Path(folder) / "new" / "file")
    ...     (Path(folder) / "new" / "file").read_bytes()
    b'ink'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        fresh = Path(scratch) / path.name
        fresh.write_bytes(content)
        os.replace(fresh, path)


def _unavailable(problem: str, *tried: str) -> DataUnavailable:
    return DataUnavailable(
        "\n".join(
            [
                f"MNIST is not available: {problem}",
                *(f"  {line}" for line in tried),
                "Ways out:",
                f"  put the four .gz files of {MIRRORS[0]} in a folder and set HWR_DATA_DIR to it;",
                "  or let them be fetched: unset HWR_DATA_DIR and HWR_OFFLINE, and check network and HTTPS_PROXY;",
                "  or set HWR_DATASET=digits: smaller handwriting that needs no download.",
            ]
        )
    )


def load_digits() -> Pairs:
    """Load the UCI digits that ship inside scikit-learn, brought to MNIST's size, place and number.

    The test set is the last 360 of the 1,797 drawings, undistorted. The training set is the others, each about 42
    times, rotated by up to 15 degrees, sheared by up to 0.25, scaled by up to 15 % and shifted by up to 2 pixels.
    Half these distortions would score the same on the 360, but a network trained on these reads 5 to 10 points more
    of MNIST. The last 5,000 training images are made from 120 drawings of their own, so that a validation set taken
    from the end is honest. The same images at each call.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8; images `(60000, 28, 28)` and `(360, 28, 28)` from 0, paper, to
        255, ink; labels `(60000,)` and `(360,)` from 0 to 9.

    Source: Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten Digits", https://doi.org/10.24432/C50P49.

    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, x_test.shape  # 1,797 drawings = 1,437 to learn from + 360
    ((60000, 28, 28), (360, 28, 28))
    """
    from PIL import Image
    from sklearn import datasets

    bunch = datasets.load_digits()
    labels = bunch.target.astype(np.uint8)
    drawings = np.stack([_enlarge(drawing) for drawing in bunch.images])
    source = np.concatenate(
        [np.resize(np.arange(1_317), 55_000), np.resize(np.arange(1_317, 1_437), 5_000)]
    )
    x_train = np.empty((60_000, 28, 28), np.uint8)
    pictures = [Image.fromarray(drawing) for drawing in drawings]
    for image, drawing, affine in zip(x_train, source, _random_affines(60_000), strict=True):
        stretched = pictures[drawing].transform(
            (28, 28), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
        )
        image[:] = np.asarray(stretched)
    return (x_train, labels[source]), (drawings[1_437:], labels[1_437:])


def _enlarge(drawing: np.ndarray) -> np.ndarray:
    """An 8 x 8 drawing with values from 0 to 16 as MNIST would show it."""
    from PIL import Image

    small = Image.fromarray(np.rint(drawing * (255 / 16)).astype(np.uint8))
    return centre_by_mass(fit_box(np.asarray(small.resize((32, 32), Image.Resampling.BICUBIC))))


def _random_affines(count: int) -> list[tuple[float, ...]]:
    """Small random maps from a place (x, y) in the new image to one in the old, as Pillow wants them: six numbers."""
    rng = np.random.default_rng(0)
    angle = np.radians(rng.uniform(-15, 15, count))
    shear = rng.uniform(-0.25, 0.25, count)
    width, height = rng.uniform(0.85, 1.15, (2, count))
    shift = rng.uniform(-2, 2, (count, 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    # rotation @ shear @ scale
    maps = np.empty((count, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = cosine * width, (cosine * shear - sine) * height
    maps[:, 1, 0], maps[:, 1, 1] = sine * width, (sine * shear + cosine) * height
    centre = np.array([14.5, 14.5])  # the middle of pixel 14
    maps[:, :, 2] = centre - maps[:, :, :2] @ centre + shift
    return [tuple(numbers) for numbers in maps.reshape(count, 6).tolist()]


def fit_box(image: np.ndarray, size: int = 20) -> np.ndarray:
    """Cut out the ink of a drawing and resize it so that its longer side is `size`, as MNIST's makers did.

    Args:
        image: uint8 `(height, width)` from 0, paper, to 255, ink. Ink is what reaches a tenth of the brightest
            pixel, so that faint noise does not widen the box.
        size: length of the longer side of the result in pixels, at least 1.

    Returns:
        uint8 `(h, w)` with max(h, w) == `size`; the proportions are kept.

    Raises:
        ValueError: there is no ink.

    Source: the preparation of MNIST, in LeCun et al. (1998), https://doi.org/10.1109/5.726791, section III.A.

    >>> page = np.zeros((100, 100), np.uint8)
    >>> page[10:70, 40:55] = 255  # 60 high, 15 wide: divided by 3 to be 20 high
    >>> fit_box(page).shape
    (20, 5)
    """
    from PIL import Image

    ink = image >= max(1, image.max() / 10)
    if not ink.any():
        raise ValueError(f"the image of shape {image.shape} is blank; it must hold some ink")
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = size / max(cut.shape)
    height, width = (max(1, round(length * scale)) for length in cut.shape)
    resized = Image.fromarray(cut).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def centre_by_mass(glyph: np.ndarray, size: int = 28) -> np.ndarray:
    """Place a glyph on an empty square so that the ink's centre of mass falls on pixel `size // 2`.

    The shift is in whole pixels, so the centre is met within half a pixel. A glyph so lopsided that it would cross
    the edge stops there: no ink is lost.

    Args:
        glyph: uint8 `(height, width)`, not blank, at most `size` on each side.
        size: side of the square in pixels.

    Returns:
        uint8 `(size, size)`.

    Raises:
        ValueError: the glyph is blank or larger than the square.

    Source: as `fit_box`. MNIST's own images have their centre of mass at 14, not at 13.5, the middle of 28.

    >>> centre_by_mass(np.array([[9, 9, 9]], np.uint8), size=5).tolist()[2]  # 2 - 1 = 1 to the right
    [0, 9, 9, 9, 0]
    """
    if max(glyph.shape) > size or not glyph.any():
        raise ValueError(
            f"the glyph has shape {glyph.shape} and sum {glyph.sum()}; it must hold ink and fit "
            f"in {size} x {size}, see fit_box"
        )
    page = np.zeros((size, size), np.uint8)
    corner = []
    for axis, length in enumerate(glyph.shape):
        centre = np.average(np.arange(length), weights=glyph.sum(axis=1 - axis))
        corner.append(min(max(round(size // 2 - centre), 0), size - length))
    top, left = corner
    page[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
    return page


STRIP_HEIGHT = 32
_TILE = 36  # pixels; a digit 24 high, slanted by 0.3, is at most 24 + 0.3 x 24 wide


def number_strips(
    images: np.ndarray,
    labels: np.ndarray,
    lengths: ArrayLike,
    rng: np.random.Generator,
    gap: tuple[float, float] = (-4.0, 10.0),
    width: int = 192,
) -> tuple[np.ndarray, np.ndarray]:
    """Write numbers: digits drawn at random, each distorted afresh, side by side on noisy strips.

    The longer side of a digit's ink becomes 16 to 24 pixels; it is slanted by up to 0.3, moved up or down by up to 4
    pixels, and dimmed by up to 30 %. Where digits overlap, the brighter pixel stays. The number stands at a random
    place; if it is too wide, its gaps are cut. Every pixel then gets up to 22 of 255 brighter or darker.

    Args:
        images: uint8 `(n, 28, 28)`, each with some ink.
        labels: `(n,)` whole numbers from 0 on.
        lengths: `(count,)` digits of each strip, at least 1.
        rng: makes every choice; the same state gives the same strips.
        gap: smallest and largest gap in pixels between the ink of neighbours; below 0 is an overlap.
        width: of every strip in pixels, at least 36 and at least 20 for each digit. 24 for each are seldom too few.

    Returns:
        strips: uint8 `(count, 32, width, 1)` from 0, paper, to 255, ink.
        targets: int32 `(count, max(lengths))`, label + 1 of each digit from left to right, then zeros.

    Raises:
        ValueError: a strip with no digit, digits that cannot fit the width, a wrong shape, or a gap or width outside
            its range.

    No source: the book's own; handwritten numbers of this kind are called digit strings.

    >>> ink = np.full((1, 28, 28), 255, np.uint8)
    >>> strips, targets = number_strips(ink, np.array([7]), [1, 3], np.random.default_rng(0))
    >>> strips.shape, targets.tolist()  # 7 + 1 = 8, and the shorter number is filled up with zeros
    ((2, 32, 192, 1), [[8, 0, 0], [8, 8, 8]])
    """
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or not len(lengths) or lengths.dtype.kind not in "iu" or lengths.min() < 1:
        raise ValueError(
            f"lengths is {lengths.tolist()}; it must hold a whole number per strip, each at least 1: "
            "a strip with no digit has nothing to read"
        )
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or not len(images):
        raise ValueError(
            f"images have shape {images.shape} and labels {labels.shape}; they must be (n, 28, 28) and (n,), "
            "n at least 1"
        )
    if not gap[0] <= gap[1]:
        raise ValueError(f"gap is {gap}; the smallest must come first")
    if width < max(_TILE, 20 * lengths.max()):
        raise ValueError(
            f"width is {width}, with up to {lengths.max()} digits on a strip; it must be at least {_TILE}, and at "
            "least 20 pixels for each digit"
        )
    strip = np.repeat(np.arange(len(lengths)), lengths)  # of each digit
    place = np.arange(len(strip)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = rng.integers(0, len(images), len(strip))
    tiles, left, right = _distort(images[source], rng)
    gaps = np.where(place > 0, rng.uniform(*gap, len(strip)), 0.0)
    room = width - 2  # a pixel of paper at either end
    too_wide = np.bincount(strip, right - left + gaps) - room
    gaps -= np.where(place > 0, (np.maximum(too_wide, 0) / np.maximum(lengths - 1, 1))[strip], 0.0)
    x = 1 + rng.uniform(0, np.maximum(-too_wide, 0))  # where the next digit of each strip begins
    page = np.zeros((len(lengths), STRIP_HEIGHT, width + 2 * _TILE), np.float32)
    rows, columns = np.arange(STRIP_HEIGHT)[:, None], np.arange(_TILE)
    for number in range(lengths.max()):
        now = np.flatnonzero(place == number)
        on = strip[now]
        corner = np.rint(x[on] + gaps[now]).astype(int) - left[now] + _TILE
        where = (on[:, None, None], rows, corner[:, None, None] + columns)
        page[where] = np.maximum(page[where], tiles[now])
        x[on] += gaps[now] + (right - left)[now]
    page = page[:, :, _TILE:-_TILE]
    page += rng.integers(-22, 23, page.shape, dtype=np.int8)
    targets = np.zeros((len(lengths), lengths.max()), np.int32)
    targets[strip, place] = labels[source] + 1
    return np.clip(page, 0, 255).astype(np.uint8)[..., None], targets


def _distort(
    images: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Float32 tiles `(n, 32, 36)`, and the columns where the ink of each begins and ends (exclusive)."""
    n = len(images)
    ranges = np.array([[16, 24], [-0.3, 0.3], [-4, 4], [0.7, 1]])
    low, high = ranges[:, :1], ranges[:, 1:]
    size, slant, shift, contrast = rng.uniform(low, high, (4, n)).astype(np.float32)
    top, bottom = _extent(images, axis=2)
    left, right = _extent(images, axis=1)
    scale = np.maximum(bottom - top, right - left).astype(np.float32) / size
    # from each place in the tile back to the image, which gets one pixel of paper before and two behind
    y = np.arange(STRIP_HEIGHT, dtype=np.float32) + 0.5 - STRIP_HEIGHT / 2 - shift[:, None]
    x = np.arange(_TILE, dtype=np.float32) + 0.5 - _TILE / 2 + (slant[:, None] * y)[:, :, None]
    y = y * scale[:, None] + ((top + bottom) / 2 + 0.5).astype(np.float32)[:, None]
    x = x * scale[:, None, None] + ((left + right) / 2 + 0.5).astype(np.float32)[:, None, None]
    paper = np.pad(images, ((0, 0), (1, 2), (1, 2))) * contrast[:, None, None]
    rows = _between(paper, np.clip(y, 0, 29), axis=1)  # (n, 32, 31)
    tiles = _between(rows, np.clip(x, 0, 29), axis=2)  # (n, 32, 36)
    return (tiles, *_extent(tiles, axis=1))


def _extent(images: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the ink of each image begins and ends, exclusive, once `axis` is flattened; ink is a quarter of 255."""
    ink = np.any(images >= 64, axis=axis)
    return ink.argmax(axis=1), ink.shape[1] - ink[:, ::-1].argmax(axis=1)


def _between(images: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis; `at` is `(n, places)` for rows, `(n, rows, places)` for columns."""
    floor = np.floor(at)
    before, share = floor.astype(np.int32), at - floor
    if axis == 1:
        each = np.arange(len(images))[:, None]
        first, second, share = images[each, before], images[each, before + 1], share[..., None]
    else:
        lines = np.arange(before[..., 0].size, dtype=np.int32).reshape(*before.shape[:2], 1)
        before += images.shape[2] * lines
        first, second = images.ravel().take(before), images.ravel().take(before + 1)
    return first + share * (second - first)
