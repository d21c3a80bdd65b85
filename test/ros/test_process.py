# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The executable: signals at any moment, exit codes, what it prints."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import textwrap
import time

from lifecycle_msgs.srv import ChangeState
import pytest
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from starvation import Starvation, prompt_seconds

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'scripts' / 'perception_node'

SLOW = """
import time
from hybrid_perception.ros import main, segmentation_node
def load(*given):
    print('loading', flush=True)
    time.sleep(30)
segmentation_node.load_model = load
main.main()
"""


FAILING = """
from hybrid_perception.ros import loaded_model, main, segmentation_node
def load(*given):
    loaded = loaded_model.load_model(*given)
    def segment(rgb):
        raise RuntimeError('the accelerator fell off')
    loaded.segmenter.segment = segment
    return loaded
segmentation_node.load_model = load
main.main()
"""


HANGING = """
import threading
from hybrid_perception.backends import onnxruntime_backend
from hybrid_perception.ros import main
infer = onnxruntime_backend.OnnxRuntimeBackend.infer
def hang(self, image):
    if threading.current_thread().name == 'inference':
        print('stands still', flush=True)
        threading.Event().wait()
    return infer(self, image)
onnxruntime_backend.OnnxRuntimeBackend.infer = hang
main.main()
"""

STUCK = """
import time
from hybrid_perception.ros import main, segmentation_node
def stick(self, *_):
    print('stuck', flush=True)
    threading.Event().wait()
import threading
segmentation_node.SegmentationNode.close = stick
main.main()
"""


class Process:
    """The node's process and what it prints."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONUNBUFFERED': '1'}
        with log.open('w') as stream:
            self.child = subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, env=environment)

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str, timeout: float = 30.0) -> None:
        end = time.monotonic() + timeout
        while text not in self.output:
            assert self.child.poll() is None, self.output
            assert time.monotonic() < end, f'{text!r} is not in: {self.output}'
            time.sleep(0.02)

    def stop(self, number: int) -> tuple[int, float]:
        """Send a signal; return exit code and seconds until the end, less those without a core."""
        starvation, start = Starvation(self.child.pid), time.monotonic()
        self.child.send_signal(number)
        code = self.child.wait(timeout=60)
        return code, prompt_seconds(start, starvation)


@pytest.fixture(autouse=True)
def domain(monkeypatch):
    """Keep away from the nodes that other tests made in this process."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(random.SystemRandom().randint(1, 100)))


@pytest.fixture
def run(tmp_path) -> Iterator:
    """Run the executable, or a program that prepares it, with parameters."""
    started: list[Process] = []

    def start(*arguments: str, program: str = '', **parameters: object) -> Process:
        command = [sys.executable, '-c', textwrap.dedent(program)] if program else [
            sys.executable, str(SCRIPT)]
        command += ['--ros-args', *arguments]
        for name, value in parameters.items():
            command += ['-p', f'{name}:={value}']
        started.append(Process(command, tmp_path / f'log{len(started)}'))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.child.kill()
        process.child.wait()


class Onlooker:
    """Another node, which sees who is there."""

    def __init__(self) -> None:
        self.context = Context()
        self.context.init()
        self.node = Node('onlooker', context=self.context)

        self.camera = self.node.create_publisher(Image, 'image', 1)
        self.node.create_subscription(Image, '/perception/label', lambda _: None, 1)

    def send_image(self) -> None:
        message = Image(height=4, width=4, encoding='mono8', step=4)
        message.data.frombytes(bytes(16))
        self.camera.publish(message)

    def change_state(self, transition: int) -> None:
        client = self.node.create_client(ChangeState, '/perception/change_state')
        assert client.wait_for_service(10.0)
        request = ChangeState.Request()
        request.transition.id = transition
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        future = client.call_async(request)
        executor.spin_until_future_complete(future, timeout_sec=20.0)
        executor.shutdown()
        assert future.result().success

    def wait_for_node(self, there: bool, timeout: float = 10.0) -> None:
        end = time.monotonic() + timeout
        while ('perception' in self.node.get_node_names()) is not there:
            assert time.monotonic() < end, self.node.get_node_names()
            time.sleep(0.05)


@pytest.fixture
def onlooker() -> Iterator[Onlooker]:
    """Look on from outside."""
    other = Onlooker()
    yield other
    other.node.destroy_node()
    other.context.try_shutdown()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_active_node_soon_and_cleanly(run, tiny_model, onlooker, number):
    process = run(model_path=tiny_model)
    process.wait_for('active')
    onlooker.wait_for_node(True)
    code, seconds = process.stop(number)
    assert (code, seconds < 2.0) == (0, True), (code, seconds, process.output)
    assert 'Traceback' not in process.output
    # It said goodbye; a node that is killed stays in the graph for 20 s.
    onlooker.wait_for_node(False)


def make_it_hang(process, onlooker):
    process.wait_for('active')
    onlooker.wait_for_node(True)
    end = time.monotonic() + 20
    while 'stands still' not in process.output:
        assert time.monotonic() < end, process.output
        onlooker.send_image()
        time.sleep(0.1)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_whose_engine_does_not_return(run, tiny_model, onlooker, number):
    process = run(program=HANGING, model_path=tiny_model)
    make_it_hang(process, onlooker)
    code, seconds = process.stop(number)
    assert (code, seconds < 2.0) == (0, True), (code, seconds, process.output)


