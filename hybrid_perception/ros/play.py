# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The process that plays a recording: rclpy, signals, and a clean end."""

from __future__ import annotations

from collections.abc import Sequence
import threading

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.playback import Playback
from hybrid_perception.ros.player import Player, PlayReport, PlaySettings
from hybrid_perception.ros.transport import choose_transport_profile

NODE_NAME = 'recording_player'


def play(
    playback: Playback, settings: PlaySettings, stop: threading.Event,
    ros_args: Sequence[str] = (),
) -> PlayReport:
    """Play a recording.

    Args:
        playback: the recording.
        settings: how to play it.
        stop: ends playing when it is set.
        ros_args: remaps and parameters, as they stand behind --ros-args.

    Raises:
        ParameterError: The recording or the ROS arguments cannot be used.
    """
    choose_transport_profile()
    try:
        rclpy.init(args=['--ros-args', *ros_args] if ros_args else [],
                   signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rclpy's own types, and RuntimeError
        raise ParameterError(f'--ros-args {" ".join(ros_args)}: {error}') from error
    try:
        node = Node(NODE_NAME)
        try:
            return Player(node, playback, settings, stop).run()
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
