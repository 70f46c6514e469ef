"""A picture of a digit, however it was taken, ends as MNIST would show it; anything else ends in a clear error."""

from __future__ import annotations

import io
import random
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from hwr_utils import data, ink


def drawing(size=(280, 280), height=140, corner=(60, 50), width=16):
    """A 5-like mark that no rotation or reflection maps to itself: dark on white."""
    page = Image.new("L", size, 255)
    left, top = corner
    x, y = left + height * 0.6, top + height
    strokes = [(x, top), (left, top), (left, top + height / 2), (x, top + height * 0.6), (x, y)]
    ImageDraw.Draw(page).line([*strokes, (left, y)], fill=20, width=width, joint="curve")
    return page


def difference(a, b):
    """Mean absolute difference, in grey levels of 255."""
    return float(np.abs(a.astype(int) - b).mean())


@pytest.fixture(scope="module")
def clean():
    return ink.normalise(drawing())


def test_a_drawing_gets_mnists_size_place_and_brightness(clean):
    rows, columns = np.nonzero(clean > 60)
    assert clean.shape == (28, 28)
    assert clean.dtype == np.uint8
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 == 13  # (0.6 * 140 + 16) / (140 + 16) * 20
    assert clean.max() == 255
    assert np.median(clean) == 0
    mass = [np.average(np.arange(28), weights=clean.sum(axis=1 - axis)) for axis in (0, 1)]
    assert mass == pytest.approx([14, 14], abs=0.5)


def test_handwriting_stays_as_it_is():
    images = data.load_handwriting()[1][0][:200]
    differences = [difference(ink.normalise(Image.fromarray(image)), image) for image in images]
    mean, median = (3.5, 2.5) if data.dataset_name() == "digits" else (0.6, 0.3)
    assert np.mean(differences) < mean  # the digits are blurred, and ink is brought to white
    assert np.median(differences) < median


def test_dark_on_light_equals_light_on_dark(clean):
    page = np.asarray(drawing())
    assert ink.ink_is_dark(page)
    assert not ink.ink_is_dark(255 - page)
    np.testing.assert_array_equal(ink.normalise(Image.fromarray(255 - page)), clean)


@pytest.mark.parametrize("corner", [(9, 9), (180, 9), (9, 125), (180, 125)])
def test_place_does_not_matter(clean, corner):
    result = ink.normalise(drawing(corner=corner))
    np.testing.assert_allclose(result.astype(int), clean, atol=1)  # rounding


@pytest.mark.parametrize("share", [0.35, 0.5, 0.7, 0.95])
def test_size_does_not_matter(share):
    image = data.load_handwriting()[1][0][0]
    side = round(share * 280)
    page = Image.new("L", (280, 280), 0)
    page.paste(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), (10, 4))
    assert difference(ink.normalise(page), image) < 12


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_thin_strokes_become_white_lines(width):
    result = ink.normalise(drawing(width=width))
    assert (
        result > 200
    ).sum() > 60  # a line 2 wide and some 45 long; without `thicken` none for width 1
    assert difference(result, ink.normalise(drawing(width=14))) < 15


def test_thick_strokes_stay_thick():
    page = 255 - np.asarray(drawing(width=40))
    np.testing.assert_array_equal(ink.thicken(page), page)


def test_ink_that_covers_most_of_the_page_is_not_paper():
    images = data.load_digits()[0][0]
    bold = images[np.argsort(-(images > 127).sum(axis=(1, 2)))[:40]]

    def on_page(image, size, margin):
        page = np.pad(data.fit_box(image, size), margin)
        return ink.normalise(Image.fromarray(255 - page))

    pairs = [(on_page(image, 250, 15), on_page(image, 140, 70)) for image in bold]
    alike = sum(difference(large, small) < 25 for large, small in pairs)
    assert alike >= 38  # two are taken for light ink on dark paper, see `ink_is_dark`


# Photographs ------------------------------------------------------------------------------------


def lit(page, light):
    return Image.fromarray((np.asarray(page) * light).round().astype(np.uint8))


def test_uneven_light_is_taken_away(clean):
    rows, columns = np.mgrid[0:280, 0:280] / 279
    assert difference(ink.normalise(lit(drawing(), 0.4 + 0.6 * columns)), clean) < 6
    assert difference(ink.normalise(lit(drawing(), 1 - 0.6 * rows * columns)), clean) < 6


