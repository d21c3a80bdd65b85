# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path
import sys
import time

import pytest

import demo_process
from demo_process import DemoProcess, demo_environment, node_command

ROOT = Path(__file__).resolve().parents[2]
DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('deaf', flush=True)
time.sleep(60)
"""


def wait_for(process, text):
    end = time.monotonic() + 20
    while text not in process.tail():
        assert time.monotonic() < end
        time.sleep(0.05)


def start(code, tmp_path):
    return DemoProcess('child', [sys.executable, '-c', code], dict(os.environ), tmp_path / 'log')


def test_log_and_exit_code(tmp_path):
    with start('print("one"); print("two"); raise SystemExit(3)', tmp_path) as process:
        wait_for(process, 'two')
        process._process.wait(20)
        assert process.exit_code == 3
        assert process.tail(1) == 'two'


def test_errors_of_a_node_are_seen(tmp_path):
    with start('print("[INFO] [1.0] [perception]: configuring")', tmp_path) as process:
        wait_for(process, 'configuring')
        assert not process.reports_error()
    with start('print("[ERROR] [1.0] [perception]: configure failed")', tmp_path) as process:
        wait_for(process, 'failed')
        assert process.reports_error()


def fake_ros2(folder, exit_code):
    folder.mkdir()
    (folder / 'ros2').write_text(f'#!/bin/sh\nexit {exit_code}\n')
    (folder / 'ros2').chmod(0o755)
    return f'{folder}{os.pathsep}{os.environ["PATH"]}'


def test_ros2_launch_starts_the_node_where_it_finds_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', fake_ros2(tmp_path / 'bin', 0))
    environment = demo_environment(7)
    assert str(demo_process.PREFIX) in environment['AMENT_PREFIX_PATH'].split(os.pathsep)
    command = node_command('/models/mine.json', environment)
    assert command[:4] == ['ros2', 'launch', 'hybrid_perception', 'camera.launch.py']
    launch_file = (ROOT / 'launch' / 'camera.launch.py').read_text(encoding='utf-8')
    arguments = dict(argument.split(':=') for argument in command[4:])
    assert arguments['model_path'] == '/models/mine.json'
    for name in arguments:
        assert f"('{name}', " in launch_file


def test_the_executable_starts_where_ros2_does_not_know_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', fake_ros2(tmp_path / 'bin', 1))
    monkeypatch.setattr(demo_process, 'PREFIX', tmp_path)
    with pytest.raises(FileNotFoundError, match='make install'):
        node_command(None, demo_environment(7))
    executable = tmp_path / 'lib' / 'hybrid_perception' / 'perception_node'
    executable.parent.mkdir(parents=True)
    executable.touch()
    assert node_command(None, demo_environment(7))[0] == str(executable)


def test_stop_interrupts(tmp_path):
    code = 'import time\nprint("up", flush=True)\ntime.sleep(60)'
    with start(code, tmp_path) as process:
        wait_for(process, 'up')
        assert process.stop()
    assert 'KeyboardInterrupt' in process.tail()


def test_stop_kills_what_does_not_listen(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_process, 'STOP_SECONDS', 0.3)
    with start(DEAF, tmp_path) as process:
        wait_for(process, 'deaf')
        assert not process.stop()
        assert process.exit_code == -9


def test_an_exception_ends_the_child(tmp_path):
    def fail():
        with start('import time\ntime.sleep(60)', tmp_path) as process:
            children.append(process)
            raise RuntimeError

    children = []
    with pytest.raises(RuntimeError):
        fail()
    assert children[0].exit_code is not None


@pytest.mark.parametrize(('distro', 'name'), [
    ('jazzy', 'FASTRTPS_DEFAULT_PROFILES_FILE'), ('kilted', 'FASTDDS_DEFAULT_PROFILES_FILE'),
])
def test_environment_sets_the_profile_under_the_name_of_the_distribution(
        monkeypatch, distro, name):
    monkeypatch.setenv('ROS_DISTRO', distro)
    monkeypatch.delenv(name, raising=False)
    assert demo_environment(7)[name].endswith('fastdds_shm.xml')


def test_environment_keeps_what_the_user_set(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '42')
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', 'mine.xml')
    environment = demo_environment(7)
    assert environment['ROS_DOMAIN_ID'] == '42'
    assert environment['FASTDDS_DEFAULT_PROFILES_FILE'] == 'mine.xml'


def test_the_demo_writes_into_no_folder_of_somebody_else(tmp_path):
    from run_demo import DemoError, check_output

    check_output(tmp_path / 'new')
    check_output(tmp_path)
    (tmp_path / 'holiday.jpg').write_bytes(b'')
    with pytest.raises(DemoError, match='is not the output of a demo; name a new folder'):
        check_output(tmp_path)
    (tmp_path / 'node.log').write_text('')
    check_output(tmp_path)
