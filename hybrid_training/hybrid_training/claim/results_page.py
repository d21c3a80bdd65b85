# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The claim's figures as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybrid_training.claim.measuring import SEEN
from hybrid_training.evaluation.conventions import conventions_text

_TITLES = {
    'base': 'before: closed set, the start of both arms',
    'closed': 'closed set alone, equal budget', 'hybrid': 'hybrid recipe, equal budget'}

_CHOSEN = (
    'Measured is the end of the budget, not the best checkpoint on the way: the arms would have '
    'had different budgets. `last_balanced.pt` is the last one with the scale of its dataset '
    'logit chosen on the pasted negatives that training held out (`hybrid-training balance`): '
    'expect the figures on those to be a little kind. No anomaly set was looked at for it.', '')


def results_page(found: Mapping[str, Any]) -> str:
    """Write the page from the values that also go into `results.json`."""
    lines = ['# Is the claim true?', '',
             'DenseHybrid (ECCV 2022) claims that the hybrid score beats both of its parts at '
             'negligible cost. One network was trained on the closed set, then twice further '
             'from there with the same data, seeds and budget: without negatives, and with the '
             'hybrid recipe. Written by `hybrid-training claim`; every number is in '
             '[results.json](results/results.json).', '', *_verdict(found), *_budget(found)]
    lines += ['## What was asked, and what was reached', '',
              '| asked | reached | met |', '|---|---|---|',
              *(f'| {b["asked"]} | {b["reached"]} | {"yes" if b["met"] else "**no**"} |'
                for b in found['bars']), '',
              'Means are over ' + _list(found['counted_sets']) + '. In brackets: 95 % intervals '
              'of the difference, bootstrap over images (for latency: over engines). An interval '
              'that holds 0 means that other images could turn the order.', '']
    lines += ['## Closed set', '', '| network | closed mIoU |', '|---|---|',
              *(f'| {_TITLES[name]} | {100 * arm["miou"]:.2f} |'
                for name, arm in found['arms'].items()), '']
    lines += ['## Every score on every set', '', '![AP and FPR95 by score](results/scores.svg)',
              '']
    for name in found['arms']['hybrid']['sets']:
        lines += [f'### {name}', '', *_set_table(found, name), '']
    lines += ['![Precision over recall, hybrid recipe](results/precision_recall.svg)', '',
              *_notes(found), conventions_text(), '', *_overhead(found['overhead'])]
    return '\n'.join(lines)


def _verdict(found: Mapping[str, Any]) -> list[str]:
    missed = [b['asked'] for b in found['bars'] if not b['met']]
    if not missed:
        return [f'**All {len(found["bars"])} bars are met.**', '']
    return [f'**{len(found["bars"]) - len(missed)} of {len(found["bars"])} bars are met; not '
            f'met: {"; ".join(missed)}.**', '']


def _budget(found: Mapping[str, Any]) -> list[str]:
    lines = ['| network | run | steps | batch | seed | measured |', '|---|---|---|---|---|---|']
    notes = []
    for name, arm in found['arms'].items():
        b = arm['budget']
        for stage in b['stages']:
            wanted = stage['steps_wanted']
            short = '' if stage['steps'] >= wanted else f' of {wanted}'
            measured = (f'`{b["measured"]}`, of step {b["measured_step"]}'
                        if stage is b['stages'][-1] else '')
            lines.append(f'| {_TITLES[name]} | {stage["run"]} | {stage["steps"]}{short} | '
                         f'{stage["batch_size"]} | {stage["seed"]} | {measured} |')
            if stage['differs_from_file_in']:
                notes.append(f'{stage["run"]} was trained by other values of '
                             f'{_list(stage["differs_from_file_in"])} than its file has now.')
    if found['limit']:
        notes.append(f'Only {found["limit"]} pictures of each set were measured (`--limit`): a '
                     f'trial of the command, not a result.')
    return [*lines, '', *(f'**{note}**\n' for note in notes), *_CHOSEN, '']


def _set_table(found: Mapping[str, Any], name: str) -> list[str]:
    lines = ['| score | closed: AP | FPR95 | AUROC | hybrid recipe: AP | FPR95 | AUROC |',
             '|---|---|---|---|---|---|---|']
    for score in found['arms']['hybrid']['sets'][name]:
        cells = [score]
        for arm in ('closed', 'hybrid'):
            figures = found['arms'][arm]['sets'][name][score]
            cells += [_with_interval(figures, 'ap'), _with_interval(figures, 'fpr95'),
                      f'{100 * figures["auroc"]:.2f}']
        lines.append(f'| {" | ".join(cells)} |')
    return lines


def _notes(found: Mapping[str, Any]) -> list[str]:
    notes = ["The closed arm's dataset head never saw an outlier, so its discriminative and "
             'hybrid scores say nothing of their own; its honest scores are the others. Energy '
             'equals generative at temperature 1. Standardised max logits take their statistics '
             'from pictures of training.']
    if SEEN in found['arms']['hybrid']['sets']:
        notes.append(f'`{SEEN}`: the hybrid arm pasted these negatives in training, so the set '
                     f'flatters it and is left out of every mean and bar.')
    return [*(f'{note}\n' for note in notes)]


def _overhead(found: Mapping[str, Any]) -> list[str]:
    height, width = found['size']
    rows = [f'| {threads} | {f["plain_ms"]:.1f} ms | {f["hybrid_ms"]:.1f} ms | '
            f'{100 * f["overhead"]:+.2f} % |' for threads, f in found['threads'].items()]
    return ['## Latency', '',
            f'The exported graph at {width}x{height}, {found["rounds"]} rounds in turns, medians; '
            f'both engines opened anew {found["engines"]} times; '
            f'ONNX Runtime {found["onnxruntime"]} on {found["cores"]} {found["machine"]} cores. '
            f'Label alone is the same graph cut down to its argmax.', '',
            '| threads | label alone | label and score | overhead |', '|---|---|---|---|', *rows,
            '']


def _with_interval(figures: Mapping[str, Any], key: str) -> str:
    text = f'{100 * figures[key]:.2f}'
    if not figures['interval95']:
        return text
    low, high = figures['interval95'][key]
    return f'{text} [{100 * low:.1f}, {100 * high:.1f}]'


def _list(names: list[str]) -> str:
    return ', '.join(f'`{name}`' for name in names)
