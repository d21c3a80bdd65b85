# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings in, the node's topics out; the tiny model's answers are known by hand."""

from __future__ import annotations

from argparse import ArgumentParser

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

from hybrid_perception.backends.cores import usable_cores
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.cli.arguments import (
    add_jobs_argument,
    add_model_arguments,
    open_segmenters,
)
from hybrid_perception.cli.main import main
from hybrid_perception.manifest import load_manifest
from hybrid_perception.replay.output_bag import output_prefixes
from hybrid_perception.segmentation import Segmenter

from .conftest import (
    PERIOD,
    camera,
    compressed,
    picture,
    pixels,
    raw,
    read_bag,
    write_bag,
    write_bag1,
)

TOPICS = ['label', 'open_set_label', 'open_set_mask', 'anomaly_score']


def test_every_frame_gives_the_segmenter_s_own_answer(tmp_path, replay, tiny_model):
    out = read_bag(replay(write_bag(tmp_path / 'in', camera(range(5)))))
    manifest = load_manifest(tiny_model)
    segmenter = Segmenter(manifest, create_backend('onnxruntime', manifest, threads=1))
    assert [topic for topic, _, _ in out] == 5 * [f'/perception/{name}' for name in TOPICS]
    for number in range(5):
        expected = segmenter.segment(picture(number))
        label, open_label, mask, score = (
            pixels(message) for _, _, message in out[4 * number:4 * number + 4])
        np.testing.assert_array_equal(label, expected.label)
        np.testing.assert_array_equal(score, expected.anomaly_score)
        np.testing.assert_array_equal(mask, expected.open_set_mask(50.0))
        np.testing.assert_array_equal(open_label, expected.open_set_label(50.0, 3))
        assert 0 < np.count_nonzero(mask) < mask.size


def test_headers_types_and_times_are_the_node_s(tmp_path, replay):
    out = read_bag(replay(write_bag(tmp_path / 'in', camera([7]))))
    assert [message.encoding for _, _, message in out] == ['mono8', 'mono8', 'mono8', '32FC1']
    for _, time, message in out:
        assert time == 7 * PERIOD + 2_000_000_000
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 700_000_123)
        assert message.header.frame_id == 'camera_optical_frame'
        assert (message.height, message.width, message.is_bigendian) == (24, 40, 0)
        assert message.step * message.height == message.data.size


def test_storage_format_and_ros_version_make_no_difference_to_the_bit(tmp_path, replay):
    # Two cameras with equal times, recorded in two orders.
    left, right = (camera(range(4), topic=f'/{side}/image') for side in ('left', 'right'))
    forward = [message for pair in zip(left, right, strict=True) for message in pair]
    backward = [message for pair in zip(right, left, strict=True) for message in pair]
    topics = ('--topic', '/left/image', '--topic', '/right/image')
    outputs = [
        replay(recording, *topics, output=f'{number}.mcap').read_bytes()
        for number, recording in enumerate((
            write_bag(tmp_path / 'mcap', forward),
            write_bag(tmp_path / 'sqlite', backward, StoragePlugin.SQLITE3),
            write_bag1(tmp_path / 'ros1.bag', forward)))]
    assert len(outputs[0]) > 1000
    # The file names itself in its metadata; nothing else may differ.
    for number, output in enumerate(outputs):
        assert output.replace(b'%d.mcap' % number, b'0.mcap') == outputs[0], number


def test_two_runs_are_equal_to_the_bit(tmp_path, replay):
    recording = write_bag(tmp_path / 'in', camera(range(6), compressed))
    first = replay(recording).read_bytes()
    assert replay(recording, '--overwrite').read_bytes() == first


@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_the_number_of_jobs_changes_no_bit(tmp_path, replay, backend):
    if backend == 'openvino':
        pytest.importorskip('openvino', reason='OpenVINO is not installed')
    messages = camera(range(12), height=200, width=300)
    messages[5][2][1].encoding = 'broken'   # one that cannot be used
    recording = write_bag(tmp_path / 'in', messages)
    single, several, many = (
        replay(recording, '--overwrite', '--backend', backend, '--jobs', jobs).read_bytes()
        for jobs in (1, 3, 20))
    assert single == several == many


def test_jobs_without_threads_are_those_of_threads_1(tmp_path, replay, tiny_model):
    recording = write_bag(tmp_path / 'in', camera(range(6)))
    expected = replay(recording).read_bytes()
    output = tmp_path / 'out.mcap'
    assert main(['replay', str(recording), '--output', str(output), '--overwrite', '--model',
                 str(tiny_model)]) == 0
    assert output.read_bytes() == expected


def test_impossible_jobs_are_named(tmp_path, run_tool):
    recording = write_bag(tmp_path / 'in', camera(range(2)))
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap', '--jobs', 0)
    assert (code, '--jobs is 0; it must be 1 or more' in err) == (1, True)


