# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Transitions that say why they failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.ros.interruptible import InterruptedConfigureError

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def reported(transition: Transition) -> Transition:
    """Log what a transition raises and keep it as the fault; rclpy would swallow it.

    A configure that fails leads back to unconfigured; anything else goes through on_error.
    """
    @wraps(transition)
    def wrapper(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except InterruptedConfigureError as interruption:
            node.get_logger().info(str(interruption))
        except Exception as error:
            expected = isinstance(error, HybridPerceptionError)
            reason = str(error) if expected else f'{type(error).__name__}: {error}'
            node.fault = f'{transition.__name__[3:]} failed: {reason}'
            node.get_logger().error(node.fault)
        node.release()
        node.publish_diagnostics()
        configuring = transition.__name__ == 'on_configure'
        return TransitionCallbackReturn.FAILURE if configuring else TransitionCallbackReturn.ERROR
    return wrapper
