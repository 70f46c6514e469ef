# Beyond Feedforward. Plain `make` prints the verbs. Everything lives in .venv; nothing needs root.
PYTHON ?= python3
NB ?=
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(BIN)/python
export UV_PROJECT_ENVIRONMENT := $(VENV)
SYNC := $(BIN)/uv sync --quiet --frozen --inexact --python $(RUN)
HTML := _build/html
ALONE := tests/test_lighthouse.py  # it measures times, so nothing else may compute meanwhile

.DEFAULT_GOAL := help
.PHONY: help book serve test test-long run weights bench new jupyter lint audit lock dist clean

help:            ## print the verbs
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

book: .docs      ## build the HTML book from the stored outputs
	@$(RUN) tools/notebooks.py sync
	@$(RUN) tools/claims.py
	@$(BIN)/jupyter-book build -W -n --keep-going --quiet . > /dev/null
	@echo "The book is built. Open $(HTML)/index.html, or run: make serve"

serve: book      ## build the book and serve it on this machine
	@$(RUN) -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

test: book .all $(if $(NB),,.lighthouse .colab) ## unit tests, notebooks against their outputs, the site in a browser; NB=04 tests one chapter
	@$(if $(NB),,$(BIN)/pytest $(ALONE) || failed=1;) \
	$(BIN)/pytest -n 2 --dist loadfile $(if $(NB),--chapter $(NB),--ignore $(ALONE)) && [ -z "$$failed" ]

test-long: book .all .lighthouse .colab ## make test and the tests that take hours
	@$(BIN)/pytest $(ALONE) || failed=1; \
	$(BIN)/pytest -n 2 --dist loadfile --long --ignore $(ALONE) && [ -z "$$failed" ]

run: .all        ## execute the notebooks and store their outputs; NB=04 runs one chapter
	@$(RUN) tools/notebooks.py run $(NB)
	@$(RUN) tools/claims.py

weights: .all    ## train the networks that ship with the book, and write them for its pages
	@$(RUN) tools/weights.py
	@$(RUN) tools/page_weights.py
	@$(RUN) tools/page_errors.py
	@$(RUN) tools/page_reader.py

bench: .all      ## measure speed and accuracy, for hours; goes on where it was interrupted
	@$(RUN) benchmarks/run.py
	@$(RUN) benchmarks/run.py --split validation
	@$(RUN) benchmarks/probes.py
	@$(RUN) benchmarks/page.py

new: .all        ## start a chapter: NB=20_attention
	@$(RUN) tools/notebooks.py new $(NB)

jupyter: .all    ## open JupyterLab; saving a notebook writes its .md twin
	@$(BIN)/jupyter lab notebooks

lint: .all       ## ruff, mypy, notebook pairs, the page of claims
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check hwr_utils tests tools benchmarks book/_ext
	@$(BIN)/mypy
	@$(RUN) tools/notebooks.py check
	@$(RUN) tools/claims.py check

audit: .docs     ## ask osv.dev for known faults in the versions that uv.lock names
	@$(BIN)/uv audit --frozen

lock: .all       ## resolve versions anew: uv.lock, environment.yml, tests/colab.txt
	@$(BIN)/uv lock --python $(RUN)
	@$(RUN) tools/lock.py
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header tests/colab.in -o tests/colab.txt

dist: book .all  ## the book to take away: a zip to read without a network, and a PDF to print
	@mkdir -p dist
	@$(RUN) -m zipfile -c dist/book.zip $(HTML)/.
	@$(RUN) tools/book_pdf.py dist/book.pdf
	@echo "Unzip dist/book.zip and open index.html; or print dist/book.pdf."

clean:           ## remove what is built; the environment stays
	rm -rf _build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Lighthouse judges the pages in `make test`. Where npm is missing, its tests say so and are skipped.
.PHONY: .lighthouse
.lighthouse: tests/lighthouse/node_modules
tests/lighthouse/node_modules: tests/lighthouse/package-lock.json
	@if command -v npm > /dev/null; then npm ci --prefix tests/lighthouse --loglevel=error --no-audit --no-fund && touch $@ || rm -rf $@; fi

# Two stamps say which groups of uv.lock are installed: a second `make book` installs nothing.
.PHONY: .docs .all .colab
.docs: $(VENV)/docs.stamp
.all: $(VENV)/all.stamp

$(RUN):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "This book needs Python 3.11, 3.12 or 3.13; `$(PYTHON)` is %d.%d. Name another one: make PYTHON=python3.12 ..." % v)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.txt

$(VENV)/docs.stamp: $(RUN) uv.lock
	@$(SYNC) --only-group docs
	@touch $@

$(VENV)/all.stamp: $(RUN) uv.lock pyproject.toml
	@$(SYNC) --all-groups --compile-bytecode   # each notebook starts a fresh kernel: compile once
	@touch $@ $(VENV)/docs.stamp

.colab: .all     # where it cannot be made, the tests that need it are skipped, and their header says so
	@$(RUN) tools/colab.py || true
