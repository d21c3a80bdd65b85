# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the shipped model says about a few frames of the bundled drive; run as `make golden`.

The golden bag holds every eighth row and column of the node's outputs, so that it stays small. A
comparison has to put up with other CPUs and other versions of OpenCV and ONNX Runtime, which
round differently. The limits lie far above that (without ONNX Runtime's optimisations the score
moves by 0.00002) and below what the smallest change does (two grey levels more: 0.12 in the mean).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
import io
import json
from pathlib import Path
import shutil
import sys
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.cli.main import main as run_tool
from hybrid_perception.compare.output_frame import output_topics, read_frames
from hybrid_perception.manifest import load_manifest
from hybrid_perception.replay.frame import RAW_TYPE
from hybrid_perception.replay.output_bag import OutputBag
from hybrid_perception.replay.typestore import load_typestore
from hybrid_perception.scene import LABELS

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / 'models'
CLIP = ROOT / 'demo' / 'clip'
BAG = Path(__file__).with_name('golden.mcap')
NOTE = Path(__file__).with_name('golden.json')
FRAMES = (8, 32, 52, 70)
RATE = 10
STEP = 8
TOLERANCES = {
    'min_label_agreement': 0.995,
    'min_open_set_label_agreement': 0.995,
    'min_mask_iou': 0.97,
    'max_score_difference': 1.0,
    'max_mean_score_difference': 0.05,
}


def replay_clip(folder: Path, *, pictures: Path | None = None, models: Path = MODELS) -> Path:
    """Replay the golden frames with the shipped model, by the tool that users run.

    Args:
        folder: an empty folder to work in.
        pictures: the frames; None for those of the bundled clip.
        models: the model.

    Returns:
        The bag, at full size.
    """
    if pictures is None:
        pictures = folder / 'pictures'
        pictures.mkdir()
        for number in FRAMES:
            shutil.copy(CLIP / 'images' / f'{number:06d}.jpg', pictures)
    output = folder / 'full.mcap'
    with redirect_stdout(io.StringIO()):
        code = run_tool([
            'replay', str(pictures), '--fps', str(RATE), '--model', str(models), '--threads', '1',
            '--backend', 'onnxruntime', '--output', str(output)])
    if code:
        raise RuntimeError(f'replay ended with {code}')
    return output


def thin_out(full: Path, thin: Path) -> Path:
    """Write a bag with every eighth row and column of the outputs of another."""
    topics = output_topics(full)
    names = {topic: RAW_TYPE for outputs in topics.values() for topic in outputs.values()}
    with tempfile.TemporaryDirectory() as scratch:
        bag = OutputBag(Path(scratch) / thin.stem, names, compress=True)
        for topic, time, content in _thin_messages(full, topics):
            bag.write((topic, time, content))
        bag.close()
        shutil.copy(bag.file, thin)
    return thin


def _thin_messages(
    full: Path, topics: dict[str, dict[str, str]]
) -> Iterator[tuple[str, int, bytes]]:
    store = load_typestore()
    encodings = {output.topic: output.encoding for output in LABELS}
    for frame in read_frames(full, topics):
        time = store.types['builtin_interfaces/msg/Time'](frame.stamp.sec, frame.stamp.nanosec)
        header = store.types['std_msgs/msg/Header'](time, 'camera')
        for name, image in frame.images.items():
            small: NDArray[Any] = np.ascontiguousarray(image[STEP // 2::STEP, STEP // 2::STEP])
            height, width = small.shape
            message = store.types[RAW_TYPE](
                header, height, width, encodings[name], 0, small.nbytes // height,
                small.reshape(-1).view(np.uint8))
            yield (topics[frame.prefix][name], frame.stamp.nanoseconds,
                   bytes(store.serialize_cdr(message, RAW_TYPE)))


def renew() -> None:
    """Take what the shipped model says now for right."""
    manifest = load_manifest(MODELS)
    with tempfile.TemporaryDirectory() as scratch:
        thin_out(replay_clip(Path(scratch)), BAG)
    NOTE.write_text(json.dumps({
        'model': manifest.name,
        'sha256': manifest.sha256,
        'threshold': manifest.threshold(None),
        'frames': list(FRAMES),
        'tolerances': TOLERANCES,
    }, indent=1) + '\n', encoding='utf-8')
    print(f'{BAG.name}: {BAG.stat().st_size} bytes, {len(FRAMES)} frames of {manifest.name}')


if __name__ == '__main__':
    sys.exit(renew())
