# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The objects of a recording as JSON lines."""

from __future__ import annotations

from dataclasses import replace
import json

import numpy as np
import pytest

from hybrid_perception.cli.main import main
from hybrid_perception.manifest import load_manifest
from hybrid_perception.objects.json_lines import write_object_lines
from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.replay.detection_message import DetectionWriter
from hybrid_perception.replay.detection_types import DETECTIONS_TYPE
from hybrid_perception.replay.frame import Frame, RawPicture, Stamp
from hybrid_perception.replay.typestore import load_typestore
from hybrid_perception.scene import Style

from .conftest import camera, read_bag, write_bag
from .test_compare import altered


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def test_each_object_of_each_frame_is_told_in_numbers_and_followed(tmp_path, replay):
    # A bright square of 8x8 pixels that moves 3 pixels a frame over noise that is known.
    path = tmp_path / 'objects.jsonl'
    replay(write_bag(tmp_path / 'in', camera(range(6))), '--objects', path, '--min-area', 0.04)
    told = lines(path)
    assert len(told) == 6
    for number, item in enumerate(told):
        sec, nanosec = divmod(number * 100_000_000 + 1_000_000_123, 10**9)
        assert item['stamp'] == f'{sec}.{nanosec:09d}'
        assert item['topic'] == '/cam/image_raw'
        assert (item['id'], item['frames']) == (1, number + 1)
        x, y, width, height = item['box']
        # The network sees the frame at another size, so edges are blurred by some pixels.
        np.testing.assert_allclose([x, y, width, height], [3 * number, 4, 8, 8], atol=2)
        np.testing.assert_allclose(item['centroid'], [3 * number + 3.5, 7.5], atol=1)
        assert 0.04 * 24 * 40 <= item['area'] <= width * height
        assert 50 <= item['mean_score'] <= item['max_score'] <= 127.5
        assert item['resembles'] in ('red', 'green', 'blue')
        assert 0 < item['confidence'] <= 1


@pytest.fixture
def run_objects(tiny_model, capsys):
    def run(*arguments):
        return main(['objects', *map(str, arguments), '--model', str(tiny_model)]), (
            capsys.readouterr())

    return run


def test_the_tool_reads_what_replay_wrote(tmp_path, replay, run_objects):
    one, two = tmp_path / 'one.jsonl', tmp_path / 'two.jsonl'
    bag = replay(write_bag(tmp_path / 'in', camera(range(4))), '--objects', one)
    code, said = run_objects(bag, '--output', two)
    assert code == 0, said.err
    told, again = lines(one), lines(two)
    assert told
    assert said.out == f'{two}: {len(told)} objects, each counted in every frame\n'
    # Without the recording the camera's name is not known, the node's is.
    assert {item.pop('topic') for item in told} == {'/cam/image_raw'}
    assert {item.pop('topic') for item in again} == {'/perception'}
    assert told == again


def test_two_cameras_have_ids_of_their_own(tmp_path, replay):
    path = tmp_path / 'objects.jsonl'
    both = sorted(camera(range(3), topic='/left/image') + camera(range(3), topic='/right/image'),
                  key=lambda message: message[1])
    replay(write_bag(tmp_path / 'in', both), '--topic', '/left/image', '--topic', '/right/image',
           '--objects', path, '--min-area', 0.04)
    told = [(item['topic'], item['id'], item['frames']) for item in lines(path)]
    assert sorted(told) == [(f'/{side}/image', 1, frames) for side in ('left', 'right')
                            for frames in (1, 2, 3)]


def boxes(message):
    """List id and box (x, y, width, height) of a Detection2DArray."""
    return [(int(item.id), [item.bbox.center.position.x - item.bbox.size_x / 2,
                            item.bbox.center.position.y - item.bbox.size_y / 2,
                            item.bbox.size_x, item.bbox.size_y]) for item in message.detections]


def test_the_bag_has_the_objects_as_the_node_publishes_them(tmp_path, replay):
    path = tmp_path / 'objects.jsonl'
    bag = replay(write_bag(tmp_path / 'in', camera(range(6))), '--objects', path, '--outputs',
                 'anomaly_score', 'label', 'objects', '--jobs', 3,
                 '--threshold', -40)
    messages = read_bag(bag)
    assert [topic for topic, _, _ in messages[-3:]] == [
        '/perception/label', '/perception/anomaly_score', '/perception/objects']
    found = [message for topic, _, message in messages if topic == '/perception/objects']
    assert len(found) == 6
    told = lines(path)
    assert len(told) > 6
    for message in found:
        stamp = f'{message.header.stamp.sec}.{message.header.stamp.nanosec:09d}'
        assert message.header.frame_id == 'camera_optical_frame'
        expected = [item for item in told if item['stamp'] == stamp]
        assert boxes(message) == [(item['id'], item['box']) for item in expected]
        assert [item.results[0].hypothesis.score for item in message.detections] == [
            item['confidence'] for item in expected]
        names = [('red', 'green', 'blue')[int(item.results[1].hypothesis.class_id)]
                 for item in message.detections]
        assert names == [item['resembles'] for item in expected]


