# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How everything is counted here: by key in report.json, as a list in Markdown and HTML."""

from __future__ import annotations

from typing import Any

from hybrid_training.data.set_spec import PixelProtocol

CONVENTIONS = {
    'unit': 'shares of 1 in report.json, percent in tables',
    'averaging': 'all pixels of a set pooled, except where the set says otherwise',
    'ignore': 'void pixels (label 255, in masks also 2) are left out; a NaN score on a pixel that '
              'counts is an error',
    'resize': 'scores are computed at the size of the network and brought to that of the label '
              'bilinearly, predicted classes by nearest pixels',
    'threshold_side': 'a pixel counts as detected where score >= threshold, both where a '
                      'threshold is found and where it is used',
    'ap': 'step-wise sum of precision over recall',
    'auroc': 'trapezoids; ties count one half',
    'fpr95': 'false positive rate at the first point with TPR >= 95 %, except where the set says '
             'otherwise',
    'components': 'sIoU, PPV and F1* of SegmentMeIfYouCan, 8-connected, at the threshold of the '
                  'best pixel F1 on the set',
    'closed_miou': 'mean over the classes that occur; unknown and void left out',
    'open_miou': 'K + 1 classes counted, mean over the K known ones; classes that do not occur '
                 'are left out',
    'cross_fold': 'each fold at the thresholds of all others together, found at full resolution; '
                  'mean by number of images',
    'intervals': '95 %, in brackets: bootstrap over images',
}


def conventions_text() -> str:
    """Write the conventions as a list in Markdown."""
    return '\n'.join(['How it is counted:', '', *(
        f'- {key.replace("_", " ")}: {text}' for key, text in CONVENTIONS.items())])


def protocol_values(protocol: PixelProtocol) -> dict[str, Any]:
    """Return how AP, AUROC and FPR95 of one set were read, as plain values."""
    averaging = ('mean over the images that hold known and anomaly pixels' if protocol.per_image
                 else 'all pixels pooled')
    return {'averaging': averaging, 'per_image': protocol.per_image,
            'fpr95_rule': protocol.fpr_rule}
