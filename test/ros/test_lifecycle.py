# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node's transitions: again and again, into errors and out of them."""

from __future__ import annotations

import gc
import json
import threading
import time

from lifecycle_msgs.srv import ChangeState, GetState
import pytest
from starvation import Starvation, prompt_seconds

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.exceptions import EngineError

CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4


class Manager:
    """A lifecycle manager: does over the services what `ros2 lifecycle set` does."""

    def __init__(self, robot):
        self.robot = robot
        self.change = robot.probe.create_client(ChangeState, '/perception/change_state')
        self.get = robot.probe.create_client(GetState, '/perception/get_state')
        robot.spin_until(lambda: self.change.service_is_ready() and self.get.service_is_ready())

    def do(self, transition: int) -> bool:
        request = ChangeState.Request()
        request.transition.id = transition
        return self._call(self.change, request).success

    @property
    def state(self) -> str:
        return self._call(self.get, GetState.Request()).current_state.label

    def _call(self, client, request):
        future = client.call_async(request)
        self.robot.spin_until(future.done)
        return future.result()


def test_ten_times_through_every_transition_leaves_nothing_behind(make_robot, picture):
    robot = make_robot()
    manager = Manager(robot)
    robot.received['label'] = []
    before = None
    for _ in range(10):
        for transition, state in ((CONFIGURE, 'inactive'), (ACTIVATE, 'active'),
                                  (DEACTIVATE, 'inactive'), (ACTIVATE, 'active'),
                                  (DEACTIVATE, 'inactive'), (CLEANUP, 'unconfigured')):
            assert manager.do(transition), (transition, robot.node.fault)
            assert manager.state == state
        gc.collect()
        node = robot.node
        now = (threading.active_count(), len(list(node.publishers)),
               len(list(node.subscriptions)), len(list(node.timers)), len(list(node.guards)),
               len(node._managed_entities))
        before = before or now
        assert now == before
    assert threading.active_count() == before[0]
    robot.start('label')
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1


def test_an_inactive_node_does_not_listen(make_robot, picture):
    robot = make_robot().start('label')
    robot.send(robot.image(picture))
    robot.node.trigger_deactivate()
    assert list(robot.node._inputs) == []
    robot.spin_until(lambda: robot.camera.get_subscription_count() == 0)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin(0.3)
    assert (robot.counts.received, len(robot.received['label'])) == (1, 1)
    assert robot.status('input').message == 'not subscribed while inactive'


