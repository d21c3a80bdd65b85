# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A segmenter that gets one new engine when its engine fails."""

from __future__ import annotations

from collections.abc import Callable
import logging

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import (
    BadAnswerError,
    EncodingError,
    EngineError,
    ParameterError,
)
from hybrid_perception.segmentation import Segmentation, Segmenter

logger = logging.getLogger(__name__)


class RetryingSegmenter:
    """Segment; where the engine fails, build it anew and try the same frame once more."""

    def __init__(
        self, build: Callable[[], Segmenter], *, retry_bad_answers: bool = True
    ) -> None:
        """Build the first engine by `build`, which is kept for the next one.

        Args:
            build: makes a segmenter.
            retry_bad_answers: whether an answer that cannot be right speaks against the engine.
        """
        self._build = build
        self._passed_on = (EncodingError, ParameterError) if retry_bad_answers else (
            EncodingError, ParameterError, BadAnswerError)
        self._segmenter = build()

    def segment(self, rgb: NDArray[np.uint8]) -> Segmentation:
        """Segment an RGB image, (H, W, 3) uint8.

        Raises:
            EncodingError, ParameterError: the frame does not fit; no new engine would help.
            BadAnswerError: the answer cannot be right, and it is not tried again.
            EngineError: the frame failed on the old engine and on a new one.
        """
        try:
            return self._segmenter.segment(rgb)
        except self._passed_on:
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
