# SPDX-License-Identifier: Apache-2.0
"""cinder's attachments, each by itself; at 3.44, the first that completes.

An answer that has a connection_info may hold a password of the storage, and
so neither question nor answer is in any log.
"""

from collections.abc import Mapping
from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways.api import Api, Reply
from osc_recover.gateways.foreign import Foreign

MICROVERSION = '3.44'
CONFLICT = 409


class Attachments:
    """cinder's /attachments over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    # Reads.

    def of_server(self, server: str) -> tuple[facts.VolumeAttachment, ...]:
        """Every attachment of a server, of all its volumes."""
        return self._listed(server, instance_id=server)

    def of_volume(
        self, server: str, volume: str
    ) -> tuple[facts.VolumeAttachment, ...]:
        """The attachments of a volume to a server: one, or in between two."""
        found = self._listed(server, instance_id=server, volume_id=volume)
        return tuple(a for a in found if a.volume == volume)

    def _listed(
        self, server: str, **filters: str
    ) -> tuple[facts.VolumeAttachment, ...]:
        pages = self.api.pages(
            '/attachments/detail',
            'attachments',
            microversion=MICROVERSION,
            params={'all_tenants': 1, **filters},
            private=True,
        )
        found = map(attachment_from, pages)
        # A filter that a cinder's policy takes away leaves out nothing.
        return tuple(one for one in found if one.server == server)

    def attachment(self, attachment: str) -> facts.VolumeAttachment:
        """One attachment.

        :raises errors.Gone: when there is none
        """
        path = f'/attachments/{attachment}'
        page = self.api.get(path, microversion=MICROVERSION, private=True)
        return _read(f'GET {path}', page)

    # Writes: each is one request.

    def create(
        self, volume: str, server: str
    ) -> tuple[facts.VolumeAttachment, Reply]:
        """A further attachment, without a host yet: nothing is exported.

        cinder allows it for a volume that the server has already
        (cinder/volume/api.py, _attachment_reserve), unless the volume's
        status is an error.
        """
        body = {
            'volume_uuid': volume,
            'instance_uuid': server,
            'connector': None,
        }
        reply = self._write('POST', '/attachments', {'attachment': body})
        return _read('POST /attachments', reply.body), reply

    def update(
        self, attachment: str, connector: Mapping[str, Any]
    ) -> tuple[facts.VolumeAttachment, Reply]:
        """Export the volume to a host, and learn how it connects.

        :param connector: of the host, with ``mountpoint``
        """
        path = f'/attachments/{attachment}'
        body = {'attachment': {'connector': dict(connector)}}
        reply = self._write('PUT', path, body)
        return _read(f'PUT {path}', reply.body), reply

    def complete(self, attachment: str) -> Reply:
        """Say that the host is connected: the volume is in use."""
        path = f'/attachments/{attachment}/action'
        return self._write('POST', path, {'os-complete': None})

    def delete(self, attachment: str) -> Reply:
        """End an attachment, its export to the host included.

        :raises errors.StillUsed: nova uses it, and there is no service token
        :raises errors.Gone: when there is none
        """
        try:
            return self._write('DELETE', f'/attachments/{attachment}', None)
        except errors.ApiRefused as exc:
            if exc.status != CONFLICT:
                raise
            raise exc.named(errors.StillUsed) from exc

    def _write(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Reply:
        return self.api.write(
            method, path, body, microversion=MICROVERSION, private=True
        )


def attachment_from(data: Any) -> facts.VolumeAttachment:
    """Read one attachment of GET /attachments/detail (3.27 or newer)."""
    record = Foreign.of('cinder', 'an attachment', data)
    return facts.VolumeAttachment(
        id=record.text('id'),
        volume=record.text('volume_id'),
        server=record.text('instance', ''),
        status=record.text('status', ''),
        mode=record.text('attach_mode', ''),
        attached_at=record.text('attached_at', ''),
        detached_at=record.text('detached_at', ''),
        connection=record.inner('connection_info', {}).data,
    )


def _read(what: str, page: Any) -> facts.VolumeAttachment:
    record = Foreign.of('cinder', what, page).inner('attachment')
    return attachment_from(record.data)
