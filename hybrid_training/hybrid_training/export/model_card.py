# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The model card beside an exported model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEMPLATE = """# {name}

DenseHybrid (Grcić, Bevandić, Šegvić, ECCV 2022) on {network}:
{width}x{height} RGB in, class labels and hybrid anomaly score out, {precision}, {size:.1f} MB.
Written by `hybrid-training export`; figures in percent.

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

The exported graph against the network in PyTorch, {parity_images} pictures: labels agree on
{label_agreement:.4%} of the pixels, scores differ by at most {score_difference:.1e}.

## Operating points

A pixel is unknown where `anomaly_score >= threshold`. Choose by name with the node's parameter
`operating_point`; default: `{default}`.

| name | threshold | target | on | TPR | FPR |
|---|---|---|---|---|---|
{point_rows}

## Where it comes from

- Training: configuration `{config}`, {steps} steps{init}, commit `{commit}`, {date}.
- Data: {data}.
- Licence of the weights: {licence}
- Train your own: `{command}`
"""


def model_card(document: Mapping[str, Any], *, megabytes: float) -> str:
    """Render the Markdown card of a manifest that `hybrid-training export` built."""
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
        label_agreement=parity['label_agreement'], score_difference=parity['score_difference'],
        default=document['default_operating_point'], point_rows='\n'.join(point_rows),
        network=provenance['network'], config=provenance['config'], steps=provenance['steps'],
        init=f' from `{provenance["init"]}`' if provenance['init'] else '',
        commit=provenance['training_commit'], date=provenance['date'],
        data='; '.join(provenance['data']), licence=provenance['licence'],
        command=provenance['command'])


def _percent(value: float | None) -> str:
    return '–' if value is None else f'{100 * value:.2f}'
