"""The command `hwr`, as a user meets it: real processes in an empty home."""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from hwr_utils import cli, data, ink, trained, training
from notebooks import NOTEBOOKS

ROOT = Path(__file__).resolve().parent.parent
HWR = [sys.executable, "-m", "hwr_utils"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """An empty home and no data; TensorFlow and Keras cannot be imported unless `more` says so."""
    path = os.pathsep.join([str(home / "guard"), str(ROOT)])
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": path, **more}


def allowing_keras(**more: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "HWR_OFFLINE": "1", **more}


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("work", "guard"):
        (tmp_path / name).mkdir()
    for name in ("tensorflow", "keras", "sklearn"):
        (tmp_path / "guard" / f"{name}.py").write_text("raise SystemExit('a heavy import')\n")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture(scope="module")
def handwriting():
    return data.load_handwriting()[1]


def hwr(home, *words, prefix=(), **more):
    return subprocess.run(
        [*prefix, *HWR, *map(str, words)],
        env=environment(home, **more), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


# Asking -----------------------------------------------------------------------------------------


def test_the_entry_point_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"hwr": "hwr_utils.cli:main"}
    assert {"rich", "platformdirs"} <= {
        re.split("[<>=]", need)[0] for need in project["dependencies"]
    }


def processor_seconds(home, *words):
    """The least of some runs: what the command needs, however busy the machine is."""
    seconds = []
    for _ in range(5):
        before = os.times()
        assert hwr(home, *words).returncode == 0
        after = os.times()
        seconds.append(sum(after[2:4]) - sum(before[2:4]))  # of child processes
    return min(seconds)


def test_help_is_quick_and_names_each_verb(home):
    said = hwr(home, "--help")
    assert said.returncode == 0
    assert re.findall(r"^    (\w+) ", said.stdout, re.M) == [
        "data",
        "train",
        "evaluate",
        "predict",
        "doctor",
    ]
    assert processor_seconds(home, "--help") < 0.3


UNFIT = {  # words -> exit status and what is said
    "": (2, "VERB"),
    "trian lean": (2, "invalid choice: 'trian'"),
    "train resnet": (2, "invalid choice: 'resnet'"),
    "train lean --epochs none": (2, "'none' must be a whole number from 1 on"),
    "train lean --dataset fashion": (2, "invalid choice: 'fashion'"),
    "train lean --out lean.h5": (1, "it must end in .npz"),
    "train lean --out text.png/lean.npz": (1, "text.png"),
    "train lean --resume": (1, "no lean.checkpoint.npz to go on from"),
    "train lean --resume --out text.npz": (1, "text.checkpoint.npz is damaged"),
    "train lean": (1, "MNIST is not available: .* not readable .No such file.*, and offline it is not fetched"),
    "data fetch": (1, "MNIST is not available: .* offline it is not fetched"),
    "data verify": (1, r"MNIST is not available: .*ubyte\.gz is not readable"),
    "evaluate": (1, "MNIST is not available"),
    "evaluate resnet": (1, "neither a file nor a model"),
    "evaluate cnn": (1, "train some with hwr train"),
    "evaluate text.npz": (1, "damaged, or not a file of weights"),
    "evaluate other.npz": (1, "fits none of the models"),
    "predict": (2, "image"),
    "predict missing.png": (1, "missing.png: No such file"),
    "predict text.png": (1, "text.png cannot be read: it is none of"),
    "predict huge.png": (1, "huge.png cannot be read: .*400000000 pixels"),
    "predict empty": (1, "empty holds no picture"),
    "predict text.png --top 11": (2, "invalid choice: 11"),
    "predict text.png --weights text.npz": (1, "damaged, or not a file of weights"),
    "predict text.png --weights lstm --strip": (1, "ctc weights, and no others"),
}  # fmt: skip


@pytest.mark.parametrize("words", UNFIT)
def test_unfit_requests_are_refused_at_once(home, words):
    for name in ("text.png", "text.npz", "text.checkpoint.npz"):
        Path(name).write_text("a shopping list\n")
    Path("empty").mkdir()
    trained.save_arrays(Path("other.npz"), [np.zeros(3)])
    if "huge" in words:
        Image.new("1", (20_000, 20_000)).save("huge.png")
    before = sorted(home.rglob("*"))
    said = hwr(home, *words.split(), HWR_OFFLINE="1")
    status, message = UNFIT[words]
    assert said.returncode == status, said
    assert re.search(message, said.stderr)
    assert said.stderr.startswith("hwr")
    assert len(said.stderr.splitlines()) <= 3
    assert "Traceback" not in said.stderr
    assert said.stdout == ""
    assert sorted(home.rglob("*")) == before


def test_without_a_network(home):
    said = hwr(home, "data", "fetch", HTTPS_PROXY="http://127.0.0.1:9")
    assert said.returncode == 1
    assert re.fullmatch(
        r"hwr: MNIST is not available: no mirror serves .*\nNext: .*HWR_DATA_DIR.*\n", said.stderr
    )
    assert not list(home.rglob("*ubyte*"))


def forbidden():
    """Root may do anything; this takes that from it."""
    if os.access("locked.png", os.R_OK):
        powers = "-dac_override,-dac_read_search"
        return [shutil.which("setpriv"), f"--bounding-set={powers}", f"--inh-caps={powers}"]
    return []


def test_without_permission(home):
    Path("locked.png").write_bytes(b"")
    Path("locked.png").chmod(0)
    Path("shut").mkdir(mode=0o500)
    for words, message in (
        ("predict locked.png", r"locked\.png: Permission denied\nNext: "),
        (
            "train lean --out shut/lean.npz",
            "shut is not a folder that you may write to; give another",
        ),
        ("train lean --out shut/new/lean.npz", "shut is not a folder that you may write to"),
    ):
        said = hwr(home, *words.split(), prefix=forbidden())
        assert said.returncode == 1, said
        assert re.match(rf"hwr: .*{message}", said.stderr)
        assert len(said.stderr.splitlines()) <= 3
    assert not list(Path("shut").iterdir())


def test_verify_names_the_damaged_file(home):
    cache = Path(data_folder(home))
    cache.mkdir(parents=True)
    for name in data.FILES:
        (cache / f"{name}.gz").write_bytes(b"a shopping list")
    said = hwr(home, "data", "verify")
    assert said.returncode == 1
    assert re.match(r"hwr: MNIST is not available: .*-ubyte\.gz is damaged", said.stderr)
    assert "Next: hwr data fetch" in said.stderr


def test_help_offers_the_models_whose_weights_ship(home):
    for verb in ("predict", "evaluate"):
        assert "lean, lstm, ctc or FILE.npz" in hwr(home, verb, "--help").stdout
        assert "cnn" not in hwr(home, verb, "--help").stdout


def test_data_path_and_verify(home):
    assert hwr(home, "data", "path").stdout.strip() == str(data_folder(home))
    assert hwr(home, "data", "path", HWR_DATA_DIR="/elsewhere").stdout == "/elsewhere\n"
    if data.dataset_name() == "mnist":
        folder = str(data.mnist_folder())
        said = hwr(home, "data", "verify", HWR_DATA_DIR=folder)
        assert said.stdout == f"MNIST is complete: 4 files with the published SHA-256 in {folder}\n"


def data_folder(home):
    code = "import platformdirs; print(platformdirs.user_cache_path('hwr_utils', appauthor=False))"
    return subprocess.check_output(
        [sys.executable, "-c", code], env=environment(home), text=True
    ).strip()


def test_doctor_says_what_is_there(home):
    said = hwr(home, "doctor", **allowing_keras())
    assert said.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in said.stdout.splitlines())
    assert lines["keras"] == keras.__version__
    assert lines["backend"].startswith(f"{keras.backend.backend()}, devices cpu")
    assert lines["mnist"].startswith("missing or damaged, see hwr data verify")
    assert lines["weights"].startswith("lean 55,002, lstm 81,674, ctc 160,987")
    assert said.stderr == ""