@pytest.mark.parametrize("edge", [30, 100, 160, 230])
def test_the_edge_of_a_shadow_is_not_ink(clean, edge):
    rows, columns = np.mgrid[0:280, 0:280]
    slanted = np.where(columns + rows / 3 < edge, 0.55, 1)
    assert difference(ink.normalise(lit(drawing(), slanted)), clean) < 8
    chalk = Image.fromarray(255 - np.asarray(lit(drawing(), np.where(rows < edge, 0.7, 1))))
    assert not ink.ink_is_dark(np.asarray(chalk))


def test_a_shadow_does_not_turn_ink_and_paper_round():
    page = np.asarray(drawing(width=6)).copy()
    page[:, :200] //= 3  # most of the sheet is dark now, and bright paper is rare
    assert (page < 100).mean() > 0.7
    assert ink.ink_is_dark(page)
    assert not ink.ink_is_dark(255 - page)


def test_noise_and_faint_pencil(clean):
    rng = np.random.default_rng(0)
    noisy = np.asarray(drawing()).astype(float) * 0.8 + rng.normal(0, 40, (280, 280))
    pencil = 215 - (255 - np.asarray(drawing())) / 4 + rng.normal(0, 4, (280, 280))
    for page in (noisy, pencil):
        assert difference(ink.normalise(Image.fromarray(page.clip(0, 255).astype("u1"))), clean) < 8


def test_specks_and_what_the_edge_cuts_are_not_the_digit(clean):
    page = drawing()
    draw = ImageDraw.Draw(page)
    draw.rectangle([250, 20, 252, 22], 0)  # dust
    draw.polygon([(0, 0), (60, 0), (0, 40)], 30)  # the table beside the sheet
    draw.rectangle([200, 0, 230, 40], 30)  # a clip
    np.testing.assert_array_equal(ink.normalise(page), clean)


def test_a_faint_smudge_is_not_ink(clean):
    page = drawing()
    ImageDraw.Draw(page).rectangle([220, 40, 240, 60], 150)
    np.testing.assert_array_equal(ink.normalise(page), clean)
    ImageDraw.Draw(page).rectangle([20, 100, 51, 180], 205)  # this one touches the stroke
    assert difference(ink.normalise(page), clean) < 1


def test_broken_and_slanted_strokes_hold_together():
    page = drawing()
    ImageDraw.Draw(page).rectangle([0, 60, 280, 70], 255)  # cuts the upper bar off
    rows, _ = np.nonzero(ink.normalise(page) > 60)
    assert np.ptp(rows) + 1 == 20
    slanted = np.eye(40) * 200
    slanted[2:22, 2:22] = 200
    assert (ink.keep_ink(np.pad(slanted, 8)) == 255).sum() == 20 * 20 + 20


def test_a_digit_cut_by_the_edge_is_kept():
    page = drawing(height=240, corner=(60, -30))
    ImageDraw.Draw(page).rectangle([20, 20, 24, 24], 0)
    rows, _ = np.nonzero(ink.normalise(page) > 60)
    assert np.ptp(rows) + 1 == 20


# Outlines and strips ----------------------------------------------------------------------------


def test_the_outline_grows_with_the_pens_way_and_not_with_the_size():
    once = ink.outline(ink.find_ink(drawing()))
    assert ink.outline(ink.find_ink(drawing(height=70, width=8))) == pytest.approx(once, rel=0.06)
    page = drawing()
    for x in range(60, 141, 10):
        ImageDraw.Draw(page).line([(x, 40), (x, 190)], 20, 4)
    assert ink.outline(ink.find_ink(page)) > 2 * once


def test_the_outline_does_not_depend_on_the_place():
    page = np.zeros((60, 60), np.uint8)
    page[5:20, 5:12] = 255
    assert ink.outline(page) == pytest.approx(2 * (15 + 7) / 15)
    assert ink.outline(np.roll(page, 30, axis=1)) == ink.outline(page)


def test_a_soft_edge_keeps_its_share_of_full_ink():
    lifted = np.zeros((9, 9))
    lifted[2:7, 4], lifted[2:7, 5] = 100, 80
    assert ink.keep_ink(lifted)[4].tolist() == [0, 0, 0, 0, 255, 204, 0, 0, 0]


