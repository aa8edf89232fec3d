# The habits of a day. Each target makes .venv when it is missing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= auto

# toyvm starts in some 50 ms from byte code, in 250 from source: let Python keep the former, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo quick test check bench fuzz oracles docs lint clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m toyvm cache fill > /dev/null
	touch $@

demo: $(STAMP)            ## the conversation of parent and child, both ways, and the comparison
	@$(BIN)/python -m toyvm demo

# The tests that find most mistakes in the least time: the loop of a day.
QUICK := unit/base unit/elf unit/linker unit/loader unit/machine unit/assembler/test_assemble.py \
	unit/isa/test_table.py unit/isa/test_reference_page.py unit/test_relocations.py \
	unit/test_run_options.py unit/kernel/proc unit/kernel/syscalls unit/kernel/vfs \
	unit/kernel/mm/test_address_space.py unit/kernel/mm/test_page_table.py \
	unit/engines/test_corners.py unit/cli/test_dispatch.py test_samples.py test_api.py

quick: $(STAMP)           ## the tests that find most mistakes, in under a minute
	$(BIN)/python -m pytest -n $(JOBS) $(QUICK:%=tests/%)

test: $(STAMP)            ## every test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test          ## everything CI runs

bench: $(STAMP)           ## whole-process CPU times against the oracles
	$(BIN)/python -m tests.bench

SECONDS := 600
INPUTS := 0
TARGETS :=

fuzz: $(STAMP)            ## random inputs for every reader: `make fuzz SECONDS=60 TARGETS="assembly archive"`, or INPUTS=50000
	$(BIN)/python -m tests.fuzz.guided --seconds $(SECONDS) --inputs $(INPUTS) --json build/fuzz/summary.json $(TARGETS)

oracles: $(STAMP)         ## GNU's own tests of its assembler and linker, with ours (needs dejagnu)
	$(BIN)/python -m tests.suites.binutils
	$(BIN)/python -m tests.suites.binutils_ld

docs: $(STAMP)            ## the pages of docs/ as a site, in build/site
	@$(BIN)/python -c 'import material' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo build/site/index.html

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache dist
