# SPDX-License-Identifier: Apache-2.0
"""Every port of the practice cloud.

They lie below 32768, where the ephemeral range begins: a client's own
connection could hold a port up there when its service starts.
"""

from __future__ import annotations

import os
import socket

NAMES = ('mariadb', 'epmd', 'rabbitmq', 'rabbitmq_dist', 'keystone',
         'placement', 'glance', 'neutron', 'cinder', 'nova')


def port(name: str) -> int:
    base = int(os.environ.get('OSC_RECOVER_CLOUD_PORT', '23600'))
    return base + NAMES.index(name)


def url(name: str) -> str:
    return f'http://127.0.0.1:{port(name)}'


def taken() -> list[int]:
    return [port(name) for name in NAMES if _answers(port(name))]


def _answers(number: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(('127.0.0.1', number)) == 0
