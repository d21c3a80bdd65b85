# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that talk over DDS: cameras, readers, and the nodes that ours is held against."""
