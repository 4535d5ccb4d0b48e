# The only commands a newcomer needs. Each target sets up what it needs, once.
#
#   make demo         a two-speaker conversation in demo.wav, spoken by the embedded voice
#   make test         every test, doctests included, on the newest libraries
#   make test-notebooks  the tutorials and what they need (part of make test)
#   make test-oldest  the fast tests of the engine, the project and the widgets on the oldest supported libraries
#   make lab          JupyterLab
#   make bench        speed against transformers' own VibeVoice, and how soon the first sound is there
#   make bench-gpu    the same on an NVIDIA card, in the sizes of the 1.5B and 7B models, plots in build/bench;
#                     first the tests that want a card
#   make bench-voice  how well the embedded voice is understood (WHISPER=folder for a local model)
#   make bench-ui     how quick the Studio is in a real JupyterLab (needs Chromium)
#   make check        ruff, mypy and, where there is Node, the TypeScript compiler
#   make docs         the documentation's pages, in build/docs
#   make clean        remove what make made
#
# Choose another interpreter with PYTHON=/path/to/python (3.10 to 3.13).

VENV ?= .venv
VENV_OLDEST ?= .venv-oldest
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

RIGHT_VERSION := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.10 python3 python; do \
	"$$p" -c '$(RIGHT_VERSION)' 2>/dev/null && { echo "$$p"; break; }; done)

# On Linux the ordinary torch wheel brings gigabytes of CUDA. Where there is no NVIDIA card the CPU build is
# pinned instead; `make demo CPU_TORCH=` takes the ordinary wheel anyway.
CPU_TORCH := $(if $(filter Linux,$(shell uname -s)),$(if $(shell command -v nvidia-smi),,-c constraints/cpu.txt))

# $(call new_venv,DIR): an empty environment with torch in it. The CPU build isn't on PyPI: pip's own
# configuration is asked first (a company mirror may have it), then PyTorch's index.
define new_venv
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.13 found. Install one, or say PYTHON=/path/to/python."; exit 1; }
	@"$(PYTHON)" -c '$(RIGHT_VERSION)' || { echo "$(PYTHON) is not Python 3.10 to 3.13."; exit 1; }
	"$(PYTHON)" -m venv --clear $(1)
	$(1)/bin/pip install -q $(CPU_TORCH) torch $(if $(CPU_TORCH),2>/dev/null || \
		$(1)/bin/pip install -q $(CPU_TORCH) --extra-index-url $(TORCH_CPU_INDEX) torch)
	@touch $(1)/.torch
endef

.PHONY: demo test test-notebooks test-oldest lab bench bench-gpu bench-voice bench-ui check docs pictures clean

demo: $(VENV)/.base
	$(VENV)/bin/vibevoice-nb speak vibevoice_nb/examples/two_speakers.txt --out demo.wav --force
	@echo "The conversation is in $(CURDIR)/demo.wav"

test: $(VENV)/.dev
	$(VENV)/bin/pytest -n auto --dist loadfile

test-notebooks: $(VENV)/.dev
	$(VENV)/bin/pytest tests/notebooks --durations=0

test-oldest: $(VENV_OLDEST)/.test
	$(VENV_OLDEST)/bin/pytest -n auto --dist loadfile -m "not slow and not speed" tests/engine tests/unit tests/widget

lab: $(VENV)/.lab
	$(VENV)/bin/jupyter lab

bench: $(VENV)/.base
	$(VENV)/bin/vibevoice-nb bench

bench-gpu: $(VENV)/.dev
	$(VENV)/bin/pytest tests/engine/test_cuda_kernels.py tests/engine/test_frame.py tests/engine/test_golden.py
	$(VENV)/bin/vibevoice-nb bench --device cuda --model 1.5b --contexts 300,1000,8000,32000,64000 \
		--rows 1,4,16,32 --plots build/bench
	$(VENV)/bin/vibevoice-nb bench --device cuda --model 7b --contexts 300,1000,8000,32000 --plots build/bench

# A hub id, or a folder with a model.
WHISPER ?= base
bench-voice: $(VENV)/.evaluate
	$(VENV)/bin/python -m vibevoice_nb.bench.intelligibility --whisper $(WHISPER)

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	@if command -v npm >/dev/null && test -d labextension/node_modules; then npm --prefix labextension run -s check; \
		else echo "The TypeScript sources are not checked: that takes Node 20 or newer."; fi

docs: $(VENV)/.docs
	$(VENV)/bin/sphinx-build --fail-on-warning --keep-going -q -d build/docs-trees docs build/docs
	@echo "The documentation is in $(CURDIR)/build/docs/index.html"

bench-ui: $(VENV)/.dev
	@$(VENV)/bin/pytest -m speed tests/ui

pictures: $(VENV)/.dev
	PYTHONPATH=tests/ui/hosts $(VENV)/bin/python tests/ui/hosts/pictures.py docs/images

clean:
	rm -rf $(VENV) $(VENV_OLDEST) build dist demo.wav .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf labextension/node_modules labextension/lib vibevoice_nb/widgets/static vibevoice_nb/labextension
	find vibevoice_nb tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: made again when what they were made from changes.
$(VENV)/.torch: constraints/cpu.txt
	$(call new_venv,$(VENV))

# What the page's code is built from: installing builds it anew.
PAGE := $(shell find labextension/src labextension/schema -type f 2>/dev/null) $(wildcard labextension/package*.json) \
	labextension/build.mjs vibevoice_nb/widgets/protocol.json

$(VENV)/.base: $(VENV)/.torch pyproject.toml $(PAGE)
	$(VENV)/bin/pip install -q $(CPU_TORCH) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(VENV)/bin/pip install -q $(CPU_TORCH) -e ".[dev]"
	@touch $@

# Without a compiler the speaker embedding is left out, without an index all of them: then pocketsphinx listens.
$(VENV)/.evaluate: $(VENV)/.dev
	$(VENV)/bin/pip install -q $(CPU_TORCH) -e ".[evaluate]" \
		|| $(VENV)/bin/pip install -q $(CPU_TORCH) faster-whisper distillmos \
		|| echo "The extra evaluate could not be installed"
	@touch $@

$(VENV)/.lab: $(VENV)/.base
	$(VENV)/bin/pip install -q $(CPU_TORCH) -e ".[lab]"
	@touch $@

$(VENV)/.docs: $(VENV)/.base
	$(VENV)/bin/pip install -q $(CPU_TORCH) -e ".[docs]"
	@touch $@

# The oldest torch is the CPU build where PyTorch's index can be reached, else PyPI's, with CUDA (5 GB on disk).
$(VENV_OLDEST)/.test: constraints/lowest.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.13 found. Install one, or say PYTHON=/path/to/python."; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV_OLDEST)
	$(VENV_OLDEST)/bin/pip install -q --retries 1 $(if $(CPU_TORCH),--extra-index-url $(TORCH_CPU_INDEX)) \
		-c constraints/lowest.txt torch
	$(VENV_OLDEST)/bin/pip install -q -c constraints/lowest.txt -e ".[dev,docs]"
	@touch $@
