# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What one must know to read the frames of a view: classes, operating points, the scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hybrid_perception.labels import ClassMap
from hybrid_perception.manifest import Manifest, OperatingPoint
from hybrid_perception.objects.open_set_object import ObjectGate
from hybrid_perception.scene import Style
from hybrid_perception.view.score_scale import ScoreScale

CHOSEN = 'chosen'


@dataclass(frozen=True, eq=False)
class Legend:
    """The same for every frame of a view.

    Attributes:
        title: what is looked at.
        model: name of the model that the classes and operating points are of.
        class_map: names and colours.
        points: operating points by name, lowest threshold first.
        point: name of the one that is shown first.
        scale: of the scores.
        alpha: weight of the colours in the overlay, 0..1.
        gate: which regions of the unknown count as objects.
    """

    title: str
    model: str
    class_map: ClassMap
    points: Mapping[str, OperatingPoint]
    point: str
    scale: ScoreScale
    alpha: float
    gate: ObjectGate = field(default_factory=ObjectGate)

    @classmethod
    def of_model(
        cls, manifest: Manifest, *, title: str, operating_point: str | None,
        threshold: float | None, color_range: tuple[float, float], alpha: float,
        gate: ObjectGate | None = None,
    ) -> Legend:
        """Collect what a model's manifest says.

        Args:
            manifest: of the model whose outputs are looked at.
            title: what is looked at.
            operating_point: the one to show first; None for the model's default.
            threshold: one of the user's own instead, which becomes a further operating point.
            color_range: scores of the darkest and the brightest colour.
            alpha: weight of the colours in the overlay.
            gate: which regions of the unknown count as objects; None for the node's.

        Raises:
            ParameterError: There is no such operating point, or a number cannot be used.
        """
        points = dict(manifest.operating_points)
        name = operating_point or manifest.default_operating_point
        manifest.threshold(name)
        if threshold is not None:
            name = CHOSEN
            points[name] = OperatingPoint(threshold, 'given on the command line', 'none')
        ordered = dict(sorted(points.items(), key=lambda item: item[1].threshold))
        scale = ScoreScale.build(color_range, (point.threshold for point in points.values()))
        return cls(title, manifest.name, manifest.class_map, ordered, name, scale, alpha,
                   gate or ObjectGate())

    @property
    def threshold(self) -> float:
        """Threshold of the operating point that is shown first."""
        return self.points[self.point].threshold

    @property
    def style(self) -> Style:
        """The settings of the pictures."""
        return Style(
            self.threshold, self.alpha, self.scale.vmin, self.scale.vmax, objects=self.gate)
