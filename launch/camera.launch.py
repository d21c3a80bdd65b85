# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Start the perception node on one camera; with a camera driver and RViz if asked.

Arguments left empty stand back behind the parameter file.
"""

from __future__ import annotations

from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

SHARE = Path(__file__).resolve().parent.parent

ARGUMENTS = (
    ('namespace', '', 'Namespace of the node and of every relative topic'),
    ('name', 'perception', 'Name of the node; its outputs are below it, as /perception/label'),
    ('cameras', '',
     'Several cameras, comma-separated namespaces such as front,rear: one process serves them '
     'with one loaded model, each below its namespace (multi_camera.launch.py); empty: one'),
    ('image_topic', 'image_raw',
     'Camera images; with image_transport:=compressed, /compressed is put behind it'),
    ('camera_info_topic', '',
     'Calibration of the camera, without which the node works; empty: camera_info beside '
     'image_topic'),
    ('image_transport', '', 'raw or compressed; empty: as the parameter file says'),
    ('params_file', str(SHARE / 'config' / 'perception.yaml'),
     'Parameter file; a copy of the default is the place for own settings'),
    ('model_path', '',
     'Manifest, ONNX file beside its manifest, or directory with one manifest; '
     'empty: as the parameter file says, else the model shipped with the package'),
    ('precision', '',
     'fp32, fp16 or int8: a variant of the model; empty: as the parameter file says'),
    ('backend', '', 'auto, onnxruntime, openvino or tensorrt; empty: as the parameter file says'),
    ('num_threads', '',
     'CPU threads of the engine, 0: it decides; empty: as the parameter file says'),
    ('autostart', '',
     'true: the node configures and activates itself; false: a lifecycle manager or '
     '"ros2 lifecycle set" does it; empty: as the parameter file says'),
    ('use_sim_time', '',
     'true: time comes from /clock, as with "ros2 bag play --clock"; '
     'empty: as the parameter file says, else false'),
    ('build_only', 'false',
     'true: build the TensorRT engine into the cache, prove it and end, without camera, RViz and '
     'respawn; the exit code of the node is 0 if it can be used'),
    ('use_respawn', 'false', 'true: start the node again 2 s after it died'),
    ('log_level', 'info', 'debug, info, warn, error or fatal'),
    ('rviz', 'false', 'true: open RViz on the pictures; closing it does not stop the node'),
    ('rviz_config', str(SHARE / 'config' / 'camera.rviz'),
     'RViz configuration; the default shows overlay, anomaly score, the mask of the unknown, and '
     'a legend with the diagnostics'),
    ('camera', 'none',
     'Camera driver to start: none, usb_cam or v4l2_camera; it publishes image_raw and '
     'camera_info in the namespace'),
)
BOOLEANS = ['true', 'false', 'True', 'False']
CHOICES = {
    'image_transport': ['', 'raw', 'compressed'],
    'precision': ['', 'auto', 'fp32', 'fp16', 'int8'],
    'backend': ['', 'auto', 'onnxruntime', 'openvino', 'tensorrt'],
    'autostart': ['', *BOOLEANS],
    'use_sim_time': ['', *BOOLEANS],
    'build_only': BOOLEANS,
    'use_respawn': BOOLEANS,
    'rviz': BOOLEANS,
    'camera': ['none', 'usb_cam', 'v4l2_camera'],
}
CAMERA_EXECUTABLES = {'usb_cam': 'usb_cam_node_exe', 'v4l2_camera': 'v4l2_camera_node'}
PICTURES = ('overlay', 'anomaly_color', 'open_set_mask', 'color_label', 'legend')

# Large best-effort images need a large shared-memory segment: docs/transport.md.
TRANSPORT_PROFILE = str(SHARE / 'config' / 'fastdds_shm.xml')
NEW_VARIABLE, OLD_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
OTHER_TRANSPORT_CHOICE = 'FASTDDS_BUILTIN_TRANSPORTS'


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments and what they start."""
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=description,
                                choices=CHOICES.get(name))
          for name, default, description in ARGUMENTS),
        OpaqueFunction(function=choose_transport),
        OpaqueFunction(function=start_nodes),
    ])