def test_a_signal_ends_a_node_whose_main_thread_is_stuck(run, tiny_model):
    process = run(program=STUCK, model_path=tiny_model)
    process.wait_for('active')
    process.child.send_signal(signal.SIGINT)
    process.wait_for('stuck')
    code, seconds = process.stop(signal.SIGTERM)
    assert (code, seconds < 2.0) == (0, True), (code, seconds, process.output)


def test_an_engine_that_hangs_ends_the_process_where_it_is_asked_for(run, tiny_model, onlooker):
    process = run(program=HANGING, model_path=tiny_model, engine_hang='exit', engine_timeout=0.5,
                  **{'diagnostic_updater.period': 0.2})
    make_it_hang(process, onlooker)
    process.wait_for('engine_hang: exit')
    assert process.child.wait(timeout=10) == 1


def test_a_signal_ends_a_long_configure(run):
    process = run(program=SLOW)
    process.wait_for('loading')
    code, seconds = process.stop(signal.SIGINT)
    assert (code, seconds < 2.0) == (0, True), (code, seconds, process.output)
    assert 'Traceback' not in process.output


@pytest.mark.parametrize('delay', [0.5, 0.9, 1.5])
def test_a_signal_ends_the_start_at_any_moment(run, tiny_model, delay):
    process = run(model_path=tiny_model)
    time.sleep(delay)
    if not caught(process.child.pid):
        pytest.skip('Python has not reached the entry point yet')
    code, seconds = process.stop(signal.SIGINT)
    assert (code, seconds < 2.0) == (0, True), (code, seconds, process.output)
    assert 'Traceback' not in process.output


def caught(pid: int) -> bool:
    """Return whether the process handles SIGTERM, which Python by itself does not."""
    status = Path(f'/proc/{pid}/status').read_text()
    mask = next(line for line in status.splitlines() if line.startswith('SigCgt'))
    return bool(int(mask.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_configure_that_fails_leaves_the_node_up_to_be_mended(run):
    process = run(model_path='no/such/model')
    process.wait_for('ros2 lifecycle set /perception configure')
    time.sleep(0.5)
    assert process.child.poll() is None
    assert process.stop(signal.SIGINT)[0] == 0


def test_arguments_that_ros_cannot_read_end_the_process_with_one_line(run):
    process = run('--params-file', 'no/such/file.yaml')
    assert process.child.wait(timeout=20) == 2
    assert 'cannot start' in process.output
    assert 'no/such/file.yaml' in process.output
    assert 'Traceback' not in process.output


def test_help_shows_an_example_and_starts_nothing():
    answer = subprocess.run(
        [sys.executable, str(ROOT / 'scripts' / 'perception_node'), '--help'],
        capture_output=True, text=True, timeout=60, check=True)
    assert 'perception_node --ros-args -r image:=' in answer.stdout


def test_the_shipped_parameter_file_is_read(run, tiny_model):
    process = run('--params-file', str(ROOT / 'config' / 'perception.yaml'),
                  model_path=tiny_model)
    process.wait_for('active')
    assert 'ERROR' not in process.output


def test_without_autostart_the_node_waits(run, tiny_model):
    process = run(model_path=tiny_model, autostart='false')
    with pytest.raises(AssertionError, match='is not in'):
        process.wait_for('model', timeout=3.0)
    assert process.stop(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(('autostart', 'code'), [('true', 1), ('false', None)])
def test_a_failing_engine_ends_a_self_started_node_and_leaves_a_managed_one_to_its_manager(
        run, tiny_model, onlooker, autostart, code):
    process = run(program=FAILING, model_path=tiny_model, autostart=autostart)
    onlooker.wait_for_node(True, timeout=30)
    if autostart == 'false':
        onlooker.change_state(1)
        onlooker.change_state(3)
    process.wait_for('active')
    end = time.monotonic() + 20
    while 'accelerator fell off' not in process.output:
        assert time.monotonic() < end, process.output
        onlooker.send_image()
        time.sleep(0.1)
    if code is not None:
        assert process.child.wait(timeout=10) == code
    else:
        time.sleep(1.0)
        assert process.child.poll() is None
        assert process.stop(signal.SIGINT)[0] == 0


BUILDING = """
import sys
sys.path.insert(0, {stand_ins!r})
from tensorrt_stand_in import World
from hybrid_perception.backends import registry
from hybrid_perception.ros import main
registry.find_accelerator = World().accelerator
main.main()
"""


def test_build_only_ends_by_itself_with_exit_0(run, tiny_model, tmp_path):
    program = BUILDING.format(stand_ins=str(ROOT / 'test' / 'stand_ins'))
    process = run(program=program, model_path=tiny_model, build_only='true',
                  engine_cache_dir=tmp_path / 'engines')
    assert process.child.wait(timeout=60) == 0, process.output
    assert 'the engine is ready: tensorrt' in process.output
    assert len(list((tmp_path / 'engines').glob('*/*.engine'))) == 1


def test_build_only_that_fails_ends_with_exit_1(run, tiny_model):
    process = run(model_path=tiny_model, build_only='true', backend='onnxruntime')
    assert process.child.wait(timeout=60) == 1, process.output
    assert 'build_only builds a TensorRT engine' in process.output
