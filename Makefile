.DEFAULT_GOAL := help
PYTHON ?= python
MODEL_PARITY = $(addprefix tests/parity/test_,decoders.py experts.py gguf.py gguf_storage.py mxfp4.py random.py)

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: dev
dev:  ## Build the core and install litz for development, with what the tests need
	$(PYTHON) -m pip install maturin
	$(PYTHON) -m maturin develop --profile quick --extras test

.PHONY: format
format:  ## Format Rust and Python, and mend what the linters can mend
	cargo fmt
	ruff check --fix .

.PHONY: lint-quick
lint-quick:  ## What is checked in seconds: formatting, ruff, size limits, import circles, import circles
	cargo fmt --check
	ruff check .
	$(PYTHON) scripts/limits.py
	$(PYTHON) scripts/circles.py
	$(PYTHON) scripts/families.py --check
	$(PYTHON) scripts/circles.py

.PHONY: lint
lint: lint-quick  ## All that lints, and types
	cargo clippy --workspace --all-targets -- -D warnings
	$(PYTHON) -m mypy
	$(PYTHON) scripts/check_types.py

.PHONY: test-rust
test-rust:  ## The Rust tests
	cargo test -p litz --lib

.PHONY: test
test:  ## The quick Python tests (hermetic, about two minutes)
	$(PYTHON) -m pytest

.PHONY: test-forms
test-forms:  ## The models' parity with every form of the kernels that this CPU can run
	for form in $$($(PYTHON) -c "from litz import _core; print(*_core.available_instructions())"); do \
	  echo "LITZ_CPU=$$form"; LITZ_CPU=$$form $(PYTHON) -m pytest $(MODEL_PARITY) || exit 1; done

.PHONY: test-slow
test-slow:  ## The Python tests that fetch real models and tokenizers
	$(PYTHON) -m pytest -m slow --durations=10

.PHONY: check
check: lint test-rust test test-forms test-slow  ## All that CI runs, after its installation

.PHONY: fuzz
fuzz:  ## Ten minutes on each fuzz target (needs nightly Rust and cargo-fuzz)
	$(PYTHON) fuzz/seeds.py
	for target in gguf safetensors tokenizer_json template sentencepiece tiktoken vocabulary tokenizer_cache; do \
	  cargo +nightly fuzz run $$target -- -max_total_time=600 -rss_limit_mb=2048 || exit 1; done