def is_true(value: str) -> bool:
    """Read a boolean argument."""
    return value.lower() == 'true'


def number(value: str, name: str) -> int:
    """Read a number of 0 or more.

    Raises:
        ValueError: it is none; the message names the argument.
    """
    if not value.isascii() or not value.isdecimal():
        raise ValueError(f'{name}:={value}: give a whole number of 0 or more')
    return int(value)


def choose_transport(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Let Fast DDS use the profile of this package, unless the user chose a transport."""
    if any(context.environment.get(name)
           for name in (NEW_VARIABLE, OLD_VARIABLE, OTHER_TRANSPORT_CHOICE)):
        return []
    variables = [NEW_VARIABLE]
    if context.environment.get('ROS_DISTRO', '') in ('', 'humble', 'iron', 'jazzy'):
        variables.append(OLD_VARIABLE)  # later distributions warn of it
    return [SetEnvironmentVariable(name, TRANSPORT_PROFILE) for name in variables]


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the perception node, the camera driver and RViz as the arguments ask."""
    chosen = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    nodes = [perception_node(chosen)]
    if is_true(chosen['build_only']):
        return nodes
    if chosen['camera'] != 'none':
        nodes.append(Node(
            package=chosen['camera'], executable=CAMERA_EXECUTABLES[chosen['camera']],
            name='camera', namespace=chosen['namespace'], output='screen'))
    if is_true(chosen['rviz']):
        nodes.append(rviz(chosen))
    return nodes


def perception_node(chosen: dict[str, str]) -> Node:
    """Describe the perception node; overrides come after the parameter file."""
    overrides: dict[str, ParameterValue | bool | int] = {
        name: ParameterValue(chosen[name], value_type=str)
        for name in ('model_path', 'precision', 'backend', 'image_transport') if chosen[name]}
    overrides.update(
        {name: is_true(chosen[name]) for name in ('autostart', 'use_sim_time') if chosen[name]})
    if chosen['num_threads']:
        overrides['num_threads'] = number(chosen['num_threads'], 'num_threads')
    builds = is_true(chosen['build_only'])
    if builds:
        overrides['build_only'] = True
    cameras = namespaces(chosen)
    # Name and namespace given to the process would be those of all its nodes.
    names = {} if cameras else {'name': chosen['name'], 'namespace': chosen['namespace']}
    return Node(
        package='hybrid_perception', executable='perception_node', **names,
        arguments=['--cameras', *cameras] if cameras else [],
        # A substitution in a file could run any command.
        parameters=[ParameterFile(chosen['params_file'], allow_substs=False), overrides],
        remappings=remappings(chosen),
        ros_arguments=['--log-level', chosen['log_level']],
        respawn=is_true(chosen['use_respawn']) and not builds, respawn_delay=2.0,
        output='screen', emulate_tty=True)


def remappings(chosen: dict[str, str]) -> list[tuple[str, str]]:
    """Name the camera's topics; the node finds camera_info beside the images by itself."""
    found = [('image', chosen['image_topic']), ('camera_info', chosen['camera_info_topic'])]
    return [(name, topic) for name, topic in found if topic]


def namespaces(chosen: dict[str, str]) -> list[str]:
    """Return the namespace of each of several cameras; none where there is one camera."""
    names = [name.strip().strip('/') for name in chosen['cameras'].split(',') if name.strip()]
    return ['/'.join(['', *filter(None, (chosen['namespace'].strip('/'), name))])
            for name in names]


def rviz(chosen: dict[str, str]) -> Node:
    """Describe RViz; the topics of its configuration follow the name of the (first) node."""
    node = '/'.join(['', *filter(None, (chosen['namespace'].strip('/'), chosen['name']))])
    if cameras := namespaces(chosen):
        node = f'{cameras[0]}/perception'
    return Node(
        package='rviz2', executable='rviz2', name='rviz', namespace=chosen['namespace'],
        arguments=['-d', chosen['rviz_config']],
        remappings=[(f'/perception/{picture}', f'{node}/{picture}') for picture in PICTURES],
        output='screen')
