# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Inference engines behind one protocol. They return tensors; thresholds are not theirs."""
