"""The labs in a real browser: they compute what the chapters compute, and mouse, keys and stillness work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import product
from pathlib import Path

import numpy as np
import page_errors
import page_reader
import page_weights
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from hwr_utils import ctc, data, hopfield, layers, recurrent, trained
from tests.pages import scroll_to

LABS = Path(__file__).resolve().parent.parent / "book" / "_static" / "labs"
SHARED = {"labs", "nets", "ink", "plot", "strokes"}
NAMES = sorted(path.stem for path in LABS.glob("*.js") if path.stem not in SHARED)
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# As strict as the book's pages shall be: scripts and styles from files of the book, and nothing written into the page.
POLICY = "default-src 'none'; script-src file:; style-src file:; font-src file:"


@pytest.fixture(scope="module")
def open_labs(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Open one page that holds every lab, from the disk; what a page complains of is said after the last test."""
    links = "".join(
        f'<p><a href="https://book.example/x.html#lab-{n}">Lab {n}</a></p>' for n in NAMES
    )
    path = tmp_path_factory.mktemp("labs") / "page.html"
    css = path.with_suffix(".css")
    css.write_text("body { background: var(--book-paper); color: var(--book-ink); }", "utf-8")
    sheets = (LABS.parent / "book.css", LABS / "labs.css", css)
    contexts, complaints = [], []

    def open_page(theme: str = "light", missing: str = "", **options: object) -> Page:
        path.write_text(
            f'<!DOCTYPE html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><title>Labs</title>'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            + "".join(f'<link rel="stylesheet" href="{sheet.as_uri()}">' for sheet in sheets)
            + f'<script defer src="{(LABS / "labs.js").as_uri()}"></script>'
            f'<main class="bd-article"><h1>Labs</h1>{links}</main></html>',
            encoding="utf-8",
        )
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if missing:
            page.route(f"**/{missing}", lambda route: route.abort())
        else:  # what the policy forbids is an error on the console
            page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.goto(path.as_uri(), wait_until="networkidle")
        if options.get("java_script_enabled", True):
            for name in NAMES:
                scroll_to(page.locator(f"#lab-{name}"))
                page.locator(f"#lab-{name} .lab-says").first.wait_for(timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def page(open_labs) -> Page:
    return open_labs()


def says(page: Page, name: str) -> str:
    return page.locator(f"#lab-{name} .lab-says").last.inner_text()


def says_first(page: Page) -> str:
    """What the networks say of the drawing."""
    return page.locator("#lab-draw .lab-says").first.inner_text()


def test_each_lab_is_drawn_and_says_its_result(page):
    assert NAMES == [
        "convolution",
        "ctc",
        "draw",
        "errors",
        "gates",
        "hopfield",
        "pooling",
        "vanishing",
    ]
    for name in NAMES:
        assert page.locator(f"#lab-{name} .lab-row").count() > 0, name
        assert len(says(page, name)) > 20
        assert page.locator(f"#lab-{name}").get_attribute("role") == "group"


def test_without_javascript_the_link_stays(open_labs):
    page = open_labs(java_script_enabled=False)
    assert page.locator(".bd-article a").count() == len(NAMES)


@pytest.mark.parametrize(
    ("missing", "silent"),
    [
        ("lstm.js", {"draw", "gates"}),
        ("nets.js", {"ctc", "draw", "gates", "pooling"}),
        ("errors.js", {"errors"}),
    ],
)
def test_a_missing_script_is_said_and_the_other_labs_go_on(open_labs, missing, silent):
    page = open_labs(missing=missing)
    for name in NAMES:
        alert = page.locator(f"#lab-{name} [role=alert]")
        assert alert.count() == (name in silent), name
        if name in silent:
            assert f"/{missing} did not load" in alert.inner_text()
        else:
            assert len(says(page, name)) > 20


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_labs_keep_nobody_out_and_fit_a_phone(open_labs, theme, width):
    page = open_labs(theme=theme, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run({ preload: false }).then((r) => r.violations)")
    assert [f"{v['id']}: {n['html'][:100]}" for v in found for n in v["nodes"]] == []


def test_only_paper_keeps_the_finger_from_scrolling(page):
    held = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((e) => getComputedStyle(e).touchAction !== "auto").map((e) => e.className)"""
    )
    assert held == ["lab-paper", "lab-paper"]  # of the labs ctc and draw


def test_nothing_moves_by_itself(open_labs):
    page = open_labs(reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0
    counted = page.locator("#lab-draw .lab-says").last
    scroll_to(counted)  # its count begins when it is seen
    expect(counted).to_contain_text("Of 40", timeout=30_000)
    before = [says(page, name) for name in NAMES]
    page.wait_for_timeout(700)
    assert [says(page, name) for name in NAMES] == before


def test_a_busy_browser_that_reports_two_sightings_at_once_starts_the_count(open_labs):
    page = open_labs()
    page.evaluate(
        """async () => {
          const Real = IntersectionObserver;
          let report;
          IntersectionObserver = class {
            constructor(callback) { report = callback; }
            observe() {}
            disconnect() {}
          };
          const lab = document.createElement("lab-draw");
          lab.id = "second";
          document.querySelector("main").append(lab);
          await lab.built;
          IntersectionObserver = Real;
          report([{ isIntersecting: false }, { isIntersecting: true }]);  // out of view, then in view
        }"""
    )
    expect(page.locator("#second .lab-says").last).to_contain_text("Of 40", timeout=30_000)


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


def test_gates_are_those_of_the_trained_network(page):
    """What the lab shows as learned gates gives the cells of the package's LSTM with the page's weights."""
    kernel, recurrent_kernel, bias, *_ = trained.load_weights("lstm")[1]
    kernel, recurrent_kernel = (
        page_weights.unpack(page_weights.pack(w)).astype(float) for w in (kernel, recurrent_kernel)
    )
    image = np.array(page.evaluate("[...Labs.enlarge(Labs.drawings.four, 1, -1)]")).reshape(28, 28)
    hidden, _ = recurrent.lstm(
        image[None].astype(float), kernel, recurrent_kernel, bias, return_sequences=True
    )
    for unit in (0, 77, 127):
        shown = page.evaluate(
            """(unit) => Labs.runCell(Labs.learnedGates(Nets.unpack(Lstm), Labs.enlarge(Labs.drawings.four, 1, -1), unit)).hidden""",
            unit,
        )
        np.testing.assert_allclose(shown, hidden[0, :, unit], atol=1e-5)


def test_shares_of_the_lattice_are_those_of_the_package(page):
    probabilities = np.random.default_rng(6).dirichlet([1, 1, 1], 6)
    for label in ("3", "37", "733"):
        found = page.evaluate(
            """([label, p]) => Labs.ctc.passing(label, p, ["-", "3", "7"])""",
            [label, probabilities.tolist()],
        )
        np.testing.assert_allclose(np.sum(found["share"], axis=1), 1)
        numbers = ["-37".index(s) for s in label]
        assert -np.log(found["total"]) == pytest.approx(ctc.loss(np.log(probabilities), numbers))
        # what the alignments want of a class is its share at all places of it: the loss' gradient says the same
        wanted = np.zeros((6, 3))
        for place, symbol in enumerate(found["places"]):
            wanted[:, "-37".index(symbol)] += np.array(found["share"])[:, place]
        gradient = ctc.loss_gradient(np.log(probabilities), numbers)
        np.testing.assert_allclose(probabilities - wanted, gradient, atol=1e-9)


def test_the_reader_of_strips_is_the_one_that_was_trained(page):
    text = (page_weights.MODELS / "reader.js").read_text(encoding="utf-8")
    assert len(text) < 200_000
    packed = json.loads(text.removeprefix("window.Reader = ").removesuffix(";\n"))
    model = page_reader.build()
    model.set_weights(page_reader.unpack_reader(packed))
    x_test, y_test = data.load_handwriting()[1]
    strips, targets = page_reader.write(x_test, y_test, 200, np.random.default_rng(7))
    expected = model.predict(strips, batch_size=50, verbose=0)
    ours = page.evaluate(
        """(strips) => { const net = Nets.unpack(Reader); return strips.map((s) => Nets.readStrip(net, Float64Array.from(s), 128).map((line) => [...line])); }""",
        (strips.reshape(200, -1) / 255).tolist(),
    )
    np.testing.assert_allclose(ours, expected, atol=1e-3)
    read = [ctc.best_path(np.array(logits)) for logits in ours]
    right = np.mean([r == [k for k in t if k] for r, t in zip(read, targets.tolist(), strict=True)])
    assert right > (0.85 if len(y_test) == 10_000 else 0.4)  # learned on MNIST


def errors() -> dict:
    text = (page_weights.MODELS / "errors.js").read_text(encoding="utf-8")
    assert len(text) < 200_000
    return json.loads(text.removeprefix("window.Errors = ").removesuffix(";\n"))


def test_the_errors_shown_are_those_of_the_shipped_networks(page):
    """Each image again through Keras; and where the test set of MNIST is there, every count and every pixel."""
    found, images = errors(), errors()["images"]
    pixels = np.array([page_errors.unpack_image(image) for image in images])
    labels = np.array([image["label"] for image in images])
    answers = {}
    for name, short in zip(page_errors.NAMES, ("cnn", "lstm"), strict=True):
        p = page_errors.probabilities(name, pixels)
        np.testing.assert_allclose(p, np.array([i[short] for i in images]) / 1000, atol=2e-3)
        answers[short] = p.argmax(axis=1)
        table = np.array(found["tables"][short])
        assert table.sum() == 10_000
        wrong = answers[short] != labels
        off = page_errors.counts(labels[wrong], answers[short][wrong])
        assert (table - np.diag(np.diag(table))).tolist() == off
        card = json.loads((trained.SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
        assert wrong.sum() == round(10_000 * (1 - card["test_accuracy"]))
    differ = answers["cnn"] != answers["lstm"]
    both = np.array(found["tables"]["both"])
    off = page_errors.counts(answers["cnn"][differ], answers["lstm"][differ])
    assert (both - np.diag(np.diag(both))).tolist() == off
    x_test, y_test = data.load_handwriting()[1]
    if len(y_test) == 10_000:
        places = [image["index"] for image in images]
        assert (x_test[places] == pixels).all()
        assert (y_test[places] == labels).all()
        assert (
            np.diag(found["tables"]["cnn"]).sum()
            == (page_errors.probabilities("lean_cnn", x_test).argmax(axis=1) == y_test).sum()
        )
    shown = page.evaluate("() => Errors.images.map((e) => [...Labs.errors.unpack(e)])")
    np.testing.assert_allclose(np.array(shown).reshape(-1, 28, 28), pixels / 255)


def test_each_cell_of_the_error_explorer_shows_its_images(page):
    tables = errors()["tables"]
    for view, i, j in product(tables, range(10), range(10)):
        images = page.evaluate(
            "([view, i, j]) => Labs.errors.cellImages(Errors, view, i, j)", [view, i, j]
        )
        if i != j:
            assert len(images) == tables[view][i][j]
        elif view != "both":
            assert len(images) >= page_errors.LEAST_SURE
        if view != "both":
            assert all((e["label"], np.argmax(e[view])) == (i, j) for e in images)
            sure = [max(e[view]) for e in images]
            assert sure == sorted(sure, reverse=i != j)


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
    weights = trained.load_arrays(trained.SHIPPED / f"{name}.npz")
    packed = page_weights.PACKERS[name](weights)
    script = (page_weights.MODELS / f"{name}.js").read_text(encoding="utf-8")
    assert script == page_weights.script(name, packed)
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


def test_convolution_takes_a_5_by_5_kernel_and_a_preset(page):
    lab = page.locator("#lab-convolution")
    lab.get_by_role("combobox", name="kernel").select_option("rising stroke, 5 x 5")
    lab.get_by_role("combobox", name="padding").select_option("valid")
    lab.get_by_role("combobox", name="stride").select_option("1")
    assert says(page, "convolution").startswith("Map 6 × 6")
    assert lab.locator(".lab-weights input").count() == 25
    lab.get_by_role("combobox", name="kernel").select_option("as it is")
    lab.get_by_role("combobox", name="picture").select_option("zero")
    assert says(page, "convolution").startswith("Map 8 × 8")


def test_pooling_moves_and_the_network_reads(page):
    lab = page.locator("#lab-pooling")
    assert says(page, "pooling").endswith("reads it as 4 (100 %).")
    lab.get_by_role("button", name="right").focus()
    page.keyboard.press("Enter")
    assert says(page, "pooling").startswith("Moved by 0 down and 1 to the right")
    lab.get_by_label("of blocks").select_option("16 x 16")
    assert "of the pooled map 0.00." in says(page, "pooling")
    page.keyboard.press("Shift+Tab")
    lab.get_by_label("digit").select_option("zero")
    for _ in range(2):
        lab.get_by_role("button", name="right").click()
    assert "reads it as 0" not in says(page, "pooling")  # three steps are six of its pixels


def test_hopfield_recalls_and_finds_the_cycle(open_labs):
    page = open_labs(reduced_motion="reduce")  # run then jumps to the end: no animation
    lab = page.locator("#lab-hopfield")
    assert says(page, "hopfield").startswith("3 patterns stored, 3 of them stable")
    lab.get_by_role("button", name="set the state to pattern 1").click()
    unit = lab.locator("td").nth(3)
    before = unit.get_attribute("aria-label")
    unit.focus()
    page.keyboard.press("Space")  # damaged by hand
    assert {before, unit.get_attribute("aria-label")} == {"unit 3: plus 1", "unit 3: minus 1"}
    lab.get_by_role("button", name="step", exact=True).click()
    assert unit.get_attribute("aria-label") == before
    lab.get_by_role("button", name="damage 20 %").click()
    lab.get_by_role("button", name="run", exact=True).click()
    assert "It is pattern 1" in says(page, "hopfield")
    for _ in range(8):
        lab.get_by_role("button", name="add 5 random patterns").click()
    overloaded = re.match(r"43 patterns stored, (\d+) of them stable", says(page, "hopfield"))
    assert int(overloaded[1]) < 20
    lab.get_by_label("units change").select_option("synchronous")
    endings = set()
    for _ in range(20):  # overloaded, many starts end in a cycle
        lab.get_by_role("button", name="damage 20 %").click()
        lab.get_by_role("button", name="run", exact=True).click()
        endings.add("A cycle of two states" in says(page, "hopfield"))
        pictures = lab.get_by_text("the two states of the cycle").locator(".lab-thumb")
        assert pictures.count() == 2 * ("A cycle of two states" in says(page, "hopfield"))
        if pictures.count():
            assert pictures.first.inner_html() != pictures.last.inner_html()
    assert endings == {True, False}
    lab.get_by_role("button", name="store the state").click()
    assert says(page, "hopfield").startswith("44 patterns stored")
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
    gate.focus()
    page.keyboard.press("ArrowLeft")
    assert "multiplies by 0.990" in says(page, "vanishing")
    lab.get_by_role("slider", name="timesteps").fill("50")
    assert lab.locator(".lab-chain i").count() == 50
    lab.get_by_label("cell").select_option("plain neuron")
    lab.get_by_label("recurrent weight").fill("1.8")
    lab.get_by_label("size of the state").fill("0")
    assert "It explodes." in says(page, "vanishing")


def test_gates_change_by_keys(page):
    lab = page.locator("#lab-gates")
    lab.get_by_role("button", name="reset").click()
    lab.locator("tr").nth(3).locator("td").nth(6).focus()
    page.keyboard.press("Space")
    assert says(page, "gates").startswith("Timestep 6: cell state 0.5 × 0.90")
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    assert says(page, "gates").startswith("Timestep 6: cell state 0 × 0.90")
    page.keyboard.press("Space")
    assert says(page, "gates").startswith("Timestep 6: cell state 0.5 × 0.90")
    lab.get_by_label("forget gate at timestep 6").fill("0.25")
    assert says(page, "gates").startswith("Timestep 6: cell state 0.25 × 0.90")
    lab.get_by_label("the sliders turn").select_option("all timesteps")
    lab.get_by_label("output gate at timestep 6").fill("0")
    assert lab.locator("tr").nth(4).inner_text().split("\t")[1:] == ["0"] * 12


def test_gates_of_the_trained_network_can_be_turned(page):
    lab = page.locator("#lab-gates")
    lab.get_by_role("button", name="learned gates").click()
    assert lab.locator("tr").nth(1).locator("td").count() == 28
    before = says(page, "gates")
    lab.get_by_label("unit of the book's LSTM").fill("77")
    assert says(page, "gates") != before
    assert says(page, "gates").startswith("Timestep 27")
    lab.get_by_role("button", name="count").click()
    assert lab.locator("tr").nth(1).locator("td").count() == 12


def test_ctc_collapses_what_is_typed(page):
    lab = page.locator("#lab-ctc")
    lab.get_by_role("textbox", name="alignment").fill("77-7--3")
    assert "blanks dropped: 773" in lab.locator(".lab-says").first.inner_text()
    hand = lab.get_by_role("group", name="Fill a lattice")
    hand.get_by_label("label").fill("333")
    assert "so the loss is" in hand.locator(".lab-says").inner_text()
    hand.get_by_label("label").fill("777")
    lab.locator("table").first.locator("td").nth(0).focus()
    page.keyboard.press("Space")
    assert (
        lab.locator("table")
        .first.locator("td")
        .nth(0)
        .evaluate("(e) => e === document.activeElement")
    )


def test_a_drawn_number_is_read_and_its_lattice_drawn(page):
    part = page.locator("#lab-ctc").get_by_role("group", name="Draw a number")
    told = part.locator(".lab-says")
    for number in ("2018", "335", "37"):
        part.get_by_role("button", name=f"a {number}", exact=True).click()
        expect(told).to_contain_text(f'The likeliest alignment reads "{number}".')
    label = part.get_by_label("label of your drawing")
    assert label.input_value() == "37"
    lattice = part.locator("table").last
    assert lattice.locator("tr").count() == 2 * 2 + 1
    lattice.locator("td").first.focus()
    page.keyboard.press("ArrowRight")
    assert "column 1, place 0, blank:" in part.inner_text()
    label.fill("31")
    expect(told).to_contain_text('All alignments of "31" together')
    assert lattice.locator("th").all_inner_texts() == ["-", "3", "-", "1", "-"]
    part.get_by_role("button", name="clear").click()
    expect(told).to_contain_text("Draw a number")
    assert part.locator("table").count() == 0
    part.locator(".lab-paper").focus()
    for key in ["ArrowUp", "Space", *["ArrowDown"] * 9]:
        page.keyboard.press(key)
    expect(told).to_contain_text('The likeliest alignment reads "1".')
    expect(told).to_contain_text("The pen is down")
    part.get_by_role("button", name="undo").click()
    expect(told).to_contain_text("Draw a number")


def test_error_explorer_by_mouse_and_keys(page):
    lab, tables = page.locator("#lab-errors"), errors()["tables"]
    cells = lab.locator("td[role=gridcell]")
    cells.nth(94).click()  # a 9 that is read as a 4
    count = tables["cnn"][9][4]
    assert f"It reads 9 as 4 in {count} images" in says(page, "errors")
    assert lab.locator(".lab-shown").count() == count
    assert lab.locator(".lab-shown").first.inner_text().startswith("label 9")
    page.keyboard.press("ArrowRight")
    assert lab.locator(".lab-shown").count() == count  # looking at a cell does not choose it
    page.keyboard.press("Enter")
    assert f"It reads 9 as 5 in {tables['cnn'][9][5]} image" in says(page, "errors")
    lab.get_by_label("show").select_option("where they disagree")
    agree = sum(tables["both"][k][k] for k in range(10))
    assert f"agree on {agree:,} of 10,000" in says(page, "errors")
    i, j = np.argwhere(np.array(tables["both"]) == 0)[0]
    cells.nth(10 * i + j).click()
    assert "in 0 images" in says(page, "errors")
    assert lab.locator(".lab-shown").count() == 0


def test_no_lab_reaches_out_or_evaluates_text():
    for path in [*LABS.glob("*.js"), LABS.parent / "quiz.js"]:
        text = path.read_text(encoding="utf-8")
        for word in (
            "fetch(",
            "XMLHttpRequest",
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
            'setAttribute("style"',
            "localStorage",
            "sendBeacon",
            "eval(",
            "import ",
            "http:",
            "https:",
        ):
            assert word not in text.replace("http://www.w3.org/2000/svg", ""), (path.name, word)
        assert len(text.splitlines()) < 200, path.name


def draws(page: Page, start: str) -> None:
    """The answer comes with the next frame, and on a busy machine a little later."""
    expect(page.locator("#lab-draw .lab-says").first).to_have_text(
        re.compile(f"^{re.escape(start)}")
    )


def test_a_digit_is_drawn_by_mouse_and_by_keys(page):
    lab = page.locator("#lab-draw")
    lab.locator(".lab-paper").wait_for()
    draws(page, "Draw a digit.")
    scroll_to(lab.locator(".lab-paper"))
    box = lab.locator(".lab-paper").bounding_box()
    x, y, side = box["x"], box["y"], box["width"] / 280
    page.mouse.move(x + 80 * side, y + 65 * side)
    page.mouse.down()
    for across, down in ((195, 62), (160, 130), (130, 225)):
        page.mouse.move(x + across * side, y + down * side, steps=8)
    page.mouse.up()
    draws(page, "The CNN says 7")
    assert "LSTM" in says_first(page)
    lab.get_by_role("button", name="clear").click()
    draws(page, "Draw a digit.")
    lab.locator(".lab-paper").focus()
    for key in ["Space", *["ArrowDown"] * 15]:
        page.keyboard.press(key)
    draws(page, "The CNN says 1")
    lab.get_by_role("button", name="undo").click()
    draws(page, "Draw a digit.")


@pytest.mark.parametrize("digit", range(10))
def test_the_sample_strokes_are_read(page, digit):
    page.locator("#lab-draw").get_by_role("button", name=f"a {digit}").click()
    draws(page, f"The CNN says {digit}")


def test_an_empty_page_is_not_read(page):
    lab = page.locator("#lab-draw")
    lab.get_by_role("button", name="a 8").click()
    draws(page, "The CNN says 8")
    assert lab.locator(".lab-seen").is_visible()
    lab.get_by_role("button", name="clear").click()
    draws(page, "Draw a digit.")
    assert "says" not in says_first(page)
    for picture in (".lab-seen", ".lab-belief", ".lab-maps >> nth=0"):
        assert not lab.locator(picture).is_visible()
    assert "Your drawing stays in this page" in lab.inner_text()


def test_each_step_of_the_normalisation_counts(page):
    """The 40 sample drawings are read with all steps; without any one of them fewer are."""
    lab, read, before = page.locator("#lab-draw"), {}, ""
    switches = ["cut out the ink", "make it 20 pixels", "centre of mass", "invert"]
    scroll_to(lab.locator(".lab-says").last)  # it counts once it is seen
    for switch in [None, *switches]:
        if switch:
            lab.get_by_label(switch).uncheck()
            expect(lab.locator(".lab-says").last).not_to_have_text(before)
        expect(lab.locator(".lab-says").last).to_contain_text("Of 40 sample drawings")
        before = lab.locator(".lab-says").last.inner_text()
        read[switch] = [int(n) for n in re.findall(r"(?:CNN reads|LSTM) (\d+)", before)]
        if switch:
            lab.get_by_label(switch).check()
            expect(lab.locator(".lab-says").last).not_to_have_text(before)
            before = lab.locator(".lab-says").last.inner_text()
    assert min(read[None]) >= 36
    for switch in switches:
        assert max(read[switch]) <= min(read[None]) - 4, (switch, read)


def test_a_scribble_makes_it_unsure(page):
    lab = page.locator("#lab-draw")
    lab.get_by_role("button", name="clear").click()
    scroll_to(lab.locator(".lab-paper"))
    box = lab.locator(".lab-paper").bounding_box()
    sure = []
    for turn in range(3, 9):  # stars with more and more points
        points = [
            (140 + 90 * np.sin(k * 2.4 * turn), 140 + 90 * np.cos(k * 2.4 * turn))
            for k in range(turn + 3)
        ]
        page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
        page.mouse.up()
        expect(lab.locator(".lab-says").first).to_contain_text("LSTM")
        page.wait_for_timeout(100)
        sure.append("is not sure" in says_first(page))
        lab.get_by_role("button", name="clear").click()
        draws(page, "Draw a digit.")
    assert any(sure)


def test_a_digit_is_drawn_by_finger_and_the_page_stays(open_labs):
    page = open_labs(has_touch=True, viewport={"width": 390, "height": 700})
    paper = page.locator("#lab-draw .lab-paper")
    scroll_to(paper)
    box, scrolled = paper.bounding_box(), page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        side = box["width"] / 280
        at = [{"x": box["x"] + x * side, "y": box["y"] + y * side} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    send("touchStart", (80, 65))
    for k in range(1, 21):
        send("touchMove", (80 + 5.75 * k, 65 - k * 0.15))
    for k in range(1, 31):
        send("touchMove", (195 - 2.1 * k, 62 + 5.4 * k))
    send("touchEnd")
    expect(page.locator("#lab-draw .lab-says").first).to_contain_text("The CNN says 7")
    assert page.evaluate("scrollY") == scrolled


TIMES = """() => {
    window.costs = [];
    let [spent, start] = [0, 0];
    const frame = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (f) => frame((t) => {
        const begun = performance.now();
        f(t);
        costs.push(spent + performance.now() - begun);
        spent = 0;
    });
    addEventListener("pointermove", () => { start = performance.now(); }, true);
    addEventListener("pointermove", () => { spent += performance.now() - start; });
}"""


def test_a_stroke_is_answered_within_a_frame_on_a_slow_machine(open_labs):
    """With the processor slowed four times, the work of a frame while drawing: its 95th percentile is below 16 ms.

    A busy machine only adds, so the best of five strokes counts.
    """
    page = open_labs()
    scroll_to(page.locator("#lab-draw .lab-says").last)
    expect(page.locator("#lab-draw .lab-says").last).to_contain_text("Of 40 sample drawings")
    scroll_to(page.locator("#lab-draw .lab-paper"))
    box = page.locator("#lab-draw .lab-paper").bounding_box()
    page.evaluate(TIMES)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    slowest = []
    for _ in range(5):
        page.locator("#lab-draw").get_by_role("button", name="clear").click()
        page.mouse.move(box["x"] + 200, box["y"] + 140)
        page.mouse.down()
        page.evaluate("costs.length = 0")
        for k in range(60):
            angle = k / 5
            page.mouse.move(
                box["x"] + 140 + 60 * np.cos(angle), box["y"] + 140 + 90 * np.sin(angle)
            )
        page.mouse.up()
        costs = page.evaluate("costs")
        assert len(costs) >= 20  # CNN and LSTM really ran while the pen moved
        slowest.append(float(np.percentile(costs, 95)))
    print(f"95th percentile of each stroke, in ms: {[round(s, 1) for s in slowest]}")
    assert min(slowest) < 16
