# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements: what `make benchmark` writes to docs/performance.md."""
