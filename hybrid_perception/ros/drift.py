# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The drive that the node's camera is compared with, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.calibration.calibration_file import load_drift_reference
from hybrid_perception.calibration.drift_monitor import DriftMonitor, DriftState
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import Manifest
from hybrid_perception.ros.parameters import NodeParameters


@dataclass(frozen=True)
class DriftReport:
    """What is known of the drift.

    Attributes:
        unwatched: why it is not watched; empty where it is.
        calibration: name of the calibration.
        window: frames that are compared together.
        state: what came of it.
    """

    unwatched: str = ''
    calibration: str = ''
    window: int = 0
    state: DriftState = field(default_factory=DriftState)


class DriftWatch:
    """Follows the calibration of the active operating point.

    The executor chooses, resets and reports; the inference thread adds.
    """

    def __init__(self) -> None:
        """Watch nothing."""
        self._monitor: DriftMonitor | None = None
        self._tolerance = 0.0
        self._unwatched = 'no model is loaded'

    def choose(self, parameters: NodeParameters, manifest: Manifest) -> None:
        """Take the calibration that the operating point comes from; the same one goes on."""
        point = parameters.operating_point or manifest.default_operating_point
        name, slash, _ = point.partition('/')
        self._tolerance = parameters.drift_tolerance
        reference = None
        if self._tolerance <= 0.0:
            self._unwatched = 'off by drift.tolerance'
        elif not slash:
            self._unwatched = (
                f"not calibrated: operating point {point} is the model's own; run "
                'hybrid-perception calibrate on a drive of your own')
        else:
            self._unwatched = (
                f'calibration {name} has no drift table: its drive was too short, or it is of an '
                'older version; run hybrid-perception calibrate again')
            try:
                reference = load_drift_reference(manifest.path, manifest.sha256, name)
            except HybridPerceptionError as error:   # damaged since the model was loaded
                self._unwatched = str(error)
        if reference is None:
            self._monitor = None
        elif self._monitor is None or self._monitor.reference != reference:
            self._monitor = DriftMonitor(reference, self._tolerance)

    @property
    def watching(self) -> bool:
        """Whether there is a drive to compare with."""
        return self._monitor is not None

    def add(self, score: NDArray[np.float32], stamp: float) -> None:
        """Look at a frame; called by the inference thread."""
        monitor = self._monitor
        if monitor is not None:
            monitor.add(score, stamp)

    def reset(self) -> None:
        """Forget what was seen, because time jumped."""
        monitor = self._monitor
        if monitor is not None:   # a new one: the inference thread may be at work on the old
            self._monitor = DriftMonitor(monitor.reference, self._tolerance)

    def report(self) -> DriftReport:
        """Return what is known now."""
        monitor = self._monitor
        if monitor is None:
            return DriftReport(unwatched=self._unwatched)
        return DriftReport('', monitor.reference.name, monitor.reference.window, monitor.state)
