# SPDX-License-Identifier: Apache-2.0
"""iSCSI sessions of hosts: closed, opened."""

from collections.abc import Callable, Iterable, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts.sessions import Way
from osc_recover.facts.snapshot import HostState, KeptAttachment
from osc_recover.gateways.links import Links
from osc_recover.operations.telling import told
from osc_recover.plan import Step

Serving = Callable[[str, Iterable[str]], tuple[KeptAttachment, ...]]


def verbs(
    links: Links, serving: Serving, grace: float
) -> Mapping[str, Operation]:
    """The operations on sessions, by their verbs.

    :param serving: host and targets -> the attachments that lead there now
    """
    return {
        'session.close': Close(links, serving, grace),
        'session.open': Open(links, grace),
    }


class Close:
    """Close a session; its number is another's only after a boot.

    The kernel counts them on, and begins anew at a boot
    (iscsi_session_nr, drivers/scsi/scsi_transport_iscsi.c).
    """

    writes = True

    def __init__(self, links: Links, serving: Serving, grace: float) -> None:
        self._links = links
        self._serving = serving
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether the session that was meant is there no more."""
        state = _state(self._links, step)
        if state.boot_id != step.args['boot_id']:
            return True
        number, target = step.args['session'], step.args['target']
        return not any(
            one.number == number and one.target == target
            for one in state.sessions
        )

    def apply(self, step: Step) -> Result:
        """Have it closed, unless it serves another server by now."""
        found = self._serving(step.target, [step.args['target']])
        others = {one.server for one in found} - set(step.args['servers'])
        if others:
            raise errors.StepFailed(
                f'its target serves {", ".join(sorted(others))} by now',
                'make a new plan: openstack recover session close',
            )
        with told(step.target, 'iscsiadm -m session -u'):
            self._links.close(
                step.target, step.args['session'], step.args['target'],
                step.args['boot_id'], step.args['servers'],
            )  # fmt: skip
        return Result(f'session {step.args["session"]} closed')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is gone."""
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{step.target} still has session {step.args["session"]}',
                f'see iscsiadm -m session and dmesg on {step.target}',
            )
        return Result()


class Open:
    """Have a session; twice does no harm."""

    writes = True

    def __init__(self, links: Links, grace: float) -> None:
        self._links = links
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether there is one to that target at that portal."""
        way = _way(step)
        return any(
            (one.target, one.portal) == (way.target, way.portal)
            and way.iface in ('', one.iface)
            for one in _state(self._links, step).sessions
        )

    def apply(self, step: Step) -> Result:
        """Discover, have a record, and log in."""
        with told(step.target, 'iscsiadm -m node --login'):
            number, devices = self._links.open(step.target, _way(step))
        disks = ', '.join(devices) or 'no disk'
        return Result(f'session {number}: {disks}')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is there."""
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{step.target} has no session to {step.args["target"]}',
                f'see journalctl -u iscsid and dmesg on {step.target}',
            )
        return Result()


def _way(step: Step) -> Way:
    args = step.args
    return Way(args['target'], args['portal'], args['iface'])


def _state(links: Links, step: Step) -> HostState:
    """What a host tells of its sessions.

    :raises errors.StepFailed: when it does not
    """
    state = links.state(step.target)
    problem = state.problem or state.problems.get('sessions', '')
    if problem:
        raise errors.StepFailed(
            problem, state.way_out or f'mend that on {step.target}'
        )
    return state
