# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Small data sets and networks that the tests share."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True, scope='session')
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def data_root() -> Path:
    """Folder with the real data sets; tests that need it skip where it is absent."""
    root = Path(os.environ.get('HYBRID_PERCEPTION_DATA', '../shared/data'))
    if not root.is_dir():
        pytest.skip(f'no real data at {root}; set HYBRID_PERCEPTION_DATA')
    return root


def street(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw a toy street: sky, building and road in bands whose heights vary."""
    height, width = size
    label = np.zeros(size, np.uint8)
    horizon = int(height * rng.uniform(0.3, 0.6))
    label[:horizon // 2] = 23
    label[horizon // 2:horizon] = 11
    label[horizon:] = 7
    colors = {23: (150, 190, 230), 11: (120, 90, 70), 7: (70, 70, 75)}
    image = np.zeros((height, width, 3), np.uint8)
    for number, color in colors.items():
        image[label == number] = color
    noise = rng.normal(0, 8, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), label


@pytest.fixture(scope='session')
def toy_data(tmp_path_factory) -> Path:
    """A data folder: streets/{train,val} with ids 7, 11, 23, negatives, and an anomaly set."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    for split, count in (('train', 6), ('val', 2)):
        for folder in ('images', 'labels'):
            (root / 'streets' / split / folder).mkdir(parents=True)
        for number in range(count):
            image, label = street(rng, (96, 96))
            place = root / 'streets' / split
            cv2.imwrite(str(place / 'images' / f'{number}.jpg'), image[..., ::-1])
            cv2.imwrite(str(place / 'labels' / f'{number}.png'), label)
    classes = [{'id': 7, 'train_id': 0}, {'id': 11, 'train_id': 2}, {'id': 23, 'train_id': 10}]
    (root / 'streets' / 'labels.json').write_text(json.dumps({'classes': classes}))
    _negatives(root / 'negatives', rng)
    for folder in ('images', 'masks'):
        (root / 'anomalies' / folder).mkdir(parents=True)
    for number in range(2):
        image, _ = street(rng, (64, 128))
        mask = np.zeros((64, 128), np.uint8)
        mask[40:56, 20:60] = 1
        mask[:4] = 255
        image[mask == 1] = (220, 40, 200)
        cv2.imwrite(str(root / 'anomalies' / 'images' / f'{number}.png'), image[..., ::-1])
        cv2.imwrite(str(root / 'anomalies' / 'masks' / f'{number}.png'), mask)
    return root


def _negatives(folder: Path, rng: np.random.Generator) -> None:
    (folder / 'crops').mkdir(parents=True)
    with (folder / 'index.csv').open('w', newline='') as stream:
        writer = csv.writer(stream)
        writer.writerow(['name', 'category'])
        for number, category in enumerate(['cup', 'dog', 'potted plant']):
            writer.writerow([f'{number}', category])
            rgb = rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)
            mask = np.zeros((24, 32), np.uint8)
            cv2.circle(mask, (16, 12), 10, 255, -1)
            cv2.imwrite(str(folder / 'crops' / f'{number}.jpg'), rgb)
            cv2.imwrite(str(folder / 'crops' / f'{number}.png'), mask)


@pytest.fixture
def toy_config() -> dict:
    """Return plain values of a configuration for `toy_data`."""
    inlier = {'lookup': '{data}/streets/labels.json', 'size': [64, 128]}
    return {
        'name': 'toy', 'steps': 4, 'batch_size': 2, 'threads': 1, 'checkpoint_every': 2,
        'model': {'weights': 'random'},  # the ImageNet package may not be installed
        'inliers': [{'root': '{data}/streets/train', **inlier}],
        'negatives': {'root': '{data}/negatives', 'size': [8, 24]},
        'crop': {'size': [64, 64], 'scale': [1.0, 1.5]},
        'optimizer': {'warmup': 2},
        'validation': {
            'every': 4, 'size': [64, 128],
            'closed_set': {'root': '{data}/streets/val', **inlier},
            'anomaly_roots': ['{data}/anomalies']},
    }


class TinyNet(torch.nn.Module):
    """The parts of a dense hybrid network at a thousandth of the cost, with dropout."""

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = torch.nn.Sequential(
            torch.nn.AvgPool2d(4), torch.nn.Conv2d(3, 16, 3, padding=1),
            torch.nn.BatchNorm2d(16), torch.nn.ReLU(), torch.nn.Dropout2d(0.2))
        self.decoder = torch.nn.Sequential(
            torch.nn.Conv2d(16, 16, 1), torch.nn.BatchNorm2d(16), torch.nn.ReLU())
        self.class_head = torch.nn.Conv2d(16, num_classes, 1)
        self.dataset_head = torch.nn.Conv2d(16, 1, 1)

    def forward(self, image: torch.Tensor):
        from hybrid_training.models.dense_hybrid import HybridLogits

        shared = self.decoder(self.encoder(image / 255))
        return HybridLogits(self.class_head(shared), self.dataset_head(shared).squeeze(1))


@pytest.fixture
def tiny_net(monkeypatch):
    """Let runs train `TinyNet`; return the class."""
    monkeypatch.setattr('hybrid_training.start.fresh_network', lambda _, k, **__: TinyNet(k))
    return TinyNet


@pytest.fixture(scope='session')
def network():
    """Return a network of random weights whose heads say something."""
    from hybrid_training.config import ModelConfig
    from hybrid_training.models.network import build_network

    torch.manual_seed(3)
    model = build_network(ModelConfig(), 19, pretrained=False)
    with torch.no_grad():
        model.class_head.weight.mul_(8)
        model.dataset_head.weight.mul_(8)
        model.train()
        for _ in range(3):  # so that BatchNorm's running figures fit the weights
            model(torch.rand(2, 3, 64, 128) * 255)
    return model.eval()
