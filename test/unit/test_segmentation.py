# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Segmenter on the tiny model: sizes, regions, ignored pixels, bad answers, aliasing."""

from __future__ import annotations

from pathlib import Path
import tracemalloc

import numpy as np
import onnxruntime
import pytest

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import EncodingError, EngineError, ParameterError
from hybrid_perception.geometry import Roi
from hybrid_perception.manifest import load_manifest
from hybrid_perception.objects.open_set_object import ObjectGate, find_objects
from hybrid_perception.segmentation import Segmenter

RED, GREEN, BLUE = (250, 10, 10), (10, 130, 10), (5, 5, 40)


class FixedBackend:
    """Gives back whatever the test set."""

    name = 'fixed'
    detail = 'test'
    concurrent_calls = 1

    def __init__(self, label: np.ndarray, score: np.ndarray) -> None:
        self.label, self.score = label, score
        self.closed = 0

    def infer(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.label.copy(), self.score.copy()

    def close(self) -> None:
        self.closed += 1


def halves(height: int, width: int) -> np.ndarray:
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:, : width // 2], rgb[:, width // 2:] = RED, GREEN
    return rgb


@pytest.fixture
def manifest(tiny_model: Path):
    return load_manifest(tiny_model)


@pytest.fixture
def make_segmenter(manifest):
    def make(**options) -> Segmenter:
        return Segmenter(manifest, create_backend('auto', manifest, threads=1), **options)

    return make


@pytest.mark.parametrize('size', [(32, 64), (64, 128), (48, 96), (16, 32), (17, 30), (1, 2)])
def test_answer_has_the_size_of_the_source(make_segmenter, size):
    found = make_segmenter().segment(halves(*size))
    assert found.label.shape == found.anomaly_score.shape == size
    assert found.label.dtype == np.uint8
    assert found.anomaly_score.dtype == np.float32
    assert set(found.label[:, 0]) == {0}
    assert set(found.label[:, -1]) == {1}
    np.testing.assert_allclose(found.anomaly_score[:, 0], 90 - 127.5, atol=0.5)


def test_values_by_hand_at_network_size(make_segmenter):
    found = make_segmenter().segment(halves(32, 64))
    assert (found.label[:, :32] == 0).all()
    assert (found.label[:, 32:] == 1).all()
    assert (found.anomaly_score[:, :32] == np.float32(-37.5)).all()
    assert (found.anomaly_score[:, 32:] == np.float32(-77.5)).all()
    assert (found.open_set_mask(-40.0)[:, :32] == 255).all()
    assert (found.open_set_label(-40.0, 3)[0, [0, 63]] == [3, 1]).all()


def test_edges_stay_where_they_are_when_sizes_differ_by_four(make_segmenter):
    found = make_segmenter().segment(halves(128, 256))
    assert (found.label[:, :128] == 0).all()
    assert (found.label[:, 128:] == 1).all()


def test_padded_read_only_frames_are_read_right(make_segmenter):
    padded = np.zeros((64, 140, 3), np.uint8)
    padded[:, :128] = halves(64, 128)
    padded.flags.writeable = False
    plain = make_segmenter().segment(halves(64, 128))
    found = make_segmenter().segment(padded[:, :128])
    np.testing.assert_array_equal(found.label, plain.label)
    np.testing.assert_array_equal(found.anomaly_score, plain.anomaly_score)


@pytest.mark.parametrize('size', [(32, 64), (64, 128)])
@pytest.mark.parametrize('options', [{}, {'ignore_mask': np.ones((4, 4), np.uint8)},
                                     {'output_size': 'network'}, {'roi': Roi(2, 2, 8, 8)}])
def test_later_frames_do_not_change_earlier_answers(make_segmenter, size, options):
    segmenter = make_segmenter(**options)
    first = segmenter.segment(np.full((*size, 3), RED, np.uint8))
    kept = first.label.copy(), first.anomaly_score.copy()
    second = segmenter.segment(np.full((*size, 3), BLUE, np.uint8))
    assert not np.shares_memory(first.label, second.label)
    assert not np.shares_memory(first.anomaly_score, second.anomaly_score)
    np.testing.assert_array_equal(first.label, kept[0])
    np.testing.assert_array_equal(first.anomaly_score, kept[1])


@pytest.mark.parametrize('options', [
    {}, {'output_size': 'network'}, {'roi': Roi(100, 50, 300, 100)},
    {'ignore_mask': np.ones((4, 4), np.uint8)}])
def test_a_steady_state_allocates_nothing_of_image_size(make_tiny_model, options):
    if tuple(map(int, onnxruntime.__version__.split('.')[:2])) < (1, 19):
        pytest.skip('ONNX Runtime takes the memory of its answers from NumPy before 1.19')
    manifest = load_manifest(make_tiny_model(128, 256))
    segmenter = Segmenter(manifest, create_backend('auto', manifest, threads=1), **options)
    frame, held = halves(256, 512), None
    peaks = []
    tracemalloc.start()
    try:
        for _ in range(8):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            held = segmenter.segment(frame), segmenter.output_view(frame), held and held[0]
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert held[0].label.shape == held[1].shape[:2]
    assert max(peaks[4:]) < 128 * 256 / 2  # half a label at the network's size, the smallest image


def test_the_frame_is_not_changed(make_segmenter):
    frame = halves(64, 128)
    make_segmenter(ignore_mask=np.ones((64, 128), np.uint8)).segment(frame)
    np.testing.assert_array_equal(frame, halves(64, 128))


def test_outside_the_region_nothing_is_said(make_segmenter):
    rgb = np.full((40, 80, 3), BLUE, np.uint8)
    rgb[10:30, 20:60] = RED
    found = make_segmenter(roi=Roi(20, 10, 40, 20)).segment(rgb)
    inside = np.zeros((40, 80), bool)
    inside[10:30, 20:60] = True
    assert (found.label[inside] == 0).all()
    assert (found.label[~inside] == 255).all()
    assert (found.anomaly_score[inside] == np.float32(-37.5)).all()
    assert np.isnan(found.anomaly_score[~inside]).all()
    assert (found.open_set_mask(-40.0) == np.where(inside, 255, 0)).all()


def test_network_output_covers_the_region_alone(make_segmenter):
    rgb = np.full((40, 80, 3), BLUE, np.uint8)
    rgb[10:30, 20:60] = RED
    segmenter = make_segmenter(roi=Roi(20, 10, 40, 20), output_size='network')
    found = segmenter.segment(rgb)
    assert found.label.shape == (32, 64)
    assert (found.label == 0).all()
    view = segmenter.output_view(rgb)
    assert view.shape == (32, 64, 3)
    assert (view == RED).all()


def test_the_ignore_mask_is_stretched_and_follows_a_new_frame_size(make_segmenter):
    mask = np.zeros((2, 2), np.uint8)
    mask[1] = 7
    segmenter = make_segmenter(ignore_mask=mask)
    for height, width in ((64, 128), (32, 64), (100, 60)):
        found = segmenter.segment(np.full((height, width, 3), RED, np.uint8))
        assert (found.label[: height // 2] == 0).all()
        assert (found.label[height // 2:] == 255).all()
        assert np.isnan(found.anomaly_score[height // 2:]).all()
        assert not np.isnan(found.anomaly_score[: height // 2]).any()


def test_ignore_mask_with_region_at_network_size(make_segmenter):
    mask = np.zeros((40, 80), np.uint8)
    mask[:, :40] = 255
    segmenter = make_segmenter(ignore_mask=mask, roi=Roi(20, 0, 40, 40), output_size='network')
    found = segmenter.segment(np.full((40, 80, 3), RED, np.uint8))
    assert (found.label[:, :32] == 255).all()
    assert (found.label[:, 32:] == 0).all()


@pytest.mark.parametrize(('frame', 'message'), [
    (np.zeros((4, 4), np.uint8), r'\(4, 4\)'),
    (np.zeros((4, 4, 4), np.uint8), r'\(4, 4, 4\)'),
    (np.zeros((4, 4, 3), np.float32), 'float32'),
    (np.zeros((0, 4, 3), np.uint8), r'\(0, 4, 3\)'),
])
def test_bad_frames_are_named(make_segmenter, frame, message):
    with pytest.raises(EncodingError, match=message):
        make_segmenter().segment(frame)


def test_a_region_outside_the_frame_is_named(make_segmenter):
    with pytest.raises(ParameterError, match=r'20.*10x10'):
        make_segmenter(roi=Roi(20, 0, 4, 4)).segment(np.zeros((10, 10, 3), np.uint8))


def test_bad_options_are_named(make_segmenter):
    with pytest.raises(ParameterError, match="'camera'"):
        make_segmenter(output_size='camera')
    with pytest.raises(ParameterError, match='ignore mask'):
        make_segmenter(ignore_mask=np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize('bad', [
    {(31, 63): np.nan}, {(0, 0): np.nan}, {(31, 63): np.inf}, {(9, 5): -np.inf},
    {(0, 7): np.inf, (30, 1): -np.inf}, {(0, 0): 3e38, (31, 62): np.nan}])
def test_scores_that_are_no_numbers_are_never_published(manifest, bad):
    score = np.zeros((32, 64), np.float32)
    for place, value in bad.items():
        score[place] = value
    segmenter = Segmenter(manifest, FixedBackend(np.zeros((32, 64), np.uint8), score))
    with pytest.raises(EngineError, match='NaN or infinite'):
        segmenter.segment(halves(32, 64))
    with pytest.raises(EngineError, match='NaN or infinite'):
        segmenter.warm_up(1)


@pytest.mark.parametrize('value', [3e38, -3e38])
def test_scores_whose_sum_leaves_float32_are_still_numbers(manifest, value):
    score = np.full((32, 64), value, np.float32)
    segmenter = Segmenter(manifest, FixedBackend(np.zeros((32, 64), np.uint8), score))
    assert (segmenter.segment(halves(32, 64)).anomaly_score == np.float32(value)).all()


@pytest.mark.parametrize(('label', 'score', 'message'), [
    (np.full((32, 64), 3, np.uint8), np.zeros((32, 64), np.float32), 'class id 3'),
    (np.zeros((32, 64), np.int64), np.zeros((32, 64), np.float32), 'int64'),
    (np.zeros((64, 32), np.uint8), np.zeros((32, 64), np.float32), r'\(64, 32\)'),
    (np.zeros((32, 64), np.uint8), np.zeros((32, 64), np.float64), 'float64'),
])
def test_answers_that_break_the_contract_are_refused(manifest, label, score, message):
    with pytest.raises(EngineError, match=message):
        Segmenter(manifest, FixedBackend(label, score)).segment(halves(32, 64))


@pytest.mark.parametrize('options', [
    {}, {'output_size': 'network'}, {'roi': Roi(4, 4, 40, 20)},
    {'ignore_mask': np.array([[0, 1]], np.uint8)}])
def test_maps_that_come_late_are_those_that_come_at_once(make_segmenter, options):
    frame = np.random.default_rng(5).integers(0, 256, (48, 96, 3), np.uint8)
    at_once = make_segmenter(**options).segment(frame)
    late = make_segmenter(late=True, **options)
    found = late.segment(frame)
    late.segment(np.zeros_like(frame))   # the next frame does not change what was not yet made
    np.testing.assert_array_equal(found.anomaly_score, at_once.anomaly_score)
    np.testing.assert_array_equal(found.label, at_once.label)
    assert found.label is found.label


def test_a_late_map_that_nobody_asks_for_is_not_made(make_segmenter, monkeypatch):
    made = []
    bring_back = Segmenter._bring_back
    monkeypatch.setattr(Segmenter, '_bring_back', lambda self, answer, *given: (
        made.append(answer.dtype), bring_back(self, answer, *given))[1])
    found = make_segmenter(late=True).segment(halves(64, 128))
    assert made == []
    assert found.label.shape == (64, 128)
    assert made == [np.uint8]


def test_close_closes_the_backend(manifest):
    backend = FixedBackend(np.zeros((32, 64), np.uint8), np.zeros((32, 64), np.float32))
    Segmenter(manifest, backend).close()
    assert backend.closed == 1


@pytest.mark.parametrize('late', [False, True])
@pytest.mark.parametrize('options', [
    {}, {'output_size': 'network'}, {'roi': Roi(4, 4, 40, 20)},
    {'ignore_mask': np.array([[0, 1]], np.uint8)}])
@pytest.mark.parametrize('bad', ['nan', 'inf', 'class'])
def test_pixels_that_cannot_be_right_are_marked_as_unknown_and_the_others_stay(
        manifest, options, bad, late):
    label, score = np.zeros((32, 64), np.uint8), np.zeros((32, 64), np.float32)
    good = Segmenter(manifest, FixedBackend(label.copy(), score.copy()), **options).segment(
        halves(32, 64))
    if bad == 'class':
        label[10, 5] = 77
    else:
        score[10, 5] = float(bad)
    found = Segmenter(manifest, FixedBackend(label, score), late=late, mark_bad_answers=True,
                      **options).segment(halves(32, 64))
    assert found.fault
    marked = found.unusable
    assert 0 < marked.sum() < marked.size
    assert not marked[np.isnan(good.anomaly_score)].any(), 'what is ignored is not judged'
    for threshold in (-1.0, 1.0):
        expected = np.where(marked, 255, good.open_set_mask(threshold))
        np.testing.assert_array_equal(found.open_set_mask(threshold), expected)
        expected = np.where(marked, 3, good.open_set_label(threshold, 3))
        np.testing.assert_array_equal(found.open_set_label(threshold, 3), expected)
    np.testing.assert_array_equal(found.label, np.where(marked, 255, good.label))
    np.testing.assert_array_equal(
        found.anomaly_score, np.where(marked, np.nan, good.anomaly_score))


@pytest.mark.parametrize(('label', 'score'), [
    (np.zeros((32, 64), np.uint8), np.zeros((1, 64), np.float32)),
    (np.zeros((32, 64), np.int64), np.zeros((32, 64), np.float32)),
    (np.zeros((0,), np.uint8), np.zeros((32, 64), np.float32))])
def test_an_answer_of_a_wrong_shape_is_marked_as_a_whole(manifest, label, score):
    found = Segmenter(
        manifest, FixedBackend(label, score), mark_bad_answers=True).segment(halves(32, 64))
    assert found.unusable.all()
    assert (found.label == 255).all()
    assert (found.open_set_mask(1e30) == 255).all()


def test_what_is_marked_is_no_object_and_next_to_objects_changes_no_number(manifest):
    score = np.zeros((32, 64), np.float32)
    score[4:12, 4:12] = 9.0
    score[4:12, 12:20] = np.nan
    found = Segmenter(manifest, FixedBackend(np.zeros((32, 64), np.uint8), score),
                      output_size='network', mark_bad_answers=True).segment(halves(32, 64))
    thing, = find_objects(found, found.open_set_mask(5.0), threshold=5.0, confidence_range=4.0,
                          gate=ObjectGate())
    assert (thing.width, thing.area, thing.mean_score, thing.confidence) == (8, 64, 9.0, 1.0)
