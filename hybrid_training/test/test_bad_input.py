# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Faults planted one at a time, through the command line: one clear line, exit code 1."""

from __future__ import annotations

from collections.abc import Callable
import math
from pathlib import Path
import shutil

import cv2
import numpy as np
import pytest
import torch
import yaml

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.cli.main import main
from hybrid_training.data.training_samples import TrainingSamples


@pytest.fixture
def data(toy_data, tmp_path) -> Path:
    """Return a copy of the toy data to spoil."""
    root = tmp_path / 'data'
    shutil.copytree(toy_data, root)
    return root


@pytest.fixture
def training(data, toy_config, tmp_path, capsys, tiny_net) -> Callable[..., tuple[int, list[str]]]:
    """Run `hybrid-training train` with some values changed; return exit code and error lines."""
    def run(**change) -> tuple[int, list[str]]:
        config = tmp_path / 'toy.yaml'
        config.write_text(yaml.safe_dump({**toy_config, 'validation': None, **change}))
        capsys.readouterr()
        code = main(['train', '--config', str(config), '--data', str(data),
                     '--output', str(tmp_path / 'run')])
        errors = [line for line in capsys.readouterr().err.splitlines()
                  if line.startswith('hybrid-training: error: ') or 'Traceback' in line]
        return code, errors
    return run


def last_step(data: Path) -> int:
    return load_checkpoint(data.parent / 'run/last.pt').step


def test_good_data_trains(training, data):
    assert training() == (0, [])
    assert last_step(data) == 4


def write(path: Path, array: np.ndarray) -> None:
    assert cv2.imwrite(str(path), array)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def stray_class(path: Path) -> None:
    label = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    label[3, 3:6] = 77
    write(path, label)


def colors(path: Path) -> None:
    write(path, np.full((96, 96, 3), (70, 0, 70), np.uint8))


def void_everywhere(path: Path) -> None:
    for label in path.iterdir():
        write(label, np.full((96, 96), 255, np.uint8))


