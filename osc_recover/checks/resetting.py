# SPDX-License-Identifier: Apache-2.0
"""May the attachments of a volume be ended?  All of them or none.  Pure."""

from collections.abc import Iterator, Sequence

from osc_recover.checks import cleaning
from osc_recover.checks.disaster import View, proof
from osc_recover.checks.disaster.cleaned import root
from osc_recover.checks.disaster.view import refusal
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import VolumeReset
from osc_recover.facts import Server
from osc_recover.facts.resetting import ResetSeen
from osc_recover.facts.snapshot import (
    KeptAttachment,
    KeptMapping,
    KeptVolume,
)

# Those of others are kept, and their volumes with them.
_STATES = ('active', 'stopped', 'error', 'paused')


class ResetView:
    """One look at the cloud, and what is asked for."""

    def __init__(
        self, view: View, facts: ResetSeen, request: VolumeReset
    ) -> None:
        self.view = view
        self.facts = facts
        self.request = request
        self.servers = {s.id: s for s in view.seen.now.servers}

    def meant(self, volume: str) -> list[KeptAttachment]:
        """Its attachments in cinder that are to end."""
        only = self.request.servers
        held = self.view.held(volume)
        return [one for one in held if not only or one.server in only]

    def is_deleted(self, one: KeptAttachment) -> bool:
        """Whether its server is gone, and was nova's."""
        return one.server in self.facts.deleted

    def mapping(self, one: KeptAttachment) -> KeptMapping | None:
        """nova's row of it, where nova's database was asked."""
        return self.view.mapping(one.mapping)

    def way(self, one: KeptAttachment) -> str:
        """How an attachment is ended, or ''."""
        view = self.view
        return cleaning.way(
            view.seen.means,
            view.held(one.volume),
            in_nova='nova' in one.sides,
        )


def of_volume(reset: ResetView, volume: KeptVolume) -> list[Finding]:
    """What keeps a volume as it is."""
    held = reset.view.held(volume.id)
    if why := cleaning.kept_from(volume, held, named=True):
        return [
            refusal(
                'not-cleanable',
                f'it {why}: what cinder does itself, or has failed to, is '
                'left as it is',
                f'openstack recover volume check {volume.id} tells more',
            )
        ]
    meant = reset.meant(volume.id)
    found = [f for one in meant for f in _of_attachment(reset, one)]
    if stuck := [one.id for one in meant if not reset.way(one)]:
        found.append(
            refusal(
                'no-way',
                f'it has {len(held)} attachments, and nothing here can end '
                f'just {", ".join(stuck)}',
                'recover: service_auth in clouds.yaml, or recover: database, '
                'makes it possible',
            )
        )
    return found


def _of_attachment(reset: ResetView, one: KeptAttachment) -> Iterator[Finding]:
    if reset.is_deleted(one):
        if stop := _of_deleted(reset, one):
            yield stop
    elif one.server not in reset.servers:
        yield _foreign(reset, one)
    else:
        yield from _of_server(reset, reset.servers[one.server], one)


def _of_deleted(reset: ResetView, one: KeptAttachment) -> Finding | None:
    """nova deletes a server whose host is down, and its guest may run on."""
    if host := _runs_at(reset.view, one.server):
        return refusal(
            'guest-runs',
            f'the guest of server {one.server}, which was deleted, runs on '
            f'{host}',
            f'openstack recover audit --host {host} tells how to end it',
        )
    # What was connected to no host is used by none.
    if not one.host or reset.request.off:
        return None
    why = proof.why_silent(reset.view, one.host)
    return _not_shown(one.server, why) if why else None


def _foreign(reset: ResetView, one: KeptAttachment) -> Finding:
    """Others than nova attach volumes: cinder itself, zun, ironic."""
    if one.server in reset.facts.hidden:
        return refusal(
            'server-hidden',
            f'server {one.server} is soft-deleted or shelved, and has it '
            'still',
            f'openstack server show {one.server}',
        )
    whose = f'{one.server}, of which nova knows nothing' if one.server else (
        'no server, but cinder itself'
    )  # fmt: skip
    return refusal(
        'not-of-nova',
        f'attachment {one.id} is of {whose}',
        'whoever has attached it ends that',
    )


def _of_server(
    reset: ResetView, server: Server, one: KeptAttachment
) -> Iterator[Finding]:
    view = reset.view
    boots_from = root(view, server)
    if one.volume == boots_from or (server.image is None and not boots_from):
        yield refusal(
            'root-volume',
            f'server {server.id} boots from it'
            + ('' if boots_from else ', or may'),
            'a root is never taken off its server: openstack recover volume '
            f'check --server {server.id} names what repairs it',
        )
    elif server.vm_state not in _STATES:
        yield refusal(
            'server-state',
            f'server {server.id} is {server.vm_state}, and its volumes wait '
            'for it',
            f'openstack server remove volume {server.id} {one.volume}',
        )
    elif server.task_state:
        yield refusal(
            'under-way',
            f'nova is at server {server.id} ({server.task_state})',
            'wait until that is over, then try again',
        )
    elif stop := _not_off(reset, server, one) or _kept_mapping(reset, one):
        yield stop


def _not_off(
    reset: ResetView, server: Server, one: KeptAttachment
) -> Finding | None:
    view = reset.view
    host = _runs_at(view, server.id)
    if host:
        return refusal(
            'guest-runs',
            f'the guest of server {server.id} runs on {host}',
            f'openstack server remove volume {server.id} {one.volume}; or '
            f'openstack server stop {server.id}, first',
        )
    if server.host and not proof.off(view, server) and not reset.request.off:
        return _not_shown(server.id, proof.why_not(view, server))
    return None


def _not_shown(server: str, why: str) -> Finding:
    return refusal(
        'not-proven-off',
        f'nothing shows that the guest of server {server} is off: {why}',
        'have the host tell (openstack recover setup check); or see for '
        'yourself, and say with --guest-off how you know',
    )


def _kept_mapping(reset: ResetView, one: KeptAttachment) -> Finding | None:
    """An older nova would connect the volume again from its own mapping."""
    means = reset.view.seen.means
    if 'nova' not in one.sides or cleaning.drops_by_itself(means):
        return None
    if reset.mapping(one):
        return None
    return refusal(
        'no-database',
        f'this nova may be older than 28: it keeps its mapping on server '
        f'{one.server}, which can only be dropped in its database',
        'recover: database in clouds.yaml says where that is',
    )


def _runs_at(view: View, server: str) -> str:
    """A host on which a guest runs, or ''."""
    return next(
        (
            host.host
            for host in view.seen.now.hosts
            for domain in host.domains
            if domain.uuid == server and domain.runs
        ),
        '',
    )


def left_mapped(
    reset: ResetView, meant: Sequence[KeptAttachment]
) -> list[str]:
    """Servers whose mapping nova keeps until their next hard reboot."""
    return sorted({one.server for one in meant if 'nova' in one.sides})
