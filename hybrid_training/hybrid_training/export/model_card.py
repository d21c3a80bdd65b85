# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The model card beside an exported model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
from pathlib import Path
from typing import Any

UNRECORDED = 'not recorded'
"""Stands for what older manifests, and those of others, do not say of a model."""

_TEMPLATE = """# {name}

DenseHybrid (Grcić, Bevandić, Šegvić, ECCV 2022) on {network}:
{width}x{height} RGB in, class labels and hybrid anomaly score out, {precision}, {size:.1f} MB.
Written by `hybrid-training`; figures in percent.

## What it reaches

Closed set, {closed_name} at {width}x{height}: **mIoU {miou:.1f}**.

| class | {class_names} |
|---|{class_rule}|
| IoU | {class_ious} |

Anomaly scores, pixels pooled, maps upsampled to the labels' size (AP higher is better, FPR95
lower):

| set | score | AP | AUROC | FPR95 |
|---|---|---|---|---|
{anomaly_rows}

The graph against {reference}, {parity_images} pictures: labels agree on
{label_agreement:.4%} of the pixels, scores differ by at most {score_difference:.1e}.

{precisions}## Operating points

A pixel is unknown where `anomaly_score >= threshold`. Choose by name with the node's parameter
`operating_point`; default: `{default}`.

| name | threshold | target | on | TPR | FPR |
|---|---|---|---|---|---|
{point_rows}

## Where it comes from

- Training: configuration `{config}`, {steps} steps{init}, commit `{training_commit}`, {date}.
- Data: {data}.
- Licence of the weights: {licence}
- Train your own: `{command}`
"""


def write_card(manifest: Path) -> None:
    """Write the card beside a manifest, whose ONNX file and variants are there."""
    document = json.loads(manifest.read_text(encoding='utf-8'))
    variants = [json.loads((manifest.parent / name).read_text(encoding='utf-8'))
                for name in document.get('variants', {}).values()]
    size = (manifest.parent / document['file']).stat().st_size / 1e6
    manifest.with_suffix('.md').write_text(
        model_card(document, variants, megabytes=size), encoding='utf-8')


def model_card(
        document: Mapping[str, Any], variants: Sequence[Mapping[str, Any]] = (), *,
        megabytes: float) -> str:
    """Render the Markdown card of a manifest whose figures `hybrid-training` took.

    Args:
        document: the manifest.
        variants: manifests of the variants that it names.
        megabytes: size of its ONNX file.
    """
    metrics, provenance = document['metrics'], document['provenance']
    closed, parity = metrics['closed_set'], metrics['parity']
    classes = closed['iou']
    anomaly_rows = [
        f'| {set_name} | {score} | {_percent(m["ap"])} | {_percent(m["auroc"])} '
        f'| {_percent(m["fpr95"])} |'
        for set_name, scores in metrics['anomaly'].items() for score, m in scores.items()]
    point_rows = [
        f'| {name} | {p["threshold"]:.4f} | {p["target"]} | {p["data"]} | {_percent(p["tpr"])} '
        f'| {_percent(p["fpr"])} |' for name, p in document['operating_points'].items()]
    return _TEMPLATE.format(
        name=document['name'], width=document['input']['width'],
        height=document['input']['height'], precision=document['precision'], size=megabytes,
        closed_name=closed['data'], miou=100 * closed['miou'],
        class_names=' | '.join(classes), class_rule='|'.join('---' for _ in classes),
        class_ious=' | '.join(_percent(v) for v in classes.values()),
        anomaly_rows='\n'.join(anomaly_rows), parity_images=parity['images'],
        reference=parity.get('reference', 'the network in PyTorch'),
        precisions=_made_of(document) + _variant_table(document, variants),
        label_agreement=parity['label_agreement'], score_difference=parity['score_difference'],
        default=document['default_operating_point'], point_rows='\n'.join(point_rows),
        init=f' from `{provenance["init"]}`' if provenance.get('init') else '',
        data='; '.join(provenance.get('data', [UNRECORDED])),
        **{field: provenance.get(field, UNRECORDED) for field in (
            'network', 'config', 'steps', 'training_commit', 'date', 'licence', 'command')})


def _made_of(document: Mapping[str, Any]) -> str:
    """Say how a variant came about and what it costs; empty for an fp32 model."""
    derived = document['provenance'].get('derived')
    if derived is None:
        return ''
    loss = document['metrics']['against_fp32']
    lines = [f'## How it was made\n\nFrom `{derived["from"]}`: {derived["how"]}.']
    if 'calibration' in derived:
        lines.append(
            f'Calibrated on {derived["calibration"]}. {derived["int8_layers"]} convolutions are '
            f'int8{_work(derived)}; these stay in float: {", ".join(derived["float_layers"])}.')
    state = 'met' if loss['met'] else '**missed**'
    lines.append(
        f'Bar: at most {100 * loss["bar"]["miou"]:g} points of mIoU and '
        f'{100 * loss["bar"]["ap"]:g} of AP below fp32: {state} ({_losses(loss)}).')
    return '\n'.join(lines) + '\n\n'


def _work(derived: Mapping[str, Any]) -> str:
    share = derived.get('int8_work')
    return '' if share is None else (
        f', {100 * share:.0f} % of the multiplications of those that may be')


def _variant_table(document: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> str:
    if not variants:
        return ''
    sets = list(document['metrics']['anomaly'])
    head = ['precision', 'mIoU', *(f'{name}: AP / FPR95' for name in sets), 'labels as fp32']
    rows = [' | '.join(head), '|'.join('---' for _ in head)]
    for each in (document, *variants):
        metrics = each['metrics']
        cells = [each['precision'], _percent(metrics['closed_set']['miou'])]
        for name in sets:
            hybrid = metrics['anomaly'].get(name, {}).get('hybrid', {})
            cells.append(f'{_percent(hybrid.get("ap"))} / {_percent(hybrid.get("fpr95"))}')
        agreement = metrics['parity']['label_agreement'] if each is not document else None
        rows.append(' | '.join([*cells, _percent(agreement)]))
    table = '\n'.join(f'| {row} |' if '---' not in row else f'|{row}|' for row in rows)
    return f'## Variants\n\nThe same network, rounded; choose with `precision`.\n\n{table}\n\n'


def _losses(loss: Mapping[str, Any]) -> str:
    parts = [f'mIoU {100 * loss["miou"]:+.2f}']
    parts += [f'AP {100 * changes["ap"]:+.2f} on {name}'
              for name, changes in loss['anomaly'].items()]
    return ', '.join(parts)


def _percent(value: float | None) -> str:
    return '–' if value is None else f'{100 * value:.2f}'
