# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Render a street drive with per-pixel ground truth, from a seed and nothing else."""