def test_a_strip_is_cut_where_its_ink_ends():
    shape = np.ones((26, 24), bool)
    shape[:8, :8] = shape[18:, 16:] = False
    page = np.full((90, 90), 255, np.uint8)
    page[30:56, 20:44][shape] = 0
    strip = ink.normalise_strip(Image.fromarray(page)) > 127
    assert np.array_equal(strip, np.pad(shape, ((3, 3), (8, 8))))


def test_a_strip_gets_the_height_of_those_that_the_reader_learned_from():
    page = Image.new("L", (900, 300), 240)
    for left in (100, 300, 500):
        page.paste(drawing((180, 240), height=120, corner=(40, 60)), (left, 30))
    strip = ink.normalise_strip(page)
    rows, columns = np.nonzero(strip > 127)
    assert strip.shape[0] == 32
    assert strip.shape[1] % 4 == 0
    assert (rows[[0, -1]] == [3, 28]).all()
    assert columns.min() == 8
    assert strip.shape[1] - columns.max() - 1 in range(8, 12)
    single = ink.normalise_strip(drawing())
    np.testing.assert_allclose(np.ptp(np.nonzero(single > 127)[1]), 16, atol=1)  # 26 * 100 / 156
    assert (ink.normalise_strip(drawing(width=2)) > 150).sum() > 60


# Files ------------------------------------------------------------------------------------------

TRANSPOSED = {  # EXIF orientation -> how a camera that notes it stores an upright picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TRANSPOSED)
def test_the_rotation_that_a_camera_noted_is_carried_out(tmp_path, orientation, clean):
    exif = Image.Exif()
    exif[0x0112] = orientation
    way = TRANSPOSED[orientation]
    stored = drawing() if way is None else drawing().transpose(way)
    stored.save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(ink.normalise(tmp_path / "photo.png"), clean)
    stored.save(tmp_path / "photo.jpg", exif=exif, quality=90)
    assert difference(ink.normalise(str(tmp_path / "photo.jpg")), clean) < 3


def test_transparent_paper_is_white(tmp_path, clean):
    shape = drawing()
    drawn = Image.new("RGBA", shape.size, (20, 20, 20, 0))
    drawn.putalpha(shape.point(lambda value: 255 if value < 128 else 0))
    drawn.save(tmp_path / "drawn.png")
    assert difference(ink.normalise(tmp_path / "drawn.png"), clean) < 1


PIXELS = [[0, 1, 200, 255]]  # the expected values of all that follow


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(np.array([[0, 257, 200 * 257, 65535]], np.uint16)),
        Image.fromarray(np.array([[0, 257, 200 * 257, 65535]], np.int32)),
        Image.fromarray(np.array([[[0, 255], [1, 255], [0, 55], [9, 0]]], np.uint8), "LA"),
        Image.fromarray(np.array([[[v] * 3 for v in PIXELS[0]]], np.uint8)),
        Image.fromarray(np.array([[[0, 0, 0, 255 - v] for v in PIXELS[0]]], np.uint8), "CMYK"),
    ],
    ids=["16 bits", "32 bits", "grey with transparency", "colour", "CMYK"],
)
@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
def test_each_kind_of_picture_becomes_grey(picture):
    before = picture.tobytes()
    assert ink.load_picture(picture).tolist() == PIXELS
    assert picture.tobytes() == before


def test_palette_with_a_transparent_colour(tmp_path):
    picture = Image.new("P", (4, 1))
    picture.putpalette([0, 0, 0, 1, 1, 1, 200, 200, 200, 7, 7, 7])
    picture.putdata([0, 1, 2, 3])
    picture.save(tmp_path / "p.png", transparency=3)
    picture.save(tmp_path / "p.gif", transparency=3)
    assert ink.load_picture(tmp_path / "p.png").tolist() == PIXELS
    assert ink.load_picture(tmp_path / "p.gif").tolist() == PIXELS


def test_16_bits_in_a_file(tmp_path):
    deep = np.asarray(drawing()).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "scan.png")
    Image.fromarray(deep).save(tmp_path / "scan.tif")
    for name in ("scan.png", "scan.tif"):
        np.testing.assert_array_equal(ink.load_picture(tmp_path / name), np.asarray(drawing()))


