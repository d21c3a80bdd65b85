# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""docs/training.md names every knob, and what it shows is valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import re
from typing import get_args

from pydantic import BaseModel
import pytest
import yaml

from hybrid_training.config import TrainingConfig

PAGE = Path(__file__).parents[2] / 'docs' / 'training.md'


@pytest.fixture
def page() -> str:
    if not PAGE.is_file():
        pytest.skip('the documentation is not beside this package')
    return PAGE.read_text(encoding='utf-8')


def sections(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from sections(inner)


def keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if name not in ('model', 'classes', 'synthetic'):  # pages of their own, or above
            for section in sections(field.annotation):
                yield from keys(section)


def test_every_knob_is_named(page):
    named = set(re.findall(r'`([a-z_]+)`', page[page.index('### Every knob'):]))
    assert not set(keys(TrainingConfig)) - named


def test_the_papers_jitter_is_valid(page, toy_config):
    shown = re.search(r"The paper's own jitter.*?```yaml\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    config = TrainingConfig.model_validate({**toy_config, **yaml.safe_load(shown[1])})
    assert config.photometric is None
    assert config.crop.scale_draw == 'uniform'
