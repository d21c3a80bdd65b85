# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Two bags of outputs, frame by frame. Needs the extra ``replay``."""