def test_a_large_photograph_is_made_small(tmp_path, clean, monkeypatch):
    drawing().resize((4200, 4200)).save(tmp_path / "large.jpg")
    turn, decoded = ImageOps.exif_transpose, []
    monkeypatch.setattr(ImageOps, "exif_transpose", lambda p: decoded.append(p.size) or turn(p))
    assert ink.load_picture(tmp_path / "large.jpg").shape == (300, 300)
    assert decoded == [(1050, 1050)]  # a quarter; an eighth would be less than twice 300
    assert difference(ink.normalise(tmp_path / "large.jpg"), clean) < 4


# What is refused --------------------------------------------------------------------------------


def png_header(width, height):
    """A PNG that promises a size and holds no pixels: who decodes it meets another error."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    end = b"IEND"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (len(c) - 4).to_bytes(4, "big") + c + zlib.crc32(c).to_bytes(4, "big")
        for c in (header, b"IDAT", end)
    )


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (7_072, "the picture has 50,013,184 pixels"),
        (10_000, "the picture has 100,000,000 pixels"),
        (20_000, "400000000 pixels"),
    ],
)  # Pillow warns of the second, and refuses the third by itself
def test_huge_pictures_are_refused_before_decoding(tmp_path, side, said):
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(ValueError, match=rf"huge\.png cannot be read: .*{said}"):
        ink.load_picture(path)


def test_a_picture_at_the_limit_is_not_refused_for_its_size(tmp_path):
    path = tmp_path / "limit.png"
    path.write_bytes(png_header(7_071, 7_071))
    with pytest.raises(ValueError, match="truncated"):
        ink.load_picture(path)


def test_pictures_in_memory_have_the_same_limit(monkeypatch):
    monkeypatch.setattr(ink, "MAX_PIXELS", 99)
    assert ink.load_picture(Image.new("L", (9, 11))).shape == (11, 9)
    for size in ((10, 10), (0, 5)):
        with pytest.raises(ValueError, match="it must have 1 to 99"):
            ink.load_picture(Image.new("L", size))


@pytest.mark.parametrize(
    "content",
    [b"", b"a shopping list\n", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
)
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"digit\.png cannot be read: it is none of .*save it as PNG"
    ):
        ink.normalise(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError):
        ink.normalise(tmp_path / "missing.png")
    with pytest.raises(OSError, match="directory"):
        ink.normalise(tmp_path)


def test_a_damaged_file_gives_a_picture_or_a_value_error(tmp_path):
    rng, damaged = random.Random(0), 0
    for kind in ("png", "jpeg", "gif", "tiff"):
        file = io.BytesIO()
        drawing().resize((40, 40)).save(file, kind)
        for _ in range(25):
            content = bytearray(file.getvalue())
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            path = tmp_path / "damaged"
            path.write_bytes(content[: rng.randrange(len(content) // 2, len(content))])
            try:
                assert ink.load_picture(path).dtype == np.uint8
            except ValueError as error:
                damaged += 1
                assert "damaged cannot be read" in str(error)  # noqa: PT017
    assert damaged > 50


ROWS, COLUMNS = np.mgrid[0:200, 0:200]
BLANK = {
    "white": np.full((200, 200), 255),
    "black": np.zeros((200, 200)),
    "a pixel": np.full((1, 1), 7),
    "a slope": 90 + 0.5 * ROWS + 0.2 * COLUMNS,
    "grain": np.random.default_rng(0).normal(170, 25, (200, 200)).clip(0, 255),
    "a shadow": np.where(COLUMNS < 90, 110, 230),
    "a mark too faint": np.where((ROWS // 20 == 4) & (COLUMNS // 20 == 4), 215, 230),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_picture_says_what_to_do(name):
    with pytest.raises(ink.NoDigitSeen, match=r"no digit seen.*darker pen") as caught:
        ink.normalise(Image.fromarray(BLANK[name].astype(np.uint8)))
    assert isinstance(caught.value, ValueError)


def test_the_centre_of_mass_is_at_14_and_not_in_the_middle_of_28():
    """MNIST's own digits have it there; the middle, 13.5, costs a network that learned from them accuracy."""
    page = Image.new("L", (280, 280), 255)
    images = data.load_handwriting()[1][0][:40]
    centres = []
    for image in images:
        page.paste(Image.fromarray(255 - image).resize((140, 140)), (20, 110))
        found = ink.normalise(page).astype(float)
        centres.append([np.average(np.arange(28), weights=found.sum(axis=1 - i)) for i in (0, 1)])
    assert np.mean(centres, axis=0) == pytest.approx([14, 14], abs=0.15)
