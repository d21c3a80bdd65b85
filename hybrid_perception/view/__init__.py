# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Looking at what the node, or replay, said: a page of its own, and the viewer of Rerun."""
