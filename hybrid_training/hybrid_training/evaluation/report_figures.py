# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Curves and histograms of a set, as SVG text for a page of its own."""

from __future__ import annotations

from io import StringIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.metrics import RankingCurve
from hybrid_training.evaluation.anomaly_measures import SetMeasures

_POINTS = 400
_BARS = 60


def curves_svg(measured: SetMeasures) -> str:
    """Draw ROC and precision-recall curves of every score as one SVG element."""
    figure = Figure(figsize=(10, 4.2), layout='constrained')
    roc, precision_recall = figure.subplots(1, 2)
    for name, score in measured.scores.items():
        curve = score.curve
        shown = _thinned(curve)
        fpr, tpr = (np.append(0, share[shown]) for share in (curve.fpr, curve.tpr))
        roc.plot(fpr, tpr, label=name, lw=1.2)
        precision_recall.plot(curve.tpr[shown], curve.precision[shown], label=name, lw=1.2)
    roc.axhline(0.95, color='grey', lw=0.6, ls=':')
    _finish(roc, 'false positive rate', 'true positive rate')
    _finish(precision_recall, 'recall', 'precision')
    roc.legend(fontsize=7, loc='lower right')
    return _svg(figure)


def histograms_svg(measured: SetMeasures) -> str:
    """Draw the score histograms of known and of anomaly pixels as one SVG element."""
    count = len(measured.scores)
    columns = min(count, 4)
    rows = -(-count // columns)
    figure = Figure(figsize=(2.6 * columns, 2.1 * rows), layout='constrained')
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis, (name, score) in zip(axes, measured.scores.items(), strict=False):
        edges = _edges(score.curve)
        for counts, label, color in ((score.curve.false_positives, 'known', 'tab:blue'),
                                     (score.curve.true_positives, 'anomaly', 'tab:red')):
            axis.stairs(_shares(score.curve, counts, edges), edges, fill=True, alpha=0.5,
                        label=label, color=color)
        axis.set_title(name, fontsize=8)
        axis.tick_params(labelsize=6)
        axis.set_yticks([])
    for axis in axes[count:]:
        axis.set_axis_off()
    axes[0].legend(fontsize=6)
    return _svg(figure)


def _thinned(curve: RankingCurve) -> NDArray[np.intp]:
    """Pick points evenly along both axes: few are enough to see, all would be megabytes."""
    wanted = np.linspace(0, 1, _POINTS)
    picked = np.concatenate([np.searchsorted(share, wanted) for share in (curve.fpr, curve.tpr)])
    return np.unique(np.minimum(picked, curve.thresholds.size - 1))


def _edges(curve: RankingCurve) -> NDArray[np.float64]:
    """Span the scores but for one pixel in a thousand of each kind at each end."""
    low, high = [], []
    for share in (curve.fpr, curve.tpr):
        high.append(curve.thresholds[np.argmax(share >= 0.001)])
        low.append(curve.thresholds[np.argmax(share >= 0.999)])
    first, last = np.nan_to_num([min(low), max(high)], posinf=1e30, neginf=-1e30)
    return np.linspace(first, last if last > first else first + 1, _BARS + 1)


def _shares(
        curve: RankingCurve, cumulative: NDArray[np.int64], edges: NDArray[np.float64],
) -> NDArray[np.float64]:
    counts = np.diff(cumulative, prepend=0)
    inside = np.clip(curve.thresholds.astype(np.float64), edges[0], edges[-1])
    return np.histogram(inside, edges, weights=counts)[0] / cumulative[-1]


def _finish(axis: Axes, x: str, y: str) -> None:
    axis.set(xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1.02))
    axis.grid(alpha=0.3)


def _svg(figure: Figure) -> str:
    stream = StringIO()
    figure.savefig(stream, format='svg', metadata={'Date': None})
    text = stream.getvalue()
    return text[text.index('<svg'):]
