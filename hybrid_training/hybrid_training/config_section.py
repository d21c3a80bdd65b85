# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What all sections of a configuration share."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

SectionT = TypeVar('SectionT', bound='Section')


class Section(BaseModel):
    """Frozen values; a key that it does not have is an error."""

    model_config = ConfigDict(extra='forbid', frozen=True)


def require_ranges(section: SectionT, *names: str) -> SectionT:
    """Return the section.

    Raises:
        ValueError: one of the named pairs is not [least, most].
    """
    for name in names:
        least, most = getattr(section, name)
        if least > most:
            msg = f'{name}: want [least, most], got [{least}, {most}]'
            raise ValueError(msg)
    return section


def _whole_strides(size: tuple[int, int]) -> tuple[int, int]:
    if any(n < 32 or n % 32 for n in size):
        msg = f'want (height, width) in multiples of 32, the stride of the encoder, got {size}'
        raise ValueError(msg)
    return size


NetworkSize = Annotated[tuple[int, int], AfterValidator(_whole_strides)]
