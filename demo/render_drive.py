#!/usr/bin/env python3
# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Render the demo's drive, or training frames of many streets, from a seed."""

from __future__ import annotations

import argparse
from pathlib import Path

from drive.clip import STORY_SEED, write_clip

EPILOG = """examples:
  python demo/render_drive.py --output demo/clip
  python demo/render_drive.py --seed 11 --frames 200 --scenes 40 --output runs/rendered/train
"""


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text such as 800x400."""
    try:
        width, height = (int(part) for part in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'size {text!r} is not WIDTHxHEIGHT, such as 800x400') from None
    if width < 64 or height < 32 or width > 4096 or height > 4096:
        raise argparse.ArgumentTypeError(f'size {text!r} is outside 64x32 to 4096x4096')
    return width, height


def positive(text: str) -> int:
    """Return a whole number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least 1')
    return int(text)


def main() -> int:
    """Read the arguments and write the clip."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seed', type=int, default=STORY_SEED,
                        help='what tells one drive from the next (default: %(default)s)')
    parser.add_argument('--frames', type=positive, default=80,
                        help='number of frames (default: %(default)s)')
    parser.add_argument('--size', type=parse_size, default=(800, 400), metavar='WxH',
                        help='pixels (default: 800x400)')
    parser.add_argument('--scenes', type=positive, default=1, metavar='M',
                        help='spread the frames over M streets; 1 is one continuous drive')
    parser.add_argument('--no-unknown', action='store_true', help='leave unknown things out')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='where images/, labels/ and clip.json go')
    args = parser.parse_args()
    if args.seed < 0:
        parser.error(f'--seed {args.seed}: give a number of 0 or more')
    write_clip(args.output, args.seed, args.frames, args.size, scenes=args.scenes,
               unknown=not args.no_unknown)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
