# SPDX-License-Identifier: Apache-2.0
"""Every port of the practice cloud.

They lie below 32768, where the ephemeral range begins: a client's own
connection could hold a port up there when its service starts.
"""

from __future__ import annotations

import os
import socket

from tests.cloud import errors

NAMES = (
    'mariadb',
    'epmd',
    'rabbitmq',
    'rabbitmq_dist',
    'keystone',
    'placement',
    'glance',
    'neutron',
    'cinder',
    'nova',
)


def port(name: str) -> int:
    base = int(os.environ.get('OSC_RECOVER_CLOUD_PORT', '23600'))
    return base + NAMES.index(name)


def url(name: str) -> str:
    return f'http://127.0.0.1:{port(name)}'


def claim(name: str) -> None:
    """Refuse to go on if others listen where a service of ours is to.

    Asked just before each start: our own service would end, and what is
    meant for it would reach theirs.
    """
    claim_number(port(name), name)


def claim_number(number: int, name: str) -> None:
    """As ``claim``, of a port that is not one of the practice cloud's."""
    if listens(number):
        raise errors.CloudError(
            f'port {number}, meant for {name}, is in use by another '
            'process; end that, or set OSC_RECOVER_CLOUD_PORT to the first '
            f'of {len(NAMES)} free ports'
        )


def answers(name: str) -> bool:
    return listens(port(name))


def listens(number: int) -> bool:
    """Whether anybody takes connections there."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(('127.0.0.1', number)) == 0
