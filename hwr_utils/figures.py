"""The book's figures: one style, and `plot_*` functions that draw, show and return None.

Figures are transparent PNGs in mid-tones, so that one picture is readable on a white page and on a dark one.
Statistics are drawn with seaborn, images and diagrams with matplotlib. Plotting is never the lesson, so it
stands here and not in the chapters.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

COLORS = ("#2f74c8", "#e86b06", "#bc1281", "#5c683e", "#7d9279")
"""Blue, orange, magenta, olive, sage: apart for each kind of colour vision (tests/test_figures.py)."""
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
TEXT = "#747b86"
"""Grey with the same contrast, 4.3 : 1, on the white page and on the dark one."""
PAPER = "none"
WIDTH = 7.2
"""Inches; at 100 dots an inch, the width of the book's text column."""


def set_style() -> None:
    """Switch matplotlib and seaborn to the book's style; a notebook calls it once.

    No source: the book's own choice; the colours follow Okabe and Ito's advice (2008) to vary lightness too.

    >>> set_style()
    >>> plt.rcParams["savefig.dpi"]
    200.0
    """
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")
    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.2),
            "figure.dpi": 100,
            "savefig.dpi": 200,
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "figure.constrained_layout.use": True,
            "text.color": TEXT,
            "axes.labelcolor": TEXT,
            "axes.titlecolor": TEXT,
            "axes.edgecolor": TEXT,
            "xtick.color": TEXT,
            "ytick.color": TEXT,
            "grid.color": TEXT,
            "grid.alpha": 0.25,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.labelsize": 11,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLORS),
            "lines.linewidth": 2.2,
            "lines.markersize": 6,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def plot_images(
    images: ArrayLike,
    titles: Sequence[object] | None = None,
    columns: int = 10,
    value_range: tuple[float, float] | None = None,
    cmap: str = "gray",
) -> None:
    """Show images in a grid, with a title above each.

    Args:
        images: `(n, height, width)` or `(n, height, width, 1)` brightness, or `(n, height, width, 3)` colour.
        titles: one text or number per image; None shows none.
        columns: images in a row.
        value_range: the values drawn black and white; None takes each image's own.
        cmap: matplotlib colour map for brightness.

    Raises:
        ValueError: `titles` is not as long as `images`.

    No source: plotting.

    >>> plot_images(np.zeros((3, 28, 28)), titles=[7, 2, 1], columns=3)
    """
    images = np.asarray(images)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; give one title per image")
    columns = min(columns, max(len(images), 1))
    rows = max(-(-len(images) // columns), 1)
    aspect = images.shape[1] / images.shape[2] if images.size else 1.0
    cell = WIDTH / max(columns, 4)
    height = rows * (cell * aspect + (0.26 if titles is not None else 0.05)) + 0.05
    fig, axs = plt.subplots(rows, columns, figsize=(columns * cell, height), squeeze=False)
    low, high = value_range or (None, None)
    for index, ax in enumerate(axs.flat):
        ax.set_axis_off()
        if index < len(images):
            image = images[index]
            ax.imshow(
                image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image,
                cmap,
                vmin=low,
                vmax=high,
            )
            if titles is not None:
                ax.set_title(str(titles[index]), pad=3)
    plt.show()


def plot_pixels(
    image: ArrayLike, title: str = "", value_range: tuple[float, float] | None = None
) -> None:
    """Show one small image with the number in each pixel.

    Args:
        image: `(height, width)` numbers, any dtype; up to about 28 x 28 stays readable.
        title: text above the image.
        value_range: the values drawn black and white; None takes the image's own.

    No source: plotting.

    >>> plot_pixels(np.eye(3))
    """
    image = np.asarray(image)
    height, width = image.shape
    size = min(WIDTH, 0.9 + 0.42 * width)
    fig, ax = plt.subplots(figsize=(size, size * height / width + (0.3 if title else 0)))
    _draw_numbers(ax, image, value_range, fontsize=max(min(11.0, 150 / width), 5.5))
    ax.set_title(title)
    plt.show()


def plot_grids(
    grids: Mapping[str, ArrayLike], value_range: tuple[float, float] | None = None, columns: int = 3
) -> None:
    """Show several small grids of numbers side by side, each under its name.

    Args:
        grids: name -> `(height, width)` numbers.
        value_range: the values drawn black and white in all grids; None takes each grid's own.
        columns: grids in a row.

    No source: plotting.

    >>> plot_grids({"input": np.eye(3), "output": np.ones((2, 2))})
    """
    arrays = {name: np.asarray(grid) for name, grid in grids.items()}
    columns = min(columns, len(arrays))
    rows = -(-len(arrays) // columns)
    fig, axs = plt.subplots(
        rows, columns, figsize=(WIDTH, rows * WIDTH / max(columns, 2)), squeeze=False
    )
    widest = max(grid.shape[1] for grid in arrays.values()) * columns
    for ax in axs.flat:
        ax.set_axis_off()
    for ax, (name, grid) in zip(axs.flat, arrays.items(), strict=False):
        _draw_numbers(ax, grid, value_range, fontsize=max(min(11.0, 190 / widest), 5.5))
        ax.set_title(name)
    plt.show()


def _draw_numbers(
    ax: Axes, grid: np.ndarray, value_range: tuple[float, float] | None, fontsize: float
) -> None:
    low, high = value_range or (float(grid.min()), float(grid.max()))
    ax.imshow(grid, "gray", vmin=low, vmax=high)
    ax.set_axis_off()
    whole = np.allclose(grid, np.round(grid))
    for (row, column), value in np.ndenumerate(grid):
        bright = (value - low) / (high - low or 1.0) > 0.5
        text = f"{value:.0f}" if whole else f"{value:.2g}"
        color = "black" if bright else "white"
        ax.text(column, row, text, ha="center", va="center", fontsize=fontsize, color=color)


def plot_bars(
    values: Mapping[str, ArrayLike], xlabel: str, ylabel: str, number: str = "{:,.0f}"
) -> None:
    """Draw groups of bars, one group of bars per name, each bar with its number.

    Args:
        values: series name -> numbers, or one series under the name "".
            Bars are numbered from 0 on the x axis unless the series is itself a mapping of bar name -> number.
        xlabel: what the bars are.
        ylabel: what their heights are, with the unit.
        number: format of the numbers written on the bars; "" writes none.

    No source: plotting.

    >>> plot_bars({"training": [3, 5], "test": [1, 2]}, "class", "images")
    """
    import seaborn as sns

    names: list[str] = []
    heights: list[float] = []
    series: list[str] = []
    for name, numbers in values.items():
        items = numbers.items() if isinstance(numbers, Mapping) else enumerate(np.asarray(numbers))
        for bar, height in items:
            names.append(str(bar))
            heights.append(float(height))
            series.append(name)
    fig, ax = plt.subplots(figsize=(WIDTH, 3.0))
    hue = series if len(values) > 1 else None
    palette = COLORS[: len(values)] if hue else None
    sns.barplot(
        x=names, y=heights, hue=hue, palette=palette, color=None if hue else COLORS[0], ax=ax
    )
    crowded = len(names) > 14
    for container, hatch in zip(ax.containers, ("", "///", "...", "xx", "\\\\"), strict=False):
        for patch in container:
            patch.set_hatch(hatch)
            patch.set_edgecolor("white" if hatch else "none")
        if number:
            labels = [number.format(h) for h in container.datavalues]  # type: ignore[attr-defined]
            ax.bar_label(container, labels, fontsize=8 if crowded else 10, padding=2)  # type: ignore[arg-type]
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_yticks([]) if number else ax.grid(axis="y")
    if number:
        ax.spines["left"].set_visible(False)
    if hue:
        ax.legend(
            frameon=False, title=None, ncols=len(values), loc="lower right", bbox_to_anchor=(1, 1)
        )
    plt.show()


def plot_lines(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    xlabel: str,
    ylabel: str,
    *,
    xscale: str = "linear",
    yscale: str = "linear",
    ylim: tuple[float, float] | None = None,
    markers: bool = False,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> None:
    """Draw labelled curves: colour, dash and marker differ, and each name stands at its curve's end.

    Args:
        lines: name -> (x, y), two sequences of one length.
        xlabel: what x is, with the unit.
        ylabel: what y is, with the unit.
        xscale: "linear" or "log".
        yscale: "linear" or "log".
        ylim: lowest and highest y shown; None fits the data.
        markers: mark each point.
        bands: name -> (lowest, highest) y, a shaded spread around the curve of that name.

    No source: plotting.

    >>> plot_lines({"a line": ([0, 1], [0, 1])}, "x", "y")
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 3.4))
    ends: list[tuple[float, float, str, str]] = []
    for index, (name, (x, y)) in enumerate(lines.items()):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        color = COLORS[index % len(COLORS)]
        ax.plot(
            x,
            y,
            color=color,
            linestyle=DASHES[index % len(DASHES)],
            marker=MARKERS[index % len(MARKERS)] if markers else None,
        )
        if bands and name in bands:
            low, high = bands[name]
            ax.fill_between(
                x, np.asarray(low), np.asarray(high), color=color, alpha=0.2, linewidth=0
            )
        ends.append((float(x[-1]), float(y[-1]), name, color))
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    if xscale == "linear" and all(np.all(np.asarray(x) % 1 == 0) for x, _ in lines.values()):
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))  # there is no epoch 1.5
    if ylim:
        ax.set_ylim(*ylim)
    ax.grid(axis="y")
    _label_ends(ax, ends)
    plt.show()


def _label_ends(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each curve's name beside its last point, moved apart where names would overlap."""
    ax.figure.canvas.draw()
    height = ax.bbox.height
    spots = []
    for x, y, name, color in ends:
        spots.append([ax.transData.transform((x, y))[1] - ax.bbox.y0, name, color])
    spots.sort(key=lambda spot: spot[0])
    gap = 15.0
    for index, spot in enumerate(spots):
        floor = spots[index - 1][0] + gap if index else 4.0
        spot[0] = max(spot[0], floor)
    for index in range(len(spots) - 1, -1, -1):
        ceiling = spots[index + 1][0] - gap if index + 1 < len(spots) else height - 4.0
        spots[index][0] = min(spots[index][0], ceiling)
    for pixel, name, color in spots:
        ax.annotate(
            name,
            (1.01, pixel / height),
            xycoords="axes fraction",
            color=color,
            va="center",
            fontsize=10.5,
            annotation_clip=False,
        )


def plot_heatmap(
    matrix: ArrayLike,
    xlabel: str,
    ylabel: str,
    *,
    xnames: Sequence[object] | None = None,
    ynames: Sequence[object] | None = None,
    number: str = "{:.0f}",
    logarithmic: bool = False,
) -> None:
    """Draw a matrix as coloured cells with the number in each, for confusions and correlations.

    Args:
        matrix: `(rows, columns)` numbers.
        xlabel: what the columns are.
        ylabel: what the rows are.
        xnames: one name per column; None numbers them from 0.
        ynames: one name per row; None numbers them from 0.
        number: format of the number in a cell; a cell of exactly 0 stays empty.
        logarithmic: colour by the logarithm, so that rare cells beside a strong diagonal show.

    No source: plotting.

    >>> plot_heatmap([[9, 1], [0, 10]], "predicted", "true")
    """
    import seaborn as sns

    matrix = np.asarray(matrix, dtype=float)
    rows, columns = matrix.shape
    labels = np.array([number.format(v) if v else "" for v in matrix.ravel()]).reshape(matrix.shape)
    fig, ax = plt.subplots(figsize=(WIDTH, min(1.0 + 0.42 * rows, 6.4)))
    sns.heatmap(
        np.log1p(matrix) if logarithmic else matrix,
        annot=labels,
        fmt="",
        cmap="cividis",
        cbar=False,
        linewidths=0.5,
        linecolor=TEXT,
        annot_kws={"fontsize": max(min(11.0, 130 / columns), 6.0)},
        xticklabels=list(range(columns)) if xnames is None else [str(n) for n in xnames],
        yticklabels=list(range(rows)) if ynames is None else [str(n) for n in ynames],
        ax=ax,
    )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.tick_params(length=0)
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    plt.show()


def plot_kernels(
    kernels: ArrayLike, titles: Sequence[object] | None = None, columns: int = 8
) -> None:
    """Show weights as images around zero: blue below, white at zero, red above, one scale for all.

    Args:
        kernels: `(n, height, width)` weights.
        titles: one text or number per kernel; None shows none.
        columns: kernels in a row.

    No source: plotting.

    >>> plot_kernels(np.zeros((2, 3, 3)))
    """
    kernels = np.asarray(kernels, dtype=float)
    largest = float(np.max(np.abs(kernels), initial=0.0)) or 1.0
    plot_images(kernels, titles, columns, (-largest, largest), cmap="RdBu_r")


def plot_graph(inputs: Mapping[str, Sequence[str]]) -> None:
    """Draw a directed graph from top to bottom: a box per node, an arrow from each node to those that use it.

    Nodes that take nothing have a dashed frame.

    Args:
        inputs: node -> the nodes whose results it takes, every node after its inputs. The name is written in the box.

    No source: plotting.

    >>> plot_graph({"x": [], "kernel": [], "x @ kernel": ["x", "kernel"]})
    """
    level = dict.fromkeys(inputs, 0)  # steps to the end: a node stands just above its use
    for node in reversed(list(inputs)):
        for source in inputs[node]:
            level[source] = max(level[source], level[node] + 1)
    rows = [[n for n in inputs if level[n] == r] for r in range(max(level.values(), default=0) + 1)]
    fig, ax = plt.subplots(figsize=(WIDTH, 0.2 + 0.78 * len(rows)))
    ax.set(xlim=(0, 1), ylim=(-0.5, len(rows) - 0.5))
    ax.set_axis_off()
    boxes = {}
    for height, row in enumerate(rows):
        for column, node in enumerate(row):
            color, dash = (COLORS[0], "-") if inputs[node] else (COLORS[1], "--")
            frame = {"boxstyle": "round,pad=0.4", "fc": PAPER, "ec": color, "ls": dash, "lw": 1.6}
            x = (column + 0.5) / len(row)
            boxes[node] = ax.text(x, height, node, ha="center", va="center", size=9.5, bbox=frame)
    fig.canvas.draw()  # gives each box its size, where the arrows end
    for node, sources in inputs.items():
        for source in sources:
            start, end = boxes[source], boxes[node]
            ends = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
            arrow = {"arrowstyle": "->", "color": TEXT, "linewidth": 1.4, **ends}
            ax.annotate("", end.get_position(), start.get_position(), arrowprops=arrow)
    plt.show()
