# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded drives in, the node's topics out, without ROS. Needs the extra ``replay``."""
