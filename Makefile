# Each command is enough on a fresh clone: it makes the environment in .venv first, once.
#   make demo      a specimen, its projections, the reconstruction and a comparison, in ./demo
#   make test      every test, with a real viewer on a virtual screen
#   make napari    the viewer, with the plugin installed
#   make lint      style and types
# PYTHON=python3.12 picks another Python; CONSTRAINTS= keeps the PyTorch that .venv already has.

PYTHON ?= python3
CONSTRAINTS ?= constraints-cpu.txt

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

.PHONY: demo test napari lint
.DELETE_ON_ERROR:

demo: $(VENV)/.base
	$(BIN)/microdiffusion demo -o demo

test: $(VENV)/.full
	.ci/with-screen $(BIN)/python -m pytest

napari: $(VENV)/.full
	$(BIN)/napari -w napari-microdiffusion "Reconstruct volume"

lint: $(VENV)/.full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/npe2 validate napari_microdiffusion

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No environment could be made; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.base: pyproject.toml constraints-cpu.txt | $(BIN)/python
	@echo "Installing PyTorch and napari-microdiffusion into $(VENV), once ..."
	$(PIP) torch
	$(PIP) -e .
	@touch $@

$(VENV)/.full: $(VENV)/.base
	@echo "Installing napari and the tools for tests into $(VENV), once ..."
	$(PIP) -e '.[test]'
	@touch $@
