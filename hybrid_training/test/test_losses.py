# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The compound loss against the worked example (three classes, four pixels, beta 0.03)."""

from __future__ import annotations

import math

import pytest
import torch

from hybrid_training.losses import HybridLoss

LOGITS = torch.tensor([[2.0, 0, 1, 0.5], [0, 1, 1, -0.5], [-1, 3, 1, 1.5]]).view(1, 3, 1, 4)
DATASET = (torch.tensor([-1.0, 0, 0.5, 2]) - torch.tensor([2.0, 1, 0, -1])).view(1, 1, 4)
LABELS = torch.tensor([[[0, 2, 3, 4]]])  # two inliers, ignore = K = 3, negative = K + 1 = 4


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(('ignore_is_inlier', 'dataset', 'total'), [
    (True, 0.34612834, 0.33091270),
    (False, 0.13681213, 0.26811784),
])
def test_code_weighting(ignore_is_inlier, dataset, total):
    terms = HybridLoss('code', 0.03, ignore_is_inlier)(LOGITS, DATASET, LABELS)
    assert terms.classification.item() == close(0.16984602)
    assert terms.negative_likelihood.item() == close(1.90760596)
    assert terms.dataset.item() == close(dataset)
    assert terms.total.item() == close(total)


def test_paper_weighting_separates_the_expectations():
    terms = HybridLoss('paper', 0.03)(LOGITS, DATASET, LABELS)
    # softplus(-3) and softplus(-1) on the inliers, softplus(-3) on the negative
    dataset = (0.04858735 + 0.31326169) / 2 + 0.03 * 0.04858735
    assert terms.dataset.item() == close(dataset)
    assert terms.total.item() == close(0.16984602 + dataset + 0.03 * 1.90760596)


def test_gradient_at_the_negative_is_beta_times_softmax():
    logits = LOGITS.clone().requires_grad_()
    HybridLoss('code', 0.03)(logits, DATASET, LABELS).total.backward()
    wanted = torch.tensor([0.00734185, 0.00270092, 0.01995723])
    torch.testing.assert_close(logits.grad[0, :, 0, 3], wanted, atol=1e-7, rtol=1e-5)
    assert logits.grad[0, :, 0, 2].abs().max() == 0  # an ignored pixel teaches no class


@pytest.mark.parametrize('weighting', ['paper', 'code'])
def test_batch_without_negatives_is_finite(weighting):
    logits = LOGITS.clone().requires_grad_()
    labels = torch.tensor([[[0, 2, 3, 3]]])
    terms = HybridLoss(weighting)(logits, DATASET, labels)
    assert terms.negative_likelihood.item() == 0
    terms.total.backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize('weighting', ['paper', 'code'])
def test_batch_of_ignored_pixels_only_is_zero(weighting):
    terms = HybridLoss(weighting)(LOGITS, DATASET, torch.full((1, 1, 4), 3))
    assert terms.total.item() == 0


def test_energy_floor_stops_the_push_below_it():
    logits = LOGITS.clone().requires_grad_()
    terms = HybridLoss('code', 0.03, energy_floor=2.5)(logits, DATASET, LABELS)
    assert terms.negative_likelihood.item() == close(2.5)
    terms.total.backward()
    assert logits.grad[0, :, 0, 3].abs().max() == 0


def test_prior_shift_is_an_offset_of_the_dataset_logit():
    shifted = HybridLoss(prior_shift=1.5)(LOGITS, DATASET - 1.5, LABELS)
    assert shifted.total.item() == close(HybridLoss()(LOGITS, DATASET, LABELS).total.item())


def test_huge_logits_stay_finite():
    terms = HybridLoss()(LOGITS * 1e4, DATASET * 1e4, LABELS)
    assert all(torch.isfinite(t) for t in terms)


@pytest.mark.parametrize(('logits', 'dataset', 'labels', 'words'), [
    (LOGITS, DATASET[..., :3], LABELS, 'shapes do not fit'),
    (LOGITS, DATASET, LABELS + 1, 'label 5 is above 4'),
])
def test_bad_input_is_named(logits, dataset, labels, words):
    with pytest.raises(ValueError, match=words):
        HybridLoss()(logits, dataset, labels)


def test_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="'papre' is not known"):
        HybridLoss('papre')


