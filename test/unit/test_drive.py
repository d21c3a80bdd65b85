# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The bundled drive: it is what the issue asks for, and the renderer makes it again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drive.camera import Intrinsics
from drive.clip import VERSION, arithmetic, digest, encode_image, plan_shots, render_frame
from drive.labels import Label
from drive.raster import rasterize
from render_drive import parse_size

CLIP = Path(__file__).resolve().parents[2] / 'demo' / 'clip'
NOTE = json.loads((CLIP / 'clip.json').read_text())
COUNT = len(NOTE['frames'])


def read_label(number: int) -> np.ndarray:
    return cv2.imread(str(CLIP / 'labels' / f'{number:06d}.png'), cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope='module')
def labels() -> list[np.ndarray]:
    return [read_label(i) for i in range(COUNT)]


def test_clip_is_long_large_and_small_enough() -> None:
    assert NOTE['renderer'] == VERSION
    assert COUNT >= 60
    assert NOTE['width'] >= 640
    assert NOTE['height'] >= 320
    assert len(list((CLIP / 'images').iterdir())) == COUNT
    assert len(list((CLIP / 'labels').iterdir())) == COUNT
    assert sum(p.stat().st_size for p in CLIP.rglob('*') if p.is_file()) <= 8_000_000


def test_stamps_run_at_the_frame_rate() -> None:
    stamps = [frame['stamp'] for frame in NOTE['frames']]
    assert np.allclose(np.diff(stamps), 1.0 / NOTE['fps'])


def test_files_are_those_that_the_note_names(labels: list[np.ndarray]) -> None:
    for number, frame in enumerate(NOTE['frames']):
        jpeg = (CLIP / 'images' / f'{number:06d}.jpg').read_bytes()
        assert digest(jpeg) == frame['image_sha256']
        assert digest(labels[number].tobytes()) == frame['label_sha256']


def test_labels_hold_known_ids_only_and_what_a_street_has(labels: list[np.ndarray]) -> None:
    allowed = {int(value) for value in Label}
    seen: set[int] = set()
    for label in labels:
        assert label.shape == (NOTE['height'], NOTE['width'])
        assert label.dtype == np.uint8
        seen |= set(np.unique(label).tolist())
    assert seen <= allowed
    wanted = {Label.ROAD, Label.SIDEWALK, Label.BUILDING, Label.VEGETATION, Label.SKY, Label.POLE,
              Label.TRAFFIC_SIGN, Label.CAR, Label.PERSON, Label.UNKNOWN}
    assert wanted <= seen


def test_unknown_things_come_and_go(labels: list[np.ndarray]) -> None:
    share = np.array([(label == Label.UNKNOWN).mean() for label in labels])
    assert (share > 0.01).sum() >= 20
    assert (share == 0).sum() >= 5


@pytest.mark.timeout(400)  # seconds of work alone, but minutes beside a training run
@pytest.mark.parametrize('number', [3, 52])
def test_renderer_makes_the_clip_again(number: int) -> None:
    entry, camera = NOTE['frames'][number], Intrinsics.for_size(NOTE['width'], NOTE['height'])
    shot = plan_shots(NOTE['seed'], COUNT, NOTE['scenes'])[number]
    frame = render_frame(shot, camera, number, unknown=NOTE['unknown'], story=True)
    assert digest(frame.label.tobytes()) == entry['label_sha256']
    made_with = {'numpy': np.__version__, 'opencv': cv2.__version__, 'arithmetic': arithmetic()}
    if made_with == NOTE['made_with']:
        assert digest(encode_image(frame.image)) == entry['image_sha256']
    stored = cv2.imread(str(CLIP / 'images' / f'{number:06d}.jpg'))
    again = cv2.imdecode(np.frombuffer(encode_image(frame.image), np.uint8), cv2.IMREAD_COLOR)
    assert cv2.PSNR(stored, again) > 45.0


def test_nearer_triangle_wins_and_covers_its_pixel_centres() -> None:
    nearness = np.zeros((4, 4), np.float32)
    index = np.full((4, 4), -1, np.int32)
    far = [[-9.0, -9.0, 1.0], [20.0, -9.0, 1.0], [-9.0, 20.0, 1.0]]
    near = [[1.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0]]
    rasterize(np.array([near, far]), nearness, index)
    assert index[1, 1] == 0
    assert index[0, 0] == index[3, 3] == 1
    assert index[2, 2] == 1
    assert nearness[1, 1] == pytest.approx(2.0)
    assert nearness[3, 0] == pytest.approx(1.0)


@pytest.mark.parametrize('text', ['800', '800x', 'x400', '8x4', '9000x400', '800x400x3'])
def test_bad_size_is_named(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match='size'):
        parse_size(text)
