# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node: transitions and wiring."""

from __future__ import annotations

import threading
import time
from typing import Any

from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hybrid_perception.exceptions import EngineError
from hybrid_perception.picture import finds_damage
from hybrid_perception.ros.diagnostics import Diagnostics, Health
from hybrid_perception.ros.drift import DriftWatch
from hybrid_perception.ros.graph import GraphWatch
from hybrid_perception.ros.inbox import as_callback
from hybrid_perception.ros.loaded_model import LoadedModel, Sharing, active_threshold, load_model
from hybrid_perception.ros.logging_bridge import bridge_core_logging, unbridge_core_logging
from hybrid_perception.ros.outputs import LabelInfoPublisher, Outputs
from hybrid_perception.ros.parameter_server import ParameterServer
from hybrid_perception.ros.parameters import NodeParameters, frame_style
from hybrid_perception.ros.statistics import FrameStatistics
from hybrid_perception.ros.transitions import TICK, reported, run_interruptible
from hybrid_perception.ros.transport import input_qos, keeps_newest_only, overridable
from hybrid_perception.ros.worker import Worker
from hybrid_perception.scene import Style

FINISH_TIMEOUT = 10.0
"""Seconds that deactivate waits for the frame in flight; longer means that the engine hangs."""

END_TIMEOUT = 1.2
"""Seconds that it gets when the node is about to end anyway."""

CLOSE_TIMEOUT = 0.3
"""Seconds that freeing the model gets then."""


