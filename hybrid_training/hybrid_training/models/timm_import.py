# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Import timm beside a CPU build of torch."""

from __future__ import annotations

import importlib
from types import ModuleType

_LIBRARIES: list[object] = []  # torch drops operator schemas with their library object


def import_timm() -> ModuleType:
    """Return the `timm` package.

    The registry's torchvision is built for CUDA; beside a CPU torch its import fails, because
    the schemas of two detection operators are then never defined. Defining them (no kernel is
    needed: nothing here calls them) lets the import pass. A matching pair is left alone.

    Raises:
        ImportError: timm or torchvision is not installed.
    """
    try:
        importlib.import_module('torchvision')
    except RuntimeError:
        torch = importlib.import_module('torch')
        library = torch.library.Library('torchvision', 'FRAGMENT')
        for name in ('nms', 'qnms'):
            library.define(f'{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        _LIBRARIES.append(library)
        importlib.import_module('torchvision')
    return importlib.import_module('timm')
