# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sum the light that a surface sends to the camera: sky, sun, bounce, mirror, haze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Pose
from .ground import GroundTextures
from .labels import Label
from .light import GroundMap, cast_shadows, closeness, lit_share
from .noise import F32, smoothstep
from .painting import Paint
from .sky import HAZE, mirrored
from .soup import Soup
from .street import Street

SKY_TINT = np.array([0.94, 1.0, 1.07], np.float32)
SUN_TINT = np.array([1.12, 1.0, 0.84], np.float32)
BOUNCE_TINT = np.array([1.0, 0.98, 0.93], np.float32)


@dataclass(frozen=True)
class Lighting:
    """Hold the light of one moment.

    Attributes:
        street: gives sun, clouds and the depth of the canyon.
        noise: pictures of the sky and of what is mirrored.
        shadow: what stands between ground and sun, or None under clouds.
        hidden: how much of the sky low things hide from the ground.
    """

    street: Street
    noise: GroundTextures
    shadow: GroundMap | None
    hidden: GroundMap

    def leave_ground(self, place: F32, normal: F32, ray: F32, color: F32, depth: F32) -> F32:
        """Return light (N, 3) that the ground sends along -ray."""
        open_sky = 1.0 - 0.92 * self.hidden.sample(place[:, 0], place[:, 2])
        light = color * self._energy(place, normal, open_sky)
        grazing = np.clip(1.0 + ray[:, 1] * np.float32(4.0), 0.0, 1.0) ** 2
        light += (0.06 * grazing * open_sky)[:, None] * SKY_TINT
        return self._veil(light, depth)

    def leave_thing(self, place: F32, normal: F32, ray: F32, paint: Paint, depth: F32) -> F32:
        """Return light (N, 3) that painted things send along -ray."""
        low = smoothstep(1.5, 0.0, place[:, 1])
        close = self.hidden.sample(place[:, 0], place[:, 2])
        open_sky = 1.0 - 0.55 * low * (0.35 + 0.65 * close)
        light = paint.color * self._energy(place, normal, open_sky) + paint.glow
        shiny = np.flatnonzero(paint.gloss > 0.001)
        if shiny.size:
            light[shiny] += self._mirror(normal[shiny], ray[shiny], paint.gloss[shiny],
                                         open_sky[shiny])
        return self._veil(light, depth)

    def _energy(self, place: F32, normal: F32, open_sky: F32) -> F32:
        """Return the light (N, 3) that arrives."""
        across = np.abs(place[:, 0] - self.street.shift(place[:, 2]))
        canyon = 1.0 - 0.35 * (smoothstep(2.0, self.street.front + 1.0, across) *
                               smoothstep(14.0, 0.0, place[:, 1]))
        ambient = 0.95 * (0.56 + 0.44 * normal[:, 1]) * open_sky * canyon
        energy = ambient[:, None] * SKY_TINT
        energy += (0.045 - 0.045 * normal[:, 1])[:, None] * BOUNCE_TINT
        if self.shadow is not None:
            sun = self.street.sun_direction
            facing = normal[:, 0] * sun[0] + normal[:, 1] * sun[1] + normal[:, 2] * sun[2]
            at = np.flatnonzero(facing > 0)
            spot = place[at] + np.float32(0.22) * normal[at]
            share = lit_share(self.shadow, sun, spot[:, 0], spot[:, 1], spot[:, 2])
            energy[at] += (self.street.sun * facing[at] * share)[:, None] * SUN_TINT
        return energy.astype(np.float32)

    def _mirror(self, normal: F32, ray: F32, gloss: F32, open_sky: F32) -> F32:
        direction = ray / np.sqrt((ray ** 2).sum(axis=1, keepdims=True))
        cosine = (direction * normal).sum(axis=1)
        r = direction - 2.0 * cosine[:, None] * normal
        fresnel = gloss * (0.35 + 1.43 * (1.0 - np.clip(-cosine, 0, 1)) ** 3)
        seen = mirrored(self.street, self.noise, r[:, 0], r[:, 1], r[:, 2])
        return seen * (np.clip(fresnel, 0, 0.9) * open_sky)[:, None]

    def _veil(self, light: F32, depth: F32) -> F32:
        """Return light behind the haze of the air between."""
        haze = (1.0 - np.exp(-np.maximum(depth - 8.0, 0.0) / 900.0))[:, None]
        return light + (HAZE * np.float32(0.85) - light) * haze


def build_lighting(street: Street, noise: GroundTextures, soup: Soup, pose: Pose) -> Lighting:
    """Return the light around a camera's pose among all triangles of the scene."""
    area = (pose.x - 22.0, pose.z - 3.0, 44.0, 80.0)
    y, z = (np.minimum.reduce([soup.position[:, i, k] for i in range(3)]) for k in (1, 2))
    low = np.flatnonzero((y < 3.0) & (soup.label != Label.BUILDING) & (z < pose.z + 60.0))
    hidden = closeness(soup.position[low], *area)
    shadow = None
    if street.sun > 0:
        caster = np.flatnonzero(z < pose.z + 90.0)
        shadow = cast_shadows(soup.position[caster], street.sun_direction, *area)
    return Lighting(street, noise, shadow, hidden)
