"""Do the tests notice when the code is wrong? Changes one place of a module at a time, and runs the module's own tests.

mutmut names the changes (an operator, a constant, an argument, ...). It is not among the pinned packages, so give

.venv/bin/uv run --no-sync --with mutmut==3.8.1 tools/mutants.py data --count 60

for 60 changes of data.py, drawn with seed 0. Without arguments it takes all of all seven modules, for many hours.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mutmut.mutation.file_mutation import create_mutations

ROOT = Path(__file__).parents[1]
MODULES = ("checks", "ctc", "data", "hopfield", "ink", "layers", "recurrent")
PYTEST = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
PYTEST += ["-o", "addopts=--doctest-modules --import-mode=importlib"]


def run_tests(copy: Path, module: str, limit: float | None = None) -> str:
    """What the tests of one module say of the copy: passed, killed, or timeout."""
    command = [sys.executable, *PYTEST, f"tests/test_{module}.py", f"hwr_utils/{module}.py"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "HWR_DATASET": "digits"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, timeout=limit, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    return "killed" if done.returncode else "passed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--count", type=int, default=10**6, help="at most so many of each module")
    parser.add_argument("--seed", type=int, default=0, help="which ones are drawn")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(MODULES):
        parser.error(f"{sorted(unknown)} are not modules; they must be of {', '.join(MODULES)}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        skip = shutil.ignore_patterns(".git", ".venv", "_build", "*cache*")
        shutil.copytree(ROOT, copy, ignore=skip, symlinks=True)
        for module in options.modules or MODULES:
            path = copy / "hwr_utils" / f"{module}.py"
            original = path.read_text(encoding="utf-8")
            start = time.perf_counter()
            if run_tests(copy, module) != "passed":
                sys.exit(f"the tests of {module} fail before anything is changed; mend that first")
            limit = 3 * (time.perf_counter() - start) + 10
            tree, changes, *_ = create_mutations(str(path), original)
            random.seed(options.seed)
            chosen = random.sample(range(len(changes)), min(options.count, len(changes)))
            ends: Counter[str] = Counter()
            for index in sorted(chosen):
                change = changes[index]
                changed = tree.deep_replace(change.original_node, change.mutated_node).code
                path.write_text(changed, encoding="utf-8")
                end = run_tests(copy, module, limit)
                ends[end] += 1
                if end == "passed":
                    lines = difflib.unified_diff(
                        original.splitlines(), changed.splitlines(), lineterm="", n=0
                    )
                    print(
                        f"{module} {index} was not noticed:", *list(lines)[2:], sep="\n", flush=True
                    )
            path.write_text(original, encoding="utf-8")
            noticed = len(chosen) - ends["passed"]
            print(
                f"{module}: {noticed} of {len(chosen)} noticed, {ends['timeout']} of them by taking "
                f"too long; {len(changes)} changes in all",
                flush=True,
            )


if __name__ == "__main__":
    main()
