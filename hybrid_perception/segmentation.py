# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From one camera frame to its label and anomaly score."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception import open_set
from hybrid_perception.backends.base import Backend
from hybrid_perception.buffers import BufferPool
from hybrid_perception.exceptions import BadAnswerError, EncodingError, ParameterError
from hybrid_perception.geometry import Roi, resize_frame
from hybrid_perception.labels import UNLABELED
from hybrid_perception.manifest import Manifest

OutputSize = Literal['source', 'network']


class Segmentation:
    """What is known about each pixel of one frame."""

    def __init__(
        self,
        label: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]],
        anomaly_score: NDArray[np.float32] | Callable[[], NDArray[np.float32]],
        *,
        fault: str = '',
        shown: Callable[[], NDArray[np.uint8]] | None = None,
    ) -> None:
        """Take both maps, or what makes one when it is first asked for.

        Args:
            label: (H, W) uint8 closed-set class id, 255 where ignored.
            anomaly_score: (H, W) float32, higher = more anomalous, NaN where ignored, else finite.
            fault: what was wrong with the engine's answer, in words; then the score is NaN where
                it cannot be used, too.
            shown: with a fault, makes (H, W) uint8, not 0 where pixels are not ignored.
        """
        self._label = label
        self._anomaly_score = anomaly_score
        self._shown = shown
        self.fault = fault

    @cached_property
    def label(self) -> NDArray[np.uint8]:
        """Return the closed-set class ids, (H, W) uint8, 255 where nothing is said."""
        label = self._label() if callable(self._label) else self._label
        if self.unusable is not None:
            label[self.unusable] = UNLABELED
        return label

    @cached_property
    def unusable(self) -> NDArray[np.bool_] | None:
        """Return where the engine's answer cannot be used, (H, W); None where all of it can."""
        if self._shown is None:
            return None
        return np.asarray(np.isnan(self.anomaly_score) & (self._shown() != 0), np.bool_)

    @cached_property
    def anomaly_score(self) -> NDArray[np.float32]:
        """Return the scores, (H, W) float32, higher = more anomalous, NaN where ignored."""
        return self._anomaly_score() if callable(self._anomaly_score) else self._anomaly_score

    def open_set_mask(
        self, threshold: float, *, buffers: BufferPool | None = None
    ) -> NDArray[np.uint8]:
        """Mark unknown pixels: (H, W) uint8, 255 where unknown, else 0.

        What the engine gave no usable answer for is unknown.
        """
        mask = open_set.open_set_mask(self.anomaly_score, threshold, buffers=buffers)
        if self.unusable is not None:
            mask[self.unusable] = 255
        return mask

    def open_set_label(
        self, threshold: float, unknown_id: int, *, buffers: BufferPool | None = None
    ) -> NDArray[np.uint8]:
        """Write the unknown id into the label where pixels are unknown: (H, W) uint8."""
        label = open_set.open_set_label(
            self.label, self.anomaly_score, threshold, unknown_id, buffers=buffers)
        if self.unusable is not None:
            label[self.unusable] = unknown_id
        return label


