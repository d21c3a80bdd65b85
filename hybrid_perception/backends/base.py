# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What every inference engine offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Backend(Protocol):
    """A loaded model that turns one network-sized frame into label and score.

    Attributes:
        name: Name of the engine, as in the ``backend`` parameter.
        detail: Version, device, threads and why this engine was chosen, for diagnostics.
        concurrent_calls: How many threads may be in ``infer`` at a time, 1 or more.
    """

    @property
    def name(self) -> str:
        """Name of the engine, as in the ``backend`` parameter."""
        ...

    @property
    def detail(self) -> str:
        """Version, device, threads and why this engine was chosen, for diagnostics."""
        ...

    @property
    def concurrent_calls(self) -> int:
        """How many threads may be in ``infer`` at a time, 1 or more."""
        ...

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Run the network once; called by at most ``concurrent_calls`` threads at a time.

        Args:
            image: (1, H, W, 3) uint8 RGB, contiguous, H and W as in the manifest.

        Returns:
            Label (H, W) uint8 and anomaly score (H, W) float32. Both belong to the caller: the
            backend neither writes to them again nor hands them out a second time.

        Raises:
            EngineError: The engine failed.
        """
        ...

    def close(self) -> None:
        """Free the engine; calling it twice is allowed."""
        ...
