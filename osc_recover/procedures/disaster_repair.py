# SPDX-License-Identifier: Apache-2.0
"""Volumes mended before their servers are started.  Pure."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover.checks.disaster import View, repairs, servers
from osc_recover.facts import Server
from osc_recover.plan import Lane, Step
from osc_recover.procedures import disaster_hosts, volumes


def lanes(
    view: View,
    going: Sequence[Server],
    once: Mapping[str, Mapping[str, Any]],
) -> Iterator[Lane]:
    """A lane for each server of which something is mended.

    nova has it stopped meanwhile, if it has not yet; its start comes later.

    :param once: server -> the arguments of its start, by which it is seen
        that it is off still
    """
    seen: set[str] = set()
    for server in going:
        repair = repairs.of(view, server)
        if not repair.findings:
            continue
        records = [
            step
            for step in map(volumes.mend, repair.by_record)
            if step.name not in seen
        ]
        # Several servers may have a volume.
        seen.update(step.name for step in records)
        now = {
            **once[server.id],
            'state': servers.state(view, server),
            'backends': disaster_hosts.served_by(view, server),
        }
        off = Step(f'off:{server.id}', 'disaster.off', server.id, now)
        case = volumes.Case(view.wrong.known, server.id, repair.by_mapping)
        mapped = case.steps(start=False) if repair.by_mapping else ()
        mapped = (_guarded(step, now) for step in mapped)
        yield Lane(
            server.id,
            (off, *records, *mapped),
            volumes.mutexes(repair.by_record),
        )


def _guarded(step: Step, now: Mapping[str, Any]) -> Step:
    """The same; none is stopped that has been started meanwhile.

    A resume may come days after it was seen that the server is off.
    """
    if step.verb != 'server.stop':
        return step
    return dataclasses.replace(step, verb='disaster.stop', args=now)
