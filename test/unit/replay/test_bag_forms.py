# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Bags as they come: under any name, packed, foreign, damaged, or in parts."""

from __future__ import annotations

from pathlib import Path
import shutil
import sqlite3

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
import zstandard

from hybrid_perception.replay.bag_reader import BagReader
from hybrid_perception.replay.mcap_file import McapFile
from hybrid_perception.replay.source import is_bag, open_source

from .conftest import camera, write_bag, write_bag1

TOPIC = '/cam/image_raw'


def times(path: Path) -> list[int]:
    """Read the bag; return when its frames were recorded."""
    source = open_source(path)
    frames = list(source.frames())
    assert all(frame.picture.rgb().ndim == 3 for frame in frames)
    return [frame.log_time for frame in frames]


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / 'drive', camera(range(8)))


@pytest.fixture
def right(bag):
    return times(bag)


@pytest.mark.parametrize('name', ['drive.MCAP', 'drive.mcap.1', 'drive.mp4', 'drive', 'drive.db3'])
def test_a_bag_is_known_by_its_first_bytes(tmp_path, bag, right, name):
    path = tmp_path / 'renamed' / name
    path.parent.mkdir()
    shutil.copy(bag / 'drive.mcap', path)
    assert is_bag(path)
    assert times(path) == right


@pytest.mark.parametrize('ending', ['bag', 'bag.active', 'db3'])
def test_a_ros1_bag_and_a_database_are_too(tmp_path, right, ending):
    if ending == 'db3':
        made = write_bag(tmp_path / 'sq', camera(range(8)), StoragePlugin.SQLITE3) / 'sq.db3'
    else:
        made = write_bag1(tmp_path / 'one.bag', camera(range(8)))
    path = tmp_path / f'renamed.{ending}x'
    shutil.copy(made, path)
    assert times(path) == right


def test_split_ros1_bags_are_one_drive(tmp_path):
    folder = tmp_path / 'split'
    folder.mkdir()
    parts = [range(3), range(3, 6), range(6, 9)]
    for number, part in enumerate(parts):
        write_bag1(folder / f'drive_{number}.bag', camera(part))
    assert times(folder) == times(write_bag(tmp_path / 'whole', camera(range(9))))


def test_parts_that_were_renamed_are_read_in_order_of_time(tmp_path, right):
    folder = tmp_path / 'parts'
    folder.mkdir()
    for name, part in (('z.mcap', range(4)), ('a.mcap', range(4, 8))):
        made = write_bag(tmp_path / name.removesuffix('.mcap'), camera(part))
        shutil.copy(made / name, folder / name)
    assert times(folder) == right


def test_a_part_that_is_missing_is_named(tmp_path, bag, right):
    text = (bag / 'metadata.yaml').read_text()
    (bag / 'metadata.yaml').write_text(
        text.replace('  - drive.mcap', '  - drive.mcap\n  - drive_1.mcap', 1))
    with BagReader(bag) as reader:
        assert any('lacks drive_1.mcap' in note for note in reader.notes)
    assert times(bag) == right


@pytest.mark.parametrize('text', ['', 'rosbag2_bagfile_information: 7', '{{', None])
def test_the_files_count_and_not_the_metadata(bag, right, text):
    if text is not None:
        (bag / 'metadata.yaml').write_text(text)
    assert times(bag) == right


def test_a_file_that_was_packed_as_a_whole_is_unpacked(tmp_path, bag, right):
    path = tmp_path / 'drive.mcap.zstd'
    path.write_bytes(zstandard.compress((bag / 'drive.mcap').read_bytes()))
    with BagReader(path) as reader:
        assert 'was unpacked to read it' in reader.notes[0]
    assert times(path) == right


