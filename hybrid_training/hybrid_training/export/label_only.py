# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An exported model without its anomaly score: what the unknown costs is measured against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
import tempfile

import numpy as np
from numpy.typing import NDArray
import onnx.utils

from hybrid_perception.backends.onnxruntime_backend import open_session
from hybrid_perception.interleaved import take_turns

ENGINES = 8
"""How often both engines are opened anew: where their memory comes to lie moves their time by a
per cent, which is what the score costs, for as long as they are open."""


def label_only_engine(
        onnx_path: Path, image: NDArray[np.uint8], threads: int, *, input_name: str = 'image',
        label_name: str = 'label') -> Callable[[], object]:
    """Cut a graph down to its label output and return a call that runs it on one image.

    The head that both share keeps its one channel for the dataset posterior, 1 of K + 1: what
    that costs is less than the timing can tell. Engine and settings are the node's.

    Args:
        onnx_path: the whole graph.
        image: what it takes, (1, H, W, 3) uint8 RGB.
        threads: of the engine.
        input_name: of the graph.
        label_name: of the output that is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'label_only.onnx'
        onnx.utils.extract_model(str(onnx_path), str(path), [input_name], [label_name])
        session = open_session(path, threads)
    return lambda: session.run([label_name], {input_name: image})


@dataclass(frozen=True)
class ScoreCost:
    """Times of a graph with and without its score, in turns.

    Attributes:
        plain: seconds for the label alone, (engines, rounds).
        hybrid: seconds for label and score, (engines, rounds).
    """

    plain: NDArray[np.float64]
    hybrid: NDArray[np.float64]

    @property
    def by_engine(self) -> NDArray[np.float64]:
        """What the score adds, as a share: median over the rounds, (engines,)."""
        return np.asarray(np.median(self.hybrid / self.plain, axis=1) - 1)

    @property
    def median(self) -> float:
        """What the score adds, as a share: median over the engines."""
        return float(np.median(self.by_engine))


def time_score(
        onnx_path: Path, image: NDArray[np.uint8], threads: int, rounds: int, *,
        input_name: str = 'image', outputs: tuple[str, str] = ('label', 'anomaly_score'),
) -> ScoreCost:
    """Time an exported model with its label alone and with label and score.

    Args:
        onnx_path: the whole graph.
        image: what it takes, (1, H, W, 3) uint8 RGB.
        threads: of the engine.
        rounds: in all, at least one for each of `ENGINES` pairs of engines.
        input_name: of the graph.
        outputs: label and score of the graph.
    """
    plain, hybrid = [], []
    for number in range(ENGINES):
        whole = open_session(onnx_path, threads)
        seconds = take_turns({
            'plain': label_only_engine(
                onnx_path, image, threads, input_name=input_name, label_name=outputs[0]),
            'hybrid': lambda s=whole: s.run(list(outputs), {input_name: image}),
        }, max(1, rounds // ENGINES), seed=number)
        plain.append(seconds['plain'])
        hybrid.append(seconds['hybrid'])
    return ScoreCost(np.array(plain), np.array(hybrid))


def noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Make a uint8 image of noise; the time of a convolution does not depend on the picture."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