class SegmentationNode(LifecycleNode):
    """Camera images in; labels, anomaly scores and pictures of them out.

    Attributes:
        failed: whether the engine failed while running, also after it was built anew.
        hung: whether it hung, and the process is to end for that.
        fault: what is wrong, in words; empty where nothing is.
    """

    def __init__(
        self, *, stop: threading.Event | None = None, sharing: Sharing | None = None,
        **kwargs: Any,
    ) -> None:
        """Declare parameters and services; loads nothing.

        Args:
            stop: ends a configure transition that is under way when it is set.
            sharing: what the nodes of one process have in common; None for a node alone.
            kwargs: passed on to rclpy's LifecycleNode, such as `context`.
        """
        super().__init__(kwargs.pop('node_name', 'perception'), **kwargs)
        self.failed = self.hung = False
        self.fault = ''
        self._restarts = 0
        self._resumes = False
        self._stop = stop or threading.Event()
        self._sharing = sharing or Sharing()
        self._label = 'unconfigured'
        self._step = ''
        self._model: LoadedModel | None = None
        self._outputs: Outputs | None = None
        self._label_info: LabelInfoPublisher | None = None
        self._worker: Worker | None = None
        self._inputs: list[Any] = []
        self._threshold = 0.0
        self._statistics = FrameStatistics()
        self._drift = DriftWatch()
        self._settings = ParameterServer(self, accept=self._accept)
        self._unknown = self._settings.unknown(qos=False)
        for words in self._unknown:
            self.get_logger().warning(words)
        compressed = self.parameters.image_transport == 'compressed'
        self._message_type = CompressedImage if compressed else Image
        if compressed and not finds_damage():
            self.get_logger().warning(
                'simplejpeg is not installed: of damaged JPEGs only those that are cut short are '
                "found, others are labelled as if they were right; 'pip install simplejpeg'")
        # image_transport's rule: the suffix comes after the base name is remapped.
        self._topic = self.resolve_topic_name('image') + ('/compressed' if compressed else '')
        self._camera_info_topic = self._choose_camera_info_topic()
        self._log_handler = bridge_core_logging(self.get_logger())
        self._failure = self.create_guard_condition(self._on_engine_failure)
        self._activation = self.create_guard_condition(self._activate_late)
        self._wake = self.create_guard_condition(lambda: None)
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1),
                          on_clock_change=False),
            post_callback=self._on_time_jump)
        self._graph = GraphWatch(self, self._topic, compressed=compressed)
        self._diagnostics = Diagnostics(self)
        self._reported_at = 0.0
        # A steady clock, because simulated time may stand still.
        self.create_timer(self.parameters.diagnostic_updater_period, self._report,
                          clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def parameters(self) -> NodeParameters:
        """Return the parameters as they are."""
        return self._settings.values

    def _choose_camera_info_topic(self) -> str:
        """Return where camera_info is remapped to, else the topic beside the camera's images."""
        remapped: str = self.resolve_topic_name('camera_info')
        if remapped != self.resolve_topic_name('camera_info', only_expand=True):
            return remapped
        return f'{self.resolve_topic_name("image").rpartition("/")[0]}/camera_info'

    @reported
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check parameters, load the model and warm it up."""
        self._label, self.fault, self.failed = 'configuring', '', False
        self._settings.raise_refused()
        self._outputs = Outputs(self)
        parameters, stop, backends = self.parameters, self._stop, self._sharing.backends
        self._step = ''
        self._model = run_interruptible(
            lambda: load_model(parameters, stop, self._note_step, backends), stop,
            while_waiting=self._tick)
        self._threshold = active_threshold(parameters, self._model.manifest)
        self._drift.choose(parameters, self._model.manifest)
        self._label_info = LabelInfoPublisher(
            self, self._model.manifest.class_map, lambda: self._threshold,
            parameters.label_info_period)
        self._label = 'inactive'
        if self._resumes:   # what autostart left undone; after this transition, not within it
            self._resumes = False
            self._activation.trigger()
        return super().on_configure(state)

    @reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the outputs, start the inference thread and subscribe."""
        super().on_activate(state)
        # on_configure made them, or the state machine would not be here.
        assert self._model is not None
        assert self._outputs is not None
        assert self._label_info is not None
        self._statistics.begin()
        self._worker = Worker(
            self, self._model, self._outputs, self._statistics, self._drift,
            topic=self._topic, camera_info_topic=self._camera_info_topic,
            turns=self._sharing.turns, parameters=self.parameters,
            style=self._style, wake=self._wake.trigger,
            on_failure=self._report_failure)
        inbox = self._worker.inbox
        self._inputs = [
            self.create_subscription(message_type, topic, callback, input_qos(),
                                     qos_overriding_options=overridable(), callback_group=group)
            for message_type, topic, callback, group in (
                (self._message_type, self._topic, as_callback(inbox.put), inbox.gate),
                (CameraInfo, self._camera_info_topic, self._worker.put_camera_info, None))]
        inbox.gate.newest_only = keeps_newest_only(self._inputs[0].qos_profile)
        self._label_info.publish()
        self._label = 'active'
        known, self._unknown = self._unknown, self._settings.unknown(qos=True)
        for words in self._unknown:
            if words not in known:
                self.get_logger().warning(words)
        self.get_logger().info(f'active: segments the newest image of {self._topic}')
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and finish the frame in flight; the model stays loaded."""
        finished = self._stop_work(FINISH_TIMEOUT)
        super().on_deactivate(state)
        if not finished:
            raise EngineError(f'inference has not returned for {FINISH_TIMEOUT:.0f} s')
        if self.failed:
            return TransitionCallbackReturn.ERROR
        self._label = 'inactive'
        return TransitionCallbackReturn.SUCCESS

    @reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and withdraw the outputs."""
        self.release()
        return super().on_cleanup(state)

    @reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop at once from any state."""
        self.release()
        self._label = 'finalized'
        return super().on_shutdown(state)

    @reported
    def on_error(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Free everything after the engine failed, so that configure can try again."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so."""
        if self.parameters.autostart:
            if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
                self.trigger_activate()
            elif not self._stop.is_set():
                self._resumes = True
                self.get_logger().error(
                    'stays unconfigured; mend the above, then run: '
                    f'ros2 lifecycle set {self.get_fully_qualified_name()} configure; '
                    'it then activates itself')

    def _activate_late(self) -> None:
        if self._label == 'inactive':   # nobody else did it meanwhile
            self.trigger_activate()

    def build_only(self) -> bool:
        """Configure, which builds the engine and proves it, and free it; return whether it works.

        Nothing is activated: for images of a fleet.
        """
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS or self._model is None:
            return False
        self.get_logger().info(f'the engine is ready: {self._model.description["backend"]}')
        self.trigger_cleanup()
        return True

    def release(self) -> None:
        """Stop the work and free what configure made."""
        self._stop_work(END_TIMEOUT)
        if self._label_info is not None:
            self._label_info.destroy()
        if self._outputs is not None:
            self._outputs.destroy()
        if self._model is not None:
            self._close(self._model)
        self._label_info = self._outputs = self._model = None
        self._label = 'unconfigured'

    def _close(self, engine: LoadedModel) -> None:
        """Free the model; where its engine hangs, leave that to a thread that waits for it."""
        closing = threading.Thread(target=engine.segmenter.close, name='closing', daemon=True)
        closing.start()
        # The end of the process is not put off for what it frees anyway.
        closing.join(CLOSE_TIMEOUT if self._stop.is_set() else END_TIMEOUT)
        if closing.is_alive():
            # Nobody else may wait for it either.
            self._sharing.backends.discard_all()
            self.get_logger().warning('the engine hangs: its memory stays taken until it returns')

    def close(self) -> None:
        """Free everything; the node cannot be used any more."""
        self.release()
        unbridge_core_logging(self._log_handler)
        self._jumps.unregister()
        self.destroy_node()

    def _stop_work(self, timeout: float) -> bool:
        """Unsubscribe and end the inference thread; return whether it ended in time."""
        if self._worker is not None and self._inputs:
            self._worker.inbox.take_rest(self._inputs[0])
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        worker, self._worker = self._worker, None
        begun = time.monotonic()
        while worker is not None and not worker.end(TICK):
            self._tick()
            waited = time.monotonic() - begun
            if waited > (END_TIMEOUT if self._stop.is_set() else timeout):
                worker.give_up()
                return False
        return True

    def _accept(self, values: NodeParameters) -> None:
        if self._model is None or self._label_info is None:
            return
        self._threshold = active_threshold(values, self._model.manifest)
        self._drift.choose(values, self._model.manifest)
        self._label_info.publish()

    def _style(self) -> Style:
        if self._model is None:
            return frame_style(self.parameters, self._threshold)
        return frame_style(
            self.parameters, self._threshold, self._model.manifest.confidence_range)

    def _report_failure(self, error: Exception) -> None:
        """Take note of an error of the inference thread; called in that thread."""
        self.fault = f'inference failed: {error}'
        self._failure.trigger()

    def _report(self) -> None:
        """Publish the report of now, and do what is to be done about an engine that hangs."""
        self.publish_diagnostics()
        busy, policy = self._statistics.busy, self.parameters.engine_hang
        if (self._worker is None or busy is None or policy == 'report'
                or busy[1] <= self.parameters.engine_timeout):
            return
        self.get_logger().error(f'{busy[0].value} for {busy[1]:.1f} s; engine_hang: {policy}')
        if policy == 'exit':
            self.hung = True
            return
        self._restarts += 1
        self._sharing.backends.discard_all()
        worker, self._worker = self._worker, None
        worker.end(0.0)
        worker.give_up()
        # Through every state, so that whatever was made is made anew.
        self.trigger_deactivate()
        self.trigger_cleanup()
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _on_engine_failure(self) -> None:
        self.failed = True
        self.get_logger().error(self.fault)
        self.trigger_deactivate()
        self.publish_diagnostics()

    def _note_step(self, step: str) -> None:
        """Take note of what the engine's loading is at; called in the loading thread."""
        self._step = step

    def _on_time_jump(self, _: TimeJump) -> None:
        if self._worker is not None:
            self.get_logger().info('time jumped back: statistics start anew')
            self._worker.forget()

    def _tick(self) -> None:
        if time.monotonic() - self._reported_at >= self.parameters.diagnostic_updater_period:
            self.publish_diagnostics()

    def publish_diagnostics(self) -> None:
        """Publish the report of now."""
        self._reported_at = time.monotonic()
        watched = self._outputs.watched() if self._outputs is not None else set()
        engine = dict(self._model.description) if self._model is not None else {}
        if self._model is not None:
            engine['anomaly threshold'] = f'{self._threshold:.4f}'
        class_map = self._model.manifest.class_map if self._model is not None else None
        clock, worker = self.get_clock(), self._worker
        self._diagnostics.publish(Health(
            state=self._label, step=self._step, fault=self.fault, topic=self._topic,
            compressed=self._message_type is CompressedImage,
            graph=self._graph.look(self._inputs[0].qos_profile if self._inputs else None),
            heard=self._statistics.heard, silence=self._statistics.silence,
            parameters=self.parameters, counts=self._statistics.counts,
            rates=self._statistics.summary(), median_latency=self._statistics.median_latency,
            late_for=self._statistics.late_for, busy=self._statistics.busy,
            watched=tuple(sorted(watched)), engine=engine, drift=self._drift.report(),
            clock_missing=clock.ros_time_is_active and not clock.now().nanoseconds,
            mixed_clocks=worker is not None and worker.inbox.mixed_clocks,
            camera_info_topic=self._camera_info_topic,
            calibrated=worker is not None and worker.calibrated, restarts=self._restarts,
            marked=self._statistics.marked,
            oddities=(*self._unknown, *(worker.oddities.words if worker else ())),
            class_map=class_map, style=self._style()))
