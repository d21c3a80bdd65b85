# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Picture files and messages: colours, sizes, orientation, and what is damaged."""

from __future__ import annotations

import struct
import time

import cv2
import numpy as np
import pytest

from hybrid_perception import picture as module
from hybrid_perception.exceptions import EncodingError
from hybrid_perception.picture import (
    as_message,
    decode_compressed,
    decode_file,
    exif_orientation,
    list_pictures,
    read_picture,
)

GREY = np.array([[0, 100], [200, 255]], np.uint8)


@pytest.fixture(params=['simplejpeg', 'opencv'])
def decoder(request, monkeypatch):
    """Run a test with and without simplejpeg."""
    if request.param == 'opencv':
        monkeypatch.setattr(module, '_simplejpeg', lambda: None)
    else:
        pytest.importorskip('simplejpeg', reason='simplejpeg is not installed')
    return request.param


def street(height: int = 240, width: int = 320) -> np.ndarray:
    """Return a picture with edges and texture, (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    fine = np.kron(coarse, np.ones((16, 16, 1), np.uint8)).astype(np.int16)
    return np.clip(fine + rng.normal(0, 9, fine.shape), 0, 255).astype(np.uint8)


def compress(suffix: str, rgb: np.ndarray | None = None) -> bytes:
    if rgb is None:
        rgb = np.zeros((32, 48, 3), np.uint8)
        rgb[:, :24], rgb[:, 24:] = (220, 30, 30), (30, 30, 220)
    bgr = rgb[..., ::-1] if rgb.ndim == 3 else rgb
    return cv2.imencode(suffix, bgr)[1].tobytes()


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('format_', [
    'jpeg', 'png', 'jpg', '', 'rgb8; jpeg compressed bgr8', 'bgr8; png compressed bgr8',
    'bgra8; jpeg compressed bgr8', 'anything'])
def test_compressed_colours(suffix, format_):
    found = decode_compressed(compress(suffix), format_)
    assert found.shape == (32, 48, 3)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found[16, 8], [220, 30, 30], atol=6)
    np.testing.assert_allclose(found[16, 40], [30, 30, 220], atol=6)


@pytest.mark.parametrize('format_', ['rgb8; jpeg compressed rgb8', 'rgb8; png compressed'])
def test_files_with_swapped_channels_are_read_as_their_format_says(format_):
    swapped = np.zeros((8, 8, 3), np.uint8)
    swapped[:] = (30, 30, 220)
    np.testing.assert_allclose(
        decode_compressed(compress('.png', swapped), format_)[4, 4], [220, 30, 30])


def test_compressed_grey_becomes_rgb():
    found = decode_compressed(compress('.png', GREY), 'mono8; png compressed mono8')
    np.testing.assert_array_equal(found, np.repeat(GREY[:, :, None], 3, 2))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(suffix, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = compress(suffix, noise)
    with pytest.raises(EncodingError, match=r'truncated|cannot be decoded|damaged'):
        decode_compressed(whole[: int(share * len(whole))], 'jpeg')


def test_padding_after_a_jpeg_is_fine():
    assert decode_compressed(compress('.jpg') + bytes(100), 'jpeg').shape == (32, 48, 3)


@pytest.mark.parametrize(('data', 'format_', 'message'), [
    (b'', 'jpeg', "'jpeg', 0 bytes.*neither JPEG nor PNG"),
    (b'GIF89a' + bytes(50), 'jpeg', 'neither JPEG nor PNG: it begins with 47 49 46'),
    (bytes(1000), 'png', 'neither'),
    (b'\xff\xd8\xff\xd9', 'jpeg', '0x0 pixels|truncated'),
    (b'\xff\xd8\xff' + b'\x00garbage' * 50 + b'\xff\xd9', 'jpeg', '0x0 pixels|truncated'),
    (b'\x89PNG\r\n\x1a\n', 'png', 'truncated PNG'),
    (b'\x89PNG\r\n\x1a\nIEND\xaeB`\x82', 'png', 'truncated PNG'),
    (b'\x89PNG\r\n\x1a\n' + bytes(8) + b'IEND\xaeB`\x82', 'png', 'truncated PNG'),
    (b'\x89PNG\r\n\x1a\n' + bytes(40) + b'IEND\xaeB`\x82', 'png', 'damaged|cannot be decoded'),
    (compress('.png', GREY.astype(np.uint16) * 256), '16UC1; png compressed', 'depth image'),
    (b'\x89PNG\r\n\x1a\n\0\0\0\0IEND\xaeB`\x82', 'png', 'truncated PNG'),
    (compress('.png'), '16UC1; compressedDepth png', 'depth image'),
    (3.5, 'jpeg', 'type float'),
])
def test_malformed_files_are_named(data, format_, message):
    with pytest.raises(EncodingError, match=message):
        decode_compressed(data, format_)


@pytest.mark.parametrize(('suffix', 'size_at'), [('.png', 16), ('.jpg', None)])
def test_a_damaged_size_does_not_cost_gigabytes(suffix, size_at):
    whole = bytearray(compress(suffix))
    if size_at is None:
        size_at = whole.index(b'\xff\xc0') + 5
        whole[size_at: size_at + 4] = b'\xff\xf0\xff\xf0'
    else:
        whole[size_at: size_at + 8] = b'\x00\x00\xff\xf0\x00\x00\xff\xf0'
    with pytest.raises(EncodingError, match='header says 65520x65520 pixels'):
        decode_compressed(whole, 'jpeg')


@pytest.mark.parametrize('extra', [
    [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1],
    [cv2.IMWRITE_JPEG_OPTIMIZE, 1]])
def test_other_kinds_of_jpeg(extra):
    encoded = cv2.imencode('.jpg', np.full((32, 48, 3), 99, np.uint8), extra)[1]
    np.testing.assert_allclose(decode_compressed(encoded, 'jpeg'), 99, atol=2)


def test_no_corruption_escapes_as_another_error():
    rng = np.random.default_rng(3)
    for suffix in ('.jpg', '.png'):
        whole = np.frombuffer(compress(suffix), np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            damaged[rng.integers(0, damaged.size, 8)] = rng.integers(0, 256, 8)
            try:
                found = decode_compressed(damaged, 'jpeg')
            except EncodingError:
                continue
            assert found.ndim == 3
            assert found.dtype == np.uint8


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize(
    'declared', ['jpeg', 'rgb8; jpeg compressed bgr8', 'rgb8; jpeg compressed'])
def test_old_versions_of_opencv_decode_the_same(monkeypatch, suffix, declared):
    picture = np.kron(np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8),
                      np.ones((8, 8, 1), np.uint8))
    encoded = cv2.imencode(suffix, picture)[1]
    here = decode_compressed(encoded, declared)
    monkeypatch.setattr('hybrid_perception.picture._READ_RGB', None)
    np.testing.assert_array_equal(here, decode_compressed(encoded, declared))


@pytest.mark.parametrize('behind', [0, 100, 10000])
def test_a_jpeg_may_have_bytes_behind_its_end_but_must_have_one(behind):
    whole = cv2.imencode('.jpg', np.full((64, 96, 3), 99, np.uint8))[1].tobytes()
    assert decode_compressed(whole + bytes(behind), 'jpeg').shape == (64, 96, 3)
    with pytest.raises(EncodingError, match='truncated'):
        decode_compressed(whole[:-2] + bytes(behind), 'jpeg')


def jpeg(rgb: np.ndarray | None = None, *options: int) -> bytes:
    rgb = street() if rgb is None else rgb
    return cv2.imencode('.jpg', rgb[..., ::-1], list(options))[1].tobytes()


def scan_start(content: bytes) -> int:
    place = content.index(b'\xff\xda')
    return place + 2 + int.from_bytes(content[place + 2:place + 4], 'big')


def test_both_decoders_give_the_same_pixels(monkeypatch):
    pytest.importorskip('simplejpeg', reason='simplejpeg is not installed')
    content = jpeg()
    first = decode_compressed(content, 'jpeg')
    monkeypatch.setattr(module, '_simplejpeg', lambda: None)
    np.testing.assert_array_equal(decode_compressed(content, 'jpeg'), first)


@pytest.mark.parametrize(('missing', 'options'), [
    (512, ()), (2000, ()), (512, (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)),
    (2000, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))])
def test_bytes_missing_inside_the_scan_are_found(missing, options):
    pytest.importorskip('simplejpeg', reason='simplejpeg is not installed')
    whole = jpeg(None, *options)
    start = scan_start(whole)
    for share in (0.1, 0.5, 0.8):
        place = start + int(share * (len(whole) - start - missing))
        with pytest.raises(EncodingError, match=r'damaged: .*Corrupt JPEG data'):
            decode_compressed(whole[:place] + whole[place + missing:], 'jpeg')


def test_a_scan_that_is_too_short_for_its_picture_is_found(decoder):
    whole = jpeg(np.zeros((2048, 2048, 3), np.uint8))
    cut = whole[:scan_start(whole) + 200] + b'\xff\xd9'
    with pytest.raises(EncodingError, match=r'truncated|damaged'):
        decode_compressed(cut, 'jpeg')


def test_a_marker_without_length_hides_no_size(decoder):
    whole = bytearray(jpeg())
    frame = whole.index(b'\xff\xc0')
    whole[frame + 5:frame + 9] = b'\xff\xf0\xff\xf0'
    # After a marker that stands alone, what looks like a length is the next marker.
    hidden = bytes(whole[:2]) + b'\xff\x01' + bytes(whole[2:])
    with pytest.raises(EncodingError, match='header says 65520x65520 pixels'):
        decode_compressed(hidden, 'jpeg')


def test_scans_without_end_are_not_decoded(decoder):
    whole = jpeg(None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    last = whole.rindex(b'\xff\xda')
    with pytest.raises(EncodingError, match=r'scans; more than 64'):
        decode_compressed(whole[:-2] + whole[last:-2] * 100 + b'\xff\xd9', 'jpeg')


def test_a_png_whose_chunk_ends_beyond_the_file_is_refused_at_once():
    whole = cv2.imencode('.png', street())[1].tobytes()
    place = whole.index(b'IDAT') - 4
    damaged = whole[:place] + struct.pack('>I', 0xff000000) + whole[place + 4:]
    begun = time.monotonic()
    with pytest.raises(EncodingError, match='truncated PNG'):
        decode_compressed(damaged, 'png')
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(('name', 'code'), [
    ('bayer_rggb8', (0, 0)), ('bayer_bggr8', (1, 1)), ('bayer_gbrg8', (1, 0)),
    ('bayer_grbg8', (0, 1))])
@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_a_compressed_mosaic_gets_its_colours_back(name, code, suffix):
    red = np.zeros((64, 64), np.uint8)
    red[code[0]::2, code[1]::2] = 240  # where the red pixels are
    content = cv2.imencode(suffix, red, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    kind = 'jpeg' if suffix == '.jpg' else 'png'
    middle = decode_compressed(content, f'{name}; {kind} compressed {name}')[20:40, 20:40]
    np.testing.assert_allclose(middle.mean((0, 1)), (240, 0, 0), atol=8)


def test_sixteen_bits_keep_their_upper_eight():
    deep = (street().astype(np.uint16) << 8) + 37
    content = cv2.imencode('.png', deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode_file(content, upright=True), street())
    np.testing.assert_array_equal(decode_compressed(content, 'rgb16; png compressed bgr16'),
                                  street())
    data, kind = as_message(content)
    assert kind == 'png'
    np.testing.assert_array_equal(decode_compressed(data, kind), street())


def test_alpha_palette_and_grey_become_three_channels(tmp_path):
    from PIL import Image

    colors = Image.fromarray(street()).convert('P', palette=Image.Palette.ADAPTIVE)
    for name, stored, right in (
            ('palette.png', colors, np.asarray(colors.convert('RGB'))),
            ('grey.png', Image.fromarray(street()).convert('L'),
             np.repeat(np.asarray(Image.fromarray(street()).convert('L'))[..., None], 3, 2))):
        stored.save(tmp_path / name)
        np.testing.assert_array_equal(read_picture(tmp_path / name, upright=True), right)
    with_alpha = np.dstack([street(), np.full(street().shape[:2], 9, np.uint8)])
    Image.fromarray(with_alpha).save(tmp_path / 'alpha.png')
    np.testing.assert_array_equal(read_picture(tmp_path / 'alpha.png', upright=True), street())


@pytest.mark.parametrize('orientation', range(1, 9))
def test_pictures_of_a_phone_are_turned_as_opencv_turns_them(tmp_path, orientation, decoder):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / 'phone.jpg'
    Image.fromarray(street()).save(path, exif=exif)
    assert exif_orientation(path.read_bytes()) == orientation
    turned = cv2.imread(str(path))[..., ::-1]
    np.testing.assert_array_equal(read_picture(path, upright=True), turned)
    assert read_picture(path, upright=False).shape == (240, 320, 3)
    np.testing.assert_array_equal(
        decode_compressed(*as_message(path.read_bytes())), turned)


def test_other_formats_are_read_and_what_is_none_is_named(tmp_path):
    for suffix in ('.bmp', '.webp', '.tiff', '.ppm'):
        path = tmp_path / f'a{suffix}'
        path.write_bytes(cv2.imencode(suffix, np.full((8, 8, 3), (9, 8, 200), np.uint8))[1])
        np.testing.assert_allclose(read_picture(path, upright=True)[4, 4], (200, 8, 9), atol=4)
    (tmp_path / 'text.jpg').write_text('hello')
    with pytest.raises(EncodingError, match=r'text\.jpg: picture of 5 bytes is damaged or of a'):
        read_picture(tmp_path / 'text.jpg', upright=True)
    with pytest.raises(EncodingError, match=r'none\.jpg cannot be read: No such file'):
        read_picture(tmp_path / 'none.jpg', upright=True)


def test_pictures_are_listed_as_people_count(tmp_path):
    names = ['1.jpg', '2.png', '10.JPG', 'a\u00b2.jpg', 'a\u00b3.jpg']
    for name in (*reversed(names), '.hidden.jpg', 'notes.txt'):
        (tmp_path / name).write_bytes(b'')
    assert [path.name for path in list_pictures(tmp_path)] == names
