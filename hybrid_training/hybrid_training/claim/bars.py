# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the claim asks for, and whether the figures meet it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hybrid_perception.metrics import BootstrapIntervals, bootstrap_difference
from hybrid_training.claim.measuring import SEEN, ArmMeasures

PARTS = ('discriminative', 'generative')
MIOU_LOST = 0.01
OVERHEAD = 0.02
RESAMPLES = 2000


@dataclass(frozen=True)
class Bar:
    """One thing asked for.

    Attributes:
        asked: in words.
        reached: the figures, in words.
        met: whether they meet it.
    """

    asked: str
    reached: str
    met: bool


def counted_sets(arm: ArmMeasures) -> list[str]:
    """Name the sets that the means are taken over: all but negatives that training has seen."""
    return [name for name in arm.sets if name != SEEN]


def mean_figure(arm: ArmMeasures, score: str, figure: str) -> float:
    """Average a figure of a score over the counted sets."""
    names = counted_sets(arm)
    return float(sum(arm.sets[n][score].figures[figure] for n in names) / len(names))


def differences(arm: ArmMeasures) -> dict[str, dict[str, Any]]:
    """Compare hybrid with each part, as the mean over sets, with intervals over images."""
    found = {}
    for part in PARTS:
        first, second = ([arm.sets[n][score].images for n in counted_sets(arm)]
                         for score in ('hybrid', part))
        found[part] = {
            'ap': mean_figure(arm, 'hybrid', 'ap') - mean_figure(arm, part, 'ap'),
            'fpr95': mean_figure(arm, 'hybrid', 'fpr95') - mean_figure(arm, part, 'fpr95'),
            **_intervals(bootstrap_difference(first, second, RESAMPLES))}
    return found


def bars(
        arms: Mapping[str, ArmMeasures], overhead: Mapping[str, Any],
        compared: Mapping[str, Mapping[str, Any]]) -> list[Bar]:
    """Judge every bar.

    Args:
        arms: base, closed and hybrid.
        overhead: as `overhead.measure_overhead` gives it.
        compared: as `differences` gives it, of the hybrid arm.
    """
    hybrid = arms['hybrid']
    found = []
    for part in PARTS:
        for figure, title, sign in (('ap', 'mean AP', 1), ('fpr95', 'mean FPR95', -1)):
            low, high = compared[part][f'{figure}_interval95']
            found.append(Bar(
                f'hybrid ahead of {part}-only in {title}',
                f'{100 * mean_figure(hybrid, "hybrid", figure):.2f} against '
                f'{100 * mean_figure(hybrid, part, figure):.2f} %: '
                f'{100 * compared[part][figure]:+.2f} points '
                f'[{100 * low:+.2f}, {100 * high:+.2f}]',
                sign * compared[part][figure] > 0))
    for other, words in (('base', 'than the network before it'),
                         ('closed', 'than the arm of equal budget without negatives')):
        lost = arms[other].miou - hybrid.miou
        found.append(Bar(
            f'closed mIoU at most 1 point lower {words}',
            f'{100 * hybrid.miou:.2f} against {100 * arms[other].miou:.2f} %: '
            f'{-100 * lost:+.2f} points', lost <= MIOU_LOST))
    for threads, figures in overhead['threads'].items():
        low, high = figures['interval95']
        found.append(Bar(
            f'exported graph at most 2 % slower with the score, {threads} thread(s)',
            f'{figures["plain_ms"]:.1f} ms to {figures["hybrid_ms"]:.1f} ms: '
            f'{100 * figures["overhead"]:+.2f} % [{100 * low:+.2f}, {100 * high:+.2f}]',
            figures['overhead'] <= OVERHEAD))
    return found


def as_values(found: Sequence[Bar]) -> list[dict[str, Any]]:
    """Return the bars as plain values."""
    return [asdict(bar) for bar in found]


def _intervals(found: BootstrapIntervals) -> dict[str, Any]:
    return {'ap_interval95': list(found.average_precision),
            'fpr95_interval95': list(found.fpr_at_tpr), 'resamples': found.resamples}
