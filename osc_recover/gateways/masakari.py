# SPDX-License-Identifier: Apache-2.0
"""masakari, as facts: it may evacuate the same hosts at the same time."""

from typing import Any

from osc_recover import facts
from osc_recover.gateways.api import Api
from osc_recover.gateways.foreign import Foreign

# masakari links no pages (masakari/api/openstack/ha/); this is what it sends
# at most by default.
A_PAGE = 1000


class Masakari:
    """masakari's API over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def hosts(self) -> tuple[facts.MasakariHost, ...]:
        """Every host of every segment; a request a segment."""
        return tuple(
            host_from(host.data, segment.data)
            for segment in self._list('/segments', 'segments')
            for host in self._list(
                f'/segments/{segment.text("uuid")}/hosts', 'hosts'
            )
        )

    def _list(self, path: str, key: str) -> list[Foreign]:
        found: dict[str, Foreign] = {}
        marker: dict[str, Any] = {}
        while True:
            page = self.api.get(path, params={'limit': A_PAGE, **marker})
            records = Foreign.of('masakari', path, page).objects(key)
            new = {r.text('uuid'): r for r in records}
            if not new or new.keys() <= found.keys():
                return list(found.values())
            found |= new
            if len(records) < A_PAGE:
                return list(found.values())
            marker = {'marker': records[-1].text('uuid')}


def host_from(data: Any, segment: Any) -> facts.MasakariHost:
    """Read one host of a segment."""
    record = Foreign.of('masakari', 'a host', data)
    of = Foreign.of('masakari', 'a segment', segment)
    return facts.MasakariHost(
        host=record.text('name'),
        segment=of.text('name', ''),
        on_maintenance=record.flag('on_maintenance', False),
        recovery_method=of.text('recovery_method', 'auto'),
    )
