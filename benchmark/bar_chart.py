# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Stacked bars as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

COLORS = ('#8da0cb', '#66c2a5', '#fc8d62', '#e78ac3', '#a6d854', '#ffd92f')
WIDTH, LEFT, ROW, TOP = 860, 150, 40, 44


def write_bar_chart(path: Path, bars: Mapping[str, Mapping[str, float]], unit: str) -> None:
    """Write one stacked bar a line, with a legend of its parts.

    Args:
        path: SVG to write; its folder is made.
        bars: sizes, 0 or more, by name of the part, by name of the bar; all with the same parts.
        unit: of the sizes, in words.
    """
    names = list(next(iter(bars.values())))
    scale = (WIDTH - LEFT - 80) / max(sum(parts.values()) for parts in bars.values())
    height = TOP + ROW * len(bars) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    for place, (name, color) in enumerate(zip(names, COLORS, strict=False)):
        x = 10 + place * (WIDTH - 90) // len(names)
        lines.append(f'<rect x="{x}" y="12" width="14" height="14" fill="{color}"/>'
                     f'<text x="{x + 19}" y="24">{escape(name)}</text>')
    lines.append(f'<text x="{WIDTH - 10}" y="24" text-anchor="end">{escape(unit)}</text>')
    for row, (bar, parts) in enumerate(bars.items()):
        y, x = TOP + ROW * row, float(LEFT)
        lines.append(f'<text x="{LEFT - 8}" y="{y + 19}" text-anchor="end">{escape(bar)}</text>')
        for name, color in zip(names, COLORS, strict=False):
            width = max(0.0, parts[name]) * scale
            lines.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="28" '
                         f'fill="{color}"><title>{escape(name)}: {parts[name]:.1f}</title></rect>')
            if width > 34:
                lines.append(f'<text x="{x + width / 2:.1f}" y="{y + 19}" '
                             f'text-anchor="middle">{parts[name]:.1f}</text>')
            x += width
        lines.append(f'<text x="{x + 6:.1f}" y="{y + 19}">{sum(parts.values()):.1f}</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join([*lines, '</svg>']) + '\n', encoding='utf-8')
