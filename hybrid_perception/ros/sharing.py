# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes of one process have in common: the loaded model and the turns on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hybrid_perception.backends.shared import SharedBackends
from hybrid_perception.turns import Turns


@dataclass(frozen=True)
class Sharing:
    """One per process; a node alone in its process has one for itself.

    Attributes:
        backends: loaded models.
        turns: who may run the engine next.
    """

    backends: SharedBackends = field(default_factory=SharedBackends)
    turns: Turns = field(default_factory=Turns)
