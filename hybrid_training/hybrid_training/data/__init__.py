# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets, mixed-content images and the random transforms of training."""
