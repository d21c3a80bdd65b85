# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A real headless Chromium, driven over the pipe of its DevTools protocol; needs no package."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from pathlib import Path
import select
import shutil
import signal
import subprocess
import time
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
FLAGS = (
    '--headless', '--no-sandbox', '--no-first-run', '--disable-extensions', '--hide-scrollbars',
    '--disable-dev-shm-usage', '--disable-background-networking', '--mute-audio',
    # WebGL without a graphics card, for the viewer of Rerun.
    '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist',
)
PATIENCE = 90.0
"""Seconds; the machine may be busy."""


def find_chromium() -> str | None:
    """Return the browser's executable, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class HeadlessChromium:
    """One browser with one page; a context manager."""

    def __init__(self, executable: str, profile: Path, size: tuple[int, int]) -> None:
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._buffer = b''
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def connect() -> None:
            # The protocol is spoken on descriptors 3 and 4; out of their way first.
            first, second = os.dup(to_browser), os.dup(from_browser)
            while {first, second} & {3, 4}:
                first, second = os.dup(first), os.dup(second)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self._process = subprocess.Popen(
            [executable, *FLAGS, f'--user-data-dir={profile}',
             f'--window-size={size[0]},{size[1]}', '--remote-debugging-pipe', 'about:blank'],
            preexec_fn=connect, close_fds=False, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self._session: str | None = None
        targets = self.call('Target.getTargets')['targetInfos']
        page = next(target['targetId'] for target in targets if target['type'] == 'page')
        self._session = self.call(
            'Target.attachToTarget', targetId=page, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(f'{domain}.enable')
        self.resize(*size)

    def __enter__(self) -> HeadlessChromium:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message: dict[str, Any] = {'id': self._number, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self._receive()
            if answer is None:
                continue
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer
                return dict(answer['result'])
            self.events.append(answer)
        raise TimeoutError(f'no answer to {method}; the browser ended with {self._process.poll()}')

    def _receive(self) -> dict[str, Any] | None:
        if b'\0' not in self._buffer:
            if select.select([self._read], [], [], 0.2)[0]:
                self._buffer += os.read(self._read, 1 << 20)
            if b'\0' not in self._buffer:
                return None
        text, _, self._buffer = self._buffer.partition(b'\0')
        return dict(json.loads(text))

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window's content, pixels."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def open(self, address: str) -> None:
        """Load a page and wait until it has loaded."""
        seen = len(self.events)
        self.call('Page.navigate', url=address)
        deadline = time.monotonic() + PATIENCE
        while not any(event.get('method') == 'Page.loadEventFired'
                      for event in self.events[seen:]):
            if time.monotonic() > deadline:
                raise TimeoutError(f'{address} did not load')
            if (event := self._receive()) is not None:
                self.events.append(event)

    def evaluate(self, script: str) -> Any:
        """Run JavaScript in the page, wait for its promise, and return its value."""
        answer = self.call(
            'Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def wait_for(self, script: str) -> Any:
        """Wait until JavaScript gives something true, and return it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if value := self.evaluate(script):
                return value
            time.sleep(0.05)
        raise TimeoutError(f'never true: {script}; errors: {self.errors()}')

    def press(self, key: str, code: int, *, shift: bool = False) -> None:
        """Press a key, as its name and its Windows code."""
        text = {'text': key} if len(key) == 1 else {}
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, modifiers=8 * shift,
                      windowsVirtualKeyCode=code, **(text if kind == 'keyDown' else {}))

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of an element."""
        x, y = self.evaluate(
            f'(() => {{ const element = document.querySelector({json.dumps(selector)});'
            "element.scrollIntoView({block: 'nearest'});"
            'const box = element.getBoundingClientRect();'
            'return [box.x + box.width / 2, box.y + box.height / 2]; })()')
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        answer = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer['data']))

    def errors(self) -> list[str]:
        """List uncaught exceptions and logged errors so far."""
        found = []
        for event in self.events:
            parameters = event.get('params', {})
            if event.get('method') == 'Runtime.exceptionThrown':
                found.append(str(parameters['exceptionDetails']))
            elif (event.get('method') == 'Log.entryAdded'
                    and parameters['entry']['level'] == 'error'):
                found.append(parameters['entry']['text'])
        return found

    def requests(self) -> list[str]:
        """List what the page asked for so far."""
        return [event['params']['request']['url'] for event in self.events
                if event.get('method') == 'Network.requestWillBeSent']
