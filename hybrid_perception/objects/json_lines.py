# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The objects of a recorded drive, one JSON line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
import json
from pathlib import Path
from typing import Any

from hybrid_perception.compare.output_frame import OutputFrame, output_topics, read_frames
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import ClassMap
from hybrid_perception.objects.open_set_object import OpenSetObject, find_objects
from hybrid_perception.objects.tracking import ObjectTracker
from hybrid_perception.replay.frame import NANOSECONDS
from hybrid_perception.scene import Style
from hybrid_perception.segmentation import Segmentation

NEEDED = ('label', 'anomaly_score')


def write_object_lines(
    bag: Path, output: Path, *, class_map: ClassMap, style: Style,
    cameras: Mapping[str, str] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> int:
    """Find and follow the objects in a bag of outputs; the file appears whole or not at all.

    A bag and not a running replay is read, so that a replay that was killed and taken up again
    gives the same ids, and a recording of the live node serves as well.

    Args:
        bag: made by replay, or recorded from the node; with `label` and `anomaly_score`.
        output: JSON lines, one per object, frames in the order of the bag.
        class_map: names of the classes.
        style: threshold, range of the confidence, and gate of the objects.
        cameras: name of the camera topic by name of the node; where absent, the node's is told.
        progress: called after each frame.

    Returns:
        The number of objects, each counted in every frame.

    Raises:
        ParameterError: The bag lacks an output, or is damaged, or the file cannot be written.
    """
    topics = {prefix: {name: names[name] for name in NEEDED if name in names}
              for prefix, names in output_topics(bag).items()}
    for prefix, names in topics.items():
        missing = [name for name in NEEDED if name not in names]
        if missing:
            raise ParameterError(
                f'{bag} has no {prefix}/{missing[0]}; objects are found in '
                f'{" and ".join(NEEDED)}')
    temporary = output.with_name(f'.{output.name}.tmp')
    count = 0
    try:
        with temporary.open('w', encoding='utf-8') as stream:
            for frame, objects in _followed(read_frames(bag, topics), style):
                camera = (cameras or {}).get(frame.prefix, frame.prefix)
                for item in objects:
                    stream.write(json.dumps(_line(frame, camera, item, class_map)) + '\n')
                count += len(objects)
                progress()
        temporary.replace(output)
    except OSError as error:
        raise ParameterError(f'{output} cannot be written: {error.strerror}') from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _followed(
    frames: Iterator[OutputFrame], style: Style
) -> Iterator[tuple[OutputFrame, tuple[OpenSetObject, ...]]]:
    trackers: defaultdict[str, ObjectTracker] = defaultdict(ObjectTracker)
    for frame in frames:
        if any(name not in frame.images for name in NEEDED):
            continue   # the end of a live recording
        segmentation = Segmentation(*(frame.images[name] for name in NEEDED))
        found = find_objects(
            segmentation, segmentation.open_set_mask(style.threshold),
            threshold=style.threshold, confidence_range=style.confidence_range,
            gate=style.objects)
        stamp = frame.stamp.nanoseconds / NANOSECONDS
        yield frame, trackers[frame.prefix].update(found, stamp)


def _line(
    frame: OutputFrame, camera: str, item: OpenSetObject, class_map: ClassMap
) -> Mapping[str, Any]:
    return {
        'stamp': str(frame.stamp),   # a number would lose nanoseconds
        'topic': camera,
        'id': item.id,
        'frames': item.frames,
        'box': [item.x, item.y, item.width, item.height],
        'area': item.area,
        'centroid': [round(value, 2) for value in item.centroid],
        'mean_score': item.mean_score,
        'max_score': item.max_score,
        'confidence': item.confidence,
        'resembles': class_map.name(item.resembles),
        'resembles_share': item.resembles_share,
    }
