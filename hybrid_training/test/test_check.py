# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`data check` refuses planted faults by file and value, and passes whole sets."""

from __future__ import annotations

from pathlib import Path
import re
import struct
import zlib

import cv2
import numpy as np
import pytest

from hybrid_training.cli.main import main

SIZE = (18, 32)


def mask() -> np.ndarray:
    label = np.zeros(SIZE, np.uint8)
    label[8:12, 10:16] = 1
    label[:2] = 255
    return label


@pytest.fixture
def smiyc(tmp_path) -> Path:
    """Return a whole small copy of RoadObstacle21's validation."""
    for folder in ('images', 'labels_masks'):
        (tmp_path / folder).mkdir()
    for i in range(6):
        cv2.imwrite(str(tmp_path / f'images/validation_{i}.webp'),
                    np.full((*SIZE, 3), 90, np.uint8))
        cv2.imwrite(str(label_path(tmp_path, i)), mask())
    return tmp_path


def label_path(root: Path, number: int) -> Path:
    return root / f'labels_masks/validation_{number}_labels_semantic.png'


def check(*arguments, capsys) -> tuple[int, str, str]:
    code = main(['data', 'check', *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_whole_set_passes_with_a_sheet(smiyc, tmp_path, capsys):
    code, printed, _ = check('road-obstacle21', smiyc, '--sheet', tmp_path / 's/sheet.png',
                             capsys=capsys)
    assert code == 0
    assert '6 images, 6 of 6 label files can be used; sizes 32x18: 6' in printed
    assert 'values in the label files: 0-1, 255' in printed
    share = 24 / (18 * 32)
    assert f'1 anomaly              {share:8.3%} of the pixels, in 6 files' in printed
    sheet = cv2.imread(str(tmp_path / 's/sheet.png'))
    assert sheet.shape == (3 * (180 + 16), 2 * 640, 3)


def swap(root: Path) -> str:
    swapped = mask()
    swapped[swapped < 2] ^= 1
    cv2.imwrite(str(label_path(root, 3)), swapped)
    return 'validation_3_labels_semantic.png: 95% .* anomaly \\(1\\): are 0 and 1 swapped'


def colors(root: Path) -> str:
    cv2.imwrite(str(label_path(root, 2)), np.full((*SIZE, 3), (60, 20, 220), np.uint8))
    return r'validation_2_labels_semantic.png: .*got RGB, for example the colour \(220, 20, 60\)'


def gray_in_three_channels(root: Path) -> str:
    cv2.imwrite(str(label_path(root, 2)), np.dstack([mask()] * 3))
    return 'validation_2_.*three equal channels'


def no_void(root: Path) -> str:
    whole = mask()
    whole[whole == 255] = 0
    cv2.imwrite(str(label_path(root, 4)), whole)
    return r'validation_4_labels_semantic.png: no pixel is void \(255\)'


def void_as_two(root: Path) -> str:
    two = mask()
    two[two == 255] = 2
    cv2.imwrite(str(label_path(root, 4)), two)
    return 'validation_4_.* 64 pixels have the value 2; .* 0-1, 255: is 2 the void value'


def anomaly_as_255(root: Path) -> str:
    for i in range(6):
        cv2.imwrite(str(label_path(root, i)), np.where(mask() == 1, 255, 0).astype(np.uint8))
    return 'no mask holds an anomaly, the values found are 0, 255; .* written as 255'


def squeezed(root: Path) -> str:
    cv2.imwrite(str(root / 'images/validation_1.webp'), np.full((18, 18, 3), 90, np.uint8))
    return r'validation_1\.webp: 18x18, width over height is 1; want 1\.78: squeezed'


def other_size(root: Path) -> str:
    cv2.imwrite(str(label_path(root, 5)), cv2.resize(mask(), (64, 36), interpolation=0))
    return 'validation_5_.*: 64x36, but its image is 32x18'


def gamma(root: Path) -> str:
    path = label_path(root, 0)
    stored = path.read_bytes()
    chunk = b'gAMA' + struct.pack('>I', 45455)
    chunk = struct.pack('>I', 4) + chunk + struct.pack('>I', zlib.crc32(chunk))
    path.write_bytes(stored[:33] + chunk + stored[33:])  # after the signature and IHDR
    return r'validation_0_.* gamma chunk \(0\.45455\)'


def broken_image(root: Path) -> str:
    (root / 'images/validation_0.webp').write_bytes(b'RIFF')
    return r'validation_0\.webp: not a readable image'


@pytest.mark.parametrize('plant', [
    swap, colors, gray_in_three_channels, no_void, void_as_two, anomaly_as_255, squeezed,
    other_size, gamma, broken_image])
def test_planted_fault_is_named(smiyc, capsys, plant):
    words = plant(smiyc)
    code, printed, error = check('road-obstacle21', smiyc, capsys=capsys)
    assert code == 1
    assert error.count('\n') == 1
    assert any(re.search(words, line) for line in printed.splitlines()), printed


@pytest.mark.parametrize(('values', 'words'), [
    ([0, 5, 255], 'value 255; .*these are labelTrainIds'), ([7, 40], 'value 40; .* 0-33')])
def test_cityscapes_encodings(tmp_path, capsys, values, words):
    (tmp_path / 'leftImg8bit/val/ulm').mkdir(parents=True)
    (tmp_path / 'gtFine/val/ulm').mkdir(parents=True)
    label = np.resize(np.array(values, np.uint8), (16, 32))
    cv2.imwrite(str(tmp_path / 'leftImg8bit/val/ulm/u_leftImg8bit.png'),
                np.zeros((16, 32, 3), np.uint8))
    cv2.imwrite(str(tmp_path / 'gtFine/val/ulm/u_gtFine_labelIds.png'), label)
    code, _, error = check('cityscapes', tmp_path, '--split', 'val', capsys=capsys)
    assert code == 1
    assert re.search(words, error), error


def test_own_folder_is_checked_against_its_classes(tmp_path, capsys):
    (tmp_path / 'classes.yaml').write_text('classes: [floor, wall, door]')
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    label = np.zeros((16, 16), np.uint8)
    label[8:] = 1
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'images/{name}.png'), np.zeros((16, 16, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f'labels/{name}.png'), label)
    own = ('folder', tmp_path, '--classes', tmp_path / 'classes.yaml')
    code, printed, _ = check(*own, capsys=capsys)
    assert code == 0
    assert '0 floor                 50.000% of the pixels, in 2 files' in printed
    assert 'nowhere to be found: door' in printed
    assert 'every image is square' in printed
    label[0] = 3
    cv2.imwrite(str(tmp_path / 'labels/b.png'), label)
    code, _, error = check(*own, capsys=capsys)
    assert code == 1
    assert 'b.png: 16 pixels have the value 3; the values allowed here are 0-2, 255' in error
    assert 'is 3 the void value?' in error


@pytest.mark.parametrize(('name', 'place'), [
    ('anomaly-folder', 'anomaly_val/smiyc_road_anomaly21_val')])
def test_real_sets_pass(data_root, name, place, capsys):
    assert check(name, data_root / place, capsys=capsys)[0] == 0
