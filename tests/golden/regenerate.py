# SPDX-License-Identifier: Apache-2.0
"""Write the golden plans anew: ``python -m tests.golden.regenerate``.

Each file of plans/<procedure>/ is a case: ``about`` says what it shows,
``facts`` and ``request`` go in (fields left out have their defaults), and
``plan``, or ``refused``, comes out.  To add a case, write a file with the
first three and run this.  Read the diff: every line of it is a change in what
operators' clouds will be told to do.
"""

import dataclasses
import json
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from osc_recover import errors, facts, records
from osc_recover.checks import audit
from osc_recover.checks.disaster import Wrong
from osc_recover.checks.request import (
    AuditFix,
    CloudRecovery,
    DomainRepair,
    InstanceChange,
    MountFix,
    MoveUndo,
    OwnershipFix,
    PowerLoss,
    Request,
    Return,
    SessionClose,
    SessionOpen,
    VolumeAttach,
    VolumeRepair,
    VolumeReset,
)
from osc_recover.facts.attaching import AttachingSeen
from osc_recover.facts.audit import Everything
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.facts.drill import DrillSeen
from osc_recover.facts.mending import Mending
from osc_recover.facts.mounts import Fstab
from osc_recover.facts.resetting import ResetSeen
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import Snapshot
from osc_recover.plan import Plan
from osc_recover.procedures import by_hand_undo, cleaning, ownership
from osc_recover.procedures.attaching import attach
from osc_recover.procedures.audit import mend
from osc_recover.procedures.domains import repair_domains
from osc_recover.procedures.drill import power_loss
from osc_recover.procedures.host import recover_host
from osc_recover.procedures.instances import change_instance
from osc_recover.procedures.mounts import fix_mounts
from osc_recover.procedures.opening import open_sessions
from osc_recover.procedures.resetting import reset
from osc_recover.procedures.returning import return_host
from osc_recover.procedures.sessions import close_session
from osc_recover.procedures.volumes import repair

PLANS = pathlib.Path(__file__).parent / 'plans'
Procedure = Callable[[Any, Any], Plan]


@dataclasses.dataclass(frozen=True, slots=True)
class Domains:
    """What was seen of domains, and the filters that can be had, by host."""

    seen: facts.DomainsSeen
    filters: Mapping[str, Mapping[str, facts.NetworkFilter]]


@dataclasses.dataclass(frozen=True, slots=True)
class Volumes:
    """What an audit sees, and what is known of the servers it names."""

    seen: Everything
    records: Mending


@dataclasses.dataclass(frozen=True, slots=True)
class Disaster(DisasterSeen):
    """What is there after a disaster; ``volumes`` where some are wrong."""

    volumes: Volumes | None = None

    @property
    def wrong(self) -> Wrong | None:
        if self.volumes is None:
            return None
        findings = audit.findings(self.volumes.seen, 0)
        return Wrong(tuple(findings), self.volumes.records)


@dataclasses.dataclass(frozen=True, slots=True)
class Sessions:
    """What is open, and what was."""

    seen: SessionsSeen
    before: Snapshot | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Machines:
    """What machines mount at boot."""

    fstabs: tuple[Fstab, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """A run that moved servers in the database, and what is to be seen."""

    seen: facts.Moved
    plan: Plan
    steps: Mapping[str, str]  # those begun, and how they stand


# Folder -> the classes of facts and request, and what makes the plan.
PROCEDURES: Mapping[str, tuple[type, type, Procedure]] = {
    'attach': (AttachingSeen, VolumeAttach, attach),
    'audit': (
        Everything,
        AuditFix,
        lambda seen, request: mend(
            audit.findings(seen, request.min_age), seen.gaps, request
        ),
    ),
    'cloud': (
        Disaster,
        CloudRecovery,
        lambda found, request: cleaning.recover(found, request, found.wrong),
    ),
    'domain': (
        Domains,
        DomainRepair,
        lambda found, request: repair_domains(
            found.seen, found.filters, request
        ),
    ),
    'drill': (DrillSeen, PowerLoss, power_loss),
    'host': (facts.Situation, Request, recover_host),
    'instance': (
        facts.InstanceStanding,
        InstanceChange,
        change_instance,
    ),
    'mount': (
        Machines,
        MountFix,
        lambda found, request: fix_mounts(found.fstabs, request),
    ),
    'ownership': (
        facts.Ownership,
        OwnershipFix,
        lambda found, request: ownership.fix(found, {}, request),
    ),
    'undo': (
        Begun,
        MoveUndo,
        lambda found, request: by_hand_undo.undo(
            found.seen, found.plan, found.steps, request
        ),
    ),
    'return': (facts.Situation, Return, return_host),
    'volume': (
        Volumes,
        VolumeRepair,
        lambda found, request: repair(
            audit.findings(found.seen, request.min_age), found.records, request
        ),
    ),
    'volume-reset': (ResetSeen, VolumeReset, reset),
    'session-close': (SessionsSeen, SessionClose, close_session),
    'session-open': (
        Sessions,
        SessionOpen,
        lambda found, request: open_sessions(
            found.seen, found.before, request
        ),
    ),
}
INPUT = ('about', 'facts', 'request')


def cases() -> list[pathlib.Path]:
    """Every golden file."""
    return sorted(PLANS.glob('*/*.json'))


def case(path: pathlib.Path) -> dict[str, Any]:
    """A golden file, with what comes out made anew."""
    given = json.loads(path.read_text())
    known, asked, procedure = PROCEDURES[path.parent.name]
    found = records.from_data(known, given['facts'])
    request = records.from_data(asked, given['request'])
    return {
        **{name: given[name] for name in INPUT},
        **outcome(procedure, found, request),
    }


def outcome(
    procedure: Procedure,
    found: Any,
    request: Any,
) -> dict[str, Any]:
    """The plan as data, or the refusal in its parts."""
    try:
        return {'plan': records.to_data(procedure(found, request))}
    except errors.RecoverError as refusal:
        return {
            'refused': {
                'code': refusal.code,
                'sentence': refusal.sentence,
                'way_out': refusal.way_out,
            }
        }


def text(case: Mapping[str, Any]) -> str:
    """A case as it stands in its file."""
    return json.dumps(case, indent=1, ensure_ascii=False) + '\n'


def main() -> int:
    """Rewrite what differs, and name it."""
    for path in cases():
        fresh = text(case(path))
        if path.read_text() != fresh:
            path.write_text(fresh)
            print(path.relative_to(PLANS))
    return 0


if __name__ == '__main__':
    sys.exit(main())
