# SPDX-License-Identifier: Apache-2.0
"""The volumes of a server, as nova lists and attaches them."""

from typing import Any

from osc_recover.gateways.api import Api, Reply
from osc_recover.gateways.foreign import Foreign

# The first that takes delete_on_termination, and before 2.101, which answers
# without a body; tags came with 2.49, multi-attach with 2.60.
MICROVERSION = '2.79'


class ServerVolumes:
    """nova's os-volume_attachments over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, server: str) -> tuple[str, ...]:
        """The volumes of a server, by ID.

        :raises errors.Gone: when there is no such server
        """
        pages = self.api.pages(
            _path(server), 'volumeAttachments', microversion=MICROVERSION
        )
        found = (Foreign.of('nova', 'a volume attachment', p) for p in pages)
        return tuple(record.text('volumeId') for record in found)

    def attach(
        self,
        server: str,
        volume: str,
        *,
        device: str = '',
        tag: str = '',
        delete_on_termination: bool | None = None,
    ) -> Reply:
        """Ask nova to attach a volume; it is on its list when it answers.

        :param device: '' for the next one that is free
        """
        asked: dict[str, Any] = {'volumeId': volume}
        if device:
            asked['device'] = device
        if tag:
            asked['tag'] = tag
        if delete_on_termination is not None:
            asked['delete_on_termination'] = delete_on_termination
        return self.api.write(
            'POST',
            _path(server),
            {'volumeAttachment': asked},
            microversion=MICROVERSION,
        )


def _path(server: str) -> str:
    return f'/servers/{server}/os-volume_attachments'