def test_as_many_frames_are_in_the_engine_as_there_are_jobs(tiny_model):
    parser = ArgumentParser()
    add_model_arguments(parser)
    add_jobs_argument(parser)
    manifest = load_manifest(tiny_model)
    for given, jobs, threads in (([], min(usable_cores(), 16), 1), (['--threads', '3'], 1, 3),
                                 (['--jobs', '4'], 4, 1),
                                 (['--threads', '2', '--jobs', '3'], 3, 2)):
        arguments = parser.parse_args(['--model', str(tiny_model), *given])
        backend, segmenters = open_segmenters(arguments, manifest)
        assert backend.concurrent_calls == jobs, given
        assert len(segmenters) == jobs + 1, given
        assert f' {threads} thread(s)' in backend.detail, given
        for segmenter in segmenters:
            segmenter.close()


def test_raw_padded_and_png_frames_are_the_same_frames(tmp_path, replay):
    answers = []
    for number, messages in enumerate((
            camera(range(3)), camera(range(3), padding=5), camera(range(3), compressed))):
        recording = write_bag(tmp_path / f'in{number}', messages)
        out = read_bag(replay(recording, output=f'out{number}.mcap'))
        answers.append(b''.join(message.data.tobytes() for _, _, message in out))
    assert answers[0] == answers[1] == answers[2]


def test_pictures_and_inputs_are_written_when_asked_for(tmp_path, replay):
    recording = write_bag(tmp_path / 'in', camera(range(2), compressed, '/c/image/compressed'))
    out = read_bag(replay(recording, '--with-input', '--outputs', 'overlay', 'anomaly_color'))
    assert [topic for topic, _, _ in out] == 2 * [
        '/c/image/compressed', '/perception/overlay', '/perception/anomaly_color']
    _, sent = compressed(1)
    assert out[3][2].data.tobytes() == sent.data.tobytes()
    assert str(out[3][2].header) == str(sent.header)
    assert out[4][2].encoding == 'rgb8'


def test_a_compressed_output_is_smaller_and_says_the_same(tmp_path, replay):
    recording = write_bag(tmp_path / 'in', camera(range(4)))
    plain = replay(recording)
    packed = replay(recording, '--compress', output='packed.mcap')
    assert packed.stat().st_size < 0.8 * plain.stat().st_size
    for one, other in zip(read_bag(plain), read_bag(packed), strict=True):
        assert one[:2] == other[:2]
        assert one[2].data.tobytes() == other[2].data.tobytes()


def test_a_folder_as_output_is_a_rosbag2_with_metadata(tmp_path, replay):
    out = replay(write_bag(tmp_path / 'in', camera(range(2))), output='drive')
    assert sorted(path.name for path in out.iterdir()) == ['drive.mcap', 'metadata.yaml']
    assert len(read_bag(out)) == 8
    assert not (tmp_path / 'drive.part').exists()


def test_cameras_of_different_size_keep_their_sizes_and_namespaces(tmp_path, replay):
    messages = sorted(
        camera(range(3), topic='/front/image_raw')
        + camera(range(3), topic='/rear/image_raw', height=36, width=48), key=lambda m: m[1])
    recording = write_bag(tmp_path / 'in', messages)
    out = read_bag(replay(recording, '--topic', '/front/image_raw', '--topic', '/rear/image_raw'))
    sizes = {topic: (message.height, message.width) for topic, _, message in out}
    assert sizes['/front/perception/label'] == (24, 40)
    assert sizes['/rear/perception/anomaly_score'] == (36, 48)
    assert len(out) == 24


def test_cameras_in_one_namespace_keep_their_names():
    assert output_prefixes(['/car/left', '/car/right/compressed']) == {
        '/car/left': '/car/left/perception',
        '/car/right/compressed': '/car/right/perception'}


def test_threshold_roi_and_ignore_mask_are_those_of_the_node(tmp_path, replay):
    recording = write_bag(tmp_path / 'in', camera([0]))
    everything = {topic: pixels(message) for topic, _, message in read_bag(
        replay(recording, '--threshold', -200, '--roi', 8, 4, 16, 12))}
    inside = np.zeros((24, 40), bool)
    inside[4:16, 8:24] = True
    np.testing.assert_array_equal(everything['/perception/open_set_mask'], 255 * inside)
    assert np.isnan(everything['/perception/anomaly_score'][~inside]).all()
    assert (everything['/perception/label'][~inside] == 255).all()


@pytest.mark.parametrize(('arguments', 'said'), [
    (('--threshold', 'nan'), 'the threshold is nan'),
    (('--operating-point', 'none'), "operating point 'none' is not in"),
    (('--color-range', '1', '1'), 'VMIN < VMAX'),
    (('--overlay-alpha', '2'), 'want 0..1'),
    (('--roi', '0', '0', '400', '2'), 'no frame of /cam/image_raw can be used'),
    (('--fps', '5'), 'is a bag and has stamps of its own'),
    (('--topic', '/none'), 'has no topic /none; it has /cam/image_raw (sensor_msgs/msg/Image)'),
])
def test_wrong_arguments_are_named(tmp_path, run_tool, arguments, said):
    recording = write_bag(tmp_path / 'in', camera([0], raw))
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap', *arguments)
    assert code == 1
    assert said in err
    assert not (tmp_path / 'o.mcap').exists()


def test_an_existing_output_is_not_replaced_unasked(tmp_path, run_tool):
    recording = write_bag(tmp_path / 'in', camera([0]))
    (tmp_path / 'o.mcap').write_text('precious')
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 1
    assert '--overwrite' in err
    assert (tmp_path / 'o.mcap').read_text() == 'precious'
