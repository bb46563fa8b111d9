# SPDX-License-Identifier: Apache-2.0
"""Taking a volume out of a status in which nobody is at it any more.

None of these actions touches a backend: what is exported stays exported.
"""

from collections.abc import Mapping
from typing import Any

from osc_recover.gateways.api import Api, Reply
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.volume import MICROVERSION


class VolumeActions:
    """cinder's actions of volumes over one Api; each is one request."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def roll_detaching(self, volume: str) -> Reply:
        """Back from detaching to in-use.

        cinder answers 202 whatever the status is, and changes nothing but a
        volume that is detaching (cinder/volume/api.py, roll_detaching).
        """
        return self._act(volume, 'os-roll_detaching', {})

    def free(self, volume: str) -> Reply:
        """Set the status to available, and leave attachments as they are.

        With an attach status as well, cinder would drop each attachment that
        has come meanwhile (cinder/db/api.py, volume_detached).
        """
        return self._act(volume, 'os-reset_status', {'status': 'available'})

    def use(self, volume: str) -> Reply:
        """Set the status to in-use, which cinder does for attached ones.

        What its service exports again when it starts are volumes in use
        alone (cinder/volume/manager.py, _do_init_host).
        """
        return self._act(volume, 'os-reset_status', {'status': 'in-use'})

    def reset(self, volume: str) -> Reply:
        """Take every attachment away, whatever uses it; it is available then.

        cinder writes the statuses first and ends the attachments after that,
        and tells neither a backend nor nova (cinder/api/contrib/
        admin_actions.py, _reset_status).
        """
        asked = {'status': 'available', 'attach_status': 'detached'}
        return self._act(volume, 'os-reset_status', asked)

    def attachments(self, volume: str) -> tuple[str, ...]:
        """The attachments of a volume, of whatever status."""
        path = '/attachments'
        asked = {'all_tenants': 1, 'volume_id': volume}
        page = self.api.get(path, microversion=MICROVERSION, params=asked)
        found = Foreign.of('cinder', f'GET {path}', page)
        return tuple(
            one.text('id')
            for one in found.objects('attachments')
            if one.text('volume_id') == volume
        )

    def _act(self, volume: str, action: str, args: Mapping[str, Any]) -> Reply:
        return self.api.write(
            'POST',
            f'/volumes/{volume}/action',
            {action: dict(args)},
            microversion=MICROVERSION,
        )
