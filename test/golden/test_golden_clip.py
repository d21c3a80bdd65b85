# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The bundled clip through the shipped model: what moves the output is found."""


from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer

from hybrid_perception.cli.main import main
from hybrid_perception.manifest import load_manifest
from hybrid_perception.replay.typestore import load_typestore

from .golden_clip import BAG, CLIP, FRAMES, MODELS, NOTE, RATE, STEP, replay_clip, thin_out

NOTED = json.loads(NOTE.read_text(encoding='utf-8'))
RENEW = "the shipped model is another one: look at what it does, then run 'make golden'"


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    """Replay the golden frames with what the repository holds now."""
    return replay_clip(tmp_path_factory.mktemp('golden'))


@pytest.fixture
def compare(tmp_path, capsys):
    """Make a function that compares bags within the golden limits, or to the bit."""
    limits = tmp_path / 'limits.json'
    limits.write_text(json.dumps(NOTED['tolerances']))

    def run(first, second, *, exact=False):
        given = [] if exact else ['--tolerances', str(limits)]
        return main(['compare', str(first), str(second), *given]), capsys.readouterr().out

    return run


def altered(path: Path, source: Path, change) -> Path:
    """Copy a bag, each message as ``change(topic, message)`` leaves it, or without it."""
    store = load_typestore()
    writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
    with AnyReader([source]) as reader, writer:
        connections = {
            connection.topic: writer.add_connection(
                connection.topic, connection.msgtype, typestore=store)
            for connection in reader.connections}
        for connection, time, content in reader.messages():
            message = store.deserialize_cdr(content, connection.msgtype)
            message.data = message.data.copy()
            if change(connection.topic, message) is not False:
                writer.write(connections[connection.topic], time,
                             store.serialize_cdr(message, connection.msgtype))
    return path


def test_the_golden_bag_is_of_the_shipped_model():
    manifest = load_manifest(MODELS)
    assert (NOTED['model'], NOTED['sha256'], NOTED['threshold']) == (
        manifest.name, manifest.sha256, manifest.threshold(None)), RENEW


def test_the_golden_bag_shows_something():
    with AnyReader([BAG]) as reader:
        messages = [(connection.topic, reader.deserialize(content, connection.msgtype))
                    for connection, _, content in reader.messages()]
    assert len(messages) == 4 * len(FRAMES)
    assert BAG.stat().st_size < 200_000
    size = cv2.imread(str(CLIP / 'images' / f'{FRAMES[0]:06d}.jpg')).shape[:2]
    for topic, message in messages:
        assert (message.height, message.width) == (size[0] // STEP, size[1] // STEP)
        if topic.endswith('/label'):
            assert len(np.unique(message.data)) >= 4
    masks = [message.data for topic, message in messages if topic.endswith('open_set_mask')]
    assert any(0 < np.count_nonzero(mask) < 0.5 * mask.size for mask in masks)


def test_the_output_is_the_golden_one(full, tmp_path, compare):
    code, said = compare(BAG, thin_out(full, tmp_path / 'now.mcap'))
    assert code == 0, f'{said}\nWanted? Then look at it, and run: make golden'


def test_two_grey_levels_more_are_found(tmp_path, compare):
    pictures = tmp_path / 'brighter'
    pictures.mkdir()
    for number in FRAMES:
        picture = cv2.imread(str(CLIP / 'images' / f'{number:06d}.jpg'))
        cv2.imwrite(str(pictures / f'{number:06d}.png'), cv2.add(picture, (2, 2, 2, 0)))
    brighter = replay_clip(tmp_path, pictures=pictures)
    code, said = compare(BAG, thin_out(brighter, tmp_path / 'now.mcap'))
    assert code == 1
    assert 'mean_score_difference is 0.' in said


def test_a_planted_lost_frame_is_found(full, tmp_path, compare):
    lost = 2

    def drop(_, message):
        return message.header.stamp.nanosec != lost * 10**9 // RATE

    code, said = compare(BAG, altered(tmp_path / 'shorter', thin_out(
        full, tmp_path / 'now.mcap'), drop))
    assert code == 1
    assert 'missing_frames is 1, above 0' in said
    assert '1 missing from the second (at 0.200000000)' in said


@pytest.mark.parametrize('output', ['label', 'open_set_label', 'open_set_mask', 'anomaly_score'])
def test_a_planted_pixel_is_found_at_full_size(full, tmp_path, compare, output):
    def plant(topic, message):
        if topic.endswith(f'/{output}') and message.header.stamp.nanosec == 10**8:
            message.data[123_456] ^= 1

    code, said = compare(full, altered(tmp_path / 'planted', full, plant), exact=True)
    assert code == 1
    assert 'worst     /perception at 0.100000000' in said
    assert said.count('\nworst ') == 1
    assert compare(full, altered(tmp_path / 'same', full, lambda *_: None), exact=True)[0] == 0
