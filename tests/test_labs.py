"""The labs in a real browser: they compute what the chapters compute, and mouse, keys and stillness work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import page_weights
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from hwr_utils import data, hopfield, layers

LABS = Path(__file__).resolve().parent.parent / "book" / "_static" / "labs"
SHARED = {"labs", "nets", "ink"}
NAMES = sorted(path.stem for path in LABS.glob("*.js") if path.stem not in SHARED)


@pytest.fixture(scope="module")
def open_labs(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Open one page that holds every lab, from the disk; complaints of the page fail the test that opened it."""
    links = "".join(
        f'<p><a href="https://book.example/x.html#lab-{n}">Lab {n}</a></p>' for n in NAMES
    )
    path = tmp_path_factory.mktemp("labs") / "page.html"
    path.write_text(
        f'<!DOCTYPE html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Labs</title>'
        f'<link rel="stylesheet" href="{(LABS / "labs.css").as_uri()}">'
        f'<script defer src="{(LABS / "labs.js").as_uri()}"></script>'
        f'<div class="bd-article">{links}</div></html>',
        encoding="utf-8",
    )
    contexts = []

    def open_page(**options: object) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page complains: {error}"))
        page.goto(path.as_uri(), wait_until="networkidle")
        if options.get("java_script_enabled", True):
            for name in NAMES:
                page.locator(f"#lab-{name} .lab-says").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(open_labs) -> Page:
    return open_labs()


def says(page: Page, name: str) -> str:
    return page.locator(f"#lab-{name} .lab-says").last.inner_text()


def test_each_lab_is_drawn_and_says_its_result(page):
    assert len(NAMES) >= 6
    for name in NAMES:
        assert page.locator(f"#lab-{name} .lab-row").count() > 0, name
        assert len(says(page, name)) > 20
        assert page.locator(f"#lab-{name}").get_attribute("role") == "group"


def test_without_javascript_the_link_stays(open_labs):
    page = open_labs(java_script_enabled=False)
    assert page.locator(".bd-article a").count() == len(NAMES)


# They compute what the chapters compute ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "kernel_size", "strides", "padding"),
    list(product((7, 8, 10), (3, 5), (1, 2, 3), ("valid", "same"))),
)
def test_convolution_is_that_of_the_package(page, size, kernel_size, strides, padding):
    rng = np.random.default_rng(size)
    image, kernel = rng.normal(size=(size, size)), rng.normal(size=(kernel_size, kernel_size))
    ours = page.evaluate(
        "([image, kernel, strides, padding]) => Labs.convolve(image, kernel, strides, padding).map",
        [image.tolist(), kernel.tolist(), strides, padding],
    )
    expected = layers.conv2d(
        image[None, :, :, None], kernel[:, :, None, None], strides=strides, padding=padding
    )
    np.testing.assert_allclose(ours, expected[0, :, :, 0], atol=1e-12)


def test_pooling_and_change_are_those_of_the_chapter(page):
    before, after = np.random.default_rng(0).normal(size=(2, 16, 16))
    for size, (kind, pool) in product(
        (2, 4, 16), (("largest", layers.max_pool2d), ("mean", layers.avg_pool2d))
    ):
        ours = page.evaluate(
            "([map, size, kind]) => Labs.pool(map, size, kind)", [before.tolist(), size, kind]
        )
        np.testing.assert_allclose(ours, pool(before[None, :, :, None], size)[0, :, :, 0])
    change = page.evaluate("([a, b]) => Labs.change(a, b)", [before.tolist(), after.tolist()])
    assert change == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before))


