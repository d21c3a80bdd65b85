# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Camera bytes to RGB: every encoding by hand, padding, byte order, malformed input."""

from __future__ import annotations

import array

import numpy as np
import pytest

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.image import (
    SUPPORTED_ENCODINGS,
    byte_view,
    excess_bytes,
    greatest_value,
    to_rgb,
)

RGB = np.array([[[250, 10, 20], [5, 130, 40]], [[1, 2, 3], [90, 80, 70]]], np.uint8)
HIGH_BYTES_LITTLE = np.stack([np.full_like(RGB, 77), RGB], axis=-1)
GREY = np.array([[0, 100], [200, 255]], np.uint8)


def encode(encoding: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the raw bytes, one row per line, and the RGB that they mean."""
    alpha = np.full((2, 2, 1), 9, np.uint8)
    grey_rgb = np.repeat(GREY[:, :, None], 3, axis=2)
    known = {
        'rgb8': (RGB, RGB),
        'bgr8': (RGB[..., ::-1], RGB),
        '8UC3': (RGB[..., ::-1], RGB),
        'rgba8': (np.concatenate([RGB, alpha], 2), RGB),
        'bgra8': (np.concatenate([RGB[..., ::-1], alpha], 2), RGB),
        '8UC4': (np.concatenate([RGB[..., ::-1], alpha], 2), RGB),
        'mono8': (GREY, grey_rgb),
        '8UC1': (GREY, grey_rgb),
        'mono16': (np.stack([np.full_like(GREY, 77), GREY], -1), grey_rgb),
        'rgb16': (HIGH_BYTES_LITTLE, RGB),
        'bgr16': (HIGH_BYTES_LITTLE[:, :, ::-1], RGB),
    }
    raw, rgb = known[encoding]
    return raw.reshape(2, -1), rgb


BY_HAND = ('rgb8', 'bgr8', '8UC3', 'rgba8', 'bgra8', '8UC4', 'mono8', '8UC1', 'mono16', 'rgb16',
           'bgr16')


def pad(raw: np.ndarray, padding: int) -> bytes:
    return np.pad(raw, ((0, 0), (0, padding)), constant_values=255).tobytes()


@pytest.mark.parametrize('padding', [0, 1, 5])
@pytest.mark.parametrize('encoding', BY_HAND)
def test_pixels_by_hand_with_and_without_row_padding(encoding, padding):
    raw, rgb = encode(encoding)
    found = to_rgb(pad(raw, padding), height=2, width=2, encoding=encoding,
                   step=raw.shape[1] + padding)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, rgb)


def test_big_endian_channels():
    raw, rgb = encode('mono16')
    swapped = raw.reshape(2, 2, 2)[..., ::-1].reshape(2, 4)
    found = to_rgb(swapped.tobytes(), height=2, width=2, encoding='mono16', step=4,
                   is_bigendian=True)
    np.testing.assert_array_equal(found, rgb)


@pytest.mark.parametrize(('encoding', 'pair'), [
    ('yuv422', (128, 81, 128, 210)), ('uyvy', (128, 81, 128, 210)),
    ('yuv422_yuy2', (81, 128, 210, 128)), ('yuyv', (81, 128, 210, 128)),
])
@pytest.mark.parametrize('padding', [0, 3])
def test_packed_yuv_without_colour_is_grey(encoding, pair, padding):
    raw = np.tile(np.array(pair, np.uint8), (2, 2))
    found = to_rgb(pad(raw, padding), height=2, width=4, encoding=encoding, step=8 + padding)
    # Luma 16..235 means 0..255.
    expected = np.round((np.array([81, 210, 81, 210]) - 16) * 255 / 219)
    np.testing.assert_allclose(found[0], np.repeat(expected[:, None], 3, 1), atol=1)


@pytest.mark.parametrize(('encoding', 'macropixel'), [
    ('yuv422', (90, 82, 240, 82)), ('yuv422_yuy2', (82, 90, 82, 240))])
def test_packed_yuv_red_is_red(encoding, macropixel):
    found = to_rgb(bytes(macropixel) * 2, height=2, width=2, encoding=encoding, step=4)
    np.testing.assert_allclose(found, np.broadcast_to([255, 0, 0], (2, 2, 3)), atol=3)


@pytest.mark.parametrize(('encoding', 'chroma'), [('nv12', (90, 240)), ('nv21', (240, 90))])
@pytest.mark.parametrize('padding', [0, 4])
def test_planar_yuv_red_is_red(encoding, chroma, padding):
    raw = np.vstack([np.full((2, 4), 82, np.uint8), np.tile(np.array(chroma, np.uint8), (1, 2))])
    found = to_rgb(pad(raw, padding), height=2, width=4, encoding=encoding, step=4 + padding)
    np.testing.assert_allclose(found, np.broadcast_to([255, 0, 0], (2, 4, 3)), atol=3)


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns_keep_their_colour(pattern, bits):
    color = {'r': 200, 'g': 100, 'b': 30}
    tile = np.array([color[c] for c in pattern], np.uint8).reshape(2, 2)
    raw = np.tile(tile, (8, 8))
    if bits == 16:
        raw = np.stack([np.zeros_like(raw), raw], -1).reshape(16, -1)
    found = to_rgb(raw.tobytes(), height=16, width=16, encoding=f'bayer_{pattern}{bits}',
                   step=16 * bits // 8)
    np.testing.assert_array_equal(found[4:-4, 4:-4].reshape(-1, 3),
                                  np.broadcast_to([200, 100, 30], (64, 3)))


def test_every_supported_encoding_gives_rgb():
    for encoding in SUPPORTED_ENCODINGS:
        found = to_rgb(bytes(16 * 24 * 8), height=16, width=16, encoding=encoding, step=16 * 8)
        assert found.shape == (16, 16, 3), encoding
        assert found.dtype == np.uint8


def test_rgb8_is_a_view():
    data = bytearray(RGB.tobytes())
    found = to_rgb(data, height=2, width=2, encoding='rgb8', step=6)
    data[0] = 123
    assert found[0, 0, 0] == 123


@pytest.mark.parametrize('make', [
    bytes, bytearray, memoryview, lambda raw: array.array('B', raw),
    lambda raw: np.frombuffer(raw, np.uint8)])
def test_all_buffers_are_read(make):
    found = to_rgb(make(RGB.tobytes()), height=2, width=2, encoding='rgb8', step=6)
    np.testing.assert_array_equal(found, RGB)


def test_bytes_after_the_image_are_left_alone():
    found = to_rgb(RGB.tobytes() + b'tail', height=2, width=2, encoding='rgb8', step=6)
    np.testing.assert_array_equal(found, RGB)


@pytest.mark.parametrize(('changes', 'message'), [
    ({'encoding': 'rgb9'}, r"'rgb9' is not supported; use one of rgb8, bgr8"),
    ({'encoding': ''}, 'not supported'),
    ({'encoding': '16UC1'}, 'not supported'),
    ({'encoding': '32FC1'}, 'not supported'),
    ({'height': 0}, '2x0 pixels is empty'),
    ({'width': 0, 'step': 0}, '0x2 pixels is empty'),
    ({'height': -1}, 'is empty'),
    ({'step': 5}, 'step 5; a row has 6 bytes'),
    ({'step': 0}, 'step 0; a row has 6 bytes'),
    ({'step': 7}, 'needs 14 bytes; data has 12'),
    ({'height': 3}, 'needs 18 bytes; data has 12'),
    ({'data': b''}, 'needs 12 bytes; data has 0'),
    ({'height': 2**31, 'width': 2**31, 'step': 2**34}, 'data has 12'),
    ({'data': [1, 2, 3]}, 'type list'),
    ({'data': 'text'}, 'type str'),
    ({'data': RGB[:, ::-1]}, 'type ndarray'),
    ({'encoding': 'yuv422', 'width': 3, 'data': bytes(20)}, 'must be even'),
    ({'encoding': 'nv12', 'height': 3, 'data': bytes(40)}, 'must be even'),
])
def test_malformed_images_are_named(changes, message):
    fields = {'data': RGB.tobytes(), 'height': 2, 'width': 2, 'encoding': 'rgb8', 'step': 6}
    fields.update(changes)
    with pytest.raises(EncodingError, match=message):
        to_rgb(fields.pop('data'), **fields)


@pytest.mark.parametrize('source', [
    np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(24, dtype=np.uint8)[::2],
    np.arange(6, dtype=np.uint16).reshape(2, 3).T, np.zeros((0, 3), np.uint8)])
def test_byte_view_gives_what_a_message_takes(source):
    message_data = array.array('B')
    message_data.frombytes(byte_view(source))
    assert message_data.tobytes() == source.tobytes()


def test_byte_view_does_not_copy_a_contiguous_array():
    score = np.zeros((4, 4), np.float32)
    view = byte_view(score)
    score[0, 0] = 1
    assert bytes(view[:4]) == score.tobytes()[:4] != bytes(4)

@pytest.mark.parametrize(('bit_depth', 'value', 'pixel'), [
    (10, 0, 0), (10, 512, 128), (10, 1023, 255), (12, 2048, 128), (12, 4095, 255), (8, 77, 77),
    (12, 4096, 255), (12, 65535, 255), (16, 4095, 15)])
@pytest.mark.parametrize(('order', 'is_bigendian'), [('<u2', False), ('>u2', True)])
@pytest.mark.parametrize('padding', [0, 1, 6])
def test_fewer_bits_than_sixteen_fill_the_eight(
        bit_depth, value, pixel, order, is_bigendian, padding):
    data = pad(np.full((2, 2), value, order).view(np.uint8), padding)
    found = to_rgb(data, height=2, width=2, encoding='mono16', step=4 + padding,
                   is_bigendian=is_bigendian, bit_depth=bit_depth)
    np.testing.assert_array_equal(found, np.full((2, 2, 3), pixel))


@pytest.mark.parametrize('encoding', ['rgb16', 'bgr16', 'bayer_rggb16'])
def test_twelve_bits_look_like_the_sixteen_they_were_cut_from(encoding):
    channels = 1 if encoding.startswith('bayer') else 3
    whole = np.random.default_rng(2).integers(0, 2**16, (16, 16 * channels)).astype('<u2')
    same = [to_rgb((whole >> 16 - bits).astype('<u2').tobytes(), height=16, width=16,
                   encoding=encoding, step=32 * channels, bit_depth=bits) for bits in (16, 12)]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
def test_planes_whose_place_cannot_be_known_are_refused(encoding):
    step, rows = 8, 6
    fits = bytes(step * rows + step - 1)   # padding at the end moves no plane
    assert to_rgb(fits, height=4, width=8, encoding=encoding, step=step).shape == (4, 8, 3)
    with pytest.raises(EncodingError, match='has 48 bytes; data has 56'):
        to_rgb(bytes(step * (rows + 1)), height=4, width=8, encoding=encoding, step=step)


def test_bytes_behind_the_rows_are_counted():
    assert excess_bytes(bytes(24), 'rgb8', 2, 12) == 0
    assert excess_bytes(bytes(30), 'rgb8', 2, 12) == 6
    assert excess_bytes(bytes(13), 'nv12', 2, 4) == 1
    assert excess_bytes(bytes(13), 'xyz17', 2, 4) == 0


def test_the_greatest_value_is_that_of_sixteen_bits_in_either_order():
    data = np.array([3, 4095, 7], '<u2').tobytes()
    assert greatest_value(data, 'mono16', is_bigendian=False) == 4095
    assert greatest_value(np.array([3, 4095], '>u2').tobytes(), 'rgb16', is_bigendian=True) == 4095
    assert greatest_value(data, 'mono8', is_bigendian=False) == 0
    assert greatest_value(b'', 'mono16', is_bigendian=False) == 0
