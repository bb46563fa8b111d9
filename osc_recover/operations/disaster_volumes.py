# SPDX-License-Identifier: Apache-2.0
"""The volumes of a server that is to be rebooted, as both sides have them."""

import dataclasses

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.facts.disaster import Mapped
from osc_recover.facts.snapshot import KeptAttachment
from osc_recover.gateways import kept_lists
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.volume import Volumes
from osc_recover.operations.disaster_hosts import Backends
from osc_recover.plan import Step


def mapped(cloud: Cloud, server: str) -> Mapped:
    """The volumes of a server, as nova and cinder have them now.

    :raises errors.ApiError: when one of them does not tell
    """
    held = {a.id: a for a in Attachments(cloud.volume).of_server(server)}
    found: list[KeptAttachment] = []
    for one in kept_lists.of_server(cloud.compute, server):
        other = held.pop(one.id, None)
        sides = ('nova', 'cinder') if other else ('nova',)
        status = other.status if other else ''
        found.append(dataclasses.replace(one, sides=sides, status=status))
    found += [
        KeptAttachment(a.id, a.volume, server, ('cinder',), a.status)
        for a in held.values()
    ]
    told = Volumes(cloud.volume).volumes({one.volume for one in found})
    return Mapped(tuple(found), {one.id: one.status for one in told})


def disagreed(cloud: Cloud, step: Step) -> errors.StepFailed | None:
    """What keeps a server from being rebooted with its volumes, or None."""
    now = mapped(cloud, step.target)
    wrong = [f'volume {volume}: {why}' for volume, why in now.wrong()]
    has = {one.volume for one in now.attachments}
    wrong += [
        f'volume {volume}: the server has it no more'
        for volume in step.args['volumes']
        if volume not in has
    ]
    if not wrong:
        return None
    return errors.StepFailed(
        f'{"; ".join(wrong)}; it is not started, as that could take it away '
        'for good',
        f'openstack recover volume check --server {step.target} names the '
        'command that repairs it; then resume',
    )


class Agreed(Looking):
    """See that nova and cinder tell the same of a server's volumes.

    What cinder cannot export when it starts goes into error by itself
    (cinder/volume/manager.py, init_host), so this is seen after that.
    """

    def __init__(self, cloud: Cloud, backends: Backends) -> None:
        self._cloud = cloud
        self._backends = backends

    def follow(self, step: Step, control: Control) -> Result:
        """One look.

        :raises errors.StepFailed: when they do not, or nothing serves them
        """
        self._backends.check(step)
        if failed := disagreed(self._cloud, step):
            raise failed
        return Result('nova and cinder agree about its volumes')
