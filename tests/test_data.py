"""Data arrives whole and verified, or not at all with one clear error. No test here needs a network or the real MNIST."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwr_utils import data
from tests.faults import server

REAL = os.environ.get("HWR_DATA_DIR")
SHAPES = {
    "t10k-labels-idx1-ubyte": (4,),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (4, 28, 28),
    "train-images-idx3-ubyte": (6, 28, 28),
}
CHILD = """
import hashlib, json, sys
from hwr_utils import data
files, data.MIRRORS, data.TIMEOUT = json.loads(sys.argv[1])
data.FILES = {name: data.Published(tuple(shape), *rest) for name, (shape, *rest) in files.items()}
print(hashlib.sha256(data.load_mnist()[0][0].tobytes()).hexdigest())
"""


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A small MNIST takes the real one's place, and an empty home the user's: the contents, by file name."""
    rng = np.random.default_rng(0)
    contents = {
        name: idx(rng.integers(0, 256 if len(shape) == 3 else 10, shape, dtype=np.uint8))
        for name, shape in SHAPES.items()
    }
    packed = {f"{name}.gz": gzip.compress(c, mtime=0) for name, c in contents.items()}
    digests = {
        name: hashlib.sha256(content).hexdigest() for name, content in (contents | packed).items()
    }
    monkeypatch.setattr(
        data,
        "FILES",
        {
            name: data.Published(
                shape, digests[name], len(packed[f"{name}.gz"]), digests[f"{name}.gz"]
            )
            for name, shape in SHAPES.items()
        },
    )
    for name in ("HWR_DATA_DIR", "HWR_OFFLINE", "HWR_DATASET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    return contents


@pytest.fixture
def packed(published):
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in published.items()}


@pytest.fixture
def cache(published):
    return platformdirs.user_cache_path("hwr_utils", appauthor=False)


@pytest.fixture
def good_mirror(packed, monkeypatch):
    with server.serve(packed, server.good) as mirror:
        monkeypatch.setattr(data, "MIRRORS", (mirror.url,))
        yield mirror


@pytest.fixture
def given_files(published, packed, tmp_path, monkeypatch):
    """HWR_DATA_DIR with two files packed and two not."""
    folder = tmp_path / "given"
    folder.mkdir()
    for name in SHAPES:
        ending = ".gz" if name.startswith("train") else ""
        (folder / f"{name}{ending}").write_bytes((published | packed)[f"{name}{ending}"])
    monkeypatch.setenv("HWR_DATA_DIR", str(folder))
    return folder


def assert_loaded(published):
    (x_train, y_train), (x_test, y_test) = data.load_mnist()
    for name, array in {
        "train-images-idx3-ubyte": x_train,
        "train-labels-idx1-ubyte": y_train,
        "t10k-images-idx3-ubyte": x_test,
        "t10k-labels-idx1-ubyte": y_test,
    }.items():
        assert array.shape == SHAPES[name]
        assert array.dtype == np.uint8
        assert array.flags.writeable
        assert idx(array) == published[name]


def refusal() -> str:
    """The message of a load that must fail: short, and with a way out."""
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist()
    message = str(caught.value)
    assert len(message.splitlines()) <= 10
    assert max(map(len, message.splitlines())) < 300
    assert "HWR_DATASET=digits" in message
    return message


def child(*, stderr=subprocess.PIPE, **options) -> subprocess.Popen:
    """Another process that loads the same small MNIST."""
    setting = json.dumps([data.FILES, data.MIRRORS, data.TIMEOUT])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, setting],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        **options,
    )


# The parser


def test_idx_is_parsed():
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])
    values = data.parse_idx(content, "six numbers")
    assert values.dtype == np.uint8
    assert values.tolist() == [[1, 2, 3], [4, 5, 255]]