def emptied(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()


@pytest.mark.parametrize(('fault', 'place', 'words'), [
    (shutil.rmtree, 'streets/train', ['streets/train/images: no such folder']),
    (emptied, 'streets/train/images', ['streets/train/images: no images (.jpg, ']),
    (Path.unlink, 'streets/train/labels/2.png',
     ['streets/train: no label PNG for 1 of 6 images, the first is labels/2.png']),
    (stray_class, 'streets/train/labels/4.png',
     ['labels/4.png: 3 pixels have the value 77; the values allowed here are 7, 11, 23, 255']),
    (colors, 'streets/train/labels/4.png',
     ['labels/4.png: want a single-channel 8-bit label PNG, got RGB', 'save class ids']),
    (cut_short, 'streets/train/labels/1.png', ['labels/1.png: want a single-channel', 'readable']),
    (void_everywhere, 'streets/train/labels',
     ['no pixel of a known class in any of 6 label maps; do the classes fit these labels?']),
    (Path.unlink, 'streets/labels.json', ['labels.json']),
    (Path.unlink, 'negatives/index.csv', ['index.csv: not found; want a CSV']),
    (lambda p: p.write_text('name,category\n'), 'negatives/index.csv',
     ['index.csv: no cut-outs left']),
    (cut_short, 'negatives/crops/1.jpg', ['crops/1.jpg: not a readable image (']),
    (shutil.rmtree, 'negatives', ['negatives/index.csv: not found']),
], ids=lambda v: v if isinstance(v, str) else '')
def test_fault_found_before_the_first_step(training, data, fault, place, words):
    fault(data / place)
    code, errors = training()
    assert (code, len(errors)) == (1, 1)
    assert all(w in errors[0] for w in [*words, str(data)])
    assert not (data.parent / 'run').exists()


@pytest.mark.parametrize(('fault', 'words'), [
    (cut_short, ['images/3.jpg: not a readable image (', 'on_bad_image: skip']),
    (Path.unlink, ['images/3.jpg: cannot read: No such file', 'on_bad_image: skip']),
    (lambda p: write(p, np.zeros((90, 80, 3), np.uint8)),
     ['streets/train: 3: the image is 80x90, its label 96x96; want the same size']),
])
def test_bad_image_ends_a_run_that_then_goes_on(
        training, data, monkeypatch, fault, words):
    image = data / 'streets/train/images/3.jpg'
    good = image.read_bytes()
    draw = TrainingSamples.draw
    # All samples are of picture 3, which goes bad before the third step.
    monkeypatch.setattr(TrainingSamples, 'draw', _with_fault(draw, fault, image))
    code, errors = training(workers=0, checkpoint_every=100)
    assert (code, len(errors)) == (1, 1)
    assert all(w in errors[0] for w in words)
    assert last_step(data) == 2  # nothing of it is lost
    image.write_bytes(good)
    monkeypatch.setattr(TrainingSamples, 'draw', draw)
    assert training(workers=0) == (0, [])
    assert last_step(data) == 4


def _with_fault(draw, fault, image):
    def drawn(self, number, attempt=0):
        if number == 4:  # the first of the third step, two samples a step
            fault(image)
            object.__setattr__(self._sources[0], 'pairs', self._sources[0].pairs.chosen([3]))
            self._class_balanced = 0
        return draw(self, number, attempt)
    return drawn


def test_bad_images_are_skipped_counted_and_reported(training, data):
    cut_short(data / 'streets/train/images/3.jpg')
    stray_class(data / 'streets/train/labels/4.png')
    assert training(on_bad_image='skip', steps=12) == (0, [])
    assert last_step(data) == 12
    messages = (data.parent / 'run/messages.log').read_text()
    assert 'WARNING: skipped: ' in messages
    assert 'images/3.jpg: not a readable image' in messages
    assert 'labels/4.png: 3 pixels have the value 77' in messages
    assert 'times an image was skipped, 2 different faults' in messages.splitlines()[-1]


def test_nan_loss_ends_a_run_with_its_checkpoint(training, data, monkeypatch):
    from hybrid_training.learner import Learner

    loss = Learner.loss

    def nan_at_the_fourth_step(self, image, label):
        terms = loss(self, image, label)
        return terms._replace(total=terms.total * math.nan) if self.step == 3 else terms

    with monkeypatch.context() as patched:
        patched.setattr(Learner, 'loss', nan_at_the_fourth_step)
        code, errors = training()
    assert (code, len(errors)) == (1, 1)
    assert 'step 4: the loss is nan: lower optimizer.lr' in errors[0]
    assert last_step(data) == 2
    assert all(torch.isfinite(v).all() for v in
               load_checkpoint(data.parent / 'run/last.pt').model.values())
    assert training() == (0, [])


FULL = Path('/dev/full')
"""Every write to it fails with ENOSPC, as on a full disk."""
needs_full = pytest.mark.skipif(not FULL.exists(), reason='no /dev/full')


@needs_full
def test_full_disk_while_writing_a_checkpoint(training, data):
    assert training(stop=2) == (0, [])
    (data.parent / 'run/last.pt.part').symlink_to(FULL)
    code, errors = training()
    assert (code, len(errors)) == (1, 1)
    assert 'run/last.pt: checkpoint not written ([Errno 28] No space left on device)' in errors[0]
    assert 'make room and start the same command again' in errors[0]
    assert last_step(data) == 2
    assert training() == (0, [])
    assert last_step(data) == 4


@needs_full
@pytest.mark.parametrize('log', ['train.csv', 'starts.jsonl'])
def test_full_disk_while_writing_a_log(training, data, log):
    run = data.parent / 'run'
    assert training(stop=2) == (0, [])
    if log == 'train.csv':
        (run / 'train.csv.part').symlink_to(FULL)
    else:
        (run / log).rename(run / 'kept')
        (run / log).symlink_to(FULL)
    code, errors = training()
    assert (code, len(errors)) == (1, 1)
    assert 'No space left on device' in errors[0]
    assert str(run) in errors[0]
    assert last_step(data) == 2
    (run / log).unlink()
    (run / 'train.csv.part').unlink(missing_ok=True)
    assert training() == (0, [])


def test_damaged_checkpoint_is_not_gone_on_with(training, data):
    assert training(stop=2) == (0, [])
    last = data.parent / 'run/last.pt'
    last.write_bytes(last.read_bytes()[:-1000])
    code, errors = training()
    assert code == 1
    assert 'run/last.pt: not a whole checkpoint of hybrid_training' in errors[0]


def test_folder_that_cannot_be_written_is_named(training, data):
    (data.parent / 'run').write_text('a file')
    code, errors = training()
    assert (code, len(errors)) == (1, 1)
    assert f'{data.parent / "run"}' in errors[0]


@pytest.mark.parametrize(('change', 'words'), [
    ({'negatives': {'root': '{data}/negatives', 'size': [64, 90]}},
     "negatives.size: the least, 64, must be below the crop's shorter side, 64"),
    ({'negatives': {'root': '{data}/negatives', 'exclude': ['cup', 'dog', 'potted plant']}},
     'index.csv: no cut-outs left after leaving out'),
    ({'validation': {'held_out_negatives': {}, 'closed_set': {
        'root': '{data}/streets/val', 'lookup': '{data}/streets/labels.json'}}},
     'negatives: 2 images are too few to hold every 5th out'),
    ({'init': '{data}/none.pt'}, 'none.pt: no such checkpoint'),
])
def test_configuration_that_the_data_do_not_bear(training, change, words):
    code, errors = training(**change)
    assert (code, len(errors)) == (1, 1)
    assert words in errors[0]


def test_negatives_larger_than_the_crop_are_shrunk_to_fit(training):
    assert training(negatives={'root': '{data}/negatives', 'size': [40, 500]}) == (0, [])


def test_missing_validation_set_is_found_before_the_first_step(training, data, toy_config):
    shutil.rmtree(data / 'anomalies')
    code, errors = training(validation=toy_config['validation'])
    assert (code, len(errors)) == (1, 1)
    assert 'anomalies/images: no such folder' in errors[0]
    assert not (data.parent / 'run').exists()


def test_bad_image_of_validation_loses_no_step(training, data, toy_config):
    image = data / 'anomalies/images/1.png'
    good = image.read_bytes()
    cut_short(image)
    code, errors = training(validation=toy_config['validation'], checkpoint_every=100)
    assert (code, len(errors)) == (1, 1)
    assert 'anomalies/images/1.png: not a readable image' in errors[0]
    assert last_step(data) == 4
    image.write_bytes(good)
    assert training(validation=toy_config['validation']) == (0, [])
    assert (data.parent / 'run/best.pt').is_file()
