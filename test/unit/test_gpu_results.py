# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The page that `make test-gpu` writes: never without a measurement, and honest about bars."""

from __future__ import annotations

from gpu_results import TWO, Latency, write_results

SIZE = (1024, 2048)


def test_nothing_is_written_where_nothing_was_measured(tmp_path):
    write_results(tmp_path / 'page.md', {'GPU': 'none'}, [])
    assert list(tmp_path.iterdir()) == []


def test_the_bars_are_judged(tmp_path):
    write_results(tmp_path / 'page.md', {'GPU': 'Orin'}, [
        Latency('engine', 'fp16', SIZE, 8.0, 9.0, 120.0),
        Latency(TWO, 'fp16', SIZE, 11.0, 12.0, 180.0),
        Latency('node', 'fp16', SIZE, 12.0, 24.0, 70.0)])
    page = (tmp_path / 'page.md').read_text()
    assert '* GPU: Orin' in page
    assert '| 2048x1024 | fp16 | node | 12.00 | 24.00 | 70.0 |' in page
    assert '| 2048x1024 | fp16 | engine, two at a time | 11.00 | 12.00 | 180.0 |' in page
    assert '| at least 60 frames/s | 70.0 | met |' in page
    assert '| p99 below 25 ms | 24.00 | met |' in page
    assert '| below 3 ms beyond the engine | 4.00 | **missed** |' in page


def test_bars_that_were_not_measured_are_not_met(tmp_path):
    write_results(tmp_path / 'page.md', {}, [Latency('node', 'fp32', SIZE, 1.0, 1.0, 99.0)])
    assert 'were not measured' in (tmp_path / 'page.md').read_text()
