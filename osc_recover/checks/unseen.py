# SPDX-License-Identifier: Apache-2.0
"""What nobody could look at must not be taken for harmless."""

from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Server

_SERVICE = {'ports': 'neutron', 'volumes': 'cinder', 'images': 'glance'}


@check('unseen')
def unseen(view: View, server: Server) -> Finding | None:
    """A server whose ports, volumes or image no service told about.

    nova itself needs these services to evacuate it, and neither a refusal of
    its nor the proof at the end can be known without them.
    """
    missing = [
        kind for kind in _needed(server) if kind in view.situation.unseen
    ]
    if not missing:
        return None
    services = ', '.join(_SERVICE[kind] for kind in missing)
    return refuse(
        f'nothing is known about its {" and ".join(missing)}: {services} did '
        'not tell',
        f'bring {services} back (openstack recover setup check says what is '
        'wrong), then plan again',
    )


def _needed(server: Server) -> list[str]:
    needed = ['ports']
    if server.volumes:
        needed.append('volumes')
    if server.image:
        needed.append('images')
    return needed
