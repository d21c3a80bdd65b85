# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Run ESPNetv2, a published network of others, through this package's evaluator.

Its figures on the visible sets are known from another evaluator. Where both agree, both read the
labels, pool the pixels and count in the same way. The weights are not part of this repository.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
import sys

import cv2
import numpy as np
from numpy.typing import NDArray
import torch
from torch.nn import functional

from benchmark.espnetv2 import EspNetV2, load_espnetv2
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_training.cli.arguments import add_data_argument
from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.data.class_list import CITYSCAPES
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.data.registry import open_set
from hybrid_training.evaluation.anomaly_measures import measure_anomalies
from hybrid_training.evaluation.measures import closed_miou
from hybrid_training.evaluation.predictors import Prediction
from hybrid_training.evaluation.score_maps import ModelScores
from hybrid_training.exceptions import HybridTrainingError
from hybrid_training.scores import entropy_score, max_logit_score, max_softmax_score

SIZE = (512, 1024)
CAMVID_SIZE = (480, 640)
CAMVID_CLASSES = (10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 12)   # as the set's labels.json pairs them
KNOWN = 19   # output 19 is the background of its authors, no class of Cityscapes
SCORES = {'max_softmax': max_softmax_score, 'max_logit': max_logit_score,
          'entropy': entropy_score}
TOLERANCE = 0.3
"""Points of percent: less than another JPEG decoder or way of resizing moves such figures."""


class Peer:
    """ESPNetv2 as a predictor: pictures are resized, maps come back at the network's size."""

    def __init__(self, network: EspNetV2, size: tuple[int, int]) -> None:
        self._network = network
        self._size = size

    def __call__(self, rgb: NDArray[np.uint8]) -> Prediction:
        """Predict one picture (H, W, 3) uint8 RGB of any size."""
        resized = cv2.resize(rgb, self._size[::-1], interpolation=cv2.INTER_LINEAR)
        image = torch.from_numpy(resized).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            logits = functional.interpolate(
                self._network(image), self._size, mode='bilinear', align_corners=True)
            known = logits[:, :KNOWN]
            scores = {name: score(known)[0].numpy() for name, score in SCORES.items()}
            return Prediction(logits[0].argmax(0).byte().numpy(), scores)


@dataclass(frozen=True)
class Figure:
    """One figure in percent, and what another evaluator found; NaN where it gave none."""

    name: str
    found: float
    published: float

    @property
    def agrees(self) -> bool:
        """Whether both are within the tolerance."""
        return not abs(self.found - self.published) > TOLERANCE


# Another evaluation of the same weights: scores upsampled to label size, pixels pooled.
PUBLISHED = {
    'smiyc_road_anomaly21_val': {
        'max_softmax': (27.0, 64.0), 'max_logit': (25.7, 60.3), 'entropy': (27.0, 63.2)},
    'fishyscapes_static_val': {
        'max_softmax': (7.8, 31.6), 'max_logit': (10.8, 27.6), 'entropy': (9.4, 31.0)},
}
PUBLISHED_CAMVID = 50.6


def anomaly_figures(peer: Peer, images: LabeledImages, name: str) -> Iterator[Figure]:
    """Measure AP and FPR95 of each score on one set."""
    measured = measure_anomalies(ModelScores(peer), images, name)
    published: Mapping[str, tuple[float, float]] = PUBLISHED.get(name, {})
    for score, counts in measured.scores.items():
        ap, fpr95 = published.get(score, (float('nan'), float('nan')))
        yield Figure(f'{name} {score} AP', 100 * counts.curve.average_precision(), ap)
        yield Figure(f'{name} {score} FPR95', 100 * counts.curve.fpr_at_tpr(), fpr95)


def camvid_figure(network: EspNetV2, root: Path) -> Figure:
    """Measure closed mIoU over CamVid's eleven classes on every fourth picture of its test split.

    The other evaluator's input size is not known; see docs/evaluation.md.
    """
    test = open_set('camvid', root, split='test', classes=CITYSCAPES)
    pairs = test.chosen(range(0, len(test), 4))
    _, iou = closed_miou(Peer(network, CAMVID_SIZE), pairs, KNOWN + 1)
    return Figure('camvid test mIoU', 100 * float(np.mean(iou[list(CAMVID_CLASSES)])),
                  PUBLISHED_CAMVID)


def measured(arguments: argparse.Namespace) -> Iterator[Figure]:
    """Measure what was asked for, one figure after the other."""
    network = load_espnetv2(
        arguments.weights or arguments.data / 'weights' / 'espnetv2_s_2.0_city_1024x512.pth')
    roots = arguments.anomaly or [arguments.data / 'anomaly_val' / name for name in PUBLISHED]
    for root in roots:
        yield from anomaly_figures(
            Peer(network, SIZE), open_anomaly_folder(root), root.name)
    if arguments.camvid or not arguments.anomaly:
        yield camvid_figure(network, arguments.camvid or arguments.data / 'camvid')


def main() -> int:
    """Measure and compare; return 0, or 1 if a figure differs or something cannot be read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python3 -m benchmark.peer_evaluation --data ~/data')
    add_data_argument(parser)
    parser.add_argument('--weights', type=Path, metavar='PTH',
                        help='state dict of ESPNetv2 s2.0 (DATA/weights/espnetv2_s_2.0_...)')
    parser.add_argument('--anomaly', type=Path, action='append', metavar='DIR',
                        help='images/ and masks/; may repeat (the two visible sets, and CamVid)')
    parser.add_argument('--camvid', type=Path, metavar='DIR', help='also with --anomaly')
    parser.add_argument('--json', type=Path, help='also write the figures there')
    arguments = parser.parse_args()
    figures = []
    try:
        for figure in measured(arguments):
            figures.append(figure)
            print(f'{figure.name:45s} {figure.found:7.2f}   published {figure.published:6.1f}   '
                  f'{"agrees" if figure.agrees else "DIFFERS"}', flush=True)
    except (HybridPerceptionError, HybridTrainingError, ValueError, OSError) as error:
        print(f'peer_evaluation: {error}', file=sys.stderr)
        return 1
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {f.name: {'found': f.found, 'published': None if np.isnan(f.published)
                      else f.published} for f in figures}, indent=2) + '\n', encoding='utf-8')
    return 0 if all(f.agrees for f in figures) else 1


if __name__ == '__main__':
    sys.exit(main())
