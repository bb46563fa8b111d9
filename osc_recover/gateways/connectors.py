# SPDX-License-Identifier: Apache-2.0
"""How hosts are let in to volumes: asked of them, or of cinder's records."""

import json
from collections.abc import Sequence
from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways.database import Database
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

TIMEOUT = 90.0
# What belongs to one attachment and not to its host.
_NOT_OF_HOST = ('mountpoint', 'mode')
_NEWEST = """
SELECT connector FROM volume_attachment
 WHERE attached_host = %(host)s AND connector IS NOT NULL
 ORDER BY deleted, updated_at DESC, created_at DESC LIMIT 1
"""


class Connectors:
    """What hosts themselves say, asked side by side."""

    def __init__(self, hosts: Hosts, timeout: float = TIMEOUT) -> None:
        self._hosts = hosts
        self._timeout = timeout

    def of(self, names: Sequence[str]) -> tuple[facts.Connector, ...]:
        """The connectors of hosts, in the order of their names."""
        asked = self._hosts.each(
            names, 'connector.show', {}, timeout=self._timeout
        )
        found = {
            host: fact_of(host, outcome, connector_from, facts.Connector)
            for host, outcome in asked
        }
        return tuple(found[name] for name in names)


def connector_from(host: str, data: Any) -> facts.Connector:
    """Read what connector.show tells of a host.

    :raises errors.ApiError: for what it cannot be
    """
    told = Foreign.of(host, 'its connector', data).inner('connector')
    name = told.text('host')
    if name != host:
        # cinder and nova would take it for another host's.
        return facts.Connector(
            host,
            problem=f'{host} calls itself {name}',
            way_out=f'see [DEFAULT]host in nova.conf on {host}',
        )
    return facts.Connector(host, told.data, 'the host')


def recorded(cinder: Database, host: str) -> facts.Connector:
    """The newest connector of a host that cinder has kept.

    Also of attachments that have ended: what a host is called in its storage
    does not change with them.
    """
    try:
        rows = cinder.read(_NEWEST, {'host': host})
    except errors.DatabaseError as exc:
        return facts.Connector(host, problem=exc.sentence, way_out=exc.way_out)
    found = _read(rows[0]['connector']) if rows else {}
    if found.get('host') != host:
        return facts.Connector(
            host,
            problem=f'cinder has no record of a volume on {host}',
            way_out='recover: ssh in clouds.yaml lets the host itself be '
            'asked',
        )
    return facts.Connector(host, found, "cinder's records")


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if k not in _NOT_OF_HOST}
