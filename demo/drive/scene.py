# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""All that stands and moves in one street, for any moment of the drive."""

from __future__ import annotations

from dataclasses import dataclass
import math

from .camera import Pose
from .cast import SPEED, Mover, plan_story, plan_traffic, plan_walkers, scatter_unknown
from .noise import generator
from .props import Prop, furnish
from .soup import Soup, merge
from .street import LANE, Street, plan_street

VIEW = 110.0


@dataclass(frozen=True)
class Scene:
    """Hold a street with its props, movers and the path of the camera."""

    street: Street
    props: tuple[Prop, ...]
    movers: tuple[Mover, ...]
    swerves: tuple[tuple[float, float], ...]
    eye: float
    offset: float
    shake: float

    def pose(self, time: float) -> Pose:
        """Return where the camera is and looks at a time in seconds."""
        z = SPEED * time

        def path(at: float) -> float:
            x = LANE / 2 + self.offset
            for middle, shift in self.swerves:
                x += shift * math.exp(-((at - middle) / 7.0) ** 2)
            return x + 0.5 * self.street.bend * at * at

        yaw = math.atan((path(z + 3.0) - path(z)) / 3.0)
        bob = self.shake * (math.sin(7.1 * time + self.offset * 9) + 0.6 * math.sin(12.7 * time))
        return Pose(path(z), self.eye + 0.4 * bob, z, yaw, 0.045 + bob * 0.05,
                    self.shake * 0.12 * math.sin(3.3 * time))

    def triangles(self, time: float) -> Soup:
        """Return everything within view at a time, in world coordinates."""
        near = SPEED * time
        soups = []
        for prop in self.props:
            if near - 12 < prop.end and prop.start < near + max(VIEW, prop.reach):
                soups.append(prop.near if prop.start < near + prop.switch else prop.far)
        for mover in self.movers:
            soup = mover.at(time, near - 8.0, near + 95.0)
            if soup is not None:
                soups.append(self.bend(soup))
        return merge(soups)

    def bend(self, soup: Soup) -> Soup:
        """Return a soup of street coordinates moved along with the bend."""
        return soup.bent(self.street.shift(soup.position[..., 2]))


def build_scene(seed: int, *, unknown: bool = True, story: bool = False) -> Scene:
    """Return the scene of a seed.

    Args:
        seed: what tells one street from the next.
        unknown: whether unknown things come into the way.
        story: the bundled drive: a lorry ahead loses its cargo, a deer crosses. Without it,
            unknown things lie anywhere on the road.
    """
    street = plan_street(seed)
    rng = generator(seed, 2)
    bare = Scene(street, (), (), (), 1.3, 0.0, 0.0)
    props = tuple(
        Prop(bare.bend(p.near), bare.bend(p.far) if p.far is not p.near else bare.bend(p.near),
             p.start, p.end, p.switch, p.reach) for p in furnish(street, generator(seed, 3)))
    movers = plan_traffic(street, rng, story) + plan_walkers(street, rng)
    swerves: list[tuple[float, float]] = []
    if story:
        movers += plan_story(street, rng, swerves, unknown)
    elif unknown:
        movers += scatter_unknown(street, generator(seed, 4))
    eye = 1.32 if story else float(rng.uniform(1.2, 1.5))
    offset = 0.0 if story else float(rng.uniform(-0.5, 0.5))
    return Scene(street, props, tuple(movers), tuple(swerves), eye, offset, 0.02)
