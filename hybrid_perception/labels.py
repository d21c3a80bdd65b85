# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Class ids, their names and their colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError

UNLABELED = 255
"""Label of a pixel about which nothing is said (vision_msgs reserves 255 for it)."""

Color = tuple[int, int, int]


@dataclass(frozen=True)
class ClassMap:
    """Known classes 0..K-1 and the unknown class beside them.

    Attributes:
        names: One name per known class; the position is the class id.
        colors: One RGB colour per known class, each channel 0..255.
        unknown_id: Id written into open-set labels where a pixel is unknown, K..254.
        unknown_name: Name of the unknown class.
        unknown_color: RGB colour of the unknown class.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    unknown_id: int
    unknown_name: str
    unknown_color: Color

    def __post_init__(self) -> None:
        """Check that ids, names and colours fit together.

        Raises:
            ParameterError: A list is empty or of another length, or an id or colour is out of
                range.
        """
        if not self.names or len(self.names) != len(self.colors):
            raise ParameterError(
                f'a class map needs one colour per class name and at least one class; '
                f'it has {len(self.names)} names and {len(self.colors)} colours'
            )
        if not len(self.names) <= self.unknown_id < UNLABELED:
            raise ParameterError(
                f'the unknown id is {self.unknown_id}; it must lie in {len(self.names)}..'
                f'{UNLABELED - 1}: below are the known classes, {UNLABELED} means unlabeled'
            )
        for color in (*self.colors, self.unknown_color):
            if len(color) != 3 or not all(0 <= channel <= 255 for channel in color):
                raise ParameterError(f'colour {color} is not three numbers in 0..255 (RGB)')

    @property
    def num_classes(self) -> int:
        """Number K of known classes."""
        return len(self.names)

    def name(self, class_id: int) -> str:
        """Name a label value, the unknown and the unlabeled value included.

        Raises:
            ParameterError: The id belongs to no class.
        """
        if 0 <= class_id < self.num_classes:
            return self.names[class_id]
        if class_id == self.unknown_id:
            return self.unknown_name
        if class_id == UNLABELED:
            return 'unlabeled'
        raise ParameterError(
            f'class id {class_id} is not in the class map: 0..{self.num_classes - 1} are known, '
            f'{self.unknown_id} is {self.unknown_name}, {UNLABELED} is unlabeled'
        )

    def palette(self) -> NDArray[np.uint8]:
        """Build the colour of every label value.

        Returns:
            (256, 3) uint8 RGB; values that no class uses are black.
        """
        palette = np.zeros((256, 3), np.uint8)
        palette[: self.num_classes] = self.colors
        palette[self.unknown_id] = self.unknown_color
        return palette
