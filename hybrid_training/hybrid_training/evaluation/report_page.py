# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as one HTML page that needs no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from hybrid_training.evaluation.anomaly_measures import SetMeasures
from hybrid_training.evaluation.conventions import CONVENTIONS, conventions_text
from hybrid_training.evaluation.gallery import GalleryTile, gallery
from hybrid_training.evaluation.report_figures import curves_svg, histograms_svg
from hybrid_training.evaluation.report_table import markdown_report, set_lines
from hybrid_training.evaluation.score_maps import ScoreSource

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 2em auto; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .25em .7em; border-bottom: 1px solid #ccc; text-align: right; }
th:first-child, td:first-child { text-align: left; }
svg, img { max-width: 100%; height: auto; }
figure { margin: 1em 0; } figcaption, .note { color: #555; font-size: 13px; }
"""


def html_report(
        found: Mapping[str, Any], source: ScoreSource, sets: Sequence[SetMeasures]) -> str:
    """Write figures, curves, histograms and a gallery per set.

    Args:
        found: the figures, as `markdown_report` takes them.
        source: of the scores, for the gallery.
        sets: what was measured.
    """
    title = escape(str(found['model']))
    # Closed and open mIoU are few lines: only the sets need more than the tables.
    head = markdown_report({**found, 'sets': {}}).removesuffix(conventions_text() + '\n')
    parts = [_from_markdown(head)]
    for measured in sets:
        figures = found['sets'][measured.name]
        parts.append(_from_markdown('\n'.join([
            f'## {measured.name}', '', f'{figures["images"]} images', '', *set_lines(figures)])))
        if measured.not_measurable:
            continue
        parts += [curves_svg(measured), '<p class="note">ROC and precision-recall</p>',
                  histograms_svg(measured),
                  '<p class="note">Shares of known and anomaly pixels by score</p>']
        score = 'hybrid' if 'hybrid' in measured.scores else next(iter(measured.scores))
        for name, tiles in zip(('Best', 'Worst'), gallery(source, measured, score), strict=True):
            if tiles:
                parts.append(f'<h3>{name} images by {escape(score)}</h3>')
            parts += [_tile(tile) for tile in tiles]
    body = '\n'.join(parts)
    rules = ''.join(f'<li>{escape(key.replace("_", " "))}: {escape(text)}</li>'
                    for key, text in CONVENTIONS.items())
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<style>{_STYLE}</style></head>\n<body>\n{body}\n<p class="note">How it is '
            f'counted:</p>\n<ul class="note">{rules}</ul>\n</body></html>\n')


def _tile(tile: GalleryTile) -> str:
    data = b64encode(tile.jpeg).decode('ascii')
    return (f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(tile.name)}">'
            f'<figcaption>{escape(tile.name)}: AP {100 * tile.ap:.1f} % on this image; '
            f'anomalies outlined, score on the right</figcaption></figure>')


def _from_markdown(text: str) -> str:
    """Turn the few forms that `markdown_report` writes into HTML."""
    lines: list[str] = []
    in_table = False
    for line in text.splitlines():
        is_row = line.startswith('|')
        if is_row and not in_table:
            lines.append('<table>')
        if in_table and not is_row:
            lines.append('</table>')
        if is_row:
            if not line.startswith('|---') and not line.startswith('| ---'):
                tag = 'td' if in_table else 'th'
                cells = [escape(cell.strip()) for cell in line.strip('|').split('|')]
                lines.append('<tr>' + ''.join(f'<{tag}>{c}</{tag}>' for c in cells) + '</tr>')
        elif line.startswith('#'):
            level = len(line) - len(line.lstrip('#'))
            lines.append(f'<h{level}>{escape(line[level:].strip())}</h{level}>')
        elif line:
            lines.append(f'<p>{escape(line)}</p>')
        in_table = is_row
    return '\n'.join([*lines, '</table>'] if in_table else lines)
