# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Links of the documents point at files that are there."""

from __future__ import annotations

from pathlib import Path
import re

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob('*.md'), *ROOT.glob('docs/*.md'), *ROOT.glob('models/*.md')]

pytestmark = pytest.mark.linter


def links(text: str) -> list[str]:
    text = re.sub(r'<!--.*?-->', '', text, flags=re.DOTALL)
    text = re.sub(r'```.*?```|`[^`\n]*`', '', text, flags=re.DOTALL)
    targets = re.findall(r'\]\(([^)\s]+)\)', text)
    return [target.split('#')[0] for target in targets if '://' not in target]


def test_links_are_found_outside_code_and_comments():
    text = 'a [x](a.md#part) `[no](b)` <!-- [no](c) --> [web](https://d)\n```\n[no](e)\n```'
    assert links(text) == ['a.md']


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    missing = [target for target in links(document.read_text(encoding='utf-8'))
               if target and not (document.parent / target).exists()]
    assert missing == []
