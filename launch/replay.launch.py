# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Play a recording into the perception node, in simulated time; with RViz if asked.

Every argument of camera.launch.py can be given as well, such as image_topic, image_transport,
model_path and rviz.
"""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

CAMERA = str(Path(__file__).resolve().with_name('camera.launch.py'))
ARGUMENTS = (
    ('bag', None,
     'Recording: rosbag2 (folder, .mcap, .db3), ROS 1 .bag, video file or folder of pictures; '
     'videos appear on /image, folders on /image/compressed'),
    ('rate', '1.0', 'Speed: 2.0 plays twice as fast as recorded'),
    ('loop', 'false', 'true: play again and again'),
    ('start', '0.0', 'Seconds of the recording that are left out at its beginning'),
    ('player', 'auto',
     'rosbag2 plays every topic of a rosbag2; own, the player of this package, plays images and '
     'camera_info of every recording and waits until the node is ready; auto: rosbag2 where it '
     'is installed and can read the recording'),
    ('delay', '5.0', 'Seconds that rosbag2 leaves the node for loading its model'),
    ('stay', 'false', 'true: node and RViz stay when the recording is at its end'),
)
CHOICES = {
    'loop': ['true', 'false', 'True', 'False'],
    'player': ['auto', 'rosbag2', 'own'],
    'stay': ['true', 'false', 'True', 'False'],
}
FINISH = 2.0
"""Seconds in which the node answers the last frame."""


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments and what they start."""
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=description,
                                choices=CHOICES.get(name))
          for name, default, description in ARGUMENTS),
        # It also chooses the transport, which the player needs too.
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(CAMERA),
            launch_arguments={'use_sim_time': 'true', 'camera': 'none'}.items()),
        OpaqueFunction(function=start_player),
    ])


def start_player(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the player, and end with it unless the rest is to stay."""
    chosen = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    command = rosbag2_command(chosen) if uses_rosbag2(chosen) else own_command(chosen)
    player = ExecuteProcess(cmd=command, name='player', output='screen')
    if chosen['stay'].lower() == 'true':
        return [player]
    end = TimerAction(period=FINISH, actions=[Shutdown(reason='the player has ended')])
    return [RegisterEventHandler(OnProcessExit(target_action=player, on_exit=[end])), player]


def uses_rosbag2(chosen: dict[str, str]) -> bool:
    """Say whether `ros2 bag play` plays the recording."""
    if chosen['player'] != 'auto':
        return chosen['player'] == 'rosbag2'
    bag = Path(chosen['bag'])
    if bag.suffix not in ('.mcap', '.db3') and not (bag / 'metadata.yaml').is_file():
        return False
    try:
        get_package_prefix('ros2bag')
    except PackageNotFoundError:
        return False
    return True


def rosbag2_command(chosen: dict[str, str]) -> list[str]:
    """Compose the command line of rosbag2's player."""
    return ['ros2', 'bag', 'play', chosen['bag'], '--clock', '--rate', chosen['rate'],
            '--start-offset', chosen['start'], '--delay', chosen['delay'],
            '--disable-keyboard-controls', *loop(chosen)]


def own_command(chosen: dict[str, str]) -> list[str]:
    """Compose the command line of this package's player."""
    # Not by the console script: pip and colcon put it into different places.
    return ['python3', '-m', 'hybrid_perception.cli.main', 'play', chosen['bag'], '--clock',
            '--rate', chosen['rate'], '--start', chosen['start'], *loop(chosen)]


def loop(chosen: dict[str, str]) -> list[str]:
    """Name the option of looping, where it is asked for; both players call it the same."""
    return ['--loop'] if chosen['loop'].lower() == 'true' else []
