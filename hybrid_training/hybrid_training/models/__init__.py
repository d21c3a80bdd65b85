# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Networks: encoders, decoders and the two dense heads."""
