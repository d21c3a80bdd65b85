# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Package of the runtime: the ROS-free core, its command line tools and the ROS 2 node."""
from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'hybrid_perception'
HERE = Path(__file__).parent


def share(folder: str) -> tuple[str, list[str]]:
    """List the files of a top-level folder for installation below share/hybrid_perception."""
    files = sorted(
        path.relative_to(HERE).as_posix()
        for path in (HERE / folder).iterdir()
        if path.is_file() and not path.name.startswith('.')
    )
    return f'share/{NAME}/{folder}', files


# The wheels that bring ROS 2 Kilted to a machine without ROS (x86-64 Linux only). A robot uses its
# distribution's own ROS 2 and never installs this extra.
ROS_WHEELS = [
    'ros-kilted-rclpy[fastrtps]>=9.1,<10',
    'ros-ament-index-python>=1.11,<2',
    'ros-diagnostic-msgs>=5.5,<6',
    'ros-lifecycle-msgs>=2.3,<3',
    'ros-rcl-interfaces>=2.3,<3',
    'ros-sensor-msgs>=5.5,<6',
    'ros-std-msgs>=5.5,<6',
]

setup(
    name=NAME,
    version='0.1.0',
    description='Open-set semantic segmentation for ROS 2: known classes and what is none of them',
    author='The hybrid_perception authors',
    author_email='hybrid-perception@example.org',
    maintainer='The hybrid_perception authors',
    maintainer_email='hybrid-perception@example.org',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['calibration.schema.json', 'manifest.schema.json', 'py.typed',
                         'view/page/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'lib/{NAME}', ['scripts/perception_node']),
        share('launch'),
        share('config'),
        share('models'),
    ],
    install_requires=[
        'jsonschema>=3.2,<5',
        'numpy>=1.21,<3',
        'onnxruntime>=1.17,<2',
        'opencv-python-headless>=4.5.4,<6',
        'simplejpeg>=1.7.2,<2',
    ],
    extras_require={
        'ros': [f'{wheel}; platform_machine == "x86_64"' for wheel in ROS_WHEELS],
        # Bags in and out without ROS. Not for the node: a robot need not have it.
        'replay': ['mcap>=1.2,<2', 'rosbags>=0.11,<0.12', 'tqdm>=4.66,<5'],
        'openvino': ['openvino>=2024.4,<2027'],
        'tensorrt': ['tensorrt>=10.3,<12'],
        # What `make benchmark` measures beside the product; nothing of it is needed by it.
        'benchmark': ['numba>=0.61,<1', 'openvino>=2024.4,<2027'],
        # Rerun's viewer, 500 MB installed; `hybrid-perception view --html` does without.
        'view': ['mcap>=1.2,<2', 'rerun-sdk>=0.41,<0.42', 'rosbags>=0.11,<0.12',
                 'tqdm>=4.66,<5'],
        'test': [
            'catkin_pkg>=1.0,<2',
            'mcap>=1.2,<2',
            'mypy>=1.11,<3',
            'onnx>=1.17,<2',
            'pytest>=7.4,<8.4',
            'pytest-timeout>=2.2,<3',
            'rosbags>=0.11,<0.12',
            'ruff>=0.9,<1',
            'scikit-image>=0.22,<1',
            'scikit-learn>=1.3,<2',
            'tqdm>=4.66,<5',
            'types-jsonschema>=4.17,<5',
        ],
    },
    entry_points={
        'console_scripts': [
            f'perception_node = {NAME}.ros.main:main',
            f'hybrid-perception = {NAME}.cli.main:main',
        ],
    },
    zip_safe=False,
)
