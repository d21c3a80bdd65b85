# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anything that camera images can be read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.picture import PICTURE_SUFFIXES
from hybrid_perception.replay.bag_reader import bag_files, is_bag_file
from hybrid_perception.replay.bag_source import BagSource
from hybrid_perception.replay.folder_source import FolderSource, clip_of
from hybrid_perception.replay.frame import Frame
from hybrid_perception.replay.video_source import VideoSource

_BAG_SUFFIXES = ('.mcap', '.db3', '.bag')


class Source(Protocol):
    """A recording of one or more cameras."""

    @property
    def topics(self) -> Mapping[str, str]:
        """The camera topics that are read, with their message types."""
        ...

    @property
    def total(self) -> int | None:
        """Number of frames, where the recording says so."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was found wrong with the recording so far, in words."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Read every frame in the order of recording; each call starts anew."""
        ...


def is_bag(path: Path) -> bool:
    """Say whether a path is a bag of ROS 1 or 2, complete or not, by what is in it."""
    if path.is_dir():
        return (path / 'metadata.yaml').is_file() or bool(bag_files(path))
    # A file of that name that is none is named as such, and not taken for a video.
    return is_bag_file(path) or path.suffix in _BAG_SUFFIXES


def open_source(
    path: Path, *, topics: Sequence[str] = (), fps: float | None = None
) -> Source:
    """Open a bag, a video file or a folder of pictures.

    Args:
        path: rosbag2 (its folder, or one .mcap or .db3 file), ROS 1 .bag, video, folder of
            pictures, or clip (a folder with clip.json and images/).
        topics: camera topics of a bag; may be left out where it has only one.
        fps: frames per second of a folder (if absent 10, or the clip's own), or of a video whose
            own stamps are not wanted.

    Raises:
        ParameterError: Nothing can be read from there, or an argument does not fit.
    """
    if not path.exists():
        raise ParameterError(
            f'{path} does not exist; give a bag, a video file or a folder of pictures')
    if fps is not None and not fps > 0:
        raise ParameterError(f'the rate is {fps} frames per second; it must be above 0')
    if is_bag(path):
        if fps is not None:
            raise ParameterError(f'{path} is a bag and has stamps of its own; leave the rate out')
        return BagSource(path, topics)
    if topics:
        raise ParameterError(f'{path} is not a bag and has no topics; leave them out')
    if path.is_dir():
        rate, pictures = clip_of(path)
        return FolderSource(pictures, fps=fps, rate=rate)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise ParameterError(
            f'{path} is a single picture; give its folder, or use hybrid-perception inspect')
    return VideoSource(path, fps=fps)
