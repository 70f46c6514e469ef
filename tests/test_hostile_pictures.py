"""Fifty pictures that nobody should send to `hwr predict`: each ends soon, in an answer or in one clear error."""

from __future__ import annotations

import gzip
import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent

# Reads each picture in one process, and says how long it took and by how much the memory grew.
READ = """
import json, resource, sys, time, contextlib, io
from hwr_utils import cli
cli.main(["predict", sys.argv[1]])  # what is loaded once is not the pictures' doing
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for path in sys.argv[2:]:
    before, began, said, wrong = peak(), time.perf_counter(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        status = cli.main(["predict", path])
    print(json.dumps([path, status, said.getvalue(), wrong.getvalue(), time.perf_counter() - began, peak() - before]), flush=True)
"""


def seven(size: int = 200, mode: str = "L", paper: int = 255, ink: int = 0) -> Image.Image:
    page = Image.new("L", (size, size), paper)
    u = size / 200
    corners = [(60 * u, 50 * u), (140 * u, 50 * u), (90 * u, 150 * u)]
    ImageDraw.Draw(page).line(corners, fill=ink, width=max(1, round(16 * u)), joint="curve")
    return page.convert(mode)


def packed(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8) -> bytes:
    """A PNG put together by hand: its header may promise anything."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def zeros(count: int) -> bytes:
    """A PNG's body of that many zero bytes, packed a thousandfold."""
    return zlib.compress(bytes(count), 9)


def exif(orientation: int) -> bytes:
    tag = Image.Exif()
    tag[0x0112] = orientation
    return tag.tobytes()


