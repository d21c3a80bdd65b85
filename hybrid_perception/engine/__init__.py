# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT engines: built once per robot and model, cached, proven against the CPU."""
