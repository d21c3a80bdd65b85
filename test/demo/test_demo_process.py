# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import time

import pytest

import demo_process
from demo_process import DemoProcess, demo_environment

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