def test_messages_that_were_packed_one_by_one_are_unpacked(tmp_path, bag, right):
    from rosbags.rosbag2 import Reader, Writer

    from hybrid_perception.replay.typestore import load_typestore

    with Reader(bag) as reader, Writer(tmp_path / 'packed', version=9,
                                       storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(
            TOPIC, 'sensor_msgs/msg/Image', typestore=load_typestore())
        for _, time, data in reader.messages():
            writer.write(connection, time, zstandard.compress(data))
    assert times(tmp_path / 'packed') == right


def foreign(path: Path, bag: Path, *, profile: str, chunked: bool = True) -> Path:
    """Write the camera of a bag beside topics in other packings, with the package mcap."""
    from mcap.writer import Writer

    with path.open('wb') as stream, BagReader(bag) as reader:
        writer = Writer(stream, use_chunking=chunked, chunk_size=20_000)
        writer.start(profile=profile, library='some recorder')
        schemas = {
            'json': writer.register_schema('Status', 'jsonschema', b'{"type": "object"}'),
            'protobuf': writer.register_schema('foxglove.Log', 'protobuf', b'\x00\x01'),
            'cdr': writer.register_schema('my_msgs/msg/Foo', 'ros2msg', b'my_msgs/Missing x'),
        }
        others = [writer.register_channel(f'/{encoding}', encoding, schema)
                  for encoding, schema in schemas.items()]
        image = writer.register_channel(TOPIC, 'cdr', writer.register_schema(
            'sensor_msgs/msg/Image', 'ros2msg', 'caf\xe9'.encode('latin-1')))
        for record in reader.records():
            for channel in (*others, image):
                writer.add_message(channel, record.log_time,
                                   record.content if channel == image else b'{}', record.log_time)
        writer.finish()
    return path


@pytest.mark.parametrize('profile', ['ros2', '', 'ros1', 'px4'])
@pytest.mark.parametrize('chunked', [True, False])
def test_topics_that_nobody_asked_for_stop_no_bag(tmp_path, bag, right, profile, chunked):
    assert times(foreign(tmp_path / 'f.mcap', bag, profile=profile, chunked=chunked)) == right


def test_a_damaged_chunk_costs_its_frames_and_is_named(tmp_path, bag, right):
    path = foreign(tmp_path / 'f.mcap', bag, profile='ros2')
    whole = McapFile(path)
    camera_id = next(i for i, channel in whole.channels.items() if channel.topic == TOPIC)
    piece = [piece for piece in whole._pieces if camera_id in piece.counts][1]
    lost = piece.counts[camera_id]
    whole.close()
    content = bytearray(path.read_bytes())
    middle = piece.start + piece.length // 2
    content[middle:middle + 8] = bytes(byte ^ 0x5a for byte in content[middle:middle + 8])
    path.write_bytes(content)
    source = open_source(path)
    found = [frame.log_time for frame in source.frames()]
    assert found == [time for time in right if time in found]
    assert len(right) - lost <= len(found) < len(right)
    assert any(f'damaged: of the chunk at byte {piece.start}' in note for note in source.notes)


def test_a_database_is_read_with_its_write_ahead_log(tmp_path, right):
    made = write_bag(tmp_path / 'sq', camera(range(8)), StoragePlugin.SQLITE3)
    folder = tmp_path / 'killed'
    folder.mkdir()
    shutil.copy(made / 'sq.db3', folder / 'work.db3')
    connection = sqlite3.connect(folder / 'work.db3')
    connection.execute('PRAGMA journal_mode=WAL')
    rows = connection.execute('SELECT * FROM messages ORDER BY timestamp').fetchall()
    connection.execute('DELETE FROM messages WHERE timestamp > ?', (right[3],))
    connection.commit()
    connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    marks = ','.join('?' * len(rows[0]))
    connection.executemany(f'INSERT INTO messages VALUES ({marks})', rows[4:])
    connection.commit()
    # As a kill leaves it: half of the frames are in the log alone.
    drive = tmp_path / 'drive.db3'
    shutil.copy(folder / 'work.db3', drive)
    shutil.copy(folder / 'work.db3-wal', f'{drive}-wal')
    connection.close()
    before = {path: path.read_bytes() for path in (drive, Path(f'{drive}-wal'))}
    with BagReader(drive) as reader:
        assert 'has a write-ahead log' in reader.notes[0]
    assert times(drive) == right
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize('stamps', [[0] * 4, [7] * 4])
def test_where_stamps_say_nothing_the_time_of_recording_is_taken(tmp_path, stamps):
    messages = camera(range(4))
    for stamp, (_, _, (_, message)) in zip(stamps, messages, strict=True):
        object.__setattr__(message.header, 'stamp', type(message.header.stamp)(stamp, 0))
    source = open_source(write_bag(tmp_path / 'drive', messages))
    frames = list(source.frames())
    first = 1 if stamps[0] else 0
    assert [f.stamp.nanoseconds for f in frames[first:]] == [f.log_time for f in frames[first:]]
    assert any(f'{4 - first} images have no stamp of their own' in n for n in source.notes)


@pytest.mark.parametrize('names', [
    ['1700000000.200000000', '1700000000.100000000', '1700000000.300000000'],
    ['1700000000200000000', '1700000000100000000', '1700000000300000000']])
def test_pictures_that_are_called_by_stamps_have_those(tmp_path, names):
    for name in names:
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.zeros((8, 8, 3), np.uint8))
    tenths = [1_700_000_000_100_000_000 + 100_000_000 * number for number in range(3)]
    assert [f.stamp.nanoseconds for f in open_source(tmp_path).frames()] == tenths
    assert [f.stamp.nanoseconds for f in open_source(tmp_path, fps=2.0).frames()] == [
        0, 500_000_000, 1_000_000_000]
    cv2.imwrite(str(tmp_path / 'other.png'), np.zeros((8, 8, 3), np.uint8))
    assert next(iter(open_source(tmp_path).frames())).stamp.nanoseconds == 0


def test_a_folder_with_a_stray_bag_name_is_no_bag(tmp_path):
    (tmp_path / 'notes.mcap').write_text('not a bag')
    assert not is_bag(tmp_path)
