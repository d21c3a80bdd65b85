# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The claim's figures as SVG files: AP and FPR95 by score, and precision over recall."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np

from hybrid_training.claim.measuring import ArmMeasures

_ARMS = {'closed': ('closed set alone', 'tab:gray'), 'hybrid': ('hybrid recipe', 'tab:blue')}
_CURVES = ('hybrid', 'discriminative', 'generative', 'max_softmax', 'max_logit')


def write_figures(arms: Mapping[str, ArmMeasures], folder: Path) -> list[Path]:
    """Write `scores.svg` and `precision_recall.svg`.

    Args:
        arms: at least closed and hybrid, measured on the same sets.
        folder: of the files.
    """
    # Without a salt the ids inside would differ at every writing, and with them every commit.
    with mpl.rc_context({'svg.hashsalt': 'hybrid_perception', 'font.size': 8}):
        return [_save(_bars(arms), folder / 'scores.svg'),
                _save(_curves(arms['hybrid']), folder / 'precision_recall.svg')]


def _bars(arms: Mapping[str, ArmMeasures]) -> Figure:
    sets = list(arms['hybrid'].sets)
    figure = Figure(figsize=(3.4 * len(sets), 6), layout='constrained')
    axes = np.atleast_2d(figure.subplots(2, len(sets), sharey='row')).reshape(2, len(sets))
    for column, name in enumerate(sets):
        for row, (key, title) in enumerate((('ap', 'AP'), ('fpr95', 'FPR95, lower is better'))):
            _bar_axis(axes[row, column], arms, name, key)
            axes[row, column].set_title(f'{name}: {title}' if row == 0 else title)
    axes[0, 0].legend(fontsize=7)
    return figure


def _bar_axis(axis: Axes, arms: Mapping[str, ArmMeasures], name: str, key: str) -> None:
    scores = list(arms['hybrid'].sets[name])
    for number, (arm, (label, color)) in enumerate(_ARMS.items()):
        found = [arms[arm].sets[name][s].figures for s in scores]
        values = np.array([100 * f[key] for f in found])
        bounds = np.array([[100 * v for v in f['interval95'][key]] if f['interval95'] else [x, x]
                           for f, x in zip(found, values, strict=True)])
        spread = np.abs(bounds.T - values)
        axis.bar(np.arange(len(scores)) + 0.4 * number - 0.2, values, 0.4, yerr=spread,
                 label=label, color=color, error_kw={'lw': 0.7})
    axis.set_xticks(np.arange(len(scores)), scores, rotation=60, ha='right')
    axis.set_ylim(0, 100)
    axis.grid(axis='y', alpha=0.3)


def _curves(arm: ArmMeasures) -> Figure:
    figure = Figure(figsize=(3.4 * len(arm.sets), 3.2), layout='constrained')
    axes = np.atleast_1d(figure.subplots(1, len(arm.sets), sharey=True))
    for axis, (name, scores) in zip(axes, arm.sets.items(), strict=True):
        for key in _CURVES:
            axis.plot(100 * scores[key].recall, 100 * scores[key].precision, lw=1.1, label=key)
        axis.set(title=name, xlabel='recall', xlim=(0, 100), ylim=(0, 102))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel('precision')
    axes[0].legend(fontsize=6)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, format='svg', metadata={'Date': None})
    return path