def test_deactivate_finishes_the_frame_in_flight(make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    segmenter = robot.node._model.segmenter
    segment, begun = segmenter.segment, threading.Event()

    def slow(rgb):
        begun.set()
        time.sleep(0.4)
        return segment(rgb)

    monkeypatch.setattr(segmenter, 'segment', slow)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(begun.is_set)
    robot.node.trigger_deactivate()
    robot.spin_until(lambda: len(robot.received['label']) == 1)
    assert not [thread for thread in threading.enumerate() if thread.name == 'inference']


def broken(tiny_model, **fields):
    """Return a manifest beside the tiny model in which some fields are wrong."""
    document = {**json.loads(tiny_model.read_text()), **fields}
    path = tiny_model.with_name('broken.json')
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(('parameters', 'words'), [
    ({'model_path': 'no/such/model.onnx'}, ['no/such/model.onnx', 'does not exist']),
    ({'operating_point': 'tpr17'}, ['tpr17', 'middle, high']),
    ({'ignore_mask_path': 'no/mask.png'}, ['ignore_mask_path', 'no/mask.png']),
    ({'overlay_alpha': 1.5}, ['overlay_alpha', '1.5', '0 to 1']),
    ({'overlay_alpha': 1}, ['overlay_alpha', 'a float, with a dot']),
    ({'backend': 'quantum'}, ['backend', 'quantum', 'auto, onnxruntime']),
    ({'image_transport': 'theora'}, ['image_transport', 'theora', 'raw, compressed']),
    ({'anomaly_color_range': [3.0, 1.0]}, ['anomaly_color_range', 'vmin < vmax']),
    ({'model_path': 3}, ['model_path', 'a string']),
    ({'qos_overrides./perception/overlay.publisher.reliability': 'perhaps'}, ['perhaps']),
])
def test_configure_fails_with_the_parameter_at_fault(make_robot, parameters, words):
    robot = make_robot(**parameters)
    assert robot.node.trigger_configure().name == 'FAILURE'
    assert Manager(robot).state == 'unconfigured'
    status = robot.status('inference')
    assert status.level == b'\x02'
    for word in words:
        assert word in status.message, status.message
    assert list(robot.node._managed_entities) == []


@pytest.mark.parametrize(('fields', 'words'), [
    ({'sha256': 'f' * 64}, ['broken.json', 'sha256']),
    ({'classes': []}, ['broken.json', 'classes']),
    ({'default_operating_point': 'x'}, ['broken.json', 'default_operating_point']),
    ({'file': 'gone.onnx'}, ['broken.json', 'gone.onnx']),
])
def test_configure_fails_with_the_file_and_the_field_at_fault(
        make_robot, tiny_model, fields, words):
    robot = make_robot(model_path=str(broken(tiny_model, **fields)))
    assert robot.node.trigger_configure().name == 'FAILURE'
    for word in words:
        assert word in robot.node.fault


def test_configure_succeeds_once_the_fault_is_mended(make_robot, tiny_model):
    hidden = tiny_model.rename(tiny_model.with_suffix('.hidden'))
    robot = make_robot(overlay_alpha=7.0)
    assert robot.node.trigger_configure().name == 'FAILURE'
    assert robot.set(overlay_alpha=0.7).successful
    assert robot.node.trigger_configure().name == 'FAILURE'
    assert 'tiny.json' in robot.node.fault
    hidden.rename(tiny_model)
    robot.start()
    assert robot.status('inference').level == b'\x00'


def fail_times(robot, monkeypatch, times: int) -> list[int]:
    """Let the engines fail so many times from now on; return a list of the failures."""
    from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
    infer, failures = OnnxRuntimeBackend.infer, []

    def failing(self, image):
        if len(failures) < times:
            failures.append(1)
            raise EngineError('the accelerator fell off')
        return infer(self, image)

    monkeypatch.setattr(OnnxRuntimeBackend, 'infer', failing)
    return failures


def test_an_engine_that_fails_once_is_built_anew_and_the_frame_is_not_lost(
        make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    failures = fail_times(robot, monkeypatch, 1)
    robot.send(robot.image(picture))
    assert (len(failures), len(robot.received['label']), robot.node.failed) == (1, 1, False)
    robot.spin_until(lambda: any('building the engine anew' in line for line in robot.log))


def test_an_engine_that_fails_again_leads_through_on_error_to_unconfigured(
        make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    fail_times(robot, monkeypatch, 2)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: robot.node.failed)
    status = robot.status('inference')
    assert status.level == b'\x02'
    assert 'the accelerator fell off' in status.message
    assert Manager(robot).state == 'unconfigured'
    assert list(robot.node._managed_entities) == []
    robot.received['label'].clear()
    robot.start()
    robot.spin_until(lambda: 'label' in robot.node._outputs.watched())
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1
    assert robot.status('inference').level == b'\x00'


def test_an_engine_that_hangs_does_not_hang_the_node(make_robot, picture, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.segmentation_node.FINISH_TIMEOUT', 0.5)
    robot = make_robot().start('label')
    begun, release = threading.Event(), threading.Event()
    monkeypatch.setattr(robot.node._model.segmenter, 'segment',
                        lambda rgb: (begun.set(), release.wait(30)))
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(begun.is_set)
    robot.node.trigger_deactivate()
    assert 'inference has not returned' in robot.node.fault
    assert Manager(robot).state == 'unconfigured'
    release.set()


def test_a_long_configure_reports_and_can_be_stopped(make_robot, monkeypatch):
    robot = make_robot()
    reports = []
    monkeypatch.setattr(robot.node._diagnostics, 'publish', reports.append)
    release = threading.Event()
    monkeypatch.setattr('hybrid_perception.ros.segmentation_node.load_model',
                        lambda *given: release.wait(20))
    threading.Timer(0.5, robot.node._stop.set).start()
    starvation, start = Starvation(), time.monotonic()
    assert robot.node.trigger_configure().name == 'FAILURE'
    assert prompt_seconds(start, starvation) < 2.0
    assert len([health for health in reports if health.state == 'configuring']) >= 2
    release.set()


class Hang:
    """Backends that do not return while they are to hang, called through lease and lock."""

    def __init__(self, monkeypatch):
        self.on, self.begun, self.release = True, 0, threading.Event()
        infer = OnnxRuntimeBackend.infer

        def hang(backend, image):
            if self.on and threading.current_thread().name == 'inference':
                self.begun += 1
                assert self.release.wait(60)
            return infer(backend, image)

        monkeypatch.setattr(OnnxRuntimeBackend, 'infer', hang)


@pytest.fixture
def hang(monkeypatch):
    made = Hang(monkeypatch)
    yield made
    made.release.set()
    made.on = False


def test_deactivate_and_diagnostics_answer_while_the_engine_hangs(
        make_robot, picture, hang, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.segmentation_node.FINISH_TIMEOUT', 1.0)
    robot = make_robot(watchdog_timeout=0.2, engine_timeout=0.4).start('label')
    manager = Manager(robot)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: hang.begun == 1)
    robot.spin_until(lambda: robot.status('inference').level == b'\x02')
    robot.received['diagnostics'].clear()
    begun = time.monotonic()
    assert not manager.do(DEACTIVATE)
    assert time.monotonic() - begun < 5.0
    assert manager.state == 'unconfigured'
    robot.spin(0.3)
    waiting = [report for report in robot.received['diagnostics']
               if 'at work on one frame' in report.status[1].message]
    assert len(waiting) > 5, 'silent while it waited for the engine'
    assert 'inference has not returned' in robot.status('inference').message
    assert (robot.counts.forgotten, robot.counts.under_way) == (1, 0)
    hang.on = False   # a new one is loaded, not the one that hangs
    robot.start()
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1


def test_an_engine_that_hangs_is_loaded_anew_where_it_is_asked_for(make_robot, picture, hang):
    robot = make_robot(engine_hang='restart', engine_timeout=0.4).start('label')
    manager = Manager(robot)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: hang.begun == 1)
    hang.on = False
    robot.spin_until(lambda: robot.node._restarts == 1)
    assert manager.state == 'active'
    assert any('engine_hang: restart' in line for line in robot.log)
    robot.spin_until(lambda: robot.node._inputs[0].get_publisher_count() > 0
                     and 'label' in robot.node._outputs.watched())
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1
    hang.release.set()   # the first one returns at last
    robot.spin(0.3)
    assert len(robot.received['label']) == 1, 'nobody wants its answer any more'
    assert (robot.counts.processed, robot.counts.forgotten) == (1, 1)
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 2
    values = {value.key: value.value for value in robot.status('inference').values}
    assert values['engine restarts'] == '1'


def test_a_start_that_was_mended_goes_on_to_active(make_robot, picture):
    robot = make_robot(operating_point='nonsense')
    robot.node.autostart()
    manager = Manager(robot)
    assert manager.state == 'unconfigured'
    assert any('configure; it then activates itself' in line for line in robot.log)
    assert robot.set(operating_point='middle').successful
    assert manager.do(CONFIGURE)
    robot.spin_until(lambda: manager.state == 'active')
    assert manager.do(DEACTIVATE)
    assert manager.do(CLEANUP)
    assert manager.do(CONFIGURE)
    robot.spin(0.3)
    assert manager.state == 'inactive', 'once is enough: from here on a manager decides'
