# SPDX-License-Identifier: Apache-2.0
"""A power loss reproduced for one server, and its recovery.  Pure.

The guide's way: its iSCSI sessions are closed on its host, one by one and by
their numbers, and nothing is detached.  Then it is rebooted hard, once, as
after a real power loss, and everything must be there again.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

from osc_recover import records
from osc_recover.checks import drill as checks
from osc_recover.checks.request import PowerLoss, SessionClose
from osc_recover.facts import Server
from osc_recover.facts.drill import DrillSeen
from osc_recover.facts.snapshot import KeptSession
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures.sessions import close_session

PROCEDURE = 'drill'
WARNING = (
    'WARNING: the guest is not told, and loses what it has not written yet, '
    'as in a power loss; then it is rebooted hard'
)


def power_loss(seen: DrillSeen, request: PowerLoss) -> Plan:
    """Plan to close the sessions of one server, and to recover it.

    :raises errors.Refused: when it is not marked, does not run, has a volume
        that is not reached by iSCSI, or a session of it serves another server
    """
    if refused := checks.first(seen, request):
        raise refused
    server = seen.server
    [host] = seen.sessions.hosts
    sessions = checks.own(seen, host)
    return Plan(
        procedure=PROCEDURE,
        hosts=(server.host,),
        phases=(
            # One that fails does not keep the server from being recovered;
            # what has lost nothing goes no further.
            Phase('close', tuple(_close(seen, one) for one in sessions)),
            Phase('detect', _lane(seen, _detect(seen, sessions))),
            Phase('recover', _lane(seen, _recover(seen))),
            Phase('verify', _lane(seen, *_verify(seen, sessions))),
        ),
        verdicts=tuple(_verdicts(seen, sessions)),
        notes=tuple(_notes(seen)),
        request=records.to_data(request),
    )


def _close(seen: DrillSeen, session: KeptSession) -> Lane:
    server = seen.server
    asked = SessionClose(
        server.host, session.number, session.target, server.id
    )
    [close] = close_session(seen.sessions, asked).steps()
    step = dataclasses.replace(
        close,
        verb='drill.close',
        args={**close.args, 'server': server.id, 'after': seen.after},
    )
    return Lane(_name(server, session), (step,), (server.host,))


def _name(server: Server, session: KeptSession) -> str:
    return f'{server.host}:{session.number}'


def _lane(seen: DrillSeen, *steps: Step) -> tuple[Lane]:
    return (Lane(seen.server.id, steps),)


def _detect(seen: DrillSeen, sessions: list[KeptSession]) -> Step:
    server = seen.server.id
    args = _lost(seen, sessions)
    return Step(f'detect:{server}', 'drill.detect', server, args)


def _recover(seen: DrillSeen) -> Step:
    server = seen.server
    return Step(
        f'start:{server.id}',
        'disaster.start',
        server.id,
        {
            'how': 'reboot',
            'host': server.host,
            'state': server.vm_state,
            'proof': '',
            'after': seen.after,
            'volumes': _volumes(seen),
        },
    )


def _verify(seen: DrillSeen, sessions: list[KeptSession]) -> Iterator[Step]:
    server = seen.server
    paths = Counter(one.target for one in sessions)
    yield Step(
        f'back:{server.id}', 'drill.back', server.id,
        {'host': server.host, 'paths': dict(sorted(paths.items()))},
    )  # fmt: skip
    yield Step(
        f'prove:{server.id}', 'server.prove', server.id,
        {
            'source': '', 'running': True, 'ports': list(seen.ports),
            'volumes': _volumes(seen),
        },
    )  # fmt: skip


def _lost(seen: DrillSeen, sessions: list[KeptSession]) -> dict[str, Any]:
    """What is to be lost, by the numbers of this boot."""
    [host] = seen.sessions.hosts
    return {
        'host': host.host,
        'boot_id': host.boot_id,
        'sessions': [[one.number, one.target] for one in sessions],
    }


def _volumes(seen: DrillSeen) -> list[str]:
    return [one.volume for one in seen.mapped.attachments]


def _verdicts(
    seen: DrillSeen, sessions: list[KeptSession]
) -> Iterator[Verdict]:
    server = seen.server
    yield Verdict(
        server.id, server.name, f'{len(_volumes(seen))} volumes', 'drill',
        True, server.host, 'what its guest has not written yet',
    )  # fmt: skip
    for one in sessions:
        what = f'session {one.number} to {one.target}'
        yield Verdict(
            _name(server, one), what, f'session of {server.name}', 'close',
            True, server.host,
        )  # fmt: skip


def _notes(seen: DrillSeen) -> Iterator[str]:
    yield WARNING
    if not checks.is_marked(seen):
        yield (
            f'it has no property {checks.MARK}={checks.ALLOWED}, and --force '
            'was given'
        )
