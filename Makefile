# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` need python3 (3.11 or newer), make and git; as
# root they install what else is missing, otherwise they name it.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
IN_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
PY := $(IN_VENV) python
SPHINX := $(IN_VENV) sphinx-build -W --keep-going -q -b html

.PHONY: help demo test zed iscsi unit lint docs dist-check venv clean

help:
	@echo 'make demo        a practice cloud, a dead host, and its recovery'
	@echo 'make test        every test, with the practice cloud where needed'
	@echo 'make zed         recoveries on nova 26, beside the practice cloud'
	@echo 'make iscsi       real iSCSI sessions, in a machine that is emulated'
	@echo 'make unit        the tests that need no cloud'
	@echo 'make lint        ruff, mypy, the docs and the release notes'
	@echo 'make docs        the manual, as doc/build/html'
	@echo 'make dist-check  sdist and wheel, each installed into an empty venv'
	@echo 'make clean       what these have made, the practice cloud excepted'

demo: venv
	$(PY) -m tests.cloud up
	$(PY) -m tests.demo

test: venv
	$(IN_VENV) tests/run-all python

zed: venv
	$(PY) -m tests.cloud up
	trap '$(PY) -m tests.zed down' EXIT; \
	$(PY) -m tests.zed up && $(PY) -m tests.zed demo && \
	$(PY) -m tests.zed demo --method database && \
	$(PY) -m tests.zed power-loss

iscsi: venv
	$(PY) -m tests.cloud up
	$(PY) -m pytest tests/functional/test_sessions.py

unit: venv
	$(PY) -m tests.packages
	$(PY) -m pytest tests/unit tests/golden tests/power

lint: $(VENV)/lint
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) mypy
	$(IN_VENV) sphinx-lint README.rst doc/source releasenotes/notes
	$(IN_VENV) reno lint
	$(SPHINX) doc/source doc/build/html

docs: $(VENV)/lint
	$(SPHINX) doc/source doc/build/html

dist-check: $(VENV)/lint
	tests/dist-check $(VENV)/bin/python

venv: $(VENV)/installed

$(VENV)/installed: setup.cfg setup.py pyproject.toml tests/requirements.txt
	tests/make-venv $(PYTHON) $(VENV)
	$(PY) -m pip install --quiet --editable . -r tests/requirements.txt
	touch $@

$(VENV)/lint: $(VENV)/installed tests/lint-requirements.txt
	$(PY) -m pip install --quiet -r tests/lint-requirements.txt
	touch $@

clean:
	rm -rf $(VENV) .tox build dist doc/build *.egg-info .eggs
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
