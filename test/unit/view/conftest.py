# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Bags of the tiny model, as the tests of replay make them, and a legend for its scores."""

from __future__ import annotations

import pytest

from hybrid_perception.manifest import load_manifest
from hybrid_perception.view.legend import Legend

from ..replay.conftest import camera, replay, run_tool, write_bag  # noqa: F401

RANGE = (-128.0, 128.0)


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


@pytest.fixture
def legend(manifest):
    return Legend.of_model(
        manifest, title='a <drive>', operating_point=None, threshold=None, color_range=RANGE,
        alpha=0.5)


@pytest.fixture
def seen(tmp_path, replay):  # noqa: F811
    """Write a bag of ten frames with the inputs in it."""
    return replay(write_bag(tmp_path / 'in', camera(range(10))), '--with-input',
                  output='seen.mcap')


@pytest.fixture
def open_browser(browser):
    """Make a function that opens an address and gives the browser."""

    def open_(address):
        browser.events.clear()
        browser.open(address)
        return browser

    return open_
