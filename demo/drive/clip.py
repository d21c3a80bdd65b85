# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Write a clip: pictures, labels, and a file that says how to make them again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Intrinsics
from .facade import build_atlas
from .frame import render_view
from .ground import GroundTextures
from .labels import Label
from .noise import generator
from .painting import Palette
from .postprocess import develop
from .scene import Scene, build_scene

VERSION = 1
RATE = 10.0
SHUTTER = 0.012
QUALITY = 90
STORY_SEED = 1514


@dataclass(frozen=True)
class Frame:
    """Hold a frame: `image` (H, W, 3) uint8 RGB and `label` (H, W) uint8 `Label` values."""

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """Say which scene a frame shows and when."""

    seed: int
    time: float


@lru_cache(maxsize=1)
def load_palette() -> Palette:
    """Return the pictures that all scenes are painted with."""
    return Palette(GroundTextures.build(generator(0, 100)), build_atlas(generator(0, 101)))


@lru_cache(maxsize=2)
def load_scene(seed: int, unknown: bool, story: bool) -> Scene:
    """Return a scene, kept for the next frame."""
    return build_scene(seed, unknown=unknown, story=story)


def plan_shots(seed: int, frames: int, scenes: int) -> list[Shot]:
    """Return what each frame shows: one drive at RATE, or frames spread over many scenes."""
    if scenes == 1:
        return [Shot(seed, i / RATE) for i in range(frames)]
    shots = []
    for i in range(frames):
        number = i * scenes // frames
        rng = generator(seed, 50, i)
        shots.append(Shot(seed * 1000 + number, float(rng.uniform(0.0, 9.0))))
    return shots


def render_frame(shot: Shot, camera: Intrinsics, number: int, *, unknown: bool, story: bool
                 ) -> Frame:
    """Return one frame."""
    cv2.setNumThreads(1)
    scene = load_scene(shot.seed, unknown, story)
    view = render_view(scene, load_palette(), camera, shot.time)
    image = develop(view, camera, scene.pose(shot.time), scene.pose(shot.time + SHUTTER),
                    shot.seed, number)
    return Frame(image, view.label)


def encode_image(image: NDArray[np.uint8]) -> bytes:
    """Return the JPEG bytes of an RGB picture."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1].tobytes()


def encode_label(label: NDArray[np.uint8]) -> bytes:
    """Return the PNG bytes of a label picture."""
    return cv2.imencode('.png', label, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def digest(content: bytes) -> str:
    """Return the sha256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def arithmetic() -> str:
    """Return a short mark of how this machine rounds; equal marks mean equal pictures."""
    x = np.linspace(0.001, 9.0, 4099, dtype=np.float32)
    y = x.astype(np.float64)
    parts = [np.exp(-x), np.power(x, np.float32(0.4166)), np.sqrt(x), np.log2(x), np.arctan2(x, y),
             np.cos(x), np.exp(y), cv2.GaussianBlur(x[None], (0, 0), 2.2)]
    return digest(b''.join(np.ascontiguousarray(p).tobytes() for p in parts))[:16]


def write_clip(output: Path, seed: int, frames: int, size: tuple[int, int], *, scenes: int = 1,
               unknown: bool = True) -> None:
    """Render a clip into a folder: images/, labels/ and clip.json."""
    camera = Intrinsics.for_size(*size)
    for name in ('images', 'labels'):
        (output / name).mkdir(parents=True, exist_ok=True)
    entries = []
    shots = plan_shots(seed, frames, scenes)
    for number, shot in enumerate(shots):
        frame = render_frame(shot, camera, number, unknown=unknown, story=scenes == 1)
        jpeg, png = encode_image(frame.image), encode_label(frame.label)
        (output / 'images' / f'{number:06d}.jpg').write_bytes(jpeg)
        (output / 'labels' / f'{number:06d}.png').write_bytes(png)
        entries.append({'stamp': round(number / RATE, 3), 'seed': shot.seed, 'time': shot.time,
                        'image_sha256': digest(jpeg),
                        'label_sha256': digest(frame.label.tobytes())})
        print(f'\r{number + 1}/{frames}', end='', flush=True)
    print()
    note = {
        'renderer': VERSION, 'seed': seed, 'scenes': scenes, 'unknown': unknown, 'fps': RATE,
        'width': camera.width, 'height': camera.height,
        'camera': {'fx': camera.fx, 'fy': camera.fy, 'cx': camera.cx, 'cy': camera.cy},
        'labels': 'Cityscapes train ids 0..18, 19 unknown, 255 void',
        'unknown_id': int(Label.UNKNOWN),
        'made_with': {'numpy': np.__version__, 'opencv': cv2.__version__,
                      'arithmetic': arithmetic()},
        'frames': entries}
    (output / 'clip.json').write_text(json.dumps(note, indent=1) + '\n')
