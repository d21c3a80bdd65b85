# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The inference thread: newest frame, segmentation, publication."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import ExitStack
import threading
import time

import numpy as np
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hybrid_perception.buffers import BufferPool
from hybrid_perception.exceptions import (
    BadAnswerError,
    EncodingError,
    HybridPerceptionError,
    ParameterError,
)
from hybrid_perception.objects.tracking import ObjectTracker
from hybrid_perception.ros.camera import Oddities, camera_info_for
from hybrid_perception.ros.drift import DriftWatch
from hybrid_perception.ros.inbox import Frame, Inbox
from hybrid_perception.ros.loaded_model import LoadedModel
from hybrid_perception.ros.messages import describe_msg, rgb_from_msg, seconds
from hybrid_perception.ros.outputs import Outputs
from hybrid_perception.ros.parameters import NodeParameters
from hybrid_perception.ros.statistics import FrameStatistics, Stopwatch, Work
from hybrid_perception.scene import Scene, Style
from hybrid_perception.segmentation import Segmentation
from hybrid_perception.turns import Turns

POLL = 0.1
"""Seconds after which the waiting thread looks whether it should end."""

QUIET = 5.0
"""Seconds for which a repeated error is not logged again."""


class Worker:
    """One activation's inference thread.

    The executor hands frames in by the inbox; everything else happens in the thread, so that
    decoding and conversion are done only for the frame that is used.

    Attributes:
        inbox: where the executor puts frames.
        oddities: what is odd about the camera.
    """

    def __init__(
        self,
        node: LifecycleNode,
        engine: LoadedModel,
        outputs: Outputs,
        statistics: FrameStatistics,
        drift: DriftWatch,
        *,
        topic: str,
        camera_info_topic: str,
        turns: Turns,
        parameters: NodeParameters,
        style: Callable[[], Style],
        wake: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Start the thread.

        Args:
            node: the node, for its clock and its logger.
            engine: the model.
            outputs: where the answers go.
            statistics: where frames are counted.
            drift: what looks at the scores.
            topic: the resolved input topic, for messages.
            camera_info_topic: that of the camera's calibration, for messages.
            turns: who of this process may run the engine next.
            parameters: those that do not change while the node is active.
            style: asked once per frame for the settings of the outputs.
            wake: lets the executor look anew at what it may take.
            on_failure: called in the thread with what ended it.
        """
        self._node = node
        self._model = engine
        self._outputs = outputs
        self._statistics = statistics
        self._drift = drift
        drift.reset()
        self._topic = topic
        self._turns = turns
        self._camera_info_topic = camera_info_topic
        self._max_latency = parameters.max_latency
        self._bit_depth = parameters.bit_depth
        self._style = style
        self._on_failure = on_failure
        self._tracker = ObjectTracker()
        self._buffers = BufferPool()
        self.inbox = Inbox(node, topic, statistics, on_jump=self._forget_rates, wake=wake)
        self.oddities = Oddities(node, topic)
        self._camera_info: CameraInfo | None = None
        self._jumps = 0
        self._size: tuple[int, int] | None = None
        self._ending = threading.Event()
        self._in_hand = False
        self._hand = threading.Lock()
        self._pass_turn_on: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    @property
    def calibrated(self) -> bool:
        """Return whether the camera's calibration has come."""
        return self._camera_info is not None

    def put_camera_info(self, message: CameraInfo) -> None:
        """Hand in the camera's calibration. Called by the executor."""
        self._camera_info = message

    def forget(self) -> None:
        """Drop the frame that waits and forget the rates, because time jumped."""
        self.inbox.forget()
        self._forget_rates()

    def _forget_rates(self) -> None:
        self._jumps += 1
        self._statistics.forget_rates()
        self._drift.reset()

    def end(self, timeout: float) -> bool:
        """Finish the frame in flight and end the thread; return whether it ended in time."""
        self._ending.set()
        self.inbox.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Count the frame in hand as forgotten: the thread did not end in time.

        Other cameras get their turn. If the engine ever returns, nothing of the frame is
        published.
        """
        self._settle('forgotten')
        self._statistics.give_up_work()
        if self._pass_turn_on is not None:
            self._pass_turn_on()

    def _settle(self, fate: str) -> bool:
        """Put the frame in hand into one of the counts; return whether that was still to do."""
        with self._hand:
            held, self._in_hand = self._in_hand, False
        if held:
            self._statistics.settle(fate)
        return held

    def _run(self) -> None:
        while not self._ending.is_set():
            if not self.inbox.wait(timeout=POLL):
                continue
            with ExitStack() as turn:
                with self._statistics.at(Work.WAITING):
                    self._pass_turn_on = turn.enter_context(
                        self._turns.take(self.inbox.waiting_since))
                # Only now: while other cameras had their turn, a newer frame may have come.
                frame = self.inbox.take()
                if frame is not None and not self._answer(frame, end_turn=turn.close):
                    return

    def _answer(self, frame: Frame, end_turn: Callable[[], None]) -> bool:
        """Segment and publish a frame, or say why not; return False where the engine failed."""
        message, self._in_hand = frame.message, True
        try:
            self._handle(frame, end_turn)
        except (EncodingError, ParameterError) as error:
            self._settle('bad')
            self._node.get_logger().error(
                f'dropped a frame of {self._topic} ({describe_msg(message)}): {error}',
                throttle_duration_sec=QUIET)
        except BadAnswerError as error:
            self._settle('faulty')
            self._warn(f'dropped a frame of {self._topic}: {error}')
        except Exception as error:  # handed to the executor, which ends the activation
            self._settle('forgotten')
            if not self._ending.is_set():
                self._on_failure(error)
            return False
        return True

    def _handle(self, frame: Frame, end_turn: Callable[[], None]) -> None:
        message, jumps = frame.message, self._jumps
        watch, age = Stopwatch(), self._age(message)
        if self._drop_late(frame, age):
            return
        watched = self._outputs.watched()
        if not watched:
            self._settle('unread')
            return
        with self._statistics.at(Work.DECODING):
            rgb = self._read(message)
        self._note_size(rgb.shape[1], rgb.shape[0])
        watch.lap('decoding_time')
        with self.inbox.engine_at_work(), self._statistics.at(Work.INFERENCE):
            segmentation = self._model.segmenter.segment(rgb)
        end_turn()
        watch.lap('inference_time')
        settled = jumps == self._jumps
        # In the meantime it may have become too old, or been given up.
        if not self._in_hand or self._drop_late(frame, self._age(message) if settled else None):
            return
        with self._statistics.at(Work.PUBLISHING):
            self._publish(message, rgb, segmentation, watched)
        watch.lap('output_time')
        if not self._settle('processed'):
            return
        if segmentation.fault:
            self._statistics.marked += 1
            self._warn(f'marked pixels of a frame of {self._topic}: {segmentation.fault}')
        settled = jumps == self._jumps
        if settled and self._drift.watching:   # else the score may not even be made
            self._drift.add(segmentation.anomaly_score, seconds(message.header.stamp))
        # What the clock says after a jump has nothing to do with a stamp from before.
        latency = self._age(message) if settled else None
        cycle = self._statistics.complete(processing=watch.total, latency=latency)
        self._outputs.publish_timing(watched, {
            'processing_time': watch.total, 'pipeline_latency': latency, 'cyclic_time': cycle,
            'waiting_time': age if settled else None, **watch.laps})

    def _warn(self, words: str) -> None:
        self._node.get_logger().warning(words, throttle_duration_sec=QUIET)

    def _drop_late(self, frame: Frame, age: float | None) -> bool:
        """Drop a frame that is too old; return whether it was.

        Its time in this node counts whatever the stamp and the clocks say, except in simulated
        time, which may run at any speed.
        """
        simulated = self._node.get_clock().ros_time_is_active
        age = max(age or 0.0, 0.0 if simulated else time.monotonic() - frame.taken)
        if not 0.0 < self._max_latency < age:
            return False
        self._settle('late')
        self._node.get_logger().warning(
            f'dropped a frame of {self._topic}: {age:.2f} s old, max_latency is '
            f'{self._max_latency} s', throttle_duration_sec=QUIET)
        return True

    def _publish(
        self, message: Image | CompressedImage, rgb: NDArray[np.uint8],
        segmentation: Segmentation, watched: Set[str],
    ) -> None:
        stamp = seconds(message.header.stamp)
        scene = Scene(segmentation, self._model.segmenter.output_view(rgb),
                      self._model.manifest.class_map, self._style(),
                      track=lambda objects: self._tracker.update(objects, stamp),
                      buffers=self._buffers)
        self._outputs.publish(
            scene, message.header, self._camera_info_of(scene, message, rgb.shape[:2]), watched)

    def _read(self, message: Image | CompressedImage) -> NDArray[np.uint8]:
        try:
            rgb = rgb_from_msg(message, bit_depth=self._bit_depth, buffers=self._buffers)
            self.oddities.look(message, self._bit_depth)
        except HybridPerceptionError:
            raise
        except Exception as error:  # whatever a camera sends, it is no failure of the engine
            raise EncodingError(f'cannot be read: {type(error).__name__}: {error}') from error
        return rgb

    def _camera_info_of(
        self, scene: Scene, message: Image | CompressedImage, image: tuple[int, int]
    ) -> CameraInfo | None:
        info = self._camera_info
        if info is None:
            return None
        self.oddities.look_at_calibration(info, image, self._camera_info_topic)
        return camera_info_for(
            info, message.header, image=image,
            region=self._model.shown_region(image), output=scene.segmentation.label.shape)

    def _age(self, message: Image | CompressedImage) -> float | None:
        """Return the seconds since the stamp of a frame; None where that cannot be known."""
        stamp = seconds(message.header.stamp)
        now = 1e-9 * float(self._node.get_clock().now().nanoseconds)
        # A simulated clock says 0 until /clock has come.
        if stamp == 0.0 or now == 0.0 or not self.inbox.settled:
            return None
        return now - stamp

    def _note_size(self, width: int, height: int) -> None:
        if self._size is not None and self._size != (width, height):
            self._node.get_logger().info(
                f'images of {self._topic} changed from {self._size[0]}x{self._size[1]} to '
                f'{width}x{height}')
        if self._size != (width, height):
            shown = self._model.roi.fit(height, width)
            self.oddities.look_at_aspect(
                (shown.height, shown.width), self._model.manifest.input_size)
        self._size = (width, height)
