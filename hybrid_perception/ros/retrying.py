# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A segmenter that gets one new engine when its engine fails."""

from __future__ import annotations

from collections.abc import Callable
import logging

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError, EngineError, ParameterError
from hybrid_perception.segmentation import Segmentation, Segmenter

logger = logging.getLogger(__name__)


class RetryingSegmenter:
    """Segment; where the engine fails, build it anew and try the same frame once more."""

    def __init__(self, build: Callable[[], Segmenter]) -> None:
        """Build the first engine by `build`, which is kept for the next one."""
        self._build = build
        self._segmenter = build()

    def segment(self, rgb: NDArray[np.uint8]) -> Segmentation:
        """Segment an RGB image, (H, W, 3) uint8.

        Raises:
            EncodingError, ParameterError: the frame does not fit; no new engine would help.
            EngineError: the frame failed on the old engine and on a new one.
        """
        try:
            return self._segmenter.segment(rgb)
        except (EncodingError, ParameterError):
            raise
        except Exception as first:  # an engine may raise anything
            logger.warning('inference failed (%s); building the engine anew', first)
            try:
                self._segmenter.close()
                self._segmenter = self._build()
                return self._segmenter.segment(rgb)
            except Exception as second:
                raise EngineError(
                    f'inference failed ({first}), and again on a new engine ({second})'
                ) from second

    def output_view(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring an RGB image to the geometry of its segmentation, (H, W, 3) uint8."""
        return self._segmenter.output_view(rgb)

    def warm_up(self) -> None:
        """Segment a blank image once."""
        self._segmenter.warm_up(1)

    def close(self) -> None:
        """Free the engine."""
        self._segmenter.close()
