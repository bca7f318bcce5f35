# `make` lists the targets. What an environment holds and how it is made is said in tools/install.py.

PYTHON ?= python3
# gpu or cpu: which build of vLLM is installed. Give HARDWARE=cpu or HARDWARE=gpu to overrule what is found.
ifndef HARDWARE
HARDWARE := $(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo gpu || echo cpu)
endif
# The model of `make lab`: on a CPU, unless another is named, the one that comes with oaikit.
ifeq ($(HARDWARE),gpu)
MODEL ?= Qwen/Qwen3-0.6B
else
MODEL ?= oaikit-demo
endif
NOTEBOOK ?= notebooks/01_quickstart.ipynb
LAB_ARGS ?=
ARGS ?=
# supported (the oldest and the newest release that pyproject.toml takes), newest (the newest there is), or a version.
VLLM ?= supported

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp-$(HARDWARE)
NODE := tests/server/node
NODE_STAMP := $(NODE)/node_modules/.stamp
# What kernels differ in: the oldest that is supported, one with subshells, and the newest, which the environment has.
IPYKERNELS ?= 6.31.0 7.3.0
KERNEL_TESTS := $(patsubst %,tests/server/test_%.py,chat magics replies stream_display) tests/notebooks
FRONTEND := frontend
FRONTEND_STAMP := $(FRONTEND)/node_modules/.stamp
CONFIG := server_ext/jupyter-config/server-config/oaikit_server.json
# Jupyter refuses to run as root unless told to.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test test-ipykernels frontend frontend-test chromium bench bench-widget soak statistics mistakes demo-model demo-model-eval showcase lint contract format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: $(STAMP) ## JupyterLab with an engine (MODEL=name or path, LAB_ARGS=more options)
	$(BIN)/jupyter lab $(NOTEBOOK) --OAIKit.model="$(MODEL)" $(ALLOW_ROOT) $(LAB_ARGS)

test: $(STAMP) $(NODE_STAMP) chromium frontend-test ## run the tests (ARGS=options and paths for pytest)
	$(BIN)/python -m pytest $(ARGS)

test-ipykernels: $(STAMP) ## the tests of the notebook side with older kernels (IPYKERNELS="6.31.0 7.3.0")
	@for version in $(IPYKERNELS); do \
		$(BIN)/python -m pip install -q --no-deps --upgrade --target build/ipykernel-$$version ipykernel==$$version && \
		echo "with ipykernel $$version" && \
		PYTHONPATH=$(CURDIR)/build/ipykernel-$$version $(BIN)/python -m pytest $(KERNEL_TESTS) $(ARGS) || exit 1; \
	done

frontend: $(FRONTEND_STAMP) ## build the widgets' front end into oaikit/widgets/static (needs Node)
	cd $(FRONTEND) && npm run --silent build

frontend-test: $(FRONTEND_STAMP) ## check and test the front end
	@if [ -e $(FRONTEND)/node_modules ]; then cd $(FRONTEND) && npm run --silent check && npm run --silent test; fi

chromium: # for the tests in a browser; without one they are skipped, and say so
	@command -v chromium >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else echo "Chromium is not installed: the tests in a browser will be skipped"; fi

bench: $(STAMP) ## measure the serving speed that the README quotes (ARGS=options), and that of sweeps
	$(BIN)/python benchmarks/serving.py $(ARGS)
	$(BIN)/python -m benchmarks.experiments

soak: $(STAMP) ## the long suites: signals, crashes, load, stalls, fuzz, smuggling, access (ARGS="signals --repeat 1")
	$(BIN)/python -m tests.soak --write docs/reliability.md $(ARGS)

bench-widget: $(STAMP) chromium ## measure what the chat costs the browser, and how soon Stop frees the engine
	$(BIN)/python -m benchmarks.widget

statistics: $(STAMP) ## simulate how often intervals cover the truth, and write the table of docs/statistics.md (ARGS=--quick)
	$(BIN)/python -m tools.statistics_table $(ARGS)

mistakes: $(STAMP) ## make the mistakes of docs/errors.md in a kernel, and write down what is shown
	$(BIN)/python -m tools.mistakes

demo-model: $(STAMP) ## train the built-in model anew (about four hours on 2 cores; goes on where it was cut off)
	$(BIN)/python -m tools.demo_model.train $(ARGS)

demo-model-eval: $(STAMP) ## examine the built-in model on held-out questions and write its card's tables
	$(BIN)/python -m tools.demo_model.evaluate --card oaikit/demo/README.md $(ARGS)

showcase: $(STAMP) chromium ## run the notebooks on the built-in model, save what they show, and take the pictures
	$(BIN)/python -m tools.notebooks
	$(BIN)/python -m tools.screenshots

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

contract: $(STAMP) ## look up what oaikit uses of vLLM in its source archives (VLLM=newest: the newest there is)
	$(BIN)/python -m tools.contract --release $(VLLM)

format: $(STAMP) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) $(NODE)/node_modules $(FRONTEND)/node_modules dist .mypy_cache .pytest_cache .ruff_cache

# pip reads pyproject.toml and copies the Jupyter configuration only when it installs.
$(STAMP): pyproject.toml tools/install.py $(CONFIG)
	$(PYTHON) tools/install.py --venv $(VENV) --hardware $(HARDWARE)
	touch $@

# Without Node the tests of its OpenAI client and of the front end are skipped, and say so.
%/node_modules/.stamp: %/package.json %/package-lock.json
	@if command -v npm >/dev/null; then cd $* && npm ci --no-audit --no-fund && touch node_modules/.stamp; \
	else echo "npm is not installed: the tests in $* will be skipped"; fi
