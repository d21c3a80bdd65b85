# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Time streamed AP, AUROC and FPR95 against scikit-learn's exact ones on the same pixels.

Both take turns within one run, so that other load on the machine hits both alike; the ratio is the
median of the ratios within a round. The differences between their figures are printed beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
import random
import time

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from hybrid_perception.metrics import StreamingRanking

IMAGE = 1024 * 2048
Figures = tuple[float, float, float]


def hybrid_like_scores(pixels: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw scores as the hybrid score gives them: skewed, unbounded, 1 % anomalies."""
    rng = np.random.default_rng(seed)
    target = (rng.random(pixels, np.float32) < 0.01).astype(np.uint8)
    score = -rng.standard_gamma(30, pixels, np.float32) / 2
    score += target * rng.random(pixels, np.float32) * 10
    return score, target


def exact(score: NDArray[np.float32], target: NDArray[np.uint8]) -> Figures:
    """Compute the figures as evaluation scripts do."""
    fpr, tpr, _ = roc_curve(target, score)
    return (average_precision_score(target, score), roc_auc_score(target, score),
            float(fpr[np.argmax(tpr >= 0.95)]))


def streamed(score: NDArray[np.float32], target: NDArray[np.uint8]) -> Figures:
    """Compute the figures image by image."""
    streaming = StreamingRanking()
    for start in range(0, score.size, IMAGE):
        streaming.update(score[start:start + IMAGE], target[start:start + IMAGE])
    curve = streaming.curve()
    return curve.average_precision(), curve.auroc(), curve.fpr_at_tpr()


def main() -> None:
    """Run, print a table and one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--pixels', type=int, default=50_000_000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    score, target = hybrid_like_scores(arguments.pixels, arguments.seed)
    ways: dict[str, Callable[..., Figures]] = {'exact': exact, 'streamed': streamed}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    figures: dict[str, Figures] = {}
    for _ in range(arguments.rounds):
        for name in random.sample(list(ways), len(ways)):
            start = time.perf_counter()
            figures[name] = ways[name](score, target)
            seconds[name].append(time.perf_counter() - start)
    ratio = float(np.median(np.divide(seconds['exact'], seconds['streamed'])))
    print(f'{arguments.pixels:,} pixels, {arguments.rounds} rounds, random order')
    for name in ways:
        print(f'{name:9s} median {np.median(seconds[name]):8.3f} s   AP %.6f  AUROC %.6f  '
              'FPR95 %.6f' % figures[name])
    error = float(np.abs(np.subtract(figures['exact'], figures['streamed'])).max())
    print(f'streamed is {ratio:.1f} times as fast; the figures differ by at most {error:.1e}')
    print(json.dumps({'pixels': arguments.pixels, 'ratio': ratio, 'error': error}))


if __name__ == '__main__':
    main()
