# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The picture that says which pixels are ignored, such as the vehicle's own bonnet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError


def load_ignore_mask(path: str) -> NDArray[np.uint8] | None:
    """Read a grey picture, (H, W) uint8, not 0 where ignored; None for an empty path.

    Raises:
        ParameterError: the file is missing or no picture.
    """
    if not path:
        return None
    mask = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise ParameterError(
            f'ignore_mask_path: {path!r} is missing or no picture; right: a grey PNG, '
            'not black where pixels are to be ignored')
    return mask.astype(np.uint8)
