"""book/cloud.md and the Dockerfile: what can be said of their commands where nobody has an account."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "book" / "cloud.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
INLINE = [code for code in re.findall(r"`([^`\n]+)`", PAGE) if code.startswith("gcloud ")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def commands(program: str) -> list[str]:
    """Each command of the page's blocks that begins with this program, on one line, without its comment."""
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    found = [line.split(" #")[0] for line in lines if line.startswith(f"{program} ")]
    return [" ".join(line.split()) for line in found]


@pytest.mark.parametrize("block", BLOCKS)
def test_block_says_whether_it_was_run_and_bash_understands_it(block: str) -> None:
    first = block.splitlines()[0]
    assert re.fullmatch(r"# (not )?run here[:,] .+", first), first
    if "gcloud" in block or "docker" in block:
        assert first.startswith("# not run here"), first
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def faults(lines: list[str], folder: Path) -> dict[str, str]:
    """What gcloud's own reader finds wrong; it runs nothing, and needs no account and no network."""
    program = shutil.which("gcloud")
    if program is None:
        pytest.skip("THE COMMANDS OF book/cloud.md ARE NOT CHECKED: no gcloud found")
    file = folder / "commands.json"
    file.write_text(json.dumps([{"command_string": line} for line in lines]), encoding="utf-8")
    linter = [program, "meta", "lint-gcloud-commands", f"--commands-file={file}"]
    settings = {**os.environ, "CLOUDSDK_CONFIG": str(folder / "config")}
    done = subprocess.run(linter, capture_output=True, text=True, env=settings, check=True)
    read = json.loads(done.stdout)
    assert len(read) == len(set(lines))
    return {each["command_string"]: each["error_message"] for each in read if not each["success"]}


def test_gcloud_accepts_each_command(tmp_path: Path) -> None:
    lines = [line for line in commands("gcloud") + INLINE if len(line.split()) > 3]
    assert len(lines) > 15
    assert faults(lines, tmp_path) == {}


def test_gcloud_refuses_a_wrong_one(tmp_path: Path) -> None:
    wrong = ["gcloud storage cpp a gs://b", "gcloud storage cp --colour a gs://b"]
    assert len(faults(wrong, tmp_path)) == 2


def test_make_has_the_verbs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = {line.split()[1] for line in commands("make")}
    verbs |= set(re.findall(r"`make (\S+?)`", PAGE))
    assert len(verbs) > 2
    assert [verb for verb in verbs if not re.search(rf"^{verb}:", makefile, re.MULTILINE)] == []


def hwr_commands() -> list[list[str]]:
    """The words after `hwr`: typed, given to `docker run`, and given to a custom job."""
    found = [shlex.split(line)[1:] for line in commands("hwr")]
    found += [line.split(" hwr ")[1].split() for line in commands("docker run") if " hwr " in line]
    found += [args.split(",") for args in re.findall(r"--args=(\S+)", PAGE)]
    return found


def test_hwr_has_the_verbs_and_options() -> None:
    lines = hwr_commands()
    assert len(lines) == 4
    for words in lines:
        verb = [word for word in words[:2] if not word.startswith("-")]
        asked = [sys.executable, "-m", "hwr_utils", *verb, "--help"]
        answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stderr
        for option in [word.split("=")[0] for word in words if word.startswith("--")]:
            assert re.search(rf"{option}\b", answer.stdout), f"hwr {' '.join(verb)}: no {option}"
    assert "--resume" in PAGE
    assert "--resume" in answer.stdout


def test_dockerfile_copies_what_is_there_and_sent() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert rules[0] == "*"
    sent = [rule.removeprefix("!") for rule in rules[1:]]
    copied = [
        source
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(copied) == 4
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [s for s in copied if not any(fnmatch(s, rule) for rule in sent)] == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_steps_of_the_dockerfile(tmp_path: Path) -> None:
    """Its COPY, RUN and ENTRYPOINT lines, in a folder in place of a container, with this machine's Python."""
    work, image = tmp_path / "book", tmp_path / "image"
    work.mkdir()
    subprocess.run([sys.executable, "-m", "venv", image], check=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PYTHON", "VIRTUAL"))}
    settings = {**clean, "PATH": f"{image / 'bin'}:{os.environ['PATH']}"}
    for line in DOCKERFILE.splitlines():
        word, _, rest = line.partition(" ")
        rest = rest.replace("/book", str(work))
        if word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = work / target / Path(source).name
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, work / target)
                else:
                    shutil.copy(ROOT / source, place)
        elif word == "RUN":
            # The image is made once, so it keeps no cache; here the cache saves the download.
            run = rest.replace(" --no-cache-dir", "").replace(" --no-cache", "")
            subprocess.run(["bash", "-ec", run], cwd=work, env=settings, check=True)
        elif word == "ENV":
            for name, value in (each.split("=", 1) for each in rest.split()):
                settings[name] = value.replace("$PATH", settings["PATH"])
        elif word == "ENTRYPOINT":
            start = json.loads(rest)
    helped = subprocess.run(
        [*start, "--help"], cwd=work, env=settings, capture_output=True, text=True
    )
    assert helped.returncode == 0, helped.stderr
    assert "train" in helped.stdout