def test_any_change_of_a_header_byte_is_refused():
    content = idx(np.zeros((6, 28, 28), np.uint8))
    for place in range(16):
        for value in range(256):
            if value != content[place]:
                damaged = content[:place] + bytes([value]) + content[place + 1 :]
                with pytest.raises(data.DataUnavailable, match="images is damaged"):
                    data.parse_idx(damaged, "images")


def test_any_other_length_is_refused():
    content = idx(np.zeros((2, 5, 5), np.uint8))
    for damaged in [content[:length] for length in range(len(content))] + [content + b"\0"]:
        with pytest.raises(data.DataUnavailable):
            data.parse_idx(damaged, "images")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "begins with b''"),
        (server.PAGE, "begins with b'<!DO'"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 0]), "type 13 and 1 axes"),
        (bytes([0, 0, 8, 0]), "type 8 and 0 axes"),
        (bytes([0, 0, 8, 4]) + bytes(16), "type 8 and 4 axes"),
        (bytes([0, 0, 8, 3, 0, 0]), "header needs 16 bytes, and the file has 6"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 2, 7]), r"promises shape \(2,\), and 1 bytes follow"),
        (bytes([0, 0, 8, 3]) + bytes(4) + b"\xff" * 8, r"shape \(0, 4294967295, 4294967295\)"),
    ],
)
def test_the_parser_says_what_is_wrong(content, reason):
    with pytest.raises(data.DataUnavailable, match=reason):
        data.parse_idx(content, "the file")


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The file after one of nine accidents; pixels that merely change are left to the SHA-256."""
    header = bytearray(content[:16])
    place = int(rng.integers(16))
    match int(rng.integers(9)):
        case 0:
            return content[: rng.integers(len(content))]
        case 1:
            return content + rng.bytes(int(rng.integers(1, 5000)))
        case 2:
            header[place] ^= 1 << int(rng.integers(8))
        case 3:
            header[place] = (header[place] + int(rng.integers(1, 256))) % 256
        case 4:  # one axis huge, zero, or negative for a reader with signed numbers
            axis = 4 + 4 * int(rng.integers(3))
            size = int(rng.choice([0, 2**31 - 1, 2**31, 2**32 - 1]))
            header[axis : axis + 4] = size.to_bytes(4, "big")
        case 5:
            return rng.bytes(int(rng.integers(1, len(content))))
        case 6:
            return server.PAGE * int(rng.integers(1, 40))
        case 7:  # a piece lost in the middle
            cut = int(rng.integers(1, len(content)))
            return content[: cut - 1] + content[cut:]
        case 8:
            return content[16:]
    return bytes(header) + content[16:]


def test_the_parser_refuses_ten_thousand_damaged_files():
    content = idx(np.random.default_rng(0).integers(1, 256, (6, 28, 28), dtype=np.uint8))
    rng = np.random.default_rng(1)
    tracemalloc.start()
    accepted = []
    for number in range(10_000):
        spoiled = damaged(content, rng)
        try:
            data.parse_idx(spoiled, "images")
        except data.DataUnavailable:
            continue
        accepted.append((number, len(spoiled), spoiled[:16]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert accepted == []
    assert peak < 1_000_000


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from([8, 8, 8, 9]), st.lists(st.integers(0, 3), max_size=4), st.binary(max_size=30)
)
def test_the_parser_accepts_bytes_only_if_they_say_what_they_are(kind, shape, values):
    content = bytes([0, 0, kind, len(shape)])
    content += b"".join(size.to_bytes(4, "big") for size in shape) + values
    try:
        parsed = data.parse_idx(content, "the file")
    except data.DataUnavailable:
        return
    assert idx(parsed) == content


def test_checks_are_not_asserts_which_python_can_switch_off():
    tree = ast.parse(Path(data.__file__).read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


# The folder that the user points at


def test_given_files_are_read_packed_or_not(given_files, published):
    assert_loaded(published)


def swap(folder, name):
    (folder / f"{name}.gz").write_bytes((folder / "train-labels-idx1-ubyte.gz").read_bytes())


def flip(folder, name):
    content = bytearray(gzip.decompress((folder / f"{name}.gz").read_bytes()))
    content[1000] ^= 1
    (folder / f"{name}.gz").write_bytes(gzip.compress(bytes(content)))


def truncate(folder, name):
    path = folder / f"{name}.gz"
    path.write_bytes(path.read_bytes()[:-100])


def unpack_and_truncate(folder, name):
    path = folder / f"{name}.gz"
    (folder / name).write_bytes(gzip.decompress(path.read_bytes())[:-1])
    path.unlink()


def bomb(folder, name):
    (folder / f"{name}.gz").write_bytes(gzip.compress(bytes(50_000_000), 1))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder, name: (folder / f"{name}.gz").unlink(), "which has neither"),
        (lambda folder, name: (folder / f"{name}.gz").write_bytes(b""), "not the published file"),
        (
            lambda folder, name: (folder / f"{name}.gz").write_bytes(server.PAGE),
            "Not a gzipped file (b'<!')",
        ),
        (truncate, "cannot be read"),
        (unpack_and_truncate, "not the published file"),
        (swap, r"begins b'\x00\x00\x08\x01"),
        (flip, r"begins b'\x00\x00\x08\x03"),
        (bomb, "it must be 4720 bytes with SHA-256"),
    ],
)
def test_a_damaged_given_file_is_an_error_though_a_mirror_is_good(
    given_files, good_mirror, damage, reason
):
    damage(given_files, "train-images-idx3-ubyte")
    tracemalloc.start()
    message = refusal()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "train-images-idx3-ubyte" in message.splitlines()[0]
    assert reason in message
    assert good_mirror.asked == []
    assert peak < 5_000_000


@pytest.mark.parametrize("ending", ["", ".gz"], ids=["plain", "packed"])
def test_ten_thousand_damaged_given_files_are_refused(given_files, published, packed, ending):
    """Both forms of a file: the packed one is damaged before it is packed, or after."""
    name = "t10k-images-idx3-ubyte"
    content = published[name]
    for path in given_files.glob(f"{name}*"):
        path.unlink()
    path = given_files / f"{name}{ending}"
    rng = np.random.default_rng(2)
    tracemalloc.start()
    accepted = []
    for number in range(5_000):
        if ending and number % 2:
            spoiled = damaged(packed[f"{name}.gz"], rng)
        else:
            spoiled = damaged(content, rng)
            spoiled = gzip.compress(spoiled, 1) if ending else spoiled
        path.write_bytes(spoiled)
        try:
            data.load_mnist()
        except data.DataUnavailable:
            continue
        # gzip notes a date and a system, which may change: what counts is the content.
        if not ending or gzip.decompress(spoiled) != content:
            accepted.append(number)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert accepted == []
    assert peak < 5_000_000


def test_a_given_folder_that_is_not_there_is_an_error(good_mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HWR_DATA_DIR", str(tmp_path / "nowhere"))
    assert "nowhere, which has neither" in refusal()
    assert good_mirror.asked == []


# The cache


def test_a_cold_cache_is_filled_once(good_mirror, published, packed, cache, monkeypatch, capfd):
    assert_loaded(published)
    assert good_mirror.asked == [f"{name}.gz" for name in SHAPES]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == packed
    monkeypatch.setenv("HWR_OFFLINE", "1")
    assert_loaded(published)
    assert len(good_mirror.asked) == 4
    assert capfd.readouterr() == ("", "")


def cached_flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        cached_flip,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(server.PAGE),
        lambda path: path.write_bytes((path.parent / "train-labels-idx1-ubyte.gz").read_bytes()),
    ],
)
def test_a_cached_file_that_was_damaged_later_is_fetched_again(
    good_mirror, published, packed, cache, monkeypatch, damage
):
    data.load_mnist()
    path = cache / "train-images-idx3-ubyte.gz"
    damage(path)
    spoiled = path.read_bytes()
    monkeypatch.setenv("HWR_OFFLINE", "1")
    message = refusal()
    assert "HWR_OFFLINE" in message.splitlines()[0]
    assert f"{path} is damaged" in message
    assert path.read_bytes() == spoiled
    monkeypatch.setenv("HWR_OFFLINE", "0")
    assert_loaded(published)
    assert path.read_bytes() == packed[path.name]
    assert good_mirror.asked[4:] == [path.name]


def test_offline_forbids_the_network(good_mirror, cache, monkeypatch):
    monkeypatch.setenv("HWR_OFFLINE", "1")
    message = refusal()
    first = cache / f"{next(iter(data.FILES))}.gz"
    assert (
        f"{first} is not readable (No such file or directory), and offline it is not fetched (HWR_OFFLINE)"
        in message
    )
    assert good_mirror.asked == []
    assert not cache.exists()


def test_a_cache_that_cannot_be_made_is_one_clear_error(good_mirror, cache):
    home = Path(os.environ["HOME"])
    home.write_text("a file where a folder should be", encoding="utf-8")
    message = refusal()
    assert f"the cache {cache} cannot be written" in message
    assert home.read_text(encoding="utf-8") == "a file where a folder should be"


def test_a_folder_in_a_cached_file_s_place_is_one_clear_error(good_mirror, cache):
    (cache / "t10k-labels-idx1-ubyte.gz").mkdir(parents=True)
    assert f"the cache {cache} cannot be written: Is a directory." in refusal()
    assert [path.name for path in cache.iterdir()] == ["t10k-labels-idx1-ubyte.gz"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_cache_is_one_clear_error(good_mirror, cache):
    cache.mkdir(parents=True, mode=0o500)
    assert "Permission denied" in refusal()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_nothing_half_written(good_mirror, cache):
    import resource

    process = child(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    out, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert f"the cache {cache} cannot be written: File too large." in error
    # The labels are below 1,000 bytes and arrived; the images are above.
    assert {path.name for path in cache.iterdir()} == {
        "t10k-labels-idx1-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_download_leaves_nothing(packed, published, cache, monkeypatch):
    with server.serve(packed, server.stall) as mirror:
        monkeypatch.setattr(data, "MIRRORS", (mirror.url,))
        process = child()
        while not mirror.asked:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert not cache.exists()
    with server.serve(packed, server.good) as mirror:
        monkeypatch.setattr(data, "MIRRORS", (mirror.url,))
        assert_loaded(published)


@pytest.mark.parametrize(
    ("count", "rounds"), [(5, 1), pytest.param(16, 10, marks=pytest.mark.long)]
)
def test_processes_that_share_a_cold_cache_all_get_the_data(
    good_mirror, published, packed, cache, count, rounds
):
    images = published["train-images-idx3-ubyte"][16:]
    for _ in range(rounds):
        shutil.rmtree(cache, ignore_errors=True)
        processes = [child() for _ in range(count)]
        answers = [process.communicate(timeout=120) for process in processes]
        assert answers == [(hashlib.sha256(images).hexdigest() + "\n", "")] * count
        assert {path.name: path.read_bytes() for path in cache.iterdir()} == packed


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_fifty_killed_downloads_do_no_harm(packed, published, cache, monkeypatch):
    """Killed while it is busy with the mirror or the cache, whenever that is; the next one repairs it."""
    rng = np.random.default_rng(3)
    caught = 0
    for _ in range(50):
        shutil.rmtree(cache, ignore_errors=True)
        with server.serve(packed, server.slow) as mirror:
            monkeypatch.setattr(data, "MIRRORS", (mirror.url,))
            process = child()
            while not mirror.asked:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 1.2))  # four files take some 0.9 s
            caught += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        for path in cache.glob("*.gz"):
            assert path.read_bytes() == packed[path.name]
        with server.serve(packed, server.good) as mirror:
            monkeypatch.setattr(data, "MIRRORS", (mirror.url,))
            assert_loaded(published)
    assert caught > 25


@pytest.mark.parametrize("folder", ["with spaces", "héllo-数字", "x" * 200])
def test_the_cache_may_have_any_name(good_mirror, published, tmp_path, monkeypatch, folder):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / folder))
    assert_loaded(published)
    monkeypatch.setenv("HWR_OFFLINE", "1")
    assert_loaded(published)
    assert (tmp_path / folder / "hwr_utils" / "t10k-labels-idx1-ubyte.gz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="HOME is POSIX")
def test_home_need_not_be_set(good_mirror, published, cache, tmp_path):
    """Then the user's entry in the system's list says where home is; here the cache is named by itself."""
    environment = {k: v for k, v in os.environ.items() if k != "HOME"}
    process = child(env=environment | {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    out, error = process.communicate(timeout=30)
    images = published["train-images-idx3-ubyte"][16:]
    assert (out, error) == (hashlib.sha256(images).hexdigest() + "\n", "")
    assert (tmp_path / "cache" / "hwr_utils").is_dir()


# The mirrors

FAULTS = [
    (server.another_file, "bytes with a wrong SHA-256 came"),
    (server.html_page, r"58 bytes with a wrong SHA-256 came; they begin b'<!DOCTYPE ht'"),
    (server.bit_flip, "bytes with a wrong SHA-256 came"),
    (server.short_with_length, "IncompleteRead"),
    (server.short_without_length, "bytes with a wrong SHA-256 came"),
    (server.unavailable, "503"),
    (server.forbidden, "403"),
    (server.no_answer, "timed out|in 1 seconds"),
    (server.stall, "timed out|in 1 seconds"),
    (server.trickle, "bytes in 1 seconds"),
    (server.endless, "more than the published"),
]


@pytest.mark.parametrize(
    ("fault", "reason"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_bad_first_mirror_is_survived_and_not_asked_again(
    packed, published, cache, monkeypatch, fault, reason
):
    monkeypatch.setattr(data, "TIMEOUT", 1.0)
    with server.serve(packed, fault) as bad, server.serve(packed, server.good) as good:
        monkeypatch.setattr(data, "MIRRORS", (bad.url, good.url))
        assert_loaded(published)
    assert bad.asked == ["t10k-labels-idx1-ubyte.gz"]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == packed


@pytest.mark.parametrize(
    ("fault", "reason"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_bad_mirrors_alone_are_one_clear_error(packed, cache, monkeypatch, fault, reason):
    monkeypatch.setattr(data, "TIMEOUT", 1.0)
    with server.serve(packed, fault) as one, server.serve(packed, fault) as two:
        monkeypatch.setattr(data, "MIRRORS", (one.url, two.url))
        started = time.monotonic()
        message = refusal()
        assert time.monotonic() - started < 5
    lines = message.splitlines()
    assert lines[0] == "MNIST is not available: no mirror serves t10k-labels-idx1-ubyte.gz."
    for mirror, line in zip((one, two), lines[2:4], strict=True):
        assert line.startswith(f"  {mirror.url}t10k-labels-idx1-ubyte.gz: ")
        assert re.search(reason, line)
    assert not cache.exists()


def test_a_mirror_that_is_not_there_is_survived_or_named(good_mirror, published, monkeypatch):
    with server.serve({}, server.good) as gone:
        pass
    monkeypatch.setattr(data, "MIRRORS", (gone.url,))
    assert "Connection refused" in refusal()
    monkeypatch.setattr(data, "MIRRORS", (gone.url, good_mirror.url))
    assert_loaded(published)


def test_a_mirror_that_fails_half_way_hands_over_to_the_next(packed, published, monkeypatch):
    def good_for_labels(request, content):
        (server.good if "labels" in request.path else server.stall)(request, content)

    monkeypatch.setattr(data, "TIMEOUT", 1.0)
    with (
        server.serve(packed, good_for_labels) as first,
        server.serve(packed, server.good) as second,
    ):
        monkeypatch.setattr(data, "MIRRORS", (first.url, second.url))
        assert_loaded(published)
    assert len(first.asked) == 3
    assert len(second.asked) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_sees_a_bar(good_mirror):
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = child(stderr=theirs)
    process.communicate(timeout=30)
    os.close(theirs)
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "train-images-idx3-ubyte.gz: 100%" in seen


# The choice of the data set


def test_the_data_set_is_named_in_one_line(given_files, published, capsys):
    assert data.dataset_name() == "mnist"
    (x_train, _), (_, y_test) = data.load_handwriting()
    assert idx(x_train) == published["train-images-idx3-ubyte"]
    assert idx(y_test) == published["t10k-labels-idx1-ubyte"]
    assert capsys.readouterr() == (
        "handwriting: mnist, 6 training and 4 test images of 28 x 28 pixels\n",
        "",
    )


def test_an_unknown_data_set_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("HWR_DATASET", "foo")
    for function in (data.dataset_name, data.load_handwriting):
        with pytest.raises(
            ValueError, match="HWR_DATASET is 'foo'; it must be 'mnist' or 'digits'"
        ):
            function()
    assert capsys.readouterr().out == ""


def test_missing_mnist_is_never_replaced_by_the_digits(published, monkeypatch, capsys):
    monkeypatch.setenv("HWR_OFFLINE", "1")
    with pytest.raises(data.DataUnavailable, match="HWR_DATASET=digits"):
        data.load_handwriting()
    assert capsys.readouterr().out == ""


# The real MNIST


@pytest.mark.skipif(not REAL, reason="THE REAL MNIST IS NOT TESTED: HWR_DATA_DIR is not set")
def test_the_real_mnist(monkeypatch):
    monkeypatch.setenv("HWR_DATA_DIR", str(REAL))
    (x_train, y_train), (x_test, y_test) = data.load_mnist()
    assert x_train.shape == (60_000, 28, 28)
    assert x_test.shape == (10_000, 28, 28)
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(y_train).tolist() == [
        *(5923, 6742, 5958, 6131, 5842),
        *(5421, 5918, 6265, 5851, 5949),
    ]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert int(x_train.sum(dtype=np.int64)) == 1_567_298_545
    assert int(x_test.sum(dtype=np.int64)) == 264_923_200


# The embedded digits


@pytest.fixture(scope="module")
def digits():
    return data.load_digits()


def test_digits_have_the_form_of_mnist(digits):
    (x_train, y_train), (x_test, y_test) = digits
    assert (x_train.shape, y_train.shape) == ((60_000, 28, 28), (60_000,))
    assert (x_test.shape, y_test.shape) == ((360, 28, 28), (360,))
    assert {array.dtype for pair in digits for array in pair} == {np.dtype(np.uint8)}
    assert all(array.flags.writeable for pair in digits for array in pair)
    assert np.bincount(y_test).tolist() == [35, 36, 35, 37, 37, 37, 37, 36, 33, 37]


def test_digits_are_the_same_each_time(digits):
    again = data.load_digits()
    assert all(
        (a == b).all()
        for pair, other in zip(digits, again, strict=True)
        for a, b in zip(pair, other, strict=True)
    )


def test_test_digits_are_centred_as_mnist_is(digits):
    _, (x_test, _) = digits
    places = np.arange(28)
    for axis in (1, 2):
        mass = x_test.sum(axis=axis, dtype=float)
        centres = (mass * places).sum(axis=1) / mass.sum(axis=1)
        assert np.abs(centres - 14).max() <= 0.5
        assert abs(centres.mean() - 14) < 0.1
    ink = x_test > 0
    heights, widths = ink.any(axis=2).sum(axis=1), ink.any(axis=1).sum(axis=1)
    assert np.maximum(heights, widths).max() == 20


def test_training_digits_vary_and_keep_their_ink(digits):
    (x_train, y_train), (x_test, _) = digits
    assert len(np.unique(x_train.reshape(60_000, -1)[:3000], axis=0)) == 3000
    assert abs(x_train.mean() / x_test.mean() - 1) < 0.05


def test_distortions_fill_the_ranges_that_the_docstring_promises():
    maps = np.array(data._random_affines(60_000)).reshape(-1, 2, 3)
    square, offset = maps[:, :, :2], maps[:, :, 2]
    centre = np.array([14.5, 14.5])
    width = np.hypot(square[:, 0, 0], square[:, 1, 0])
    angle = np.degrees(np.arctan2(square[:, 1, 0], square[:, 0, 0]))
    height = np.linalg.det(square) / width
    along = (square[:, 0, 0] * square[:, 0, 1] + square[:, 1, 0] * square[:, 1, 1]) / width
    for got, low, high in (
        ((square @ centre + offset - centre)[:, 0], -2, 2),
        ((square @ centre + offset - centre)[:, 1], -2, 2),
        (angle, -15, 15),
        (width, 0.85, 1.15),
        (height, 0.85, 1.15),
        (along / height, -0.25, 0.25),
    ):
        assert [got.min(), got.max()] == pytest.approx([low, high], abs=(high - low) / 1000)
        assert got.mean() == pytest.approx((low + high) / 2, abs=(high - low) / 100)


def test_training_validation_and_test_share_no_drawing(monkeypatch):
    same_place = [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)] * 60_000
    monkeypatch.setattr(data, "_random_affines", lambda count: same_place)
    (x_train, _), (x_test, _) = data.load_digits()
    parts = [
        {image.tobytes() for image in images}
        for images in (x_train[:-5_000], x_train[-5_000:], x_test)
    ]
    assert [len(part) for part in parts] == [1317, 120, 360]
    assert len(set.union(*parts)) == 1797


def test_a_glyph_is_cut_out_and_keeps_its_proportions():
    page = np.zeros((200, 300), np.uint8)
    page[50:90, 100:180] = 200
    page[0, 0] = 19  # below a tenth of 200: not ink
    glyph = data.fit_box(page)
    assert glyph.shape == (10, 20)
    assert (glyph == 200).all()
    line = np.zeros((50, 50), np.uint8)
    line[5:45, 7] = 255
    assert data.fit_box(line).shape == (20, 1)


def test_a_glyph_is_placed_by_its_mass_and_never_cut():
    triangle = np.tri(9, dtype=np.uint8)  # centre of mass at row 5.33, column 2.67
    page = data.centre_by_mass(triangle)
    assert page.shape == (28, 28)
    assert (page[9:18, 11:20] == triangle).all()
    assert page.sum() == triangle.sum() == 45
    lopsided = np.zeros((20, 20), np.uint8)
    lopsided[:, 0] = lopsided[0, 19] = 1
    assert (data.centre_by_mass(lopsided)[:, 8:].sum()) == 21


@pytest.mark.parametrize("function", [data.fit_box, data.centre_by_mass])
def test_a_blank_page_is_refused(function):
    with pytest.raises(ValueError, match="must hold"):
        function(np.zeros((20, 20), np.uint8))


def test_a_glyph_larger_than_its_page_is_refused():
    with pytest.raises(ValueError, match=r"shape \(29, 3\).*28 x 28, see fit_box"):
        data.centre_by_mass(np.ones((29, 3), np.uint8))


# Number strips ----------------------------------------------------------------------------------


def squares():
    """Ten images whose ink is a square of 20 pixels; the label is its number."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = 255
    return images, np.arange(10)


