# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Runtime tools: one module per subcommand of ``hybrid-perception``."""
