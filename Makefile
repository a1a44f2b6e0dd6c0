# Verbs, each complete on a machine with only Python 3.11 or newer and pip. Another interpreter: make install PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CODE := src tests docs benchmarks experiments

.PHONY: install demo test lint fix docs bench clean

install: $(INSTALLED)

# Made again whenever what is asked for changes. lm-evaluation-harness is heavy and not part of it: pip install -e '.[all]'
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "benchshadow needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1): name a newer one, as in  make $(or $(MAKECMDGOALS),install) PYTHON=python3.12" >&2; exit 3; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable '.[train,report,data]'
	@touch $@

demo: install
	$(BIN)/benchshadow demo --out demo

# Two processes of one thread each: weights have the same bits only at a fixed number of threads.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(ARGS)

lint: install
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/pyright

fix: install
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# The pages that are made from the code; tests/test_docs.py fails where they are stale.
docs: install
	$(BIN)/python docs/generate.py

bench: install
	set -e; for script in benchmarks/*.py; do OMP_NUM_THREADS=1 $(BIN)/python "$$script"; done

clean:
	rm -rf .venv build dist demo .pytest_cache .ruff_cache