def strips(lengths, seed=0, **options):
    return data.number_strips(*squares(), lengths, np.random.default_rng(seed), **options)


def runs(strip):
    """Width of each run of columns with ink."""
    ink = (strip[..., 0] >= 128).any(axis=0)
    edges = np.flatnonzero(np.diff(np.r_[0, ink, 0]))
    return (edges[1::2] - edges[::2]), edges[2::2] - edges[1:-1:2]


def test_strips_have_the_promised_shape_and_targets():
    pictures, targets = strips([1, 8, 3], width=220)
    assert pictures.shape == (3, 32, 220, 1)
    assert pictures.dtype == np.uint8
    assert targets.shape == (3, 8)
    assert targets.dtype == np.int32
    assert [(row > 0).sum() for row in targets] == [1, 8, 3]
    assert (targets[0, 1:] == 0).all()
    assert targets.max() <= 10


def test_a_seed_fixes_every_pixel():
    first, second, other = strips([4] * 5), strips([4] * 5), strips([4] * 5, seed=1)
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
    assert (first[0] != other[0]).any()


def test_targets_name_the_digits_from_left_to_right():
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 12:16] = 255  # a bar, 4 wide
    images[1, 4:24, 4:24] = 255  # a square
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pictures, targets = data.number_strips(
            images, np.array([0, 5]), [6], rng, gap=(12, 12), width=300
        )
        widths, _ = runs(pictures[0])
        assert [6 if wide > 13 else 1 for wide in widths] == targets[0].tolist()


