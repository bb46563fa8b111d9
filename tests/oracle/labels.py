# SPDX-License-Identifier: Apache-2.0
"""Labels for what two servers that fared alike cannot have in common.

Ids, names and addresses of a server get a label that says what they are and
which of several, in an order that does not depend on them: devices by their
name, the rest as nova made one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tests.oracle.shares import Share
from tests.oracle.world import Row

TIME = re.compile(
    r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?'
)

# Columns that hold what a label stands for, and nothing else: whatever is in
# them gets it, so that only the server's own past shows a change.
NAMED = {
    'nova.instances': ('display_name', 'hostname', 'reservation_id'),
    'nova.instance_actions': ('request_id',),
    'nova.migrations': ('uuid',),
    'nova.block_device_mapping': ('uuid',),
    'cinder.volumes': ('display_name',),
    'cinder.volume_attachment': ('id',),
    'neutron.ports': ('mac_address',),
}


class Labels:
    """Puts labels into the texts of one share."""

    def __init__(self, share: Share) -> None:
        self._labels = dict(_labels(share))
        longest = sorted(self._labels, key=len, reverse=True)
        # An id may stand inside a longer text, a number not inside another.
        self._own = re.compile(
            '(?<![0-9A-Za-z])(?:'
            + '|'.join(map(re.escape, longest))
            + ')(?![0-9A-Za-z])'
        )

    def put(self, text: str) -> str:
        """A text with labels instead of this server's own, and of times."""
        labelled = self._own.sub(lambda found: self._labels[found[0]], text)
        return TIME.sub('<time>', labelled)


def _labels(share: Share) -> Iterator[tuple[str, str]]:
    yield share.server, '<server>'
    for row in share.rows('nova.instances'):
        yield row['display_name'], '<name>'
        yield row['hostname'], '<name>'
        yield row['reservation_id'], '<reservation>'
    yield from _of_actions(share)
    yield from _numbered('migration', share.rows('nova.migrations'), 'uuid')
    yield from _of_volumes(share)
    yield from _of_ports(share)


def _numbered(
    what: str, rows: Iterable[Row], column: str = 'request_id'
) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(rows):
        yield row[column], f'<{what} {number}>'


def _of_actions(share: Share) -> Iterator[tuple[str, str]]:
    actions = share.rows('nova.instance_actions')
    for what in dict.fromkeys(row['action'] for row in actions):
        those = [row for row in actions if row['action'] == what]
        yield from _numbered(f'request {what}', those)


def _of_volumes(share: Share) -> Iterator[tuple[str, str]]:
    mappings = sorted(
        share.rows('nova.block_device_mapping'),
        key=lambda row: (row['device_name'] or '', row['id']),
    )
    yield from _numbered('mapping', mappings, 'uuid')
    # A volume may have had one mapping after another.
    volumes = dict.fromkeys(m['volume_id'] for m in mappings if m['volume_id'])
    for number, volume in enumerate(volumes):
        yield volume, f'<volume {number}>'
        yield from _of_volume(share, volume, number)


def _of_volume(
    share: Share, volume: str, number: int
) -> Iterator[tuple[str, str]]:
    for row in share.rows('cinder.volumes'):
        if row['id'] == volume and row['display_name']:
            yield row['display_name'], f'<volume name {number}>'
    attachments = sorted(
        (
            row
            for row in share.rows('cinder.volume_attachment')
            if row['volume_id'] == volume
        ),
        key=lambda row: row['created_at'],
    )
    for what, gone in (('attachment', False), ('old attachment', True)):
        those = [row for row in attachments if bool(row['deleted']) == gone]
        yield from _numbered(f'{what} {number}', those, 'id')


def _of_ports(share: Share) -> Iterator[tuple[str, str]]:
    ports = sorted(
        share.rows('neutron.ports'), key=lambda row: row['standard_attr_id']
    )
    for number, port in enumerate(ports):
        yield port['id'], f'<port {number}>'
        # Of what a network card of the host is called, nova/network/model.py.
        yield 'tap' + port['id'][:11], f'<tap {number}>'
        yield port['mac_address'], f'<mac {number}>'
        for row in share.rows('neutron.ipallocations'):
            if row['port_id'] == port['id']:
                yield row['ip_address'], f'<address {number}>'
