# SPDX-License-Identifier: Apache-2.0
"""Where everything is: the cache, the state, and what is in them."""

from __future__ import annotations

import hashlib
import os
import pathlib
import platform

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CONSTRAINTS = HERE / 'constraints.txt'
REQUIREMENTS = HERE / 'requirements.txt'


def cache() -> pathlib.Path:
    named = os.environ.get('OSC_RECOVER_CACHE')
    if named:
        return pathlib.Path(named).absolute()
    home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(home).absolute() / 'osc-recover'


def state() -> pathlib.Path:
    named = os.environ.get('OSC_RECOVER_CLOUD')
    return pathlib.Path(named).absolute() if named else cache() / 'cloud'


def digest(*parts: bytes | str) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.encode() if isinstance(part, str) else part)
        whole.update(b'\0')
    return whole.hexdigest()[:12]


def venv() -> pathlib.Path:
    key = digest(
        CONSTRAINTS.read_bytes(),
        REQUIREMENTS.read_bytes(),
        platform.python_version(),
    )
    return cache() / f'venv-{key}'


def host(name: str) -> pathlib.Path:
    return state() / 'hosts' / name


def volumes() -> pathlib.Path:
    return state() / 'volumes'


def log(service: str) -> pathlib.Path:
    return state() / 'log' / f'{service}.log'


def clouds_yaml() -> pathlib.Path:
    return state() / 'clouds.yaml'


def ready() -> pathlib.Path:
    """Written once the cloud has been seeded; holds what made it."""
    return state() / 'ready'
