# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every tail: what it computes, how far its numbers reach, and the graph that it becomes."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

from hybrid_training.export.tail import (
    TAILS,
    CoarseLabel,
    PhaseLabel,
    PhaseUpsample,
    Tail,
    direct_score,
    shifted_score,
    whole_score,
)
from hybrid_training.export.tail_names import DEFAULT_TAIL, TAIL_NAMES
from hybrid_training.scores import hybrid_score

pytestmark = pytest.mark.timeout(300)  # the exporter takes some quiet seconds for each tail
K = 5


def smooth_maps(height=12, width=20, scale=6.0):
    """Maps whose winners form regions, as on a street; the dataset logit last."""
    coarse = torch.randn(1, K + 1, 3, 5, generator=torch.Generator().manual_seed(3)) * scale
    return functional.interpolate(coarse, size=(height, width), mode='bicubic')


def exact(maps):
    logits = functional.interpolate(maps[:, :K], scale_factor=4, mode='bilinear')
    score = hybrid_score(maps[:, :K], maps[:, K])[:, None]
    return logits.argmax(1), functional.interpolate(score, scale_factor=4, mode='bilinear')[:, 0]


def test_names_are_those_of_the_command_line():
    assert tuple(TAILS) == TAIL_NAMES
    assert DEFAULT_TAIL in TAILS
    with pytest.raises(ValueError, match="'fast'; there are phase"):
        Tail(K, 'fast')


@pytest.mark.parametrize('stride', [2, 4])
def test_phase_convolution_is_bilinear_upsampling(stride):
    maps = torch.randn(1, 5, 7, 9, generator=torch.Generator().manual_seed(0))
    wanted = functional.interpolate(
        maps, scale_factor=stride, mode='bilinear', align_corners=False)
    woven = functional.pixel_shuffle(PhaseUpsample(5, stride)(maps), stride).squeeze(2)
    torch.testing.assert_close(woven, wanted, atol=1e-6, rtol=1e-5)
    assert torch.equal(PhaseLabel(5, stride)(maps).long(), wanted.argmax(1))


@pytest.mark.parametrize('kind', TAIL_NAMES)
def test_tails_compute_labels_and_scores(kind):
    maps = smooth_maps()
    label, score = Tail(K, kind)(maps)
    wanted_label, wanted_score = exact(maps)
    assert label.dtype == torch.uint8
    torch.testing.assert_close(score, wanted_score, atol=2e-5, rtol=1e-5)
    agreement = float((label == wanted_label).float().mean())
    if kind in ('half', 'nearest'):
        assert 0.8 < agreement < 1.0
    else:
        assert agreement == 1.0


def test_coarse_labels_are_exact_where_they_are_computed():
    maps = smooth_maps()
    nearest = CoarseLabel(K, 1)(maps[:, :K])
    assert torch.equal(nearest[:, ::4, ::4].long(), maps[:, :K].argmax(1))
    assert torch.equal(nearest[:, 3::4, 3::4], nearest[:, ::4, ::4])
    half = CoarseLabel(K, 2)(maps[:, :K])
    wanted = functional.interpolate(maps[:, :K], scale_factor=2, mode='bilinear').argmax(1)
    assert torch.equal(half[:, ::2, ::2].long(), wanted)
    assert torch.equal(half[:, 1::2, 1::2], half[:, ::2, ::2])


def wanted_score(logits, dataset_logit):
    """Return s_H in float64, each part by a stable function of its own."""
    likelihood = torch.logsumexp(logits.double(), 1, keepdim=True)
    return (functional.logsigmoid(dataset_logit.double()) - likelihood).float()


@pytest.mark.parametrize('level', [-80.0, -30.0, 0.0, 30.0, 80.0])
@pytest.mark.parametrize('dataset_level', [-1e4, -90.0, -3.0, 0.0, 3.0, 90.0, 1e4])
@pytest.mark.parametrize('score', [direct_score, shifted_score, whole_score])
def test_scores_are_right_within_80_whatever_the_dataset_logit(score, level, dataset_level):
    dataset_logit = torch.full((1, 1, 1, 2), dataset_level)
    logits = torch.full((1, 255, 1, 2), -80.0)
    logits[:, 7, :, 0] = level
    logits[..., 1] = level  # all classes alike: the largest sum
    torch.testing.assert_close(
        score(logits, dataset_logit), wanted_score(logits, dataset_logit), atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize('level', [-1e4, -200.0, 200.0, 1e4])
@pytest.mark.parametrize('dataset_level', [-50.0, 0.0])
def test_beyond_85_the_default_goes_flat_and_the_shifted_one_stays_exact(level, dataset_level):
    logits = torch.tensor([level, level - 3.0]).view(1, 2, 1, 1)
    dataset_logit = torch.full((1, 1, 1, 1), dataset_level)
    right = wanted_score(logits, dataset_logit).item()
    found = TAILS['phase-shifted'].score(logits, dataset_logit).item()
    assert found == pytest.approx(right, rel=1e-6)
    flat = direct_score(logits, dataset_logit).item()
    likelihood = functional.logsigmoid(torch.tensor(dataset_level)).item() - flat
    assert likelihood == pytest.approx(87.5 if level > 0 else -85.2, abs=0.1)


@pytest.mark.parametrize('kind', TAIL_NAMES)
def test_graphs_say_the_same_and_keep_the_parsers_rules(kind, tmp_path):
    maps = smooth_maps(8, 12)
    path = tmp_path / 'tail.onnx'
    torch.onnx.export(
        Tail(K, kind).eval(), (maps,), dynamo=True, opset_version=18, external_data=False,
        input_names=['maps'], output_names=['label', 'anomaly_score'], verbose=False,
    ).save(str(path), external_data=False)
    nodes = onnx.load(path).graph.node
    [last] = [n for n in nodes if 'label' in n.output]
    assert last.op_type == 'Cast'
    uint8 = [n for n in nodes if n.op_type == 'Cast' and
             n.attribute[0].i == onnx.TensorProto.UINT8]
    assert uint8 == [last]
    assert not [n for n in nodes if n.op_type == 'Shape']
    session = onnxruntime.InferenceSession(path)
    extreme = maps.clone()
    extreme[:, 1] = 79.0
    extreme[:, K] = -300.0  # sure inliers: log(sigmoid) would be -inf
    beyond = maps.clone()
    beyond[:, 1] = 500.0
    for given in (maps, extreme, beyond, -beyond):
        label, score = session.run(['label', 'anomaly_score'], {'maps': given.numpy()})
        wanted_label, wanted_score = Tail(K, kind)(given)
        torch.testing.assert_close(torch.from_numpy(score), wanted_score, atol=1e-4, rtol=1e-5)
        assert float((torch.from_numpy(label) == wanted_label).float().mean()) > 0.999