def test_hopfield_is_that_of_the_package(page):
    patterns = np.random.default_rng(1).choice([-1, 1], (4, 100))
    state = np.random.default_rng(2).choice([-1, 1], 100)
    weights = hopfield.hebbian_weights(patterns)
    found = page.evaluate(
        """([patterns, state]) => {
            const { hebb, energy, sweep, together, flow, continuousEnergy } = Labs.hopfield;
            const weights = hebb(patterns), flowed = flow(weights, state.map((s) => 0.5 * s));
            const { next, trace } = sweep(weights, state, Labs.seeded(1));
            return { weights: weights.map((line) => [...line]), energy: energy(weights, state), together: together(weights, state), next,
                     trace, flowed, levels: [continuousEnergy(weights, state.map((s) => 0.5 * s)), continuousEnergy(weights, flowed)] };
        }""",
        [patterns.tolist(), state.tolist()],
    )
    np.testing.assert_allclose(found["weights"], weights, atol=1e-12)
    assert found["energy"] == pytest.approx(float(hopfield.energy(weights, state)))
    assert found["together"] == hopfield.synchronous(weights, state).tolist()
    assert found["trace"][-1] == pytest.approx(float(hopfield.energy(weights, found["next"])))
    assert max(np.diff([found["energy"], *found["trace"]])) <= 1e-9  # it never rises
    assert found["levels"][1] < found["levels"][0]


def test_lattice_is_the_sum_over_all_alignments(page):
    probabilities = np.random.default_rng(3).dirichlet([1, 1, 1], 6)  # (timesteps, symbols)
    alignments = ["".join(a) for a in product("-37", repeat=6)]
    collapsed = page.evaluate("(all) => all.map(Labs.ctc.collapse)", alignments)
    for label in ("", "3", "33", "37", "737", "777"):
        ours = page.evaluate(
            "([label, p]) => Labs.ctc.lattice(label, p).total", [label, probabilities.tolist()]
        )
        total = sum(
            np.prod([probabilities[t, "-37".index(s)] for t, s in enumerate(alignment)])
            for alignment, text in zip(alignments, collapsed, strict=True)
            if text == label
        )
        assert ours == pytest.approx(total)
    assert collapsed[alignments.index("33-37-")] == "337"


def test_the_cell_is_an_lstm_cell(page):
    gates = np.random.default_rng(4).random((4, 12))
    found = page.evaluate("(gates) => Labs.runCell(gates)", gates.tolist())
    state = 0.0
    for t, (candidate, write, keep, show) in enumerate(gates.T):
        state = keep * state + write * candidate
        assert found["cell"][t] == pytest.approx(state)
        assert found["hidden"][t] == pytest.approx(show * np.tanh(state))


def test_drawings_are_normalised_as_in_the_package(page):
    rng, images = np.random.default_rng(5), data.load_handwriting()[1][0]
    for image in images[:60]:
        height, width = rng.integers(40, 260, 2)
        drawn = Image.fromarray(image).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        drawing = np.zeros((280, 280), np.uint8)
        top, left = rng.integers(0, 281 - height), rng.integers(0, 281 - width)
        drawing[top : top + height, left : left + width] = np.asarray(drawn)
        ours = page.evaluate(
            """(values) => {
                const page = { height: 280, width: 280, values: Uint8ClampedArray.from(values) };
                return [...Ink.centreByMass(Ink.fitBox(page)).values];
            }""",
            drawing.ravel().tolist(),
        )
        expected = data.centre_by_mass(data.fit_box(drawing)).ravel().astype(int)
        assert np.abs(np.array(ours) - expected).max() <= 1


@pytest.mark.parametrize("name", page_weights.PACKERS)
def test_networks_in_the_page_are_those_of_the_package(page, name):
    """With the weights of the page the logits are those of Keras; what 8 bits cost is less than 0.1 points."""
    from hwr_utils import models

    model = getattr(models, f"build_{name}")()
    with np.load(page_weights.WEIGHTS / f"{name}.npz") as stored:
        weights = [stored[key] for key in stored.files]
    assert (page_weights.MODELS / f"{name}.js").read_text(encoding="utf-8") == page_weights.script(
        name, weights
    )
    model.set_weights(weights)
    x_test, y_test = data.load_handwriting()[1]
    full = model.predict(x_test[..., None], batch_size=500, verbose=0)
    model.set_weights(
        [page_weights.unpack(page_weights.pack(w)) if w.ndim > 1 else w for w in weights]
    )
    rounded = model.predict(x_test[..., None], batch_size=500, verbose=0)
    ours = page.evaluate(
        """([name, images]) => images.map((image) => {
            const forward = { lean_cnn: (i) => Nets.leanCnn(Nets.unpack(LeanCnn), i).logits, lstm: (i) => Nets.lstm(Nets.unpack(Lstm), i).at(-1) };
            return [...forward[name](Float32Array.from(image))];
        })""",
        [name, (x_test[:200].reshape(200, 784) / 255).tolist()],
    )
    np.testing.assert_allclose(ours, rounded[:200], atol=1e-3)
    assert (np.argmax(ours, axis=1) == rounded[:200].argmax(axis=1)).all()
    accuracy = [(logits.argmax(axis=1) == y_test).mean() for logits in (full, rounded)]
    allowed = 0.001 if len(y_test) == 10_000 else 0.02  # the embedded test set has 360 images
    assert abs(accuracy[0] - accuracy[1]) < allowed
    assert accuracy[1] > (0.99 if len(y_test) == 10_000 else 0.6)  # learned on MNIST


