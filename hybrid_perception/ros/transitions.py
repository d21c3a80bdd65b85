# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Transitions that say why they failed, and the long work of one, which a signal ends."""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
from functools import wraps
import threading
from typing import Any, TypeVar

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from hybrid_perception.exceptions import HybridPerceptionError

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


T = TypeVar('T')
TICK = 0.05


class InterruptedConfigureError(HybridPerceptionError):
    """The node was asked to stop while the work was under way."""


def run_interruptible(
    work: Callable[[], T], stop: threading.Event, while_waiting: Callable[[], None]
) -> T:
    """Do `work` in a daemon thread and return what it returns.

    Args:
        work: what may take long, such as loading a model.
        stop: ends the wait; the thread is left to the end of the process.
        while_waiting: called every 50 ms in the caller's thread.

    Raises:
        InterruptedConfigureError: `stop` was set first.
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name='configure', daemon=True).start()
    while not stop.is_set():
        try:
            return future.result(timeout=TICK)
        except concurrent.futures.TimeoutError:
            if future.done():  # meanwhile, or the work itself timed out
                return future.result()
            while_waiting()
    raise InterruptedConfigureError('stopped while configuring')
