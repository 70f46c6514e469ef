"""Figures must be readable by all: on white, on dark, and with each kind of colour vision."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from colorspacious import cspace_convert, deltaE
from matplotlib.colors import to_rgb

from hwr_utils import figures

WHITE, DARK = (1.0, 1.0, 1.0), to_rgb("#0f1216")
VISION = ["normal", "deuteranomaly", "protanomaly", "tritanomaly"]


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a, b):
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def seen(color, vision):
    if vision == "normal":
        return color
    space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
    return np.clip(cspace_convert(color, space, "sRGB1"), 0, 1)


@pytest.mark.parametrize("page", [WHITE, DARK], ids=["white", "dark"])
def test_lines_and_text_stand_out_on_both_pages(page):
    assert min(contrast(to_rgb(color), page) for color in figures.COLORS) >= 3.0
    assert contrast(to_rgb(figures.TEXT), page) >= 4.2


@pytest.mark.parametrize("vision", VISION)
def test_series_differ_for_each_kind_of_colour_vision(vision):
    colors = [seen(to_rgb(color), vision) for color in figures.COLORS]
    apart = [deltaE(a, b, input_space="sRGB1") for a, b in itertools.combinations(colors, 2)]
    assert min(apart) >= 11


def test_series_differ_without_any_colour():
    assert len(set(figures.DASHES)) == len(set(figures.MARKERS)) == len(figures.COLORS)


def axes():
    return plt.gcf().axes


def test_images_keep_their_values_and_titles():
    images = np.arange(3 * 4).reshape(3, 2, 2)
    figures.plot_images(images, titles=["a", 7, "c"], columns=2)
    assert [ax.get_title() for ax in axes()] == ["a", "7", "c", ""]
    assert np.array_equal(axes()[1].images[0].get_array(), images[1])


def test_titles_must_match_the_images():
    with pytest.raises(ValueError, match="2 titles for 3 images; give one title per image"):
        figures.plot_images(np.zeros((3, 2, 2)), titles=[1, 2])


def test_pixels_show_their_numbers_in_a_colour_that_reads():
    figures.plot_pixels(np.array([[0, 255]]), value_range=(0, 255))
    assert [(t.get_text(), t.get_color()) for t in axes()[0].texts] == [
        ("0", "white"),
        ("255", "black"),
    ]


def test_bars_carry_their_numbers():
    figures.plot_bars({"training": [3000, 5], "test": [1, 2]}, "class", "images")
    assert [t.get_text() for t in axes()[0].texts] == ["3,000", "5", "1", "2"]
    figures.plot_bars({"": {"a": 1, "b": 2}}, "kind", "images", number="{:.1f}")
    assert [t.get_text() for t in axes()[0].get_xticklabels()] == ["a", "b"]


def test_line_names_do_not_overlap_and_keep_their_order():
    figures.plot_lines(
        {n: ([0, 1], [0, y]) for n, y in (("a", 1.0), ("b", 1.001), ("c", 0.999))}, "x", "y"
    )
    heights = {t.get_text(): t.xy[1] * axes()[0].bbox.height for t in axes()[0].texts}
    assert heights["c"] + 14 < heights["b"]
    assert heights["a"] + 14 < heights["b"]
    assert max(heights.values()) <= axes()[0].bbox.height


@pytest.mark.parametrize(("x", "whole"), [([1, 2, 3], True), ([1, 2, 3.5], False)])
def test_whole_numbers_have_no_ticks_between_them(x, whole):
    figures.plot_lines({"a": (x, x), "b": ([1, 2], [1, 2])}, "epoch", "y")
    assert all(tick % 1 == 0 for tick in axes()[0].get_xticks()) == whole


def test_heatmap_leaves_zeros_empty():
    figures.plot_heatmap([[9, 0], [1, 10]], "predicted", "true")
    assert [t.get_text() for t in axes()[0].texts] == ["9", "", "1", "10"]


def test_kernels_share_one_scale_around_zero():
    figures.plot_kernels(np.array([[[0.5]], [[-2.0]]]))
    assert [ax.images[0].get_clim() for ax in axes()[:2]] == [(-2.0, 2.0), (-2.0, 2.0)]


def test_figures_are_transparent():
    figures.set_style()
    figures.plot_lines({"a": ([0, 1], [0, 1])}, "x", "y")
    plt.gcf().canvas.draw()
    assert np.asarray(plt.gcf().canvas.buffer_rgba())[0, 0, 3] == 0


def test_graph_puts_each_node_above_its_users():
    figures.plot_graph(
        {"x": [], "w": [], "read w": ["w"], "x @ w": ["x", "read w"], "out": ["x @ w"]}
    )
    boxes = {text.get_text(): text for text in axes()[0].texts if text.get_text()}
    height = {name: box.get_position()[1] for name, box in boxes.items()}
    assert height == {"w": 3, "x": 2, "read w": 2, "x @ w": 1, "out": 0}
    arrows = [text.arrow_patch for text in axes()[0].texts if not text.get_text()]
    assert len(arrows) == 4
    dashed = {n for n, box in boxes.items() if box.get_bbox_patch().get_linestyle() == "--"}
    assert dashed == {"x", "w"}
