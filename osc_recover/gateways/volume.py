# SPDX-License-Identifier: Apache-2.0
"""cinder, as facts; all at 3.44, the oldest with today's attachments."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways.api import Api
from osc_recover.gateways.chunks import chunks
from osc_recover.gateways.foreign import Foreign

MICROVERSION = '3.44'
BAD_REQUEST = 400


class Volumes:
    """cinder's API over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def volumes(self, ids: Iterable[str]) -> tuple[facts.Volume, ...]:
        """The volumes with these IDs; those that do not exist are left out.

        To an admin cinder gives any column as a filter, and a Python list as
        its value asks for all in it (cinder/volume/api.py and db/api.py).
        Volumes that this did not bring are asked for one by one.
        """
        wanted = set(ids)
        found = {volume.id: volume for volume in self._listed(wanted)}
        for one in sorted(wanted - set(found)):
            with contextlib.suppress(errors.Gone):
                found[one] = self.volume(one)
        return tuple(found[one] for one in sorted(found))

    def volume(self, volume: str) -> facts.Volume:
        """One volume.

        :raises errors.Gone: when there is none
        """
        path = f'/volumes/{volume}'
        page = self.api.get(path, microversion=MICROVERSION)
        record = Foreign.of('cinder', f'GET {path}', page)
        return volume_from(record.inner('volume').data)

    def named(self, name: str) -> tuple[facts.Volume, ...]:
        """The volumes, of all projects, with exactly that name."""
        pages = self.api.pages(
            '/volumes/detail',
            'volumes',
            microversion=MICROVERSION,
            params={'all_tenants': 1, 'name': name},
        )
        found = map(volume_from, pages)
        return tuple(volume for volume in found if volume.name == name)

    def _listed(self, wanted: set[str]) -> Iterator[facts.Volume]:
        for piece in chunks(wanted):
            pages = self.api.pages(
                '/volumes/detail',
                'volumes',
                microversion=MICROVERSION,
                params={'all_tenants': 1, 'id': str(piece)},
            )
            try:
                found = [volume_from(volume) for volume in pages]
            except errors.ApiRefused as exc:
                if exc.status != BAD_REQUEST:
                    raise
                # A cinder that does not take the filter.
                return
            yield from (v for v in found if v.id in wanted)


def volume_from(data: Any) -> facts.Volume:
    """Read one volume of GET /volumes/detail or GET /volumes/{id}."""
    record = Foreign.of('cinder', 'a volume', data)
    attachments = record.objects('attachments', [])
    return facts.Volume(
        id=record.text('id'),
        name=record.text('name', ''),
        status=record.text('status'),
        type=record.text('volume_type', ''),
        host=record.text('os-vol-host-attr:host', ''),
        encrypted=record.flag('encrypted', False),
        bootable=record.text('bootable', 'false') == 'true',
        image_properties=record.words('volume_image_metadata'),
        attachments=tuple(
            attachment_from(a.data, record.text('id')) for a in attachments
        ),
        multiattach=record.flag('multiattach', False),
        migration=record.text('migration_status', ''),
    )


def attachment_from(data: Any, volume: str) -> facts.Attachment:
    """Read one attachment as a volume shows it."""
    record = Foreign.of('cinder', 'an attachment', data)
    return facts.Attachment(
        id=record.text('attachment_id', ''),
        volume=record.text('volume_id', volume),
        server=record.text('server_id', ''),
        host=record.text('host_name', ''),
        device=record.text('device', ''),
    )