class Segmenter:
    """Crops, resizes, infers and brings the answer back to the camera's pixels.

    For one thread at a time. A result stays as it is while anyone holds it or a view of it; its
    memory then serves a later frame, so that a steady state allocates nothing of image size.
    """

    def __init__(
        self,
        manifest: Manifest,
        backend: Backend,
        *,
        output_size: OutputSize = 'source',
        roi: Roi | None = None,
        ignore_mask: NDArray[np.uint8] | None = None,
        late: bool = False,
        mark_bad_answers: bool = False,
    ) -> None:
        """Prepare the buffers.

        Args:
            manifest: The model.
            backend: The same model, loaded; closed by ``close``.
            output_size: ``source`` gives label and score at the camera's size, ``network`` at
                the network's (of the region of interest).
            roi: Part of the frame that the network sees; None for all of it.
            ignore_mask: (H, W) uint8, not 0 where pixels are to be ignored, such as the
                vehicle's own bonnet. Stretched to the frame if its size differs.
            late: Bring a map to the size of the camera only when it is asked for, by the thread
                that segments. For a node of whose outputs not all are read.
            mark_bad_answers: Mark the pixels of which the engine says what cannot be right (a
                score that is no number, a class that does not exist), and refuse no frame.

        Raises:
            ParameterError: A value is not what is asked for.
        """
        if output_size not in ('source', 'network'):
            raise ParameterError(f"output_size is '{output_size}'; use 'source' or 'network'")
        if ignore_mask is not None and (ignore_mask.ndim != 2 or not ignore_mask.size):
            raise ParameterError(
                f'the ignore mask has shape {ignore_mask.shape}; it must be (height, width)'
            )
        self._manifest = manifest
        self._backend = backend
        self._output_size = output_size
        self._roi = roi or Roi()
        self._ignore_mask = ignore_mask
        self._late = late
        self._mark_bad_answers = mark_bad_answers
        self._ignored: NDArray[np.bool_] | None = None
        self._ignored_for: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._input = np.empty((1, *manifest.input_size, 3), np.uint8)
        self._buffers = BufferPool()

    def segment(self, rgb: NDArray[np.uint8]) -> Segmentation:
        """Segment one frame.

        Args:
            rgb: (H, W, 3) uint8 RGB; not changed.

        Raises:
            EncodingError: The frame has another shape or dtype.
            ParameterError: The region of interest is not inside the frame.
            BadAnswerError: The engine gave an answer that cannot be used.
            EngineError: The engine failed.
        """
        region = self._fit_roi(rgb)
        resize_frame(rgb[region.slices], self._manifest.input_size, out=self._input[0],
                     buffers=self._buffers)
        label, score = self._backend.infer(self._input)
        fault = self._fault_of(label, score)
        source, shown = (rgb.shape[0], rgb.shape[1]), None
        if fault:
            if not self._mark_bad_answers:
                raise BadAnswerError(fault)
            label, score = self._blank_out(label, score)
            everywhere = np.ones(self._manifest.input_size, np.uint8)
            shown = partial(self._finish, everywhere, region, source, 0)
        found = Segmentation(
            partial(self._finish, label, region, source, UNLABELED),
            partial(self._finish, score, region, source, np.nan), fault=fault, shown=shown)
        if not self._late:   # made now, so that the next frame may use the buffers
            _ = found.label, found.anomaly_score, found.unusable
        return found

    def output_view(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring a frame to the geometry of its segmentation, for overlays.

        Returns:
            (H, W, 3) uint8 RGB of the label's size; the frame itself for ``source``.

        Raises:
            EncodingError: The frame has another shape or dtype.
            ParameterError: The region of interest is not inside the frame.
        """
        if self._output_size == 'source':
            return rgb
        region, size = rgb[self._fit_roi(rgb).slices], self._manifest.input_size
        if region.shape[:2] == size:
            return region
        return resize_frame(region, size, out=self._buffers.take((*size, 3), np.uint8),
                            buffers=self._buffers)

    def warm_up(self, iterations: int = 1) -> None:
        """Infer on a grey frame so that the first real one is not slow.

        Raises:
            BadAnswerError: The engine gave an answer that cannot be used.
            EngineError: The engine failed.
        """
        self._input.fill(128)
        for _ in range(iterations):
            fault = self._fault_of(*self._backend.infer(self._input))
            if fault:
                raise BadAnswerError(fault)

    def close(self) -> None:
        """Free the backend."""
        self._backend.close()

    def _finish(
        self, answer: NDArray[Any], region: Roi, source: tuple[int, int], nothing: float
    ) -> NDArray[Any]:
        """Bring an answer to the size of the output and say nothing where pixels are ignored."""
        if self._output_size == 'source':
            answer = self._bring_back(answer, region, source, nothing)
        ignored = self._ignored_pixels(
            source, region, (answer.shape[0], answer.shape[1]))
        if ignored is not None:
            np.copyto(answer, nothing, where=ignored, casting='unsafe')
        return answer

    def _bring_back(
        self, answer: NDArray[Any], region: Roi, source: tuple[int, int], nothing: float
    ) -> NDArray[Any]:
        """Resize an answer to its region and set it into a frame that says nothing elsewhere."""
        size = (region.height, region.width)
        if answer.shape == source == size:
            return answer
        whole = self._buffers.take(source, answer.dtype)
        if size != source:
            whole.fill(nothing)
        inside = whole[region.slices]
        if answer.shape == size:
            np.copyto(inside, answer)
        else:
            # INTER_NEAREST would shift by up to half a pixel against the bilinear score.
            exact = cv2.INTER_NEAREST_EXACT if answer.dtype == np.uint8 else cv2.INTER_LINEAR
            cv2.resize(answer, size[::-1], dst=inside, interpolation=exact)
        return whole

    def _fit_roi(self, rgb: NDArray[np.uint8]) -> Roi:
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise EncodingError(
                f'a frame must be (height, width, 3) uint8 RGB; it is {rgb.shape} {rgb.dtype}'
            )
        return self._roi.fit(*rgb.shape[:2])

    def _fault_of(self, label: NDArray[np.uint8], score: NDArray[np.float32]) -> str:
        """Say what is wrong with an answer that would silently pass as 'known'; '' if nothing."""
        size = self._manifest.input_size
        engine, model = self._backend.name, self._manifest.name
        for array, dtype, name in ((label, np.uint8, 'label'), (score, np.float32, 'score')):
            if array.shape != size or array.dtype != dtype:
                return (
                    f'{engine} gave a {name} of {array.shape} {array.dtype} for model {model}; '
                    f'it must be {size} {np.dtype(dtype)}'
                )
        # One pass and no image-sized buffer: a sum is finite only where all its terms are, and
        # OpenCV sums in double, which no image of float32 overflows.
        if not np.isfinite(cv2.sumElems(score)[0]):
            return (
                f'{engine} gave anomaly scores that are NaN or infinite for model {model}; the '
                'frame cannot be used'
            )
        num_classes = self._manifest.class_map.num_classes
        if label.max() >= num_classes:
            return (
                f'{engine} gave the class id {label.max()} for model {model}; the manifest has '
                f'0..{num_classes - 1}'
            )
        return ''

    def _blank_out(
        self, label: NDArray[Any], score: NDArray[Any]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Say nothing where an answer cannot be right; of one of a wrong shape, nothing at all."""
        size = self._manifest.input_size
        fits = label.shape == score.shape == size
        if not (fits and label.dtype == np.uint8 and score.dtype == np.float32):
            return np.full(size, UNLABELED, np.uint8), np.full(size, np.nan, np.float32)
        wrong = ~np.isfinite(score) | (label >= self._manifest.class_map.num_classes)
        return (np.where(wrong, np.uint8(UNLABELED), label),
                np.where(wrong, np.float32(np.nan), score))

    def _ignored_pixels(
        self, source: tuple[int, int], region: Roi, output: tuple[int, int]
    ) -> NDArray[np.bool_] | None:
        if self._ignore_mask is None:
            return None
        if self._ignored is None or self._ignored_for != (source, output):
            mask = _nearest((self._ignore_mask != 0).astype(np.uint8), source)
            if self._output_size == 'network':
                mask = _nearest(mask[region.slices], output)
            self._ignored = mask.astype(np.bool_)
            self._ignored_for = (source, output)
        return self._ignored


def _nearest(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    resized = cv2.resize(image, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8)