def test_gaps_sizes_and_places_fill_their_ranges():
    pictures, _ = strips([2] * 600, gap=(2, 9))
    measured = [runs(picture) for picture in pictures]
    gaps = np.concatenate([gap for _, gap in measured])
    assert 1 <= gaps.min() <= 3  # the ink's edge is grey: a pixel either way
    assert 8 <= gaps.max() <= 11
    rows = (pictures[..., 0] >= 128).any(axis=2)
    top, bottom = rows.argmax(axis=1), 32 - rows[:, ::-1].argmax(axis=1)
    assert top.min() <= 2
    assert bottom.max() >= 30
    left = (pictures[..., 0] >= 128).any(axis=1).argmax(axis=1)
    assert left.min() < 15
    assert left.max() > 110


def test_overlaps_join_digits_and_no_gap_below_zero_does_not():
    apart, _ = strips([2] * 200, gap=(3, 10))
    together, _ = strips([2] * 200, gap=(-4, -4))
    assert all(len(runs(picture)[0]) == 2 for picture in apart)
    assert all(len(runs(picture)[0]) == 1 for picture in together)


def test_a_number_too_wide_has_its_gaps_cut_and_loses_no_ink():
    pictures, _ = strips([8] * 50, gap=(10, 10), width=192)  # 8 x 16 + 7 x 10 = 198: never fits
    ink = (pictures[..., 0] >= 128).any(axis=1)
    assert (ink[:, :4].any(axis=1)).all()
    assert (ink[:, -4:].any(axis=1)).all()
    assert not ink[:, [0, -1]].any()  # a pixel of paper stays at either end, and no more
    assert ink[:, 1].any()
    assert ink[:, -2].any()


def test_noise_is_even_and_small():
    pictures, _ = strips([1] * 40)
    paper = pictures[:, :, :20][(pictures[:, :, :40] < 30).all(axis=(1, 2, 3))]
    assert paper.size > 10_000
    assert paper.max() == 22
    assert 5 < paper.mean() < 6.5  # half of the noise is cut at 0: (1 + ... + 22) / 45 = 5.6


@pytest.mark.parametrize("lengths", [[], [2, 0], [-1], [1.5], [[1, 2]]])
def test_a_strip_with_no_digit_is_refused(lengths):
    with pytest.raises(ValueError, match="a strip with no digit has nothing to read"):
        strips(lengths)


def test_wrong_images_gaps_and_widths_are_refused():
    images, labels = squares()
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"\(10, 28, 28, 1\)"):
        data.number_strips(images[..., None], labels, [1], rng)
    with pytest.raises(ValueError, match=r"labels \(9,\)"):
        data.number_strips(images, labels[:9], [1], rng)
    with pytest.raises(ValueError, match=r"gap is \(3, 2\); the smallest must come first"):
        strips([1], gap=(3, 2))
    with pytest.raises(ValueError, match=r"width is 192.*10 digits.*20 pixels for each"):
        strips([10])
