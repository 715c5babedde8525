# Each command is enough on a fresh clone: it makes the environment in .venv first, once.
#   make demo      a specimen, its projections, the reconstruction and a comparison, in ./demo
#   make test      every test, with a real viewer on a virtual screen
#   make test-pyside6  the tests of the plugin with PySide6 instead of PyQt6
#   make test-lowest   the tests that need no napari, with the lowest versions that are allowed, in .venv-lowest
#   make test-highest  every test, with the newest versions that there are, in .venv-highest
#   make nightly   100,000 damaged files, other ones each day, and 200 cycles of each kind of long session
#   make napari    the viewer, with the plugin installed
#   make pictures  every picture of the dock in docs/images, and the tour
#   make docs      the pages in docs/ as a site, in ./site
#   make package   the wheel and the archive of the sources, in ./dist
#   make lint      style, types and who imports whom
# PYTHON=python3.12 picks another Python; CONSTRAINTS= keeps the PyTorch that .venv already has; WORKERS=4 tests in
# four processes, WORKERS=0 in one.

PYTHON ?= python3
CONSTRAINTS ?= constraints-cpu.txt
WORKERS ?= 2

SHELL := bash
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

.PHONY: demo test test-pyside6 test-lowest test-highest nightly napari pictures docs lint package
.DELETE_ON_ERROR:

WITHOUT_NAPARI := $(filter-out tests/plugin tests/real,$(patsubst %/,%,$(wildcard tests/*/))) \
  tests/test_api.py tests/test_dask_cluster.py

demo: $(VENV)/.base
	$(BIN)/microdiffusion demo -o demo

test: $(VENV)/.full
	.ci/with-screen $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-pyside6: $(VENV)/.pyside6
	QT_API=pyside6 PYTEST_QT_API=pyside6 .ci/with-screen $(BIN)/python -m pytest tests/plugin

# Each makes its environment anew. Without napari, whose own lowest versions are higher.
test-lowest:
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet -c constraints-lowest.txt -e '.[cluster,zarr]' \
	  hypothesis pytest pytest-timeout pytest-xdist
	.venv-lowest/bin/python -m pytest -W default::DeprecationWarning -n $(WORKERS) --dist loadgroup $(WITHOUT_NAPARI)

test-highest:
	$(PYTHON) -m venv --clear .venv-highest
	.venv-highest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[test]'
	.ci/with-screen .venv-highest/bin/python -m pytest -n $(WORKERS) --dist loadgroup

nightly: $(VENV)/.full
	$(BIN)/python benchmarks/fuzz_readers.py --seed $(shell date +%y%m%d)000000
	$(BIN)/python benchmarks/endurance.py
	$(BIN)/python benchmarks/endurance.py --batch
	.ci/with-screen $(BIN)/python benchmarks/endurance.py --dock

napari: $(VENV)/.full
	$(BIN)/napari -w napari-microdiffusion "Reconstruct volume"

pictures: $(VENV)/.full
	.ci/with-screen $(BIN)/python docs/make_screenshots.py
	.ci/with-screen $(BIN)/python docs/make_tour.py

# Strict: a broken link or an undocumented parameter ends it. The variable silences an advertisement.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

package: $(VENV)/.full
	$(BIN)/python -m build

lint: $(VENV)/.full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari_microdiffusion

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No environment could be made; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.base: pyproject.toml constraints-cpu.txt | $(VENV)/pyvenv.cfg
	@echo "Installing PyTorch and napari-microdiffusion into $(VENV), once ..."
	$(PIP) torch
	$(PIP) -e .
	@touch $@

$(VENV)/.full: $(VENV)/.base
	@echo "Installing napari and the tools for tests into $(VENV), once ..."
	$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.pyside6: $(VENV)/.full
	@echo "Installing PySide6 beside PyQt6 into $(VENV), once ..."
	$(PIP) -e '.[pyside6]'
	@touch $@

$(VENV)/.docs: $(VENV)/.base
	@echo "Installing what builds the pages into $(VENV), once ..."
	$(PIP) -e '.[docs]'
	@touch $@
