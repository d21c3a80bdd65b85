# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the page carries is what the frames are, to the stated precision."""

from __future__ import annotations

import base64
import json
import re
import zlib

import cv2
import numpy as np
import pytest

from hybrid_perception.exceptions import HybridPerceptionError, ParameterError
from hybrid_perception.replay.frame import Stamp
from hybrid_perception.view.html_page import pack, page_frames, write_page
from hybrid_perception.view.sampling import sample
from hybrid_perception.view.view_frame import ViewFrame


def unpack(text: str, height: int, width: int) -> np.ndarray:
    """Undo ``pack`` another way: a running sum over rows, then over columns."""
    differences = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    sums = differences.reshape(height, width).cumsum(axis=0, dtype=np.uint8)
    return sums.cumsum(axis=1, dtype=np.uint8)


def frame(number: int = 0, height: int = 30, width: int = 50, **fields) -> ViewFrame:
    generator = np.random.default_rng(number)
    score = generator.uniform(-120, 120, (height, width)).astype(np.float32)
    score[:3] = np.nan
    label = generator.integers(0, 3, (height, width), np.uint8)
    camera = np.full((height, width, 3), 60 + number, np.uint8)
    return ViewFrame(**{'stamp': Stamp(number, 5), 'score': score, 'label': label,
                        'camera': camera, 'times': {'processing_time_ms': 3.5}, **fields})


@pytest.mark.parametrize('shape', [(1, 1), (7, 5), (24, 40)])
def test_pack_loses_nothing(shape):
    image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert np.array_equal(unpack(pack(image), *shape), image)


@pytest.mark.parametrize(('width', 'size'), [(80, (30, 50)), (50, (30, 50)), (20, (12, 20)),
                                             (1, (1, 1))])
def test_sample_takes_pixels_as_they_are(width, size):
    image = np.arange(1500, dtype=np.float32).reshape(30, 50)
    small = sample(image, width)
    assert small.shape == size
    assert set(small.reshape(-1)) <= set(image.reshape(-1))
    # Even: sampling commutes with any rule for single pixels, such as a threshold.
    assert np.array_equal(sample(image >= 700, width), small >= 700)


def test_a_frame_is_carried_whole(legend):
    given = frame()
    packed, = page_frames([given], legend, limit=5, width=50)
    codes = unpack(packed['score'], 30, 50)
    assert np.array_equal(codes, legend.scale.encode(given.score))
    assert np.array_equal(unpack(packed['label'], 30, 50), given.label)
    assert packed['histogram'] == np.bincount(codes.reshape(-1), minlength=256).tolist()
    assert packed['times'] == {'processing_time_ms': 3.5}
    picture = cv2.imdecode(
        np.frombuffer(base64.b64decode(packed['camera']), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(picture.astype(int) - given.camera).max() <= 3
    finite = given.score[3:]
    assert packed['quantiles']['99 %'] == pytest.approx(np.quantile(finite, 0.99))
    assert packed['stamp'] == '0.000000005'


def test_what_is_missing_is_empty(legend):
    nothing = np.full((30, 50), np.nan, np.float32)
    packed, = page_frames(
        [frame(score=nothing, label=None, camera=None, times={'a_ms': np.nan})],
        legend, limit=5, width=50)
    assert packed['camera'] is None
    assert (unpack(packed['label'], 30, 50) == 255).all()
    assert packed['histogram'][0] == 1500
    assert packed['quantiles'] == packed['times'] == {}


def test_frames_and_width_bound_the_size(legend, tmp_path):
    frames = page_frames((frame(number) for number in range(100)), legend, limit=8, width=20)
    assert len(frames) <= 8
    assert {(entry['width'], entry['height']) for entry in frames} == {(20, 12)}
    write_page(tmp_path / 'page.html', legend, frames)
    # A pixel is two bytes and a third of noise here, and noise has fifty objects;
    # a real score takes half of that.
    assert (tmp_path / 'page.html').stat().st_size < 90_000


def test_the_page_holds_everything_and_fetches_nothing(legend, tmp_path):
    frames = page_frames([frame()], legend, limit=2, width=50)
    write_page(tmp_path / 'deep' / 'page.html', legend, frames)
    page = (tmp_path / 'deep' / 'page.html').read_text(encoding='utf-8')
    assert '<title>a &lt;drive&gt; - hybrid_perception view</title>' in page
    assert "default-src 'none'" in page
    assert not re.search(r'\b(?:src|href)\s*=\s*"|url\(|@import', page.replace('http-equiv=', ''))
    assert re.findall(r'https?://[^\s\'"]+', page) == ['http://www.w3.org/2000/svg']
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert data['frames'] == frames
    assert [point['name'] for point in data['points']] == ['middle', 'high']
    assert data['edges'][data['start']] == 50.0
    assert data['classes'][1] == {'id': 1, 'name': 'green', 'color': [0, 200, 0]}
    assert data['unknown'] == {'name': 'unknown', 'color': [255, 0, 255]}


def test_a_name_cannot_end_the_script(make_tiny_model, tmp_path):
    from hybrid_perception.manifest import load_manifest
    from hybrid_perception.view.legend import Legend

    path = make_tiny_model(classes=[
        {'id': 0, 'name': '</script><script>alert(1)//', 'color': [1, 2, 3]},
        {'id': 1, 'name': '<!--<script>', 'color': [1, 2, 3]},
        {'id': 2, 'name': 'c', 'color': [1, 2, 3]}])
    legend = Legend.of_model(load_manifest(path), title='t', operating_point=None,
                             threshold=None, color_range=(-1.0, 1.0), alpha=0.5)
    write_page(tmp_path / 'p.html', legend, page_frames([frame()], legend, limit=2, width=9))
    page = (tmp_path / 'p.html').read_text(encoding='utf-8')
    assert page.count('</script>') == 2
    assert '<!--<script>' not in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert data['classes'][0]['name'] == '</script><script>alert(1)//'
    assert data['classes'][1]['name'] == '<!--<script>'


def test_no_frame_and_no_place_are_said(legend, tmp_path):
    with pytest.raises(ParameterError, match='no frame to show'):
        write_page(tmp_path / 'page.html', legend, [])
    (tmp_path / 'file').write_text('x')
    frames = page_frames([frame()], legend, limit=2, width=9)
    with pytest.raises(HybridPerceptionError, match='cannot be written'):
        write_page(tmp_path / 'file' / 'page.html', legend, frames)
