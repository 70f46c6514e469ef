"""Any picture of one digit -> the 28 x 28 pixels that the networks of this book expect. Built in chapter 09.

`normalise` takes these steps: `load_picture` reads a file, `lift_ink` takes the paper away, `keep_ink` the noise and
the specks, `thicken` helps thin lines, and `fit_box` and `centre_by_mass`, both in `data`, bring the digit to MNIST's
size and place.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hwr_utils.data import centre_by_mass, fit_box

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What `load_picture` reads. Formats for which Pillow starts another program, such as EPS, stay out."""
MAX_PIXELS = 50_000_000
"""What a large telephone camera takes; decoded, such a picture fills 200 MB."""
WORKING_SIZE = 300
"""Pixels of the longer side of the picture in which the ink is looked for; the digit ends in a box of 20."""
STRIP_SIZE = (4 * WORKING_SIZE, WORKING_SIZE)
"""The same for a number in one line, which is wide: at most so many pixels wide and high."""
LEAST_CONTRAST = 20
"""Ink stands out from its paper by at least this much, of 255."""


class NoDigitSeen(ValueError):
    """The picture holds no ink that stands out from its paper."""


def load_picture(
    source: str | Path | Image.Image, size: tuple[int, int] = (WORKING_SIZE, WORKING_SIZE)
) -> np.ndarray:
    """Read a picture as brightness: upright, on white where it is transparent, made smaller where it is large.

    The size is checked before anything is decoded. A rotation that the camera noted (EXIF) is carried out.

    Args:
        source: path of a file in one of `FORMATS`, or a Pillow image.
        size: the largest width and height, in pixels.

    Returns:
        uint8 `(height, width)` from 0, black, to 255, white; of 16 bits a pixel, 65,535 is white.

    Raises:
        OSError: the file does not exist, or may not be read.
        ValueError: it is not a picture, or is damaged, or has more than `MAX_PIXELS` pixels.

    No source: it reads a file.

    >>> from PIL import Image
    >>> load_picture(Image.new("RGBA", (3, 2), (0, 0, 0, 0)))  # black, but transparent: white paper shows
    array([[255, 255, 255],
           [255, 255, 255]], dtype=uint8)
    """
    from PIL import Image, UnidentifiedImageError

    if isinstance(source, Image.Image):
        return _grey(_bearable(source), size)
    with open(source, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that are refused here, and of odd metadata
        try:
            picture = _bearable(Image.open(file, formats=FORMATS))
            picture.draft(None, (2 * size[0], 2 * size[1]))  # a JPEG is decoded smaller
            return _grey(picture, size)
        except Exception as error:  # a damaged file can raise nearly anything
            unknown = isinstance(error, UnidentifiedImageError)
            cause = f"it is none of {', '.join(FORMATS)}" if unknown else error
            raise ValueError(
                f"{source} cannot be read: {cause}; save it as PNG or JPEG, or take a new picture"
            ) from error


def _bearable(picture: Image.Image) -> Image.Image:
    if not 0 < (pixels := picture.width * picture.height) <= MAX_PIXELS:
        raise ValueError(
            f"the picture has {pixels:,} pixels; it must have 1 to {MAX_PIXELS:,}: make it smaller"
        )
    return picture


def _grey(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)  # a copy: the caller's picture stays as it is
    if picture.mode.startswith("I"):  # 16 bits a pixel; 65535 / 257 = 255
        picture = Image.fromarray((np.asarray(picture) / 257).clip(0, 255).round().astype(np.uint8))
    elif picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    picture = picture.convert("L")
    picture.thumbnail(size)
    return np.asarray(picture)


def ink_is_dark(picture: np.ndarray) -> bool:
    """Tell dark ink on light paper from light ink on dark paper.

    Ink is rare and stands out far; paper is common and lies near the average around it. So the cubed differences from
    a smoothed picture sum to the sign of the ink. A shadow's edge has as much on its dark side as on its light side.
    A digit so bold that it fills its page can be mistaken for the paper.

    Args:
        picture: uint8 `(height, width)` brightness.

    Returns:
        whether the ink is darker than its paper.

    No source: the sign of the third central moment, the skewness of statistics.

    >>> page = np.full((9, 9), 200, np.uint8)
    >>> page[2:7, 4] = 30
    >>> ink_is_dark(page), ink_is_dark(255 - page)
    (True, False)
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(picture.astype(float), min(picture.shape) / 6, truncate=2)
    return bool(((picture - smooth) ** 3).sum() < 0)


def lift_ink(picture: np.ndarray) -> np.ndarray:
    """Subtract the paper from a picture, and turn the ink bright.

    The paper is what a grey opening leaves: of each bright mark nothing, when a square of a third of the picture does
    not fit into it; of a wide shadow all. The difference is then divided by what there was to gain over the paper, so
    that ink in a shadow is as strong as ink in the light.

    Args:
        picture: uint8 `(height, width)` brightness, dark ink on light paper or light ink on dark paper.

    Returns:
        float64 `(height, width)`: 0 is paper, up to 255 is ink; noise lies on both sides of 0.

    Source: the top-hat of Meyer (1979), "Iterative image transformations", https://doi.org/10.1177/27.1.438499.

    >>> page = np.tile(np.arange(0, 90, 10), (9, 1)).astype(np.uint8)  # paper, brighter to the right
    >>> page[3:6, 4] = 255
    >>> lift_ink(page).round().astype(int)[4].tolist()  # the slope is gone
    [0, 0, 0, 0, 255, 0, 0, 0, 0]
    """
    from scipy import ndimage

    bright = 255.0 - picture if ink_is_dark(picture) else picture.astype(float)
    bright = ndimage.gaussian_filter(bright, min(1, max(picture.shape) / WORKING_SIZE))
    side = max(2, min(picture.shape) // 3)
    wide = np.pad(bright, side, mode="edge")  # the paper goes on beyond the picture
    paper = ndimage.grey_opening(wide, (side, side))[side:-side, side:-side]
    ink = 255 * (bright - paper) / np.maximum(255 - paper, 32)  # 32 bounds the noise in deep shade
    return ink - np.median(_paper(ink))


def _paper(ink: np.ndarray) -> np.ndarray:
    """The values of the paper, also where ink covers most of the picture: all up to half of the brightest."""
    return ink[ink <= ink.max() / 2]


def keep_ink(lifted: np.ndarray) -> np.ndarray:
    """Keep the connected parts that are ink, with their soft edges, and scale full ink to 255.

    A part is what holds together above a third of full ink; it counts when some of it reaches a half. Parts that the
    picture's edge cuts, a table or a shadow, fall away when a part of some weight lies inside; so do specks.

    Args:
        lifted: `(height, width)` as `lift_ink` gives it.

    Returns:
        uint8 `(height, width)` from 0, paper, to 255, ink.

    Raises:
        NoDigitSeen: the ink does not stand out by `LEAST_CONTRAST`, or by eight times the paper's noise.

    No source: the thresholds were chosen on drawn pages, see tests/test_ink.py.

    >>> lifted = np.zeros((9, 9))
    >>> lifted[2:7, 4], lifted[2:7, 5], lifted[0, 0] = 100, 20, 30  # a stroke, its soft edge, a speck
    >>> keep_ink(lifted)[[0, 4]].tolist()
    [[0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 255, 51, 0, 0, 0]]
    """
    from scipy import ndimage

    noise = 1.4826 * np.median(np.abs(_paper(lifted)))  # the standard deviation, when it is normal
    full = np.percentile(lifted[lifted >= lifted.max() / 2], 90)
    least = max(LEAST_CONTRAST, 8 * noise)
    if full < least:
        raise NoDigitSeen(
            f"no digit seen: nothing stands out from the paper by more than {max(full, 0):.0f} of 255, "
            f"and ink must by {least:.0f}; write with a darker pen, or take the picture closer"
        )
    parts, _ = ndimage.label(lifted >= full / 3, np.ones((3, 3)))
    weight = np.bincount(parts.ravel(), lifted.ravel())
    weight[~np.isin(np.arange(len(weight)), parts[lifted >= full / 2])] = 0
    inner = weight.copy()
    inner[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = 0
    if inner.max() > weight.max() / 20:
        weight = inner
    kept = ndimage.binary_dilation((weight > weight.max() / 50)[parts], np.ones((3, 3)))
    return np.where(kept, lifted * (255 / full), 0).clip(0, 255).round().astype(np.uint8)


def thicken(ink: np.ndarray, size: int | None = None) -> np.ndarray:
    """Widen thin strokes to a tenth of the digit's size, 2 pixels of MNIST's 20.

    In a box of 20 pixels a thinner line turns grey, and the networks have learned from white strokes.

    Args:
        ink: uint8 `(height, width)` from 0, paper, to 255, ink; not blank.
        size: pixels; None is the longer side of the ink.

    Returns:
        uint8 of the same shape; strokes that are wide enough stay as they are.

    No source: a grey dilation. Over a bar of width w the mean distance to the paper is (w + 2) / 4 pixels.

    >>> page = np.zeros((60, 60), np.uint8)
    >>> page[5:55, 30:32] = 255  # 50 long, 2 wide: 5 are wanted
    >>> int((thicken(page)[30] > 0).sum())
    5
    """
    from scipy import ndimage

    stroke = ink > ink.max() / 2
    wanted = (size or np.ptp(np.nonzero(stroke), axis=1).max() + 1) / 10
    width = 4 * ndimage.distance_transform_edt(stroke)[stroke].mean() - 2
    return ndimage.maximum_filter(ink, max(round(wanted - width), 0) + 1)


def normalise(source: str | Path | Image.Image) -> np.ndarray:
    """Bring a picture of one digit to the size, the place and the brightness of MNIST's images.

    Args:
        source: path of a picture, or a Pillow image: a photograph, a scan or a drawing of one digit.

    Returns:
        uint8 `(28, 28)` from 0, paper, to 255, ink: the longer side of the digit is 20, its centre of mass at 14.

    Raises:
        NoDigitSeen: the picture is blank.
        OSError: the file does not exist, or may not be read.
        ValueError: the picture cannot be read or is too large.

    Source: the preparation of MNIST, in LeCun et al. (1998), https://doi.org/10.1109/5.726791, section III.A.

    >>> from PIL import Image, ImageDraw
    >>> page = Image.new("L", (200, 300), "white")
    >>> ImageDraw.Draw(page).line([(50, 40), (50, 200)], "black", 16)  # 161 high, 16 wide
    >>> rows, columns = np.nonzero(normalise(page) > 127)
    >>> int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1  # 20 high, 16 * 20 / 161 = 2 wide
    (20, 2)
    """
    return centre_by_mass(fit_box(thicken(find_ink(source))))


def find_ink(
    source: str | Path | Image.Image, size: tuple[int, int] = (WORKING_SIZE, WORKING_SIZE)
) -> np.ndarray:
    """The ink of a picture, at the size at which it was looked for.

    Args:
        source: as for `normalise`.
        size: the largest width and height, in pixels.

    Returns:
        uint8 `(height, width)` from 0, paper, to 255, ink.

    Raises:
        NoDigitSeen, OSError, ValueError: as `normalise`.

    No source: three of the steps of `normalise`.

    >>> from PIL import Image
    >>> page = Image.new("L", (30, 30), "white")
    >>> page.paste("black", (10, 10, 15, 15))
    >>> int((find_ink(page) > 127).sum())  # 5 x 5
    25
    """
    return keep_ink(lift_ink(load_picture(source, size)))


def outline(ink: np.ndarray) -> float:
    """How long the outline of the ink is, measured in its longer side. A scribble has more of it than a digit.

    Args:
        ink: uint8 `(height, width)` from 0, paper, to 255, ink; not blank.

    Returns:
        the edges between ink and paper along both axes, inner ones too, divided by the longer side of the ink.

    No source: a perimeter.

    >>> page = np.zeros((9, 9), np.uint8)
    >>> page[2:7, 4] = 255  # 5 high, 1 wide: 2 x 5 + 2 x 1 edges
    >>> outline(page)
    2.4
    """
    stroke = np.pad(ink > 127, 1)
    edges = np.diff(stroke, axis=0).sum() + np.diff(stroke, axis=1).sum()
    return float(edges / (np.ptp(np.nonzero(stroke), axis=1).max() + 1))


def normalise_strip(source: str | Path | Image.Image) -> np.ndarray:
    """Bring a picture of a number to the height and the brightness of `data.number_strips`.

    Args:
        source: path of a picture, or a Pillow image: a photograph, a scan or a drawing of digits in one line.

    Returns:
        uint8 `(32, width)` from 0, paper, to 255, ink; the ink is 26 high, and the width is a multiple of 4.

    Raises:
        NoDigitSeen, OSError, ValueError: as `normalise`.

    No source: the book's own.

    >>> from PIL import Image
    >>> page = Image.new("L", (90, 90), "white")
    >>> page.paste("black", (10, 10, 22, 54))  # 12 wide, 44 high
    >>> normalise_strip(page).shape  # 12 x 26 / 44 = 7, and 8 of paper on each side: 23, and the next multiple of 4
    (32, 24)
    """
    from PIL import Image

    ink = find_ink(source, STRIP_SIZE)
    rows, columns = (np.flatnonzero((ink > 127).any(axis=axis)) for axis in (1, 0))
    cut = thicken(ink, size=int(np.ptp(rows)) + 1)
    cut = cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(1, round(26 * cut.shape[1] / cut.shape[0]))
    small = Image.fromarray(cut).resize((width, 26), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(small), ((3, 3), (8, 8 + -width % 4)))