def noise(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def pictures() -> dict[str, Callable[[], bytes]]:
    """Name -> what makes the file."""
    good = packed(seven(), "png")
    frames = [seven(), seven(paper=0, ink=255), noise(200, 200)]
    return {
        # sizes
        "20000x20000.png": lambda: png(20_000, 20_000, (b"IDAT", zeros(20_000 * 20_001))),
        "13000x13000.png": lambda: png(13_000, 13_000, (b"IDAT", zeros(13_000 * 13_001))),
        "header_65535.png": lambda: png(65_535, 65_535, (b"IDAT", zeros(1000))),
        "header_2_31.png": lambda: png(2**31 - 1, 2**31 - 1, (b"IDAT", b"")),
        "no_width.png": lambda: png(0, 10, (b"IDAT", b"")),
        "largest_allowed.png": lambda: packed(seven(7_000), "png"),
        "largest_allowed.jpg": lambda: packed(seven(7_000), "jpeg"),
        "long.png": lambda: packed(Image.new("L", (40_000, 1), 255), "png"),
        "tall.png": lambda: packed(Image.new("L", (1, 40_000), 255), "png"),
        "one_pixel.png": lambda: packed(Image.new("L", (1, 1), 0), "png"),
        "two_pixels.png": lambda: packed(Image.fromarray(np.array([[0, 255]], np.uint8)), "png"),
        "bomb_in_text.png": lambda: png(9, 9, (b"zTXt", b"a\0\0" + zeros(200_000_000))),
        "bomb_in_profile.png": lambda: png(9, 9, (b"iCCP", b"a\0\0" + zeros(100_000_000))),
        # modes
        "bits.png": lambda: packed(seven(mode="1"), "png"),
        "palette.png": lambda: packed(seven(mode="P"), "png"),
        "alpha.png": lambda: packed(seven(mode="RGBA"), "png"),
        "all_transparent.png": lambda: packed(Image.new("RGBA", (99, 99)), "png"),
        "16_bits.png": lambda: packed(Image.fromarray(np.asarray(seven(), np.uint16) * 257), "png"),
        "cmyk.jpg": lambda: packed(seven(mode="CMYK"), "jpeg"),
        "cmyk.tif": lambda: packed(seven(mode="CMYK"), "tiff"),
        "float.tif": lambda: packed(Image.fromarray(np.asarray(seven(), np.float32)), "tiff"),
        "not_numbers.tif": lambda: packed(
            Image.fromarray(np.full((50, 50), np.nan, np.float32)), "tiff"
        ),
        "int32.tif": lambda: packed(Image.fromarray(np.asarray(seven(), np.int32)), "tiff"),
        "lab.tif": lambda: packed(seven(mode="RGB").convert("LAB"), "tiff"),
        "ycbcr.jpg": lambda: packed(seven(mode="YCbCr"), "jpeg"),
        # animation, rotation
        "animated.gif": lambda: packed(
            frames[0], "gif", save_all=True, append_images=frames[1:] * 40
        ),
        "animated.png": lambda: packed(
            frames[0], "png", save_all=True, append_images=frames[1:] * 9
        ),
        "animated.webp": lambda: packed(frames[0], "webp", save_all=True, append_images=frames[1:]),
        "pages.tif": lambda: packed(frames[0], "tiff", save_all=True, append_images=frames[1:]),
        **{
            f"rotated_{k}.jpg": lambda k=k: packed(seven(), "jpeg", exif=exif(k)) for k in (3, 6, 8)
        },
        "rotated_99.jpg": lambda: packed(seven(), "jpeg", exif=exif(99)),
        # no pictures
        "empty.png": lambda: b"",
        "text.png": lambda: b"a shopping list\n" * 999,
        "page.png": lambda: b"<!DOCTYPE html><title>Welcome to the hotel network</title>",
        "drawing.svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
        "reads_a_file.svg": lambda: (
            b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
        ),
        "program.eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n",
        "document.pdf": lambda: b"%PDF-1.7\n%%EOF\n",
        "archive.png": lambda: gzip.compress(good),
        "zeros.png": lambda: bytes(100_000),
        # damage
        "half.png": lambda: good[: len(good) // 2],
        "half.jpg": lambda: packed(seven(), "jpeg")[:900],
        "half.gif": lambda: packed(seven(), "gif")[:200],
        "half.webp": lambda: packed(seven(), "webp")[:60],
        "bad_sum.png": lambda: good[:-20] + bytes(8) + good[-12:],
        "tail.png": lambda: good + b"\0" * 100_000,
        # ink
        "noise.png": lambda: packed(noise(300, 300, 3), "png"),
        "black.png": lambda: packed(Image.new("L", (300, 300), 0), "png"),
        "checks.png": lambda: packed(
            Image.fromarray((np.indices((300, 300)).sum(axis=0) % 2 * 255).astype(np.uint8)), "png"
        ),
        "stripes.png": lambda: packed(
            Image.fromarray((np.indices((300, 300))[0] // 3 % 2 * 255).astype(np.uint8)), "png"
        ),
        "dots.png": lambda: packed(
            Image.fromarray(
                (np.random.default_rng(1).random((300, 300)) > 0.02).astype(np.uint8) * 255
            ),
            "png",
        ),
        "frame.png": lambda: packed(
            Image.fromarray(np.pad(np.full((280, 280), 255, np.uint8), 10)), "png"
        ),
    }


READ_AS_SEVEN = {
    *("bits.png", "palette.png", "alpha.png", "16_bits.png", "cmyk.jpg", "cmyk.tif", "ycbcr.jpg"),
    *("float.tif", "animated.gif", "animated.png", "animated.webp"),
    *("pages.tif", "rotated_99.jpg", "tail.png", "largest_allowed.png", "largest_allowed.jpg"),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    folder = tmp_path_factory.mktemp("hostile")
    made = pictures()
    for name, make in made.items():
        (folder / name).write_bytes(make())
    first = folder / "bits.png"
    run = subprocess.run(
        [sys.executable, "-c", READ, str(first), *(str(folder / name) for name in made)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.stderr == ""
    lines = [json.loads(line) for line in run.stdout.splitlines()[1:]]
    assert len(lines) == len(made)
    return {Path(path).name: rest for path, *rest in lines}


def test_there_are_fifty() -> None:
    assert len(pictures()) >= 50


@pytest.mark.parametrize("name", pictures())
def test_a_picture_ends_in_an_answer_or_one_clear_error(answers: dict, name: str) -> None:
    status, said, wrong, seconds, megabytes = answers[name]
    assert seconds < 2
    assert megabytes < 200
    if name in READ_AS_SEVEN:
        assert (status, wrong) == (0, "")
        assert ": 7 (" in said
    elif status == 0:
        assert wrong == ""
        assert len(said.splitlines()) == 1
    else:
        message = said + wrong
        assert status in (1, 2)
        assert 1 <= len(message.splitlines()) <= 3
        assert name in message
        assert "Traceback" not in message
