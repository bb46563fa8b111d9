# SPDX-License-Identifier: Apache-2.0
"""Can the mappings of a server's volumes be repaired?  Pure."""

import dataclasses
from collections.abc import Iterator, Sequence

from osc_recover.checks.audit.volume_states import ALONE
from osc_recover.checks.finding import Finding, refuse
from osc_recover.facts import Server
from osc_recover.facts.mending import Mending

# Findings that a fresh attachment mends.
BY_MAPPING = (
    'rootless', 'mapping-dropped', 'attachment-missing', 'attachment-differs',
)  # fmt: skip
_STATES = ('active', 'stopped')


def of_server(
    facts: Mending,
    name: str,
    volumes: Sequence[str],
    findings: Sequence[Finding],
) -> list[Finding]:
    """What keeps a server's volumes from being repaired, the worst first.

    :param volumes: those that are wrong
    """
    if facts.why_none:
        return [
            _coded(
                'no-database',
                refuse(
                    f'{findings[0].text}; its mappings are repaired in the '
                    'database of nova, which is not known',
                    'recover: database in clouds.yaml says where it is; '
                    'openstack recover setup check tries it',
                    facts.why_none,
                ),
            )
        ]
    server = facts.records.server(name)
    if server is None:
        return [
            _coded(
                'gone',
                refuse('it was deleted meanwhile', 'nothing is left to do'),
            )
        ]
    return [
        *_unread(facts, server),
        *_of_state(server),
        *_of_volumes(facts, server, volumes),
        *_connector(facts, server),
    ]


def _unread(facts: Mending, server: Server) -> Iterator[Finding]:
    problem = facts.records.unread.get(server.id, '')
    if server.id not in facts.cells:
        problem = problem or 'no cell that is enabled has its host'
    if problem:
        yield _coded(
            'records-unread',
            refuse(
                'its records in the database are not known',
                'openstack recover setup check tells which database does not '
                'answer',
                problem,
            ),
        )


def _of_state(server: Server) -> Iterator[Finding]:
    if server.task_state:
        yield _coded(
            'under-way',
            refuse(
                f'nova is at it ({server.task_state})',
                f'wait until openstack server show {server.id} has no task '
                'state, then try again',
            ),
        )
    elif server.vm_state not in _STATES:
        yield _coded(
            'server-state',
            refuse(
                f'it is {server.vm_state}, and is repaired when it is active '
                'or stopped',
                f'do not reboot it; openstack recover instance set {server.id}'
                ' --vm-state stopped, when its guest does not run',
            ),
        )


def _of_volumes(
    facts: Mending, server: Server, volumes: Sequence[str]
) -> Iterator[Finding]:
    if not volumes:
        yield _coded(
            'root-unknown',
            refuse(
                "which volume was its root is not known: nova's database has "
                'no row of it any more',
                'openstack volume list --all-projects --long names volumes '
                'with no server; a snapshot of before (openstack recover '
                'snapshot show --long) names its own',
            ),
        )
    rows = (*facts.records.mappings, *facts.dropped)
    known = {row.volume for row in rows if row.server == server.id}
    for volume in volumes:
        if volume not in known:
            yield _coded(
                'mapping-gone',
                refuse(
                    f'nova has no row of its volume {volume}, dropped or not',
                    'openstack recover volume attach gives it the volume '
                    'anew, if that is no root',
                ),
            )
        yield from _of_status(volume, facts.statuses.get(volume, ''))
        others = {*facts.holders.get(volume, ())} - {server.id}
        if others:
            yield _coded(
                'volume-not-free',
                refuse(
                    f'its volume {volume} is attached to '
                    f'{", ".join(sorted(others))}',
                    'detach it there first, when it is not shared on purpose',
                ),
            )


def _of_status(volume: str, status: str) -> Iterator[Finding]:
    if status in ALONE:
        yield _coded(
            'volume-busy',
            refuse(
                f'its volume {volume} is {status}, and what cinder does '
                'itself, or has failed to, is left alone',
                f'do not reboot it; openstack volume show {volume} tells when '
                'that is over',
            ),
        )
    elif status == 'error':
        yield _coded(
            'volume-error',
            refuse(
                f'its volume {volume} is in error, and cinder attaches none '
                'that is',
                'do not reboot it; once its storage serves it: openstack '
                f'volume set --state available {volume}, then try again',
            ),
        )


def _connector(facts: Mending, server: Server) -> Iterator[Finding]:
    told = facts.records.connector(server.host)
    if told.problem:
        yield _coded(
            'no-connector',
            refuse(
                f'how its host {server.host} is let in to volumes is not '
                'known',
                told.way_out or 'see recover: ssh in clouds.yaml',
                told.problem,
            ),
        )


def _coded(code: str, finding: Finding) -> Finding:
    return dataclasses.replace(finding, code=code)
