# The habits of a day. Each target makes .venv when it is missing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= auto

# toyvm starts in some 50 ms from byte code, in 250 from source: let Python keep the former, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench lint clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(STAMP)            ## the conversation of parent and child, both ways, and the comparison
	@$(BIN)/python -m toyvm demo

test: $(STAMP)            ## every test
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test          ## everything CI runs

bench: $(STAMP)           ## whole-process CPU times against the oracles
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
