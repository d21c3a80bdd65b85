# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Reading of pictures and of label PNGs, value for value."""

from __future__ import annotations

from pathlib import Path
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.picture import decode_file


class PngHeader(NamedTuple):
    """What the chunks before the pixels say: bits per sample, and gamma (None = no chunk)."""

    bit_depth: int
    gamma: float | None


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8 RGB, as it is stored: EXIF does not turn it.

    Raises:
        ValueError: the file is missing, cut short, or not an image.
    """
    try:
        # Label files are drawn on the stored pixels.
        return decode_file(path.read_bytes(), upright=False)
    except OSError as error:
        msg = f'{path}: cannot read: {error.strerror}'
        raise ValueError(msg) from error
    except EncodingError as error:
        msg = f'{path}: not a readable image ({error})'
        raise ValueError(msg) from error


def read_label(path: Path) -> NDArray[np.uint8]:
    """Read a label PNG as (H, W) uint8: the stored values, of a palette PNG its indices.

    A gamma chunk and a palette's colours never change a value.

    Raises:
        ValueError: the file is missing, not an image, or not single-channel 8 bit.
    """
    want = f'{path}: want a single-channel 8-bit label PNG, got '
    try:
        with Image.open(path) as opened:
            if opened.mode not in ('L', 'P'):
                raise ValueError(want + _what_it_is(opened))
            # Grey samples below 8 bit are stretched by readers, each in its own way.
            if opened.mode == 'L' and opened.format == 'PNG' and png_header(path).bit_depth < 8:
                raise ValueError(want + f'{png_header(path).bit_depth}-bit grey')
            return np.array(opened, np.uint8)
    except (OSError, SyntaxError) as error:
        raise ValueError(want + f'nothing readable ({error})') from error


def png_header(path: Path) -> PngHeader:
    """Read bit depth and gamma of a PNG without decoding it.

    Raises:
        ValueError: not a PNG.
    """
    with path.open('rb') as stream:
        if stream.read(8) != b'\x89PNG\r\n\x1a\n':
            msg = f'{path}: want a PNG, got another format'
            raise ValueError(msg)
        bit_depth, gamma = 0, None
        while len(head := stream.read(8)) == 8:
            length, kind = struct.unpack('>I4s', head)
            if kind in (b'IDAT', b'IEND'):
                break
            content = stream.read(length)
            stream.seek(4, 1)
            if kind == b'IHDR':
                bit_depth = content[8]
            elif kind == b'gAMA':
                gamma = struct.unpack('>I', content)[0] / 100000
    return PngHeader(bit_depth, gamma)


def _what_it_is(opened: Image.Image) -> str:
    if opened.mode not in ('RGB', 'RGBA'):
        return f'mode {opened.mode}'
    pixels = np.asarray(opened)[..., :3].reshape(-1, 3)
    if (pixels == pixels[:, :1]).all():
        return f'{opened.mode} with three equal channels; keep one of them'
    colored = pixels[(pixels != pixels[:, :1]).any(axis=1)][0]
    return (f'{opened.mode}, for example the colour {tuple(map(int, colored))}; save class ids, '
            'not their colours')