def test_margin_takes_the_place_of_the_likelihood_term():
    terms = HybridLoss('code', 0.03, energy_margin=(1.0, 3.0))(LOGITS, DATASET, LABELS)
    # ln p: 2.16984602 and 3.16984602 on the inliers, 1.90760596 on the negative
    wanted = 0.90760596 ** 2 + (0.83015398 ** 2 + 0) / 2
    assert terms.negative_likelihood.item() == close(wanted)
    assert terms.total.item() == close(0.16984602 + 0.03 * wanted + 0.3 * 0.13681213)


def test_margin_that_is_kept_teaches_nothing():
    logits = LOGITS.clone().requires_grad_()
    HybridLoss(energy_margin=(2.0, 2.0))(
        logits, DATASET, LABELS).negative_likelihood.backward()
    assert logits.grad.abs().max() == 0


def test_floor_and_margin_exclude_each_other():
    with pytest.raises(ValueError, match='energy_floor and energy_margin both bound'):
        HybridLoss(energy_floor=0.0, energy_margin=(0.0, 1.0))


def test_energy_of_negatives_is_reported_as_it_is():
    terms = HybridLoss(energy_floor=5.0)(LOGITS, DATASET, LABELS)
    assert terms.negative_likelihood.item() == 5
    assert terms.negative_energy.item() == close(1.90760596)
    none = HybridLoss()(LOGITS, DATASET, torch.tensor([[[0, 2, 3, 3]]]))
    assert none.negative_energy.isnan()


def test_class_weights_make_the_cross_entropy_a_weighted_mean():
    # Two pixels of two classes: terms ln 2 (logits 0, 0) and ln(1 + e^-1) (logits 0, 1).
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, 1.0]]]])
    labels = torch.tensor([[[0, 1]]])
    silent = torch.zeros(1, 1, 2)
    terms = [math.log(2), math.log(1 + math.exp(-1))]
    plain = HybridLoss(beta=0.0)(logits, silent, labels)
    assert float(plain.total) == pytest.approx(sum(terms) / 2)
    weighted = HybridLoss(beta=0.0, class_weights=(3.0, 1.0))(logits, silent, labels)
    assert float(weighted.total) == pytest.approx((3 * terms[0] + terms[1]) / 4)
    equal = HybridLoss(beta=0.0, class_weights=(2.0, 2.0))(logits, silent, labels)
    assert float(equal.total) == pytest.approx(float(plain.total))
    nothing = HybridLoss(beta=0.0, class_weights=(2.0, 2.0))(
        logits, silent, torch.full_like(labels, 2))
    assert float(nothing.total) == 0.0


def test_class_weights_of_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match='each of the 2 classes, got 3'):
        HybridLoss(class_weights=(1.0, 1.0, 1.0))(
            torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long))


def test_a_coarse_label_is_any_one_of_its_classes():
    logits = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]).view(1, 3, 1, 2)
    labels = torch.tensor([[[5, 2]]])  # K + 2: one of classes 0 and 1; then class 2
    loss = HybridLoss(beta=0.0, unions=((0, 1),))
    either = math.log(math.e + math.e ** 2 + 1) - math.log(math.e + math.e ** 2)
    third = math.log(2 + math.e ** 3) - 3
    terms = loss(logits, torch.zeros(1, 1, 2), labels)
    assert terms.classification.item() == close((either + third) / 2)
    weighted = HybridLoss(beta=0.0, unions=((0, 1),), class_weights=(1.0, 3.0, 0.5))(
        logits, torch.zeros(1, 1, 2), labels)
    assert weighted.classification.item() == close((2 * either + 0.5 * third) / 2.5)


def test_a_coarse_label_is_an_inlier_and_moves_its_classes_together():
    logits = torch.zeros(1, 3, 1, 1, requires_grad=True)
    terms = HybridLoss(unions=((0, 1),))(
        logits, torch.zeros(1, 1, 1), torch.tensor([[[5]]]))
    assert terms.dataset.item() == close(math.log(2))
    terms.classification.backward()
    gradient = logits.grad[0, :, 0, 0]
    torch.testing.assert_close(gradient, torch.tensor([-1 / 6, -1 / 6, 1 / 3]))


def test_a_label_beyond_the_coarse_ones_is_refused():
    with pytest.raises(ValueError, match='label 6 is above 5'):
        HybridLoss(unions=((0, 1),))(
            torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1), torch.tensor([[[6]]]))
