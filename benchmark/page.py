# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md: sections that were measured at different times, each with its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import re

HEAD = """# Performance

Written by `make benchmark`; do not edit. Times are wall-clock; "to X" is the median of
the ratios within a round, and every round calls everything once in random order. Each section
says when it was measured; `make benchmark BENCHMARK='--only NAME'` renews one and leaves the rest.
"""
NOT_YET = '*Not measured yet.*\n'
_BAR = re.compile(r'^\* (met|missed): (.+): (.+); asked: (.+)$', re.MULTILINE)


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
    bodies = {title: measured.get(title) or before.get(title) or NOT_YET for title in titles}
    parts = [f'{HEAD}\n{notes}{asked(bodies)}']
    parts += [f'## {title}\n\n{body}' for title, body in bodies.items()]
    return '\n'.join(parts)


def asked(sections: Mapping[str, str]) -> str:
    """Gather what is asked of the figures of all sections in one table, Markdown."""
    rows = [f'| [{title}](#{anchor(title)}) | {what} | {value} | {limit} | '
            f'{verdict if verdict == "met" else "**missed**"} |'
            for title, body in sections.items() for verdict, what, value, limit
            in _BAR.findall(body)]
    if not rows:
        return ''
    header = ['', '| section | figure | measured | asked | |', '| --- | --- | --- | --- | --- |']
    return '\n'.join([*header, *rows]) + '\n'


def anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')
