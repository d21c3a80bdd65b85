# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes that stand or move in the street; each builder returns a `Soup` in local metres."""
