# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: a thin shell around the core. Only this package imports rclpy."""
