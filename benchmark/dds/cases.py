# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of the sections over DDS, and how their frames are read off a log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.dds.processes import Received
from benchmark.table import Settings

CAMERAS = ((360, 640), (720, 1280), (1080, 1920))


@dataclass(frozen=True)
class Case:
    """What the camera sends and how much is read."""

    size: tuple[int, int]
    outputs: int
    compressed: bool

    @property
    def words(self) -> str:
        """The case as text."""
        kind = 'JPEG' if self.compressed else 'raw'
        return f'{self.size[1]}x{self.size[0]} {kind}, {self.outputs} output(s)'

    @property
    def suffix(self) -> str:
        """What image_transport adds to the name of the camera's topic."""
        return '/compressed' if self.compressed else ''

    @property
    def transport(self) -> str:
        """The node's image_transport."""
        return 'compressed' if self.compressed else 'raw'


def cases(settings: Settings) -> list[Case]:
    """Return every camera, raw and as JPEG, with one and with three outputs."""
    if settings.quick:
        return [Case(CAMERAS[0], 3, compressed=False)]
    return [Case(size, outputs, compressed) for size in CAMERAS
            for compressed in (False, True) for outputs in (1, 3)]


def last_of_frames(received: Received, topics: range) -> Received:
    """Return for each frame, told by its stamp, the last output that came."""
    mine = received.of(*topics)
    stamps = np.round((mine.received - mine.age) * 1e4).astype(np.int64)
    _, last = np.unique(stamps[::-1], return_index=True)
    chosen = len(mine) - 1 - last
    return Received(mine.topic[chosen], mine.received[chosen], mine.age[chosen])


def median_and_p99(seconds: NDArray[np.float64]) -> tuple[str, str]:
    """Return both as text, ms; what to show where nothing came."""
    if not len(seconds):
        return 'none came', ''
    median, p99 = 1000 * np.percentile(seconds, (50, 99))
    return f'{median:.1f}', f'{p99:.1f}'
