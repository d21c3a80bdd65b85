# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The processes of the demo: started with their log, watched, and always ended."""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
from types import TracebackType

PREFIX = Path(sys.prefix)
SHARE = PREFIX / 'share' / 'hybrid_perception'
STOP_SECONDS = 10.0
BEFORE_KILTED = ('humble', 'iron', 'jazzy')


def demo_environment(domain_id: int) -> dict[str, str]:
    """Build the environment of every process: this machine only, camera-size shared memory.

    Settings that the user made are kept.

    Args:
        domain_id: DDS domain, so that the demo meets no other robot.
    """
    old = os.environ.get('ROS_DISTRO') in BEFORE_KILTED
    profile = 'FASTRTPS_DEFAULT_PROFILES_FILE' if old else 'FASTDDS_DEFAULT_PROFILES_FILE'
    environment = {
        'ROS_DOMAIN_ID': str(domain_id),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        **os.environ,
    }
    if 'FASTDDS_BUILTIN_TRANSPORTS' not in os.environ:   # the user's other way to choose
        environment.setdefault(profile, str(SHARE / 'config' / 'fastdds_shm.xml'))
    # The installed script asks env for python3; ros2 looks for packages in AMENT_PREFIX_PATH.
    environment['PATH'] = f'{PREFIX / "bin"}{os.pathsep}{os.environ.get("PATH", "")}'
    if shutil.which('ros2'):
        known = os.environ.get('AMENT_PREFIX_PATH', '')
        environment['AMENT_PREFIX_PATH'] = f'{known}{os.pathsep if known else ""}{PREFIX}'
    environment['PYTHONUNBUFFERED'] = '1'
    environment['RCUTILS_COLORIZED_OUTPUT'] = '0'
    return environment


def node_command(model: str | None, environment: dict[str, str]) -> list[str]:
    """Choose how the node is started: by `ros2 launch` where there is one, else directly.

    Args:
        model: Path of a manifest or model; None for the one that is installed.
        environment: Environment of the process.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    if shutil.which('ros2') and not subprocess.run(
            ['ros2', 'pkg', 'prefix', 'hybrid_perception'], env=environment,
            capture_output=True, check=False).returncode:
        command = ['ros2', 'launch', 'hybrid_perception', 'camera.launch.py',
                   'image_topic:=camera/image_raw', 'camera_info_topic:=camera/camera_info']
        return command + ([f'model_path:={model}'] if model else [])
    executable = PREFIX / 'lib' / 'hybrid_perception' / 'perception_node'
    if not executable.is_file():
        raise FileNotFoundError(f'{executable} is not there; run `make install` first')
    command = [str(executable), '--ros-args',
               '--params-file', str(SHARE / 'config' / 'perception.yaml'),
               '-r', 'image:=camera/image_raw', '-r', 'camera_info:=camera/camera_info']
    return command + (['-p', f'model_path:={model}'] if model else [])


class DemoProcess:
    """A child process in a group of its own, whose output goes to a file."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], log: Path
    ) -> None:
        """Start it.

        Args:
            name: Its name in messages.
            command: Program and arguments.
            environment: Environment variables.
            log: File of its output.
        """
        self.name = name
        self.log = log
        with log.open('wb') as output:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def exit_code(self) -> int | None:
        """Exit code of the process, None while it runs."""
        return self._process.poll()

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of the log."""
        text = self.log.read_text(encoding='utf-8', errors='replace')
        return '\n'.join(text.splitlines()[-lines:])

    def reports_error(self) -> bool:
        """Tell whether a ROS node logged an error."""
        return '[ERROR]' in (text := self.tail(200)) or '[FATAL]' in text

    def stop(self) -> bool:
        """Interrupt the process as Ctrl-C does; return False if it had to be killed."""
        obeyed = True
        if self.exit_code is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                obeyed = False
        with suppress(ProcessLookupError):   # nobody of the group is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return obeyed

    def __enter__(self) -> DemoProcess:
        """Return the process."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process, whatever happened."""
        self.stop()
