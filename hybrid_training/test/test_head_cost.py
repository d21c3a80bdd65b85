# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's claim of negligible cost, counted."""

from __future__ import annotations

import pytest

from hybrid_training.cli.main import main
from hybrid_training.config import ModelConfig
from hybrid_training.models.head_cost import head_cost

SIZE = (1024, 2048)


def test_head_on_densenet_costs_at_most_a_fiftieth_of_a_percent():
    cost = head_cost(ModelConfig(encoder='densenet121'), 19, SIZE)
    assert cost.relative <= 2e-4
    assert cost.head_parameters == 129
    # by hand: 128 multiply-adds at each of 256 x 512 places
    assert cost.hybrid_flops - cost.flops == 2 * 128 * 256 * 512


def test_counts_do_not_depend_on_the_device(network):
    cost = head_cost(ModelConfig(), 19, (64, 128))
    assert cost.parameters + cost.head_parameters == sum(
        p.numel() for p in network.parameters())


def test_command_prints_it(capsys):
    assert main(['model', '--encoder', 'resnet18', '--decoder', 'deeplabv3plus',
                 '--classes', '5', '--size', '256x128']) == 0
    out = capsys.readouterr().out
    assert 'resnet18 with a DeepLabV3+ decoder, 5 classes, 256x128' in out
    assert 'GFLOPs' in out
    assert '129' in out


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--size', '100x100'], 'multiples of 32'),
    (['--encoder', 'resnet19'], "timm has no 'resnet19'; near are"),
])
def test_what_cannot_be_counted_is_one_line(arguments, words, capsys):
    assert main(['model', *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count('\n') == 1
