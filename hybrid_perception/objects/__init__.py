# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The connected parts of the unknown, and their identity over frames."""
