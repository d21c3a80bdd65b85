# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Paint the ground: asphalt with patches and markings, kerbs, slabs, lawn, tram rails."""

from __future__ import annotations

import numpy as np

from .ground import GroundHit, GroundTextures
from .labels import Label
from .noise import F32, hashed, smoothstep
from .street import LANE, Street


def line(distance: F32, half: float, soft: F32) -> F32:
    """Return the cover 0..1 of a stripe of half width `half`, smoothed over `soft` metres."""
    return np.clip((np.float32(half) - np.abs(distance)) / np.maximum(soft, 1e-4) + 0.5, 0.0, 1.0)


def paint_ground(street: Street, textures: GroundTextures, hit: GroundHit,
                 footprint: F32) -> F32:
    """Return the linear colour (N, 3) of the ground."""
    s = hit.x - street.shift(hit.z).astype(np.float32)
    color = np.empty((s.size, 3), np.float32)
    raised = hit.y > 0.01
    grass = hit.label == Label.TERRAIN
    for which, painter in ((~raised, _paint_road), (raised & ~grass, _paint_walk),
                           (grass, _paint_grass)):
        at = np.flatnonzero(which)
        if at.size:
            color[at] = painter(street, textures, s[at], hit.z[at], footprint[at])
    face = (hit.y > 0.01) & (hit.y < 0.1)
    color[face] *= np.float32(0.75)
    return color


def _paint_road(street: Street, tex: GroundTextures, s: F32, z: F32, fp: F32) -> F32:
    grain = tex.grain.value(s, z, fp)
    blotch = tex.blotch.value(s, z, fp)
    broad = tex.broad.value(s, z, fp)
    vein = tex.vein.value(s, z, fp)
    run = tex.blotch.value(s * 1.7, z * 0.11, fp)
    speck = tex.grain.value(s * 0.37, z * 0.37, fp)
    tone = 0.104 * (0.30 + 0.50 * grain + 0.42 * blotch + 0.42 * (broad - 0.5) + 0.30 * run
                    + 0.22 * speck)
    lane = np.abs(np.abs(s) - LANE / 2)
    tone *= 1.0 + 0.07 * np.exp(-((lane - 0.8) / 0.35) ** 2) - 0.08 * np.exp(-(lane / 0.3) ** 2)
    parked = np.abs(s) > LANE
    tone = np.where(parked & (street.parking > 0), tone * 0.93, tone)
    tone *= _patches(street, s, z, fp)
    crack = line(vein - 0.5 + 0.004, 0.0035, np.full_like(fp, 0.002) + fp * 0.02)
    crack *= smoothstep(0.52, 0.7, tex.broad.value(z * 0.7, s * 0.7 + 9.0, fp))
    tone *= 1.0 - 0.55 * crack / (1.0 + 12.0 * fp)
    seam = line(s - 0.16 - 0.05 * (blotch - 0.5), 0.02, fp)
    tone *= 1.0 - 0.35 * seam
    warm = 0.5 + 0.5 * broad
    color = tone[:, None] * np.stack([0.97 + 0.06 * warm, np.full_like(tone, 1.0),
                                      0.99 - 0.07 * warm], 1)
    gutter = line(np.abs(s) - (street.kerb - 0.16), 0.15, fp)
    gutter = np.where(street.is_road(np.sign(s) * (np.abs(s) + 0.4), z), 0.0, gutter)
    stones = 1.0 - 0.5 * line(np.mod(z, 0.16) - 0.08, 0.012, fp)
    color = _mix(color, (0.11 * stones * (0.7 + 0.6 * blotch))[:, None], gutter * 0.8)
    color = _manholes(street, color, s, z, fp)
    paint = _markings(street, s, z, fp) * smoothstep(0.18, 0.42, 0.55 * blotch + 0.45 * grain)
    color = _mix(color, (0.42 + 0.16 * blotch)[:, None], 0.86 * paint)
    if street.tram:
        color = _rails(color, s, fp)
    return color


def _mix(color: F32, other: F32, share: F32) -> F32:
    return color + (other - color) * share[:, None]


def _patches(street: Street, s: F32, z: F32, fp: F32) -> F32:
    """Return a factor for the repaired rectangles and the tar along their edges."""
    factor = np.ones_like(s)
    salt = np.int64(street.seed)
    for scale, share in ((7.0, 0.16), (2.7, 0.10)):
        i, j = np.floor(s / (scale * 0.55)), np.floor(z / scale)
        h = hashed(i, j, np.full(i.shape, salt + int(scale * 10)))
        u = s / (scale * 0.55) - i - 0.5
        v = z / scale - j - 0.5
        w = 0.15 + 0.3 * hashed(i, j + 991, np.full(i.shape, salt))
        depth = np.minimum((w - np.abs(u)) * scale * 0.55, (0.42 - np.abs(v)) * scale)
        inside = np.clip(depth / np.maximum(fp, 0.01) + 0.5, 0, 1) * (h < share)
        tar = line(depth, 0.025, fp) * (h < share)
        factor *= 1.0 + inside * (0.42 * hashed(j, i, np.full(i.shape, salt + 5)) - 0.28)
        factor *= 1.0 - 0.45 * tar
    return factor


