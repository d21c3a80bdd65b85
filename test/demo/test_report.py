# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='the recorder is a ROS node')

from sensor_msgs.msg import Image

from hybrid_perception.labels import ClassMap
from recorder import Answer, array_from_msg
from report import Quality, Report, measure_quality, read_log, spread

CLASSES = ClassMap(('road', 'sky'), ((1, 2, 3), (4, 5, 6)), 2, 'unknown', (255, 0, 255))


def test_quality_by_hand(tmp_path):
    # Five pixels count: road, road, sky, unknown, unknown. One unknown pixel is found, the other
    # is taken for road; one road pixel scores higher than the missed one.
    cv2.imwrite(str(tmp_path / '000000.png'), np.array([[0, 0, 1, 2, 2, 255]], np.uint8))
    answer = Answer(
        latency=0.1,
        open_set_label=np.array([[0, 0, 1, 2, 0, 1]], np.uint8),
        anomaly_score=np.array([[0.0, 3.0, 1.0, 4.0, 2.0, 9.0]], np.float32),
    )
    quality = measure_quality({0: answer}, tmp_path, CLASSES)
    assert quality.frames == 1
    # Precision 1 at recall 1/2, then 2/3 at recall 1.
    assert quality.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert quality.fpr95 == pytest.approx(1 / 3)
    # Road: 2 right of 2 + 1 false; sky: 1 of 1.
    assert quality.open_miou == pytest.approx((2 / 3 + 1) / 2)


def test_quality_leaves_out_what_the_node_ignores(tmp_path):
    cv2.imwrite(str(tmp_path / '000000.png'), np.array([[0, 1, 2]], np.uint8))
    answer = Answer(
        latency=0.1,
        open_set_label=np.array([[255, 1, 2]], np.uint8),
        anomaly_score=np.array([[np.nan, 0.0, 1.0]], np.float32),
    )
    quality = measure_quality({0: answer}, tmp_path, CLASSES)
    assert quality.average_precision == 1.0
    assert quality.open_miou == 1.0


def test_no_quality_without_anything_unknown(tmp_path):
    cv2.imwrite(str(tmp_path / '000000.png'), np.zeros((1, 3), np.uint8))
    answer = Answer(0.1, np.zeros((1, 3), np.uint8), np.zeros((1, 3), np.float32))
    assert measure_quality({0: answer}, tmp_path, CLASSES) is None


def test_table_counts_what_was_dropped():
    report = Report(10, (0.1, 0.1, 0.1, 0.3), 2.0, Quality(4, 0.5, 0.25, 0.75))
    rows = dict(report.rows())
    assert rows['frames dropped'].startswith('6 ')
    assert rows['camera rate'] == '5.0 Hz'
    assert rows['answer rate'] == '2.0 Hz'
    assert rows['latency p50 / p95 / p99'] == '100 / 270 / 294 ms'
    assert rows['anomaly AP'] == '50.0 %'
    assert all(name in report.table() for name in rows)


def test_log_gives_the_frame_of_a_stamp(tmp_path):
    (tmp_path / 'sent.csv').write_text('0,100\n1,250\n')
    assert read_log(tmp_path / 'sent.csv') == {100: 0, 250: 1}
    assert read_log(tmp_path / 'missing.csv') == {}


@pytest.mark.parametrize(('length', 'count', 'expected'), [
    (3, 5, [0, 1, 2]), (5, 3, [0, 2, 4]), (100, 2, [0, 99]), (0, 4, []),
])
def test_spread_takes_first_and_last(length, count, expected):
    assert spread(range(length), count) == expected


def test_arrays_honour_the_row_step():
    rows = np.array([[1, 2, 3, 99], [4, 5, 6, 99]], np.uint8)
    msg = Image(height=2, width=3, step=4, encoding='mono8')
    msg.data.frombytes(rows)
    assert array_from_msg(msg).tolist() == [[1, 2, 3], [4, 5, 6]]
    score = np.array([[0.5, 1.5, np.inf]], np.float32)
    msg = Image(height=1, width=2, step=12, encoding='32FC1')
    msg.data.frombytes(score.view(np.uint8))
    assert array_from_msg(msg).tolist() == [[0.5, 1.5]]
