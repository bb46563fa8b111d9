# SPDX-License-Identifier: Apache-2.0
"""Where the region is: its folder, its ports, its hosts.

The launcher and all that it starts have a state of their own: what tests.cloud
says of the state, its processes, logs, hosts and guests, is the region's
there. The storage alone is the practice cloud's.
"""

from __future__ import annotations

import os
import pathlib

from tests.cloud import paths, ports

REGION = 'zed'
HOSTS = ('zed1', 'zed2', 'zed3')
CONTROLLER = 'zed'
# Read before enter(): where the practice cloud is.
PRACTICE = paths.state()
_PORTS = ('nova', 'placement')
# The ports of the practice cloud come first.
_OFFSET = 20


def enter() -> None:
    """From now on, and for every child, the state is the region's."""
    os.environ['OSC_RECOVER_CLOUD'] = str(state())


def state() -> pathlib.Path:
    """Its folder."""
    named = os.environ.get('OSC_RECOVER_ZED')
    return pathlib.Path(named).absolute() if named else paths.cache() / 'zed'


def conf(name: str) -> str:
    """One of its configuration files."""
    return f'{state()}/conf/{name}'


def port(name: str) -> int:
    """The port of its nova or placement."""
    return ports.port(ports.NAMES[0]) + _OFFSET + _PORTS.index(name)


def urls() -> dict[str, str]:
    """The services of its own, by name."""
    return {name: f'http://127.0.0.1:{port(name)}' for name in _PORTS}
