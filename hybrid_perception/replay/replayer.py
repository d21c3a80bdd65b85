# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every frame of a recording through the segmenter into a bag."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError, HybridPerceptionError, ParameterError
from hybrid_perception.labels import ClassMap
from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.outputs import check_bag
from hybrid_perception.replay.frame import Frame
from hybrid_perception.replay.message import Message
from hybrid_perception.replay.output_bag import MessageWriter, OutputBag, PiecedMessage
from hybrid_perception.replay.overlap import overlap
from hybrid_perception.replay.side_by_side import side_by_side
from hybrid_perception.replay.source import Source
from hybrid_perception.replay.work_folder import WorkFolder
from hybrid_perception.scene import Scene, Style
from hybrid_perception.segmentation import Segmenter


@dataclass(frozen=True, eq=False)
class _Kept:
    """A frame that an earlier attempt finished."""

    messages: list[Message]


@dataclass(frozen=True, eq=False)
class _Finished:
    """The images of a frame, and its objects, which have no ids yet."""

    frame: Frame
    messages: list[Message | PiecedMessage]
    objects: Sequence[OpenSetObject]


@dataclass(frozen=True)
class Skipped:
    """A frame that could not be used.

    Attributes:
        index: its number in the recording, from 0.
        reason: what was wrong with it.
    """

    index: int
    reason: str


@dataclass(frozen=True, eq=False)
class Decoded:
    """A frame and its pixels, (H, W, 3) uint8 RGB."""

    frame: Frame
    rgb: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Segmented:
    """A frame and what its outputs are made of."""

    frame: Frame
    scene: Scene


@dataclass
class ReplayReport:
    """What became of a recording.

    Attributes:
        written: frames in the output, kept ones included.
        kept: frames that an earlier, unfinished run had computed.
        skipped: frames that could not be used.
        notes: what was wrong with the recording.
        seconds: duration of this run.
    """

    written: int = 0
    kept: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def decode_frames(frames: Iterator[Frame]) -> Iterator[Decoded | Skipped]:
    """Decode each frame; one that cannot be decoded is told of in its place."""
    for frame in frames:
        try:
            yield Decoded(frame, frame.picture.rgb())
        except EncodingError as error:
            yield _skipped(frame, error)


def segment_frames(
    items: Iterator[Decoded | Skipped], segmenter: Segmenter, class_map: ClassMap, style: Style
) -> Iterator[Segmented | Skipped]:
    """Segment each decoded frame, as the node does."""
    for item in items:
        if isinstance(item, Skipped):
            yield item
            continue
        try:
            segmentation = segmenter.segment(item.rgb)
        except (EncodingError, ParameterError) as error:   # the node drops these too
            yield _skipped(item.frame, error)
            continue
        view = segmenter.output_view(item.rgb)
        yield Segmented(item.frame, Scene(segmentation, view, class_map, style))


def _skipped(frame: Frame, error: Exception) -> Skipped:
    return Skipped(frame.index, f'frame {frame.index} of {frame.topic} at {frame.stamp}: {error}')