# Reading ----------------------------------------------------------------------------------------


def on_paper(image, side=280):
    """A digit in dark ink on a white sheet, larger and off the centre."""
    page = Image.new("L", (side, round(1.3 * side)), 255)
    page.paste(Image.fromarray(255 - image).resize((side // 2, side // 2)), (side // 10, side // 2))
    return page


def test_predict_reads_pictures(home, handwriting):
    images, labels = handwriting
    Path("digits").mkdir()
    for i in range(40):
        on_paper(images[i]).save(f"digits/{i:02d}.png")
    said = hwr(home, "predict", "--json", "--top", 2, "digits")
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert [Path(each["file"]).stem for each in answers] == [f"{i:02d}" for i in range(40)]
    for each in answers:
        assert list(each) == ["file", "digit", "probability", "top"] or each["digit"] is None
        if each["digit"] is not None:
            assert each["top"][0] == {"digit": each["digit"], "probability": each["probability"]}
            assert len(each["top"]) == 2
            assert each["top"][0]["probability"] >= each["top"][1]["probability"]
    right = np.mean([each["digit"] == label for each, label in zip(answers, labels, strict=False)])
    assert right > (0.8 if data.dataset_name() == "digits" else 0.95)


def test_predict_takes_photographs_and_says_it_in_words(home, handwriting):
    images, labels = handwriting
    page = on_paper(images[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    page.transpose(Image.Transpose.ROTATE_90).save("photo.jpg", exif=exif)
    ImageOps.invert(page).save("chalk.png")
    Image.new("L", (90, 90), 255).save("blank.png")
    said = hwr(home, "predict", "photo.jpg", "blank.png", "chalk.png")
    photo, blank, chalk = said.stdout.splitlines()
    assert re.fullmatch(
        rf"photo\.jpg: {labels[0]} \(\d+\.\d%\), or \d \(\d+\.\d%\), \d \(\d+\.\d%\)", photo
    )
    assert chalk.startswith(f"chalk.png: {labels[0]} (")
    assert blank.startswith("blank.png: no digit seen: nothing stands out")
    assert said.returncode == 1
    said = json.loads(hwr(home, "predict", "--json", "blank.png").stdout)
    assert (said["digit"], said["top"]) == (None, [])
    assert "nothing stands out" in said["reason"]


def test_a_bad_picture_does_not_stop_the_others(home, handwriting):
    on_paper(handwriting[0][0]).save("good.png")
    said = hwr(home, "predict", "missing.png", "good.png")
    assert said.returncode == 1
    assert said.stdout.startswith(f"good.png: {handwriting[1][0]} ")
    assert said.stderr.startswith("hwr: missing.png: No such file or directory\n")


def test_an_answer_takes_less_than_a_second(home, handwriting):
    on_paper(handwriting[0][0]).save("digit.png")
    assert processor_seconds(home, "predict", "digit.png") < 1


def test_the_lstm_reads_too(home, handwriting):
    on_paper(handwriting[0][0]).save("digit.png")
    said = hwr(home, "predict", "--weights", "lstm", "digit.png")
    assert said.stdout.startswith(f"digit.png: {handwriting[1][0]} ")


def scribble(rng):
    """A pen that runs to and fro on a sheet, in one of six ways: nobody could name the digit."""
    page = Image.new("L", (280, 280), 255)
    draw, width, kind = ImageDraw.Draw(page), int(rng.integers(6, 22)), int(rng.integers(6))
    if kind == 0:  # a curve through random places
        corners = rng.uniform(40, 240, (int(rng.integers(8, 25)), 2))
        t = np.linspace(0, len(corners) - 1, 40 * len(corners))
        x, y = (np.interp(t, range(len(corners)), corners[:, axis]) for axis in (0, 1))
        smooth = np.hanning(41) / np.hanning(41).sum()
        points = np.stack(
            [np.convolve(x, smooth, "valid"), np.convolve(y, smooth, "valid")], axis=1
        )
    elif kind == 1:  # straight lines between random places
        points = rng.uniform(30, 250, (int(rng.integers(8, 25)), 2))
    elif kind == 2:  # hatching, turned
        n, angle = int(rng.integers(6, 16)), rng.uniform(0, 2 * np.pi)
        y = np.where(np.arange(n) % 2, rng.uniform(-100, -50, n), rng.uniform(50, 100, n))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = np.stack([np.linspace(-100, 100, n), y], axis=1) @ turn + 140
    elif kind == 3:  # loops in a row
        t = np.linspace(0, 2 * np.pi * rng.uniform(3, 8), 400)
        tall = rng.uniform(0.8, 1.6)
        points = np.stack(
            [60 + 160 * t / t[-1] + 45 * np.cos(t), 140 + 45 * tall * np.sin(t)], axis=1
        )
        points += 0.5 * rng.normal(0, 1, points.shape).cumsum(axis=0)
    elif kind == 4:  # a random walk
        steps = rng.normal(0, 12, (int(rng.integers(150, 300)), 2))
        points = np.clip(140 + steps.cumsum(axis=0), 20, 260)
    else:  # many strokes
        points = rng.uniform(30, 250, (2 * int(rng.integers(5, 12)), 2))
        for start, end in points.reshape(-1, 2, 2):
            draw.line([tuple(start), tuple(end)], fill=20, width=width)
        return page
    draw.line([tuple(place) for place in points], fill=20, width=width, joint="curve")
    return page


def refused(pictures):
    """The share in which no digit is seen."""
    name, lean = trained.load_weights("lean")
    count = 0
    for picture in pictures:
        try:
            cli._read_digit(picture, name, lean, lean, 1)
        except ink.NoDigitSeen:
            count += 1
    return count / len(pictures)


def test_scribbles_are_refused_and_digits_are_not(handwriting):
    rng = np.random.default_rng(2026)  # the thresholds were chosen with seed 12345
    assert refused([scribble(rng) for _ in range(500)]) >= 0.8
    some = handwriting[0][::10]  # 1,000 of MNIST; all of them under --long
    assert refused([Image.fromarray(image) for image in some]) <= (
        0.05 if len(some) < 100 else 0.01
    )


@pytest.mark.long
def test_no_more_than_one_digit_in_a_hundred_is_refused(handwriting):
    bound = 0.05 if data.dataset_name() == "digits" else 0.01
    assert refused([Image.fromarray(image) for image in handwriting[0]]) <= bound


def test_strips_are_read(home, handwriting):
    strips, targets = data.number_strips(
        *handwriting, [1, 2, 3, 4, 5, 6, 7, 8] * 12, np.random.default_rng(5)
    )
    for i, strip in enumerate(strips[..., 0]):
        page = Image.fromarray(255 - strip).resize((576, 96), Image.Resampling.BICUBIC)
        ImageOps.expand(page, 60, fill=250).save(f"{i:02d}.png")
    said = hwr(home, "predict", "--strip", "--json", ".")
    read = [json.loads(line) for line in said.stdout.splitlines()]
    written = ["".join(str(k - 1) for k in row if k) for row in targets]
    right = np.mean(
        [each.get("number") == number for each, number in zip(read, written, strict=True)]
    )
    assert right >= (0.5 if data.dataset_name() == "digits" else 0.85)
    Image.new("L", (90, 90), 255).save("blank.png")
    assert "no digit seen" in hwr(home, "predict", "--strip", "blank.png").stdout
    said = json.loads(hwr(home, "predict", "--strip", "--json", "blank.png").stdout)
    assert set(said) == {"file", "number", "probability", "reason"}
    assert said["number"] is None


# Training ---------------------------------------------------------------------------------------

SMALL = """
import sys
import numpy as np
from hwr_utils import cli, data, training
digits = np.load({path!r})
data.load_mnist = data.load_digits = lambda: ((digits["x"], digits["y"]), (digits["x"][:100], digits["y"][:100]))
training.CTC_STEPS = 4
sys.exit(cli.main())
"""


def few(handwriting):
    """1,000 images to learn from, and the 5,000 that the chapters keep for validation."""
    images, labels = handwriting
    return np.resize(images[:300], (6_000, 28, 28)), np.resize(labels[:300], 6_000)


@pytest.fixture
def learner(home, handwriting):
    """`hwr` on few images: the words of a real process, which may import Keras."""
    x, y = few(handwriting)
    np.savez(home / "few.npz", x=x, y=y)
    (home / "small.py").write_text(SMALL.format(path=str(home / "few.npz")))
    return {
        "args": [sys.executable, str(home / "small.py")],
        "env": environment(home, **allowing_keras()),
    }


def run(learner, *words):
    return subprocess.run(
        [*learner["args"], *words], env=learner["env"], capture_output=True, text=True, timeout=200
    )


def test_training_says_a_line_an_epoch_and_writes_weights_with_their_card(learner, home):
    said = run(learner, "train", "lean", "--epochs", "2", "--seed", "3", "--out", "new/mine.npz")
    assert said.returncode == 0, said
    first, second, accuracy, where = said.stdout.splitlines()
    assert re.fullmatch(r"epoch 1 of 2: loss \d\.\d{4}, \d+ s", first)
    assert re.fullmatch(r"epoch 2 of 2: loss \d\.\d{4}, \d+ s", second)
    assert re.fullmatch(r"lean reads \d+ of 100 test digits .*95 % interval .*", accuracy)
    assert where == "weights in new/mine.npz, how they came about in new/mine.json"
    assert said.stderr == ""
    assert sorted(path.name for path in Path("new").iterdir()) == ["mine.json", "mine.npz"]
    card = json.loads(Path("new/mine.json").read_text())
    assert (card["model"], card["seed"], card["recipe"]["epochs"]) == ("lean_cnn", 3, 2)
    again = run(learner, "evaluate", "new/mine.npz")
    assert again.stdout == accuracy + "\n"


EXACT = {"TF_DETERMINISTIC_OPS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""TensorFlow on one thread: then equal trainings give equal bits. On more, sums may run in another order."""


def stop(learner, words, number, share=0.0):
    """Train two epochs and a share of the third, send a signal, and return exit status and what was said after it."""
    process = subprocess.Popen(
        [*learner["args"], *words], env=learner["env"] | EXACT, stdout=-1, stderr=-1, text=True
    )
    try:
        assert process.stdout.readline().startswith("epoch ")
        began = time.monotonic()
        assert process.stdout.readline().startswith("epoch ")
        time.sleep(share * (time.monotonic() - began))
        process.send_signal(number)
        return process.wait(timeout=60), *process.communicate(timeout=60)
    finally:
        process.kill()  # nothing is left running when this test fails


def assert_same_weights(one, two):
    for got, expected in zip(trained.load_arrays(one), trained.load_arrays(two), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_ctrl_c_leaves_a_checkpoint_from_which_training_goes_on(learner, home):
    words = ["train", "lean", "--epochs", "40"]
    status, said, complaint = stop(learner, words, signal.SIGINT)
    assert status == 130
    assert complaint == (
        "hwr: stopped; to go on from the last finished epoch, give the same command with --resume"
        " (lean.checkpoint.npz)\n"
    )
    assert [path.name for path in Path().iterdir()] == ["lean.checkpoint.npz"]
    for other in (["--seed", "2"], ["--epochs", "39"]):
        wrong = run(learner, *words, *other, "--resume")
        assert wrong.returncode == 1
        assert "lean.checkpoint.npz is of other epochs, another seed or other data" in wrong.stderr
    done = 2 + said.count("epoch")
    on = run(learner, *words, "--resume")
    assert on.returncode == 0, on
    epochs = [int(n) for n in re.findall(r"^epoch (\d+) of", on.stdout, re.M)]
    assert epochs == list(range(done + 1, 41))
    assert sorted(path.name for path in Path().iterdir()) == ["lean.json", "lean.npz"]
    wrong = run(learner, "train", "lstm", "--resume", "--out", "lean.npz")
    assert wrong.returncode == 1
    assert "no lean.checkpoint.npz" in wrong.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize(
    ("name", "kills"),
    [
        ("cnn", 1),
        *(
            pytest.param(name, kills, marks=pytest.mark.long)
            for name, kills in (("cnn", 3), ("lean", 3), ("lstm", 2), ("ctc", 2))
        ),
    ],
)
def test_a_killed_training_goes_on_to_the_same_weights(learner, home, name, kills):
    """Killed at random moments, again and again; the weights are those of a training that nothing stopped."""
    rng = np.random.default_rng(kills)
    epochs = 2 * kills + 3
    words = ["train", name, "--epochs", str(epochs)]
    learner["env"] |= EXACT
    assert run(learner, *words, "--out", "whole.npz").returncode == 0
    resume = []
    for _ in range(kills):
        status, _, complaint = stop(learner, [*words, *resume], signal.SIGKILL, rng.uniform())
        assert (status, complaint) == (-signal.SIGKILL, "")
        resume = ["--resume"]
        assert len(trained.load_arrays(Path(f"{name}.checkpoint.npz"))) > 5
    on = run(learner, *words, "--resume")
    assert on.returncode == 0, on
    assert 1 <= on.stdout.count("epoch ") <= epochs - kills
    assert_same_weights(Path(f"{name}.npz"), Path("whole.npz"))


@pytest.mark.long
def test_quiet_training_says_only_what_came_out(learner, home):
    said = run(learner, "train", "lstm", "--epochs", "1", "--quiet")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["lstm", "weights"]
    assert said.stderr == ""


@pytest.mark.long
@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_gets_a_progress_bar(learner, home, colour):
    ours, theirs = pty.openpty()
    env = {**learner["env"], "TERM": "xterm-256color", **({} if colour else {"NO_COLOR": "1"})}
    process = subprocess.Popen(
        [*learner["args"], "train", "lean"], env=env, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert "━".encode() in shown
    assert b"epoch 2 of 2" in shown
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-9;]*m", shown)) == colour


# The command and the notebooks ------------------------------------------------------------------


def chapter(number):
    """The code of a chapter: its definitions, ready to be run, and its cells."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    cells = [
        c.source
        for c in nbformat.read(path, 4).cells
        if c.cell_type == "code" and "%pip" not in c.source
    ]
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    kept = []
    for node in (node for cell in cells for node in ast.parse(cell).body):
        constant = isinstance(node, ast.Assign) and all(
            getattr(t, "id", "").isupper() for t in node.targets
        )
        if isinstance(node, kinds) or constant:
            kept.append(ast.unparse(node))
    return "\n".join(kept), cells


def cell_with(cells, text):
    (found,) = [cell for cell in cells if text in cell]
    return found


CELLS = {  # model -> chapter, the name of the network there, and what the cells that build and train it hold
    "cnn": (
        "08",
        "cnn_modern",
        ["cnn_modern = models.build_cnn_2018()", "history = cnn_modern.fit("],
    ),
    "lean": ("08", "lean_cnn", ["lean_cnn = keras.Sequential(", "history = lean_cnn.fit("]),
    "lstm": ("17", "lstm", ["lstm = models.build_lstm()"]),
}


@pytest.fixture
def small(handwriting, monkeypatch, home):
    x, y = few(handwriting)
    pairs = (x, y), (x[:100], y[:100])
    for name in ("load_mnist", "load_digits", "load_handwriting"):
        monkeypatch.setattr(data, name, lambda: pairs)
    return pairs


@pytest.mark.parametrize(
    "name", ["lean", *(pytest.param(n, marks=pytest.mark.long) for n in ("lstm", "cnn"))]
)
def test_the_command_trains_the_weights_of_the_chapter(name, small, capsys):
    number, network, wanted = CELLS[name]
    definitions, cells = chapter(number)
    # An earlier cell of chapter 08 built it; the lean network's cell counts its parameters.
    space = {"cnn_2018": trained.MODELS["cnn"].build()}
    exec(definitions, space)
    exec(cell_with(cells, "data.load_handwriting()"), space)
    keras.utils.set_random_seed(space["SEED"])
    for text in wanted:
        exec(cell_with(cells, text).replace("30_000", "1_000").partition("\nchecks.")[0], space)
    status = cli.main(["train", name, "--seed", str(space["SEED"]), "--quiet"])
    assert status == 0
    _, weights = trained.load_weights(f"{name}.npz")
    expected = space[network].get_weights()
    for got, each in zip(weights, expected, strict=True):
        np.testing.assert_allclose(got, each, rtol=0, atol=1e-5)
    fresh = trained.MODELS[name].build().get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(expected, fresh, strict=True)) > 0.01


def test_the_command_trains_the_ctc_reader_of_the_chapter(small, monkeypatch, capsys):
    """The chapter trains two heads at once; here its strips, loss and optimiser train the one that ships."""
    monkeypatch.setattr(training, "CTC_STEPS", 2)
    definitions, cells = chapter("18")
    space = {}
    exec(definitions, space)
    exec(cell_with(cells, "data.load_handwriting()"), space)
    space["STEPS"] = 4
    keras.utils.set_random_seed(space["SEED"])
    reader = trained.MODELS["ctc"].build()
    (line,) = re.findall(r"^optimizer = .*$", cell_with(cells, "both.fit("), re.M)
    exec(line, space)
    reader.compile(space["optimizer"], loss=space["true_length_loss"])
    batches = ((strips, targets[0]) for strips, targets in space["batches"](space["SEED"]))
    reader.fit(batches, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    assert cli.main(["train", "ctc", "--epochs", "2", "--seed", str(space["SEED"]), "--quiet"]) == 0
    for got, each in zip(trained.load_weights("ctc.npz")[1], reader.get_weights(), strict=True):
        np.testing.assert_allclose(got, each, rtol=0, atol=1e-5)
