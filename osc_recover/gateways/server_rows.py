# SPDX-License-Identifier: Apache-2.0
"""The rows of servers that are moved by hand, in whichever cell they are."""

from collections.abc import Callable
from typing import Any

from osc_recover import errors
from osc_recover.facts import BlockDevice, Move, VolumeAttachment
from osc_recover.gateways.database import Database, Databases, mappings, moving


class ServerRows:
    """Changes in the databases of cells, by the cells' uuids.

    :param databases: finds those of the cloud; asked when first needed
    """

    def __init__(self, databases: Callable[[], Databases]) -> None:
        self._databases = databases

    def move(self, cell: str, what: Move) -> None:
        """Give a server to its destination, all of it or nothing."""
        moving.move(self._cell(cell), what)

    def moved(self, cell: str, what: Move) -> bool | None:
        """Whether it is given; None: nobody can tell."""
        return moving.moved(self._cell(cell), what)

    def take_back(self, cell: str, what: Move) -> None:
        """Give it back to the failed host."""
        moving.take_back(self._cell(cell), what)

    def taken_back(self, cell: str, what: Move) -> bool:
        """Whether it is given back, or never was given."""
        return moving.taken_back(self._cell(cell), what)

    def mapping(self, cell: str, planned: BlockDevice) -> BlockDevice:
        """A mapping of a volume as it is now.

        :raises errors.RowGone: when it is there no more
        """
        for found in mappings.devices(self._cell(cell), planned.server):
            if found.id == planned.id:
                return found
        raise errors.RowGone(planned.server, 'block_device_mapping')

    def revive(
        self, cell: str, planned: BlockDevice, attachment: str, host: str
    ) -> None:
        """Bring a dropped mapping back, without a connection yet."""
        mappings.revive(self._cell(cell), planned, attachment, host)

    def renew(
        self, cell: str, planned: BlockDevice, attachment: str, host: str
    ) -> None:
        """Name another attachment, without a connection yet."""
        mappings.renew(self._cell(cell), planned, attachment, host)

    def fill(
        self,
        cell: str,
        planned: BlockDevice,
        host: str,
        attachment: VolumeAttachment,
    ) -> None:
        """Give the attachment that it names its connection."""
        answer = _answer(attachment)
        mappings.fill(self._cell(cell), planned, host, answer)

    def restore(
        self,
        cell: str,
        planned: BlockDevice,
        host: str,
        attachment: VolumeAttachment,
    ) -> None:
        """Name the planned attachment again, with its connection."""
        here = self._cell(cell)
        now = self.mapping(cell, planned).attachment
        mappings.restore(here, planned, now, host, _answer(attachment))

    def has(self, cell: str, mapping: str) -> bool:
        """Whether a mapping, by its uuid, is there and not dropped."""
        return mappings.has(self._cell(cell), mapping)

    def drop(self, cell: str, mapping: str, **of: str) -> None:
        """Have nova forget a mapping of a data volume.

        :param of: its server, volume and attachment
        """
        mappings.drop(self._cell(cell), {'mapping': mapping, **of})

    def _cell(self, uuid: str) -> Database:
        """A cell by its uuid, or by its name, where no other has that."""
        found = [
            cell.database
            for cell in self._databases().cells()
            if uuid in (cell.uuid, cell.name)
        ]
        if len(found) == 1:
            return found[0]
        raise errors.DatabaseUnset(
            f'of cell {uuid}', 'nova has no such cell that is enabled'
        )


def _answer(attachment: VolumeAttachment) -> dict[str, Any]:
    """An attachment as nova keeps it: as cinder answers the PUT.

    That says what was before it, reserved and at no time, whatever the
    attachment has become since (cinder/volume/api.py, attachment_update;
    nova/volume/cinder.py, _translate_attachment_ref).
    """
    return {
        'id': attachment.id,
        'status': 'reserved',
        'instance': attachment.server,
        'volume_id': attachment.volume,
        'attach_mode': attachment.mode,
        'attached_at': '',
        'detached_at': '',
        'connection_info': dict(attachment.connection),
    }
