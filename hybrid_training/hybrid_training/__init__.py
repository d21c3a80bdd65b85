# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Train, evaluate and export dense hybrid open-set models (DenseHybrid, ECCV 2022)."""
