# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A normalising flow over image patches, and the synthetic negatives drawn from it."""
