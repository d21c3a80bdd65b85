# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid score: worked example, stability, and one value in training and runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybrid_perception import open_set
from hybrid_training.max_logit_statistics import MaxLogitStatistics
from hybrid_training.scores import (
    SCORES,
    discriminative_score,
    energy_score,
    entropy_score,
    generative_score,
    hybrid_score,
    max_logit_score,
    max_softmax_score,
)

LOGITS = torch.tensor([[2.0, 0, 1, 0.5], [0, 1, 1, -0.5], [-1, 3, 1, 1.5]]).view(1, 3, 1, 4)
DATASET = (torch.tensor([-1.0, 0, 0.5, 2]) - torch.tensor([2.0, 1, 0, -1])).view(1, 1, 4)


def test_worked_example():
    wanted = torch.tensor([-5.21843337, -4.48310771, -2.57268927, -1.95619332]).view(1, 1, 4)
    torch.testing.assert_close(hybrid_score(LOGITS, DATASET), wanted, atol=1e-6, rtol=0)


def test_parts_add_up():
    both = discriminative_score(DATASET) + generative_score(LOGITS)
    torch.testing.assert_close(both, hybrid_score(LOGITS, DATASET))


def test_sure_inliers_stay_finite():
    # log(softmax) is -inf from a gap of 104 on
    score = discriminative_score(torch.tensor([-104.0, -500.0]))
    torch.testing.assert_close(score, torch.tensor([-104.0, -500.0]))


def test_logit_offset_moves_the_score():
    shifted = hybrid_score(LOGITS + 3, DATASET)
    torch.testing.assert_close(shifted, hybrid_score(LOGITS, DATASET) - 3)


def test_runtime_computes_the_same():
    generator = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(1, 19, 8, 9, generator=generator)
    dataset = 40 * torch.randn(1, 8, 9, generator=generator)
    runtime = open_set.hybrid_score(logits[0].numpy(), dataset[0].numpy())
    np.testing.assert_allclose(hybrid_score(logits, dataset)[0].numpy(), runtime, atol=1e-5)


def test_scores_of_the_first_pixel_by_hand():
    # logits (2, 0, -1): the sum of exponentials is 8.75693514
    p = np.exp([2, 0, -1]) / 8.75693554
    expected = {
        'max_softmax': 1 - p[0], 'max_logit': -2, 'entropy': -(p * np.log(p)).sum(),
        'energy': -2.16984602, 'generative': -2.16984602, 'hybrid': -5.21843337,
        'discriminative': -3.04858735}
    assert set(expected) == set(SCORES)
    for name, value in expected.items():
        found = SCORES[name](LOGITS, DATASET)
        assert found.shape == (1, 1, 4)
        assert found[0, 0, 0].item() == pytest.approx(value, abs=1e-6), name


def test_energy_at_a_temperature():
    expected = -2 * np.log(np.exp([1, 0, -0.5]).sum())
    assert energy_score(LOGITS, 2.0)[0, 0, 0].item() == pytest.approx(expected, abs=1e-6)


def test_sure_pixels_are_still_ranked():
    logits = torch.tensor([[20.0, 25, 30], [0, 0, 0]]).view(1, 2, 1, 3)
    scores = max_softmax_score(logits)[0, 0]
    torch.testing.assert_close(scores, torch.exp(-torch.tensor([20.0, 25, 30])), rtol=1e-4, atol=0)
    assert entropy_score(torch.tensor([800.0, -800, -800]).view(1, 3, 1, 1)).item() == 0


def test_uniform_posterior_is_the_most_uncertain():
    logits = torch.full((1, 4, 2, 2), 3.0)
    torch.testing.assert_close(entropy_score(logits), torch.full((1, 2, 2), float(np.log(4))))
    torch.testing.assert_close(max_softmax_score(logits), torch.full((1, 2, 2), 0.75))
    torch.testing.assert_close(max_logit_score(logits), torch.full((1, 2, 2), -3.0))


def test_standardized_max_logits_by_hand():
    # class 0 is named with 4 and 8 (mean 6, deviation 2), class 1 with 1 only
    statistics = MaxLogitStatistics(3)
    statistics.update(torch.tensor([[4.0, 0, 99], [0, 1, 0], [-1, -1, -1]]).view(1, 3, 1, 3),
                      torch.tensor([[[True, True, False]]]))
    statistics.update(torch.tensor([8.0, 0, 0]).view(1, 3, 1, 1))
    mean, deviation = statistics.figures()
    everything = np.array([4.0, 1, 8])
    np.testing.assert_allclose(mean, [6, everything.mean(), everything.mean()])
    np.testing.assert_allclose(deviation, [2, everything.std(), everything.std()])
    score = statistics.score(torch.tensor([3.0, 0, 0]).view(1, 3, 1, 1))
    assert score.item() == pytest.approx(1.5)


def test_statistics_in_parts_are_those_of_the_whole():
    # far from zero, where sums of squares cancel
    logits = 1e4 + torch.randn(4, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    whole, parts = MaxLogitStatistics(5), MaxLogitStatistics(5)
    whole.update(logits)
    for image in logits:
        parts.update(image[None])
    largest, label = logits.double().max(1)
    for statistics in (whole, parts):
        mean, deviation = statistics.figures()
        for k in range(5):
            mine = largest[label == k]
            assert mean[k].item() == pytest.approx(mine.mean().item(), rel=1e-12)
            assert deviation[k].item() == pytest.approx(
                mine.std(correction=0).item(), rel=1e-6)


def test_statistics_refuse_bad_input():
    with pytest.raises(ValueError, match='show at least two pixels of known content'):
        MaxLogitStatistics(3).score(LOGITS)
    with pytest.raises(ValueError, match=r'want \(N, 19, h, w\)'):
        MaxLogitStatistics(19).update(LOGITS)


def test_predictor_gives_the_scores_that_were_asked_for(network):
    from hybrid_training.evaluation.predictors import NetworkPredictor

    rgb = np.random.default_rng(0).integers(0, 255, (64, 128, 3)).astype(np.uint8)
    assert list(NetworkPredictor(network, (64, 128))(rgb).scores) == [
        'hybrid', 'discriminative', 'generative', 'max_softmax']
    statistics = MaxLogitStatistics(19)
    statistics.update(NetworkPredictor(network, (64, 128)).logits(rgb).logits)
    predictor = NetworkPredictor(network, (64, 128), scores=tuple(SCORES), statistics=statistics)
    maps = predictor(rgb).scores
    assert set(maps) == {*SCORES, 'standardized_max_logit'}
    for score in maps.values():
        assert score.shape == (64, 128)
        assert np.isfinite(score).all()
    with pytest.raises(ValueError, match='no score is called magic'):
        NetworkPredictor(network, (64, 128), scores=('magic',))
    with pytest.raises(ValueError, match='size 100x64: width and height must be multiples of 32'):
        NetworkPredictor(network, (64, 100))
