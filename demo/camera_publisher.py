# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera driver in small: publish a source on `camera/image_raw` as a real camera does.

Stands alone: `python3 demo/camera_publisher.py drive.mp4` feeds any node that reads images.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import sys
import time
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from frame_source import FrameSource, SourceError, open_source

FRAME_ID = 'camera_optical_frame'


class CameraPublisher(Node):
    """Publish pictures with their calibration, best effort, as sensor data is."""

    def __init__(self, camera_matrix: tuple[float, ...] = ()) -> None:
        """Advertise the topics.

        Args:
            camera_matrix: Nine numbers; empty for a guess (field of view of 53 degrees).
        """
        super().__init__('camera')
        self._camera_matrix = camera_matrix
        self._image = self.create_publisher(Image, 'camera/image_raw', qos_profile_sensor_data)
        self._info = self.create_publisher(
            CameraInfo, 'camera/camera_info', qos_profile_sensor_data)

    def wait_for_reader(self, seconds: float) -> bool:
        """Wait until someone subscribes to the image; return False if nobody did in time."""
        end = time.monotonic() + seconds
        while self._image.get_subscription_count() == 0:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        # We know the reader, but the reader may not know us yet: half a second is too short.
        time.sleep(1.5)
        return True

    def publish(self, picture: NDArray[Any]) -> int:
        """Publish a (H, W, 3) uint8 BGR picture; return its stamp in nanoseconds."""
        height, width = picture.shape[:2]
        now = self.get_clock().now()
        image = Image(height=height, width=width, encoding='bgr8', step=3 * width)
        image.header.stamp = now.to_msg()
        image.header.frame_id = FRAME_ID
        # Assigning to image.data costs a hundred times as much.
        image.data.frombytes(np.ascontiguousarray(picture))
        info = CameraInfo(header=image.header, height=height, width=width)
        info.distortion_model = 'plumb_bob'
        info.d = [0.0] * 5
        info.k = self._camera_matrix or (width, 0, width / 2, 0, width, height / 2, 0, 0, 1)
        info.r = (1, 0, 0, 0, 1, 0, 0, 0, 1)
        info.p = np.hstack([np.reshape(info.k, (3, 3)), np.zeros((3, 1))]).ravel()
        self._image.publish(image)
        self._info.publish(info)
        return int(now.nanoseconds)


def play(source: FrameSource, camera: CameraPublisher, seconds: float, log: TextIO) -> int:
    """Publish the source at its own rate; log index and stamp of every frame.

    Args:
        source: What is played.
        camera: Where to.
        seconds: Stop after this time; 0: at the end of the source.
        log: CSV file, `index,stamp_ns`.

    Returns:
        Number of frames sent.
    """
    sent = 0
    start = time.monotonic()
    for index, picture in enumerate(source.frames):
        if not source.live:
            time.sleep(max(0.0, start + index / source.fps - time.monotonic()))
        if seconds and time.monotonic() - start > seconds:
            break
        print(f'{index},{camera.publish(picture)}', file=log, flush=True)
        sent += 1
    return sent


def main() -> int:
    """Run the publisher; return 0, or 1 if the source is no good or nobody listens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='video file, folder of pictures, or /dev/videoN')
    parser.add_argument('--seconds', type=float, default=0.0,
                        help='stop after this time; 0: at the end (0)')
    parser.add_argument('--wait', type=float, default=60.0,
                        help='seconds to wait for a subscriber (60)')
    parser.add_argument('--log', type=Path, default=Path(os.devnull),
                        help='CSV file of index,stamp_ns')
    args = parser.parse_args()
    rclpy.init()
    try:
        source = open_source(args.source)
        camera = CameraPublisher(source.camera_matrix)
        if not camera.wait_for_reader(args.wait):
            print(f'nobody subscribed to camera/image_raw within {args.wait:g} s', file=sys.stderr)
            return 1
        with args.log.open('w', encoding='utf-8') as log:
            sent = play(source, camera, args.seconds, log)
        # The last picture lies in our shared memory until its reader took it.
        time.sleep(1.0)
        print(f'sent {sent} frames')
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