OBJECT = OpenSetObject(
    x=10, y=4, width=5, height=8, area=30, centroid=(12.0, 8.0), mean_score=3.0, max_score=9.0,
    confidence=0.75, resembles=2, resembles_share=0.9)


def frame(number):
    return Frame(number, '/c', number, Stamp(number, 5), 'camera', RawPicture(b'', 0, 0, '', 0))


def test_a_detection_says_what_the_node_says():
    _, time, content = DetectionWriter(19).message('/objects', frame(3), [OBJECT])
    message = load_typestore().deserialize_cdr(content, DETECTIONS_TYPE)
    detection, = message.detections
    assert time == 3
    assert (message.header.stamp.sec, message.header.frame_id) == (3, 'camera')
    assert detection.header == message.header
    assert detection.id == '1'
    assert detection.bbox.center.theta == 0.0
    assert boxes(message) == [(1, [10.0, 4.0, 5.0, 8.0])]
    assert [(result.hypothesis.class_id, result.hypothesis.score)
            for result in detection.results] == [('19', 0.75), ('2', 0.0)]
    pose = detection.results[0].pose
    assert (pose.pose.orientation.w, pose.pose.orientation.x, pose.covariance.any()) == (1, 0, 0)


def test_the_type_is_that_of_vision_msgs():
    # The hash that rosidl gives it in vision_msgs 4; it covers names, types and order of all.
    assert load_typestore().hash_rihs01(DETECTIONS_TYPE) == (
        'RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968')


def test_ids_go_on_after_messages_that_were_made_before():
    draw = np.random.default_rng(0)
    objects = [
        [replace(OBJECT, x=int(draw.integers(60)), y=int(draw.integers(40)),
                 width=int(draw.integers(1, 30)), height=int(draw.integers(1, 30)))
         for _ in range(int(draw.integers(4)))] for _ in range(20)]
    whole = DetectionWriter(19)
    expected = [whole.message('/objects', frame(number), found)
                for number, found in enumerate(objects)]
    for kept in (1, 7, 19):
        resumed = DetectionWriter(19)
        for message in expected[:kept]:
            resumed.recall(message)
        assert [resumed.message('/objects', frame(number), objects[number])
                for number in range(kept, 20)] == expected[kept:]


def test_what_objects_are_made_of_must_be_there(tmp_path, replay, run_tool, run_objects):
    recording = write_bag(tmp_path / 'in', camera(range(2)))
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap', '--outputs',
                            'label', '--objects', tmp_path / 'objects.jsonl')
    assert code == 1
    assert '--objects needs anomaly_score among the --outputs' in err
    assert not (tmp_path / 'o.mcap').exists()
    bag = replay(recording, '--outputs', 'anomaly_score')
    code, said = run_objects(bag, '--output', tmp_path / 'objects.jsonl')
    assert code == 1
    assert 'no /perception/label; objects are found in label and anomaly_score' in said.err
    code, said = run_objects(tmp_path / 'none.mcap', '--output', tmp_path / 'objects.jsonl')
    assert code == 1
    assert 'none.mcap does not exist' in said.err
    assert not (tmp_path / 'objects.jsonl').exists()


def test_the_file_appears_whole_or_not_at_all(tmp_path, replay, run_objects, monkeypatch):
    bag = replay(write_bag(tmp_path / 'in', camera(range(3))))
    output = tmp_path / 'objects.jsonl'
    code, said = run_objects(bag, '--output', tmp_path / 'missing' / 'objects.jsonl')
    assert code == 1
    assert 'cannot be written' in said.err
    calls = []

    def fail(*_, **__):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, 'No space left on device')
        return '{}'

    monkeypatch.setattr('hybrid_perception.objects.json_lines.json.dumps', fail)
    code, said = run_objects(bag, '--output', output)
    assert code == 1
    assert f'{output} cannot be written: No space left on device' in said.err
    assert sorted(path.name for path in tmp_path.iterdir() if 'jsonl' in path.name) == []


def test_outputs_that_end_in_the_middle_of_a_frame_are_left_out(tmp_path, replay, tiny_model):
    bag = replay(write_bag(tmp_path / 'in', camera(range(4))))
    cut = altered(tmp_path / 'cut', bag, lambda topic, message: not (
        topic.endswith('anomaly_score') and message.header.stamp.nanosec == 300_000_123))
    output = tmp_path / 'objects.jsonl'
    write_object_lines(cut, output, class_map=load_manifest(tiny_model).class_map,
                       style=Style(50.0, 0.0, 0.0, 0.0))
    assert '1.300000123' not in {item['stamp'] for item in lines(output)}
    assert len({item['stamp'] for item in lines(output)}) == 3