class Replayer:
    """Reads, segments and writes at the same time, and goes on after a kill."""

    def __init__(
        self,
        source: Source,
        segmenters: Sequence[Segmenter],
        writer: MessageWriter,
        *,
        class_map: ClassMap,
        style: Style,
        settings: Mapping[str, Any],
        compress: bool = False,
    ) -> None:
        """Take the parts.

        Args:
            source: the recording.
            segmenters: alike, on one loaded model; so many frames are worked on at a time.
            writer: makes the messages.
            class_map: names and colours of the model.
            style: settings of the outputs.
            settings: all that the output depends on, as JSON types; an unfinished run with
                others is not taken up.
            compress: pack the output.
        """
        self._source = source
        self._free: SimpleQueue[Segmenter] = SimpleQueue()
        for segmenter in segmenters:
            self._free.put(segmenter)
        self._workers = len(segmenters)
        self._writer = writer
        self._class_map = class_map
        self._style = style
        self._settings = settings
        self._compress = compress

    def run(
        self, output: Path, *, overwrite: bool = False, restart: bool = False,
        progress: Callable[[bool], None] = lambda _: None,
    ) -> ReplayReport:
        """Write the bag; it appears whole or not at all.

        Args:
            output: an .mcap file, or the folder of a rosbag2.
            overwrite: replace the output if it is there.
            restart: do not take up an unfinished run.
            progress: called after each frame with whether it was computed in this run.

        Raises:
            ParameterError: The output is there already, or is nothing that replay wrote, or no
                frame can be used.
            HybridPerceptionError: The output cannot be written; what is done is kept.
        """
        check_bag(output, overwrite=overwrite)
        start = time.monotonic()
        work: WorkFolder | None = None
        try:
            work = WorkFolder(output, self._settings, restart=restart)
            report = self._fill(work, progress)
            report.seconds = time.monotonic() - start
            work.publish(output)
        except OSError as error:
            raise HybridPerceptionError(_not_written(output, error, work)) from error
        except BaseException:
            if work is not None:
                work.keep()
            raise
        return report

    def _fill(self, work: WorkFolder, progress: Callable[[bool], None]) -> ReplayReport:
        report = ReplayReport()
        topics = self._writer.topics()
        bag = OutputBag(work.bag, topics, compress=self._compress)
        stages = self._stages(work)
        try:
            for item in stages:
                if isinstance(item, Skipped):
                    work.note_skipped(item.index, item.reason)
                    report.skipped.append(item)
                    progress(True)
                    continue
                kept = isinstance(item, _Kept)
                for message in self._messages(item):
                    bag.write(message)
                report.written += 1
                report.kept += kept
                progress(not kept)
            if not report.written:
                raise ParameterError(self._nothing(report))
            bag.close()
        except BaseException:
            bag.abort()
            raise
        finally:
            stages.close()
        report.notes += self._source.notes
        return report

    def _messages(self, item: _Finished | _Kept) -> Sequence[Message | PiecedMessage]:
        """Complete a frame's messages by what depends on the frames before it."""
        if isinstance(item, _Kept):
            self._writer.recall(item.messages)
            return item.messages
        return [*item.messages, *self._writer.object_messages(item.frame, item.objects)]

    def _stages(self, work: WorkFolder) -> Generator[_Finished | _Kept | Skipped, None, None]:
        """Read in one thread, work on the frames in others; the caller writes."""
        return overlap(self._finish_all(overlap(self._read(work))))

    def _read(self, work: WorkFolder) -> Iterator[Frame | Skipped | _Kept]:
        frames = iter(self._source.frames())
        kept = work.kept_frames(self._writer.messages_per_frame)
        for frame in frames:
            if work.resumes and frame.index in work.skipped_before:
                yield Skipped(frame.index, work.skipped_before[frame.index])
                continue
            messages = next(kept, None)
            if messages is None:
                yield frame
                break
            if any(log_time != frame.log_time for _, log_time, _ in messages):
                raise ParameterError(
                    f'{work.path} does not fit frame {frame.index} of the recording; run with '
                    '--restart to begin anew')
            yield _Kept(messages)
        yield from frames

    def _finish_all(
        self, items: Generator[Frame | Skipped | _Kept, None, None]
    ) -> Iterator[_Finished | _Kept | Skipped]:
        with closing(items), closing(
                side_by_side(self._finish, items, workers=self._workers)) as finished:
            yield from finished

    def _finish(self, item: Frame | Skipped | _Kept) -> _Finished | _Kept | Skipped:
        if not isinstance(item, Frame):
            return item
        segmenter = self._free.get()
        try:
            result = next(segment_frames(
                decode_frames(iter((item,))), segmenter, self._class_map, self._style))
            if isinstance(result, Skipped):
                return result
            return _Finished(item, self._writer.messages(item, result.scene),
                             result.scene.objects if self._writer.with_objects else ())
        finally:
            self._free.put(segmenter)

    def _nothing(self, report: ReplayReport) -> str:
        topics = ', '.join(self._source.topics)
        if report.skipped:
            return f'no frame of {topics} can be used; the first: {report.skipped[0].reason}'
        return f'{topics} has no frames'


def _not_written(output: Path, error: OSError, work: WorkFolder | None) -> str:
    text = f'{output} cannot be written: {error.strerror or error}'
    if work is None:
        return text
    return (f'{text}. What is done is kept, and readable, in {work.keep()}; make room and run the '
            'same command again to go on')