def _manholes(street: Street, color: F32, s: F32, z: F32, fp: F32) -> F32:
    """Paint iron covers here and there in the lanes."""
    j = np.floor(z / 13.0)
    h = hashed(j, np.full(j.shape, street.seed + 3))
    du = s - (h - 0.5) * 4.6
    dv = z - (j + 0.25 + 0.5 * hashed(j, np.full(j.shape, street.seed + 4))) * 13.0
    r = np.sqrt(du * du + dv * dv)
    inside = np.clip((0.33 - r) / np.maximum(fp, 0.01) + 0.5, 0, 1) * (h > 0.3)
    ring = line(r - 0.345, 0.03, fp) * (h > 0.3)
    bars = 0.5 + 0.5 * line(np.mod(du, 0.11) - 0.055, 0.03, fp)
    color = _mix(color, (0.045 + 0.05 * bars)[:, None], 0.9 * inside)
    return _mix(color, np.full((s.size, 1), 0.03, np.float32), 0.8 * ring)


def _markings(street: Street, s: F32, z: F32, fp: F32) -> F32:
    """Return the cover 0..1 of white paint."""
    cover = np.zeros_like(s)
    clear = np.ones_like(s)
    for middle, half in street.crossings:
        clear *= np.abs(z - middle) > half + 2.5
    for at in street.zebras:
        clear *= (z < at - 4.0) | (z > at + 2.5)
    if street.dashed:
        dash = np.clip((1.5 - np.abs(np.mod(z, 9.0) - 4.5)) / np.maximum(fp * 4, 0.02) + 0.5, 0, 1)
        cover = np.maximum(cover, line(s, 0.06, fp) * dash)
    else:
        cover = np.maximum(cover, line(np.abs(s) - 0.09, 0.05, fp))
    if street.parking:
        edge = line(np.abs(s) - LANE, 0.05, fp)
        bay = line(np.mod(z, 6.0) - 3.0, 0.05, fp) * (np.abs(s) > LANE)
        cover = np.maximum(cover, np.maximum(0.75 * edge, bay * (street.seed % 2)))
    cover *= clear
    for at in street.zebras:
        stripe = np.clip((0.25 - np.abs(np.mod(s, 1.0) - 0.5)) / np.maximum(fp, 0.01) + 0.5, 0, 1)
        within = np.clip((1.75 - np.abs(z - at)) / np.maximum(fp * 4, 0.02) + 0.5, 0, 1)
        stop = line(z - at + 3.1, 0.22, fp * 4) * (s > 0)
        inside = np.abs(s) < street.kerb - 0.4
        cover = np.maximum(cover, np.maximum(stripe * within, stop) * inside)
    return cover


def _rails(color: F32, s: F32, fp: F32) -> F32:
    """Paint the two tracks of a tram."""
    for track in (-LANE / 2, LANE / 2):
        d = np.abs(s - track) - 0.72
        color = _mix(color, np.full((s.size, 1), 0.06, np.float32), 0.6 * line(d, 0.16, fp))
        color = _mix(color, np.full((s.size, 1), 0.28, np.float32), line(d, 0.035, fp))
        color = _mix(color, np.full((s.size, 1), 0.01, np.float32), line(d - 0.06, 0.022, fp))
    return color


def _paint_walk(street: Street, tex: GroundTextures, s: F32, z: F32, fp: F32) -> F32:
    blotch = tex.blotch.value(s, z, fp)
    grain = tex.grain.value(s, z, fp)
    broad = tex.broad.value(s, z, fp)
    size = (0.35, 0.5, 0.2)[street.slabs]
    row = np.floor(np.abs(s) / size)
    zz = z / size + 0.5 * np.mod(row, 2.0)
    column = np.floor(zz)
    joint = np.maximum(line(np.abs(s) / size - row - 0.02, 0.022, fp / size),
                       line(zz - column - 0.02, 0.022, fp / size))
    joint /= 1.0 + 6.0 * fp / size
    slab = hashed(row, column, np.full(row.shape, street.seed)) / (1.0 + 4.0 * fp)
    tone = 0.135 * (0.6 + 0.24 * grain + 0.34 * blotch + 0.3 * broad + 0.16 * slab)
    tone *= 1.0 - 0.42 * joint
    tint = ((1.0, 0.97, 0.92), (0.98, 1.0, 0.99), (1.06, 0.96, 0.9))[street.slabs]
    color = tone[:, None] * np.array(tint, np.float32)
    edge = np.clip((0.15 - (np.abs(s) - street.kerb)) / np.maximum(fp, 0.01) + 0.5, 0, 1)
    stone = 0.17 * (0.75 + 0.3 * grain + 0.2 * blotch)
    stone = stone * (1 - 0.4 * line(np.mod(z, 1.0), 0.012, fp))
    return _mix(color, stone[:, None] * np.array([1.0, 0.99, 0.96], np.float32), edge)


def _paint_grass(_street: Street, tex: GroundTextures, s: F32, z: F32, fp: F32) -> F32:
    fine = tex.grain.value(s * 0.9, z * 0.45, fp)
    blotch = tex.blotch.value(s, z, fp)
    broad = tex.broad.value(s * 2, z * 2, fp)
    tone = (0.35 + 0.75 * fine) * (0.55 + 0.6 * blotch)
    dry = (0.3 * broad + 0.5 * blotch)[:, None]
    green = np.array([0.052, 0.09, 0.03], np.float32)
    straw = np.array([0.115, 0.11, 0.055], np.float32)
    return tone[:, None] * (green + (straw - green) * dry)
