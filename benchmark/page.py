# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md: sections that were measured at different times, each with its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEAD = """# Performance

Written by `make benchmark`; do not edit. Times are wall-clock; "to X" is the median of
the ratios within a round, and every round calls everything once in random order. Each section
says when it was measured; `make benchmark BENCHMARK='--only NAME'` renews one and leaves the rest.
"""
NOT_YET = '*Not measured yet.*\n'


def read_sections(text: str) -> dict[str, str]:
    """Split a page into its sections: text by heading, without the head of the page."""
    sections: dict[str, str] = {}
    title = None
    for line in text.splitlines(keepends=True):
        if line.startswith('## '):
            title = line[3:].strip()
            sections[title] = ''
        elif title is not None:
            sections[title] += line
    return {title: body.strip('\n') + '\n' for title, body in sections.items()}


def write_page(
    titles: Sequence[str], measured: Mapping[str, str], before: Mapping[str, str], notes: str,
) -> str:
    """Put a page together.

    Args:
        titles: of all sections, in order.
        measured: text of those that were measured now, by title.
        before: text of those of an older page, by title; kept where there is nothing newer.
        notes: about this run, Markdown.
    """
    parts = [f'{HEAD}\n{notes}']
    for title in titles:
        parts.append(f'## {title}\n\n{measured.get(title) or before.get(title) or NOT_YET}')
    return '\n'.join(parts)
