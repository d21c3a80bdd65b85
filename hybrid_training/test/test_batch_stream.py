# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Images that cannot be used: named and fatal, or skipped, reported and the same every time."""

from __future__ import annotations

from pathlib import Path
import shutil

import cv2
import numpy as np
import pytest
import torch

from hybrid_training.batch_stream import TRIES, batches, first_crops
from hybrid_training.config import TrainingConfig
from hybrid_training.data.crops import ClassIndex
from hybrid_training.data.training_samples import TrainingSamples
from hybrid_training.exceptions import DataError
from hybrid_training.train import train
from hybrid_training.training_data import training_samples


@pytest.fixture
def data(toy_data, tmp_path) -> Path:
    root = tmp_path / 'data'
    shutil.copytree(toy_data, root)
    return root


def stream(data: Path, toy_config: dict, **options):
    config = TrainingConfig.model_validate({**toy_config, 'steps': 12})
    faults: list[str] = []
    samples = training_samples(config, data, on_fault=faults.append)
    return batches(samples, batch_size=2, start=0, **options)


def spoil(path: Path) -> None:
    path.write_bytes(b'not an image')


@pytest.mark.parametrize('workers', [0, 1])
def test_unreadable_image_is_named_in_one_line(data, toy_config, workers):
    spoil(data / 'streets/train/images/3.jpg')
    with pytest.raises(DataError) as caught:
        list(stream(data, toy_config, workers=workers))
    said = str(caught.value)
    assert said.startswith(f'{data}/streets/train/images/3.jpg: not a readable image (')
    assert said.endswith('); mend or remove it, or set on_bad_image: skip')
    assert '\n' not in said


def test_image_of_another_size_than_its_label_is_named(data, toy_config):
    cv2.imwrite(str(data / 'streets/train/images/3.jpg'), np.zeros((90, 80, 3), np.uint8))
    with pytest.raises(DataError, match=r'streets/train: 3: the image is 80x90, its label 96x96'):
        list(stream(data, toy_config, workers=0))


def test_skipped_image_is_reported_and_replaced_the_same_way(data, toy_config):
    spoil(data / 'streets/train/images/3.jpg')
    first = list(stream(data, toy_config, on_bad_image='skip', workers=1))
    again = list(stream(data, toy_config, on_bad_image='skip', workers=0))
    faults = [f for batch in first for f in batch.faults]
    assert {f.partition(' (')[0] for f in faults} == {
        f'{data}/streets/train/images/3.jpg: not a readable image'}
    assert len(first) == 12
    for one, other in zip(first, again, strict=True):
        assert one.image.shape == (2, 3, 64, 64)
        assert torch.equal(one.image, other.image)
        assert one.faults == other.faults


def test_set_without_a_usable_image_is_not_skipped_for_ever(data, toy_config):
    for path in (data / 'streets/train/images').iterdir():
        spoil(path)
    with pytest.raises(DataError, match=rf'{TRIES} images in a row cannot be used, the last: .*'):
        list(stream(data, toy_config, on_bad_image='skip', workers=0))


def test_start_from_an_exported_model_skips_bad_images_and_reads_the_labels_once(
        data, toy_config, tiny_net, tmp_path, monkeypatch):
    spoil(data / 'streets/train/images/3.jpg')
    spoil(data / 'streets/train/labels/2.png')
    builds, crops = [], []
    build = ClassIndex.build
    monkeypatch.setattr(ClassIndex, 'build', lambda *a, **k: builds.append(1) or build(*a, **k))
    monkeypatch.setattr('hybrid_training.start.load_start',
                        lambda *_, **options: crops.append(options['crops']()))
    config = {**toy_config, 'steps': 12, 'workers': 0, 'init': 'x.onnx', 'on_bad_image': 'skip'}
    del config['validation']
    train(TrainingConfig.model_validate(config), tmp_path / 'run', data_root=data)
    assert len(builds) == 1
    assert crops[0].shape == (16, 3, 64, 64)
    first = next(stream(data, toy_config, on_bad_image='skip', workers=0))
    assert torch.equal(crops[0][:2], first.image)
    told = (tmp_path / 'run/messages.log').read_text()
    assert 'images/3.jpg' in told
    assert 'labels/2.png' in told
    with pytest.raises(DataError, match='or set on_bad_image: skip'):
        first_crops(training_samples(TrainingConfig.model_validate(config), data,
                                     on_fault=lambda _: None))


def test_worker_that_dies_is_told_plainly(data, toy_config, monkeypatch):
    import os

    monkeypatch.setattr(TrainingSamples, 'draw', lambda *_: os._exit(9))
    with pytest.raises(DataError, match='a process that makes crops died'):
        list(stream(data, toy_config, workers=1))
