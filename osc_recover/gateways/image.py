# SPDX-License-Identifier: Apache-2.0
"""glance, as facts."""

import contextlib
from collections.abc import Iterable
from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways.api import Api
from osc_recover.gateways.chunks import chunks
from osc_recover.gateways.foreign import Foreign

# The fields of an image that are no properties of it.
_OWN = {
    'id',
    'name',
    'status',
    'visibility',
    'size',
    'virtual_size',
    'checksum',
    'owner',
    'created_at',
    'updated_at',
    'file',
    'self',
    'schema',
    'direct_url',
    'stores',
    'container_format',
    'disk_format',
    'min_disk',
    'min_ram',
    'os_hidden',
    'protected',
    'os_hash_algo',
    'os_hash_value',
}


class Images:
    """glance's API over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def images(self, ids: Iterable[str]) -> tuple[facts.Image, ...]:
        """The images with these IDs; those that do not exist are left out.

        A list leaves hidden images out, so the missing are asked for singly.
        """
        wanted = set(ids)
        found: dict[str, facts.Image] = {}
        for piece in chunks(wanted):
            asked = {'id': f'in:{",".join(piece)}'}
            pages = self.api.pages('/images', 'images', params=asked)
            found |= {image.id: image for image in map(image_from, pages)}
        for one in sorted(wanted - set(found)):
            with contextlib.suppress(errors.Gone):
                found[one] = image_from(self.api.get(f'/images/{one}'))
        return tuple(found[one] for one in sorted(found))


def image_from(data: Any) -> facts.Image:
    """Read one image; its properties lie beside its own fields."""
    record = Foreign.of('glance', 'an image', data)
    rest = {k: v for k, v in record.data.items() if k not in _OWN}
    properties = Foreign('glance', 'an image', {'rest': rest}).words('rest')
    return facts.Image(
        id=record.text('id'),
        name=record.text('name', ''),
        properties=properties,
    )