# Mouse, keys, stillness ---------------------------------------------------------------------------------


def test_convolution_by_mouse_and_keys(page):
    lab = page.locator("#lab-convolution")
    cells = lab.locator(".lab-panel").nth(2).locator("td")
    cells.nth(0).hover()
    assert "Row 0, column 0" in says(page, "convolution")
    cells.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert "Row 1, column 1" in says(page, "convolution")
    before = lab.locator("td").nth(0).inner_text()
    lab.locator("td").nth(0).focus()
    page.keyboard.press("Space")
    assert {before, lab.locator("td").nth(0).inner_text()} == {"0", "9"}
    weight = lab.locator(".lab-weights input").first
    weight.fill("2")
    weight.press("Tab")
    cells.nth(0).hover()
    assert "2 × 9" in says(page, "convolution")
    lab.get_by_label("padding").select_option("same")
    assert says(page, "convolution").startswith("Map 10 × 10")
    lab.get_by_label("stride").select_option("3")
    assert says(page, "convolution").startswith("Map 4 × 4")


def test_pooling_moves(page):
    lab = page.locator("#lab-pooling")
    lab.get_by_role("button", name="right").click()
    assert says(page, "pooling").startswith("Moved by 0 down and 1 to the right")
    lab.get_by_label("of blocks").select_option("16 x 16")
    assert says(page, "pooling").endswith("of the pooled map 0.00.")


def test_hopfield_recalls_and_finds_the_cycle(open_labs):
    page = open_labs(reduced_motion="reduce")  # run then jumps to the end: no animation
    lab = page.locator("#lab-hopfield")
    lab.get_by_role("button", name="set the state to pattern 1").click()
    lab.get_by_role("button", name="damage 20 %").click()
    lab.get_by_role("button", name="run", exact=True).click()
    assert "It is pattern 1" in says(page, "hopfield")
    for _ in range(8):
        lab.get_by_role("button", name="add 5 random patterns").click()
    assert says(page, "hopfield").startswith("43 patterns stored")
    lab.get_by_label("units change").select_option("synchronous")
    endings = set()
    for _ in range(20):  # overloaded, many starts end in a cycle
        lab.get_by_role("button", name="damage 20 %").click()
        lab.get_by_role("button", name="run", exact=True).click()
        endings.add("A cycle of two states" in says(page, "hopfield"))
    assert endings == {True, False}
    lab.get_by_role("button", name="forget all but three").click()
    lab.get_by_label("units change").select_option("continuous")
    lab.get_by_role("button", name="run", exact=True).click()
    assert "Step" in says(page, "hopfield") or "Settled" in says(page, "hopfield")


def test_vanishing_says_what_arrives(page):
    lab = page.locator("#lab-vanishing")
    lab.get_by_label("cell").select_option("gated cell")
    gate = lab.get_by_label("forget gate")
    gate.fill("0.5")
    assert "multiplies by 0.500" in says(page, "vanishing")
    assert "It has vanished." in says(page, "vanishing")
    gate.fill("1")
    assert "1.0 arrives at timestep 1" in says(page, "vanishing")


