# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Open-set perception: known classes and unknown things from one camera image.

The core in this package imports neither ROS nor torch; ``hybrid_perception.ros`` alone does ROS.
"""

__version__ = '0.1.0'
