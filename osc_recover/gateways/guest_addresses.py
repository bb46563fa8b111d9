# SPDX-License-Identifier: Apache-2.0
"""Where guests are reached, as nova tells."""

from osc_recover.gateways.api import Api
from osc_recover.gateways.foreign import Foreign

_MICROVERSION = '2.1'
_FLOATING = 'floating'


def address_of(api: Api, server: str) -> str:
    """The address of a server: a floating one, or else its first; or ''.

    :raises errors.Gone: when there is no such server
    """
    found = _addresses(api, server)
    floating = [address for kind, address in found if kind == _FLOATING]
    return next(iter([*floating, *(address for _, address in found)]), '')


def floating_of(api: Api, server: str) -> str:
    """A floating address of a server, which is reached from outside; or ''.

    :raises errors.Gone: when there is no such server
    """
    found = _addresses(api, server)
    return next((address for kind, address in found if kind == _FLOATING), '')


def _addresses(api: Api, server: str) -> list[tuple[str, str]]:
    path = f'/servers/{server}'
    page = api.get(path, microversion=_MICROVERSION)
    told = Foreign.of('nova', f'GET {path}', page).inner('server')
    networks = told.inner('addresses', {})
    return [
        (one.text('OS-EXT-IPS:type', 'fixed'), one.text('addr'))
        for name in networks.data
        for one in networks.objects(name)
    ]
