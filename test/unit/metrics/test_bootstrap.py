# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Bootstrap over images: against drawing the pixels themselves, and against theory."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import auroc, average_precision, fpr_at_tpr
from hybrid_perception.metrics.bootstrap import ImageHistograms, bootstrap_difference


def images(count, seed=0, pixels=400):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        target = rng.choice([0, 0, 0, 0, 1, 255], pixels)
        yield rng.normal(size=pixels) + rng.normal(1.5, 1) * (target == 1), target


def histograms(pairs):
    found = ImageHistograms()
    for score, target in pairs:
        found.update(score, target)
    return found


def test_against_drawing_the_pixels_themselves():
    pairs = list(images(12))
    intervals = histograms(pairs).bootstrap(300, seed=5)
    draws = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), 300)
    figures = []
    for row in draws:
        score, target = (np.concatenate([pair[i] for pair, n in zip(pairs, row, strict=True)
                                         for _ in range(n)]) for i in (0, 1))
        figures.append([average_precision(score, target), auroc(score, target),
                        fpr_at_tpr(score, target)])
    expected = np.quantile(figures, [0.025, 0.975], axis=0).T
    np.testing.assert_allclose(intervals[:3], expected, atol=3e-3)
    assert intervals.resamples == 300


def test_like_images_have_a_narrow_interval_and_unlike_ones_a_wide_one():
    pair = next(images(1))
    narrow = histograms([pair] * 10).bootstrap(50).average_precision
    wide = histograms(images(10)).bootstrap(50).average_precision
    assert narrow.high - narrow.low < 1e-9
    assert wide.high - wide.low > 0.01


def test_the_seed_decides():
    found = histograms(images(6))
    assert found.bootstrap(50, seed=1) == found.bootstrap(50, seed=1)
    assert found.bootstrap(50, seed=1) != found.bootstrap(50, seed=2)


def test_resamples_without_anomalies_are_left_out():
    rng = np.random.default_rng(0)
    found = histograms([(rng.normal(size=50), np.zeros(50, int)),
                        (rng.normal(size=50), np.arange(50) % 2)])
    assert 60 < found.bootstrap(100).resamples < 90   # a quarter draws the first image twice


def test_an_image_is_small_and_counted_to_the_last_pixel():
    rng = np.random.default_rng(0)
    target = (rng.random(1 << 20) < 0.01).astype(np.uint8)
    score = -rng.gamma(30, 0.5, target.size) + 10 * target * rng.random(target.size)
    found = histograms([(score, target)])
    assert found.nbytes < 80e3
    counts = found._images[0]
    assert (counts.known.sum(), counts.anomaly.sum()) == ((target == 0).sum(), target.sum())
    # a crowd in one bin, and bins far apart, need larger types
    crowd = histograms([(np.append(np.zeros(70_000), [1e20, -1e20]), np.zeros(70_002, int))])
    assert crowd._images[0].known.max() == 70_000
    assert (np.diff(crowd._images[0].occupied) > 0).all()


def test_average_precision_of_each_image():
    pairs = [*images(3), (np.zeros(4), np.zeros(4, int)), (np.zeros(4), np.full(4, 255))]
    found = histograms(pairs).average_precisions()
    expected = [average_precision(*pair) for pair in pairs[:3]]
    np.testing.assert_allclose(found[:3], expected, atol=5e-3)
    assert np.isnan(found[3:]).all()


@pytest.mark.parametrize(('count', 'options', 'words'), [
    (1, {}, 'there are 1 images'), (0, {}, 'there are 0 images'),
    (3, {'resamples': 1}, 'resamples is 1'), (3, {'level': 1}, 'level is 1'),
    (3, {'tpr': 0}, 'tpr 0'),
])
def test_bad_input(count, options, words):
    with pytest.raises(ParameterError, match=words):
        histograms(images(count)).bootstrap(**options)


def test_no_anomaly_at_all():
    with pytest.raises(ParameterError, match='no resample has both'):
        histograms([(np.arange(4.0), np.zeros(4, int))] * 2).bootstrap(10)


def test_differences_are_drawn_on_the_same_images():
    pairs = list(images(8))
    alone = histograms(pairs)
    ahead = histograms([(score + 2.0 * (target == 1), target) for score, target in pairs])
    same = bootstrap_difference([alone, alone], [alone, alone], 50)
    assert same.average_precision == same.fpr_at_tpr == (0, 0)
    # apart, both intervals overlap; on the same images the difference has one sign
    paired = bootstrap_difference([ahead], [alone], 200)
    assert 0 < paired.average_precision.low < paired.average_precision.high
    assert paired.fpr_at_tpr.high < 0
    mean = bootstrap_difference([ahead, alone], [alone, alone], 200)
    assert 0 < mean.average_precision.high < paired.average_precision.high


def test_differences_need_the_same_sets():
    four, five = histograms(images(4)), histograms(images(5))
    for first, second in (([four], [five]), ([four], []), ([], [])):
        with pytest.raises(ParameterError, match='want the same sets twice'):
            bootstrap_difference(first, second, 10)