def test_gates_change_by_keys(page):
    lab = page.locator("#lab-gates")
    lab.get_by_role("button", name="reset").click()
    lab.locator("tr").nth(2).locator("td").nth(6).focus()
    page.keyboard.press("Space")
    assert says(page, "gates").startswith("Timestep 6: cell state 0.5 × 0.90")


def test_ctc_collapses_what_is_typed(page):
    lab = page.locator("#lab-ctc")
    lab.get_by_label("alignment").fill("77-7--3")
    assert "blanks dropped: 773" in lab.locator(".lab-says").first.inner_text()
    lab.get_by_label("label", exact=False).last.fill("333")
    assert "so the loss is" in says(page, "ctc")
    lab.locator("table").first.locator("td").nth(0).focus()
    page.keyboard.press("Space")
    assert (
        lab.locator("table")
        .first.locator("td")
        .nth(0)
        .evaluate("(e) => e === document.activeElement")
    )


def test_no_lab_reaches_out_or_evaluates_text():
    for path in LABS.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for word in (
            "fetch(",
            "XMLHttpRequest",
            "innerHTML",
            "eval(",
            "import ",
            "http:",
            "https:",
        ):
            assert word not in text.replace("http://www.w3.org/2000/svg", ""), (path.name, word)
        assert len(text.splitlines()) < 200, path.name


def draws(page: Page, start: str) -> None:
    """The answer comes with the next frame, and on a busy machine a little later."""
    expect(page.locator("#lab-draw .lab-says").last).to_have_text(
        re.compile(f"^{re.escape(start)}")
    )


def test_a_digit_is_drawn_by_mouse_and_by_keys(page):
    lab = page.locator("#lab-draw")
    lab.locator(".lab-paper").wait_for()
    draws(page, "Draw a digit. Nothing leaves this page.")
    lab.locator(".lab-paper").scroll_into_view_if_needed()
    box = lab.locator(".lab-paper").bounding_box()
    x, y, side = box["x"], box["y"], box["width"] / 280
    page.mouse.move(x + 80 * side, y + 65 * side)
    page.mouse.down()
    for across, down in ((195, 62), (160, 130), (130, 225)):
        page.mouse.move(x + across * side, y + down * side, steps=8)
    page.mouse.up()
    draws(page, "The CNN says 7")
    assert "LSTM" in says(page, "draw")
    lab.get_by_role("button", name="clear").click()
    draws(page, "Draw a digit. Nothing leaves this page.")
    lab.locator(".lab-paper").focus()
    for key in ["Space", *["ArrowDown"] * 15]:
        page.keyboard.press(key)
    draws(page, "The CNN says 1")
    lab.get_by_role("button", name="undo").click()
    draws(page, "Draw a digit. Nothing leaves this page.")


@pytest.mark.parametrize("digit", ["2", "3", "5", "7"])
def test_the_sample_strokes_are_read(page, digit):
    page.locator("#lab-draw").get_by_role("button", name=f"a {digit}").click()
    draws(page, f"The CNN says {digit}")


def test_without_its_normalisation_the_reader_fails(page):
    lab = page.locator("#lab-draw")
    lab.get_by_role("button", name="a 5").click()
    draws(page, "The CNN says 5")
    lab.get_by_label("ink is bright").uncheck()
    expect(page.locator("#lab-draw .lab-says").last).not_to_have_text(re.compile("^The CNN says 5"))
    lab.get_by_label("ink is bright").check()


def test_a_stroke_is_answered_at_once(page):
    """The whole way from stroke to words, in milliseconds; 16 leave no frame out."""
    times = page.evaluate(
        """async () => {
            const image = Float32Array.from({ length: 784 }, (_, k) => (k % 7 ? 0 : 1)), times = [];
            const [cnn, lstm] = [Nets.unpack(LeanCnn), Nets.unpack(Lstm)];
            for (let k = 0; k < 60; k++) {
                const start = performance.now();
                Nets.leanCnn(cnn, image);
                Nets.lstm(lstm, image);
                times.push(performance.now() - start);
            }
            return times;
        }"""
    )
    assert np.median(times) < 16
