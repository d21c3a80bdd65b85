# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Segment several cameras: one process with one loaded model, or a process each.

Every argument of camera.launch.py can be given as well and holds for all cameras.
"""

from __future__ import annotations

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

CAMERA_LAUNCH = str(Path(__file__).resolve().parent / 'camera.launch.py')

ARGUMENTS = (
    ('cameras', None,
     'Namespaces of the cameras, comma-separated, as in front,rear: images come from '
     '/front/image_raw, labels go to /front/perception/label'),
    ('shared', 'true',
     'true: one process, one loaded model, fair turns; false: a process and a model each, for '
     'cameras that must not fall together (make benchmark compares them)'),
    ('namespace', '', 'Namespace before those of the cameras'),
)


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments and what they start."""
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=description)
          for name, default, description in ARGUMENTS),
        OpaqueFunction(function=start_cameras),
    ])


def start_cameras(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Include camera.launch.py once for all cameras, or once for each."""
    cameras, shared, namespace = (
        LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS)
    names = [name.strip().strip('/') for name in cameras.split(',') if name.strip()]
    if not names:
        raise ValueError(f'cameras:={cameras!r} names none; give cameras:=front,rear')
    if len(set(names)) < len(names):
        raise ValueError(f'cameras:={cameras} names one twice; each needs its own namespace')
    if shared.lower() not in ('true', 'false'):
        raise ValueError(f'shared:={shared}: give true or false')
    if shared.lower() == 'true':
        return [include(cameras=','.join(names))]
    return [include(cameras='', namespace='/'.join(filter(None, (namespace.strip('/'), name))))
            for name in names]


def include(**arguments: str) -> IncludeLaunchDescription:
    """Describe camera.launch.py with some of its arguments; the others are passed on."""
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(CAMERA_LAUNCH), launch_arguments=arguments.items())
