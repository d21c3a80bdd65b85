# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages in pieces make the file that rosbags makes of whole ones."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

from rosbags.rosbag2 import (
    CompressionFormat,
    CompressionMode,
    Reader,
    StoragePlugin,
    Writer,
    storage_mcap,
)

from hybrid_perception import __version__
from hybrid_perception.outputs import WRITER
from hybrid_perception.replay.frame import COMPRESSED_TYPE, RAW_TYPE, Frame, RawPicture, Stamp
from hybrid_perception.replay.mcap_storage import PieceWriter
from hybrid_perception.replay.message import header_of, image_pieces
from hybrid_perception.replay.typestore import load_typestore

TOPICS = {'/a': RAW_TYPE, '/b/c': RAW_TYPE, '/d': COMPRESSED_TYPE}


def opened(folder, kind, *, compress):
    writer = kind(folder, version=9, storage_plugin=StoragePlugin.MCAP)
    if compress:
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    writer.open()
    return writer, [writer.add_connection(topic, type_, typestore=load_typestore())
                    for topic, type_ in TOPICS.items()]


@pytest.mark.parametrize('compress', [False, True])
@pytest.mark.parametrize('count', [0, 1, 40])
def test_the_bag_is_that_of_rosbags_to_the_bit(tmp_path, count, compress, monkeypatch):
    # All but the name of the library in the header, which has to be as long for equal offsets.
    write_string = storage_mcap.write_string
    monkeypatch.setattr(storage_mcap, 'write_string', lambda stream, text: write_string(
        stream, f'{WRITER} {__version__}' if text.startswith('rosbags') else text))
    draw = np.random.default_rng(count)
    whole, whole_topics = opened(tmp_path / 'whole' / 'bag', Writer, compress=compress)
    pieced, pieced_topics = opened(tmp_path / 'pieced' / 'bag', PieceWriter, compress=compress)
    for _ in range(count):
        # Some chunks hold many messages, some one.
        content = draw.bytes(int(draw.choice([1, 10_000, 400_000, 1_500_000])))
        topic, time = int(draw.integers(len(TOPICS))), int(draw.integers(2**60))
        cut = int(draw.integers(len(content) + 1))
        whole.write(whole_topics[topic], time, content)
        pieced.write_pieces(
            pieced_topics[topic], time, (content[:cut], memoryview(content)[cut:]))
    whole.close()
    pieced.close()
    for name in ('bag.mcap', 'metadata.yaml'):
        assert (tmp_path / 'pieced' / 'bag' / name).read_bytes() == (
            tmp_path / 'whole' / 'bag' / name).read_bytes()


def test_a_topic_that_is_added_late_is_defined_before_its_messages(tmp_path):
    folder = tmp_path / 'bag'
    writer, (first, *_) = opened(folder, PieceWriter, compress=False)
    writer.write(first, 1, b'before')
    late = writer.add_connection('/late', RAW_TYPE, typestore=load_typestore())
    writer.write(late, 2, b'after')
    writer.close()
    with Reader(folder) as reader:
        assert [(connection.topic, bytes(content)) for connection, _, content
                in reader.messages()] == [('/a', b'before'), ('/late', b'after')]


@pytest.mark.parametrize(('encoding', 'shape', 'dtype'), [
    ('mono8', (3, 5), np.uint8), ('32FC1', (4, 3), np.float32), ('rgb8', (2, 7, 3), np.uint8)])
@pytest.mark.parametrize('frame_id', ['', 'camera', 'camera_optical_frame'])
def test_an_image_in_pieces_is_what_the_general_serialiser_makes(
    encoding, shape, dtype, frame_id
):
    array = np.random.default_rng(0).uniform(0, 200, (2 * shape[0], *shape[1:])).astype(dtype)[::2]
    frame = Frame(0, '/a', 5, Stamp(3, 4), frame_id, RawPicture(b'', 0, 0, 'rgb8', 0))
    store, header = load_typestore(), header_of(frame)
    message = store.types[RAW_TYPE](
        header, *shape[:2], encoding, 0, array.nbytes // shape[0],
        np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    pieces = image_pieces(header, array, encoding)
    assert b''.join(pieces) == bytes(store.serialize_cdr(message, RAW_TYPE))


def test_the_pixels_of_an_image_in_pieces_are_not_copied():
    array = np.zeros((4, 4), np.float32)
    frame = Frame(0, '/a', 5, Stamp(3, 4), '', RawPicture(b'', 0, 0, 'rgb8', 0))
    _, pixels = image_pieces(header_of(frame), array, '32FC1')
    assert np.shares_memory(np.frombuffer(pixels, np.float32), array)
