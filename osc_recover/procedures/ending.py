# SPDX-License-Identifier: Apache-2.0
"""Steps that end attachments, wherever a plan has them.  Pure."""

from collections.abc import Mapping
from typing import Any

from osc_recover.facts.snapshot import KeptAttachment, KeptMapping
from osc_recover.plan import Step

# What tells that a server is as it was planned, and off.
_GUARD = ('host', 'state', 'proof', 'after')


def end(
    attachment: KeptAttachment,
    way: str,
    once: Mapping[str, Any],
    *,
    root: str = '',
    gone: bool = False,
    named: bool = False,
) -> Step:
    """End one attachment.

    :param once: what the server's one start would be asked with
    :param root: the volume that its server boots from
    :param gone: whether nova has deleted the server
    :param named: whether the operator has named the volume
    """
    server = attachment.server
    return Step(
        f'clean:{server}:{attachment.id}',
        'volume.clean',
        server,
        {
            **_guard(once),
            'volume': attachment.volume,
            'attachment': attachment.id,
            'server': server,
            'way': way,
            'root': root,
            'in_nova': 'nova' in attachment.sides,
            'gone': gone,
            'named': named,
        },
    )


def drop(row: KeptMapping, once: Mapping[str, Any]) -> Step:
    """Have nova forget a data volume, where its reboots do not."""
    return Step(
        f'drop:{row.server}:{row.volume}',
        'mapping.drop',
        row.server,
        {
            **_guard(once),
            'cell': row.cell,
            'mapping': row.id,
            'volume': row.volume,
            'attachment': row.attachment,
        },
    )


def free(volume: str, lane: str) -> Step:
    """Have a volume be available that has no attachment."""
    args = {'volume': volume, 'named': False}
    return Step(f'free:{lane}:{volume}', 'volume.free', lane, args)


def _guard(once: Mapping[str, Any]) -> dict[str, Any]:
    return {key: once[key] for key in _GUARD if key in once}
