# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From a checkpoint to one ONNX graph and its manifest."""
