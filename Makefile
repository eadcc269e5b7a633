# Each target sets up what it needs; all can be run again at once.
# A bare machine is Debian or Ubuntu with Python 3.11, make, git and g++.
SHELL := /bin/bash
PYTHON ?= python3.11
EXTRA ?= $(shell command -v nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
LOCK := cluster/locks/$(EXTRA).txt
DEV_LOCK := cluster/locks/dev.txt
VENV := .venv
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)
BIN := $(VENV)/bin
MARK := $(VENV)/.installed-$(EXTRA)
UV_FLAGS := $(if $(UV_FIND_LINKS)$(PIP_FIND_LINKS),,--torch-backend=$(if $(filter cpu,$(EXTRA)),cpu,auto))
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export DEEPEVAL_TELEMETRY_OPT_OUT := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export VLLM_NO_USAGE_STATS := 1
export RAY_USAGE_STATS_ENABLED := 0
export TOKENIZERS_PARALLELISM := false

.PHONY: setup browser demo test check prove clean

setup: $(MARK)

$(MARK): $(LOCK) $(DEV_LOCK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps $(UV_FLAGS) -r $(LOCK) -r $(DEV_LOCK)
	rm -f $(VENV)/.installed-*
	touch $(MARK)

demo: setup
	$(BIN)/python -m jobs.pipeline configs/demo.toml
	$(BIN)/python -m serve.ask configs/demo.toml

# The report is tested in a real browser. On Ubuntu, whose package is a snap, put google-chrome there.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  $(SUDO) apt-get update -q && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; }

test: setup browser
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

prove: setup
	@for bench in $(filter-out __init__,$(basename $(notdir $(wildcard tests/bench/*.py)))); do \
	  $(BIN)/python -m tests.bench.$$bench || exit 1; done

clean:
	rm -rf $(VENV) runs .pytest_cache .ruff_cache .mypy_cache
