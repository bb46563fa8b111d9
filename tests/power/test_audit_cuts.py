# SPDX-License-Identifier: Apache-2.0
"""The power goes while records are mended, at every write of any kind.

Whatever the moment, a resume ends with all of them mended, each once.
"""

import pytest

from osc_recover import operations
from osc_recover.checks import audit
from osc_recover.checks.request import AuditFix
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.observe.audit import everything
from osc_recover.procedures.audit import mend
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import (
    DB,
    Crooked,
    attachment,
    uuid,
    volume,
)

LOST = uuid(209)  # its storage was away when cinder-volume started
OPEN = uuid(211)


class Worse(Crooked):
    """With a volume in use that cinder-volume could not export."""

    def __init__(self):
        super().__init__()
        self.volumes[LOST] = volume(LOST, 'lost', 'error')
        self.attachments[uuid(210)] = attachment(uuid(210), LOST, DB)
        listed = self.servers[DB]['os-extended-volumes:volumes_attached']
        listed.append({'id': LOST})
        # Attached, and free for others as cinder has it.
        self.volumes[OPEN] = volume(OPEN, 'open', 'available')
        self.attachments[uuid(212)] = attachment(uuid(212), OPEN, DB)
        listed.append({'id': OPEN})


REQUEST = AuditFix(tuple(audit.FIXES), workers=2)


def plan(cloud):
    seen = everything(cloud, lambda hosts: ())
    return mend(audit.findings(seen), seen.gaps, REQUEST)


def start(cloud, folder, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        runs = journal.runs()
        run = runs[0] if runs else journal.store(made, 'key', 'practice')
        made = operations.of_audit(cloud, grace=0)
        engine = Engine(
            journal, made.operations, made.guard, workers=2, control=Control()
        )
        return engine.carry_out(run.id, run.plan)
    finally:
        journal.close()


def check(crooked, cloud, about=''):
    """That nothing of it is found any more, and each was written once."""
    seen = everything(cloud, lambda hosts: ())
    assert audit.findings(seen) == [], about
    assert set(crooked.asked.values()) == {1}, about


def test_everything_is_mended_and_a_second_time_nothing_is(folder, fuse):
    crooked = Worse()
    with crooked_cloud.cloud(crooked) as (_, cloud):
        made = plan(cloud)
        assert {v.code for v in made.verdicts} == set(audit.FIXES) - {
            'port-unbound'
        }
        assert all(verdict.act for verdict in made.verdicts)
        where = folder()
        assert start(cloud, where, made)
        check(crooked, cloud)
        assert start(cloud, where)
        assert start(cloud, folder(), made)
        check(crooked, cloud)


def test_a_tool_that_is_killed_finishes_wherever_that_was(folder, fuse):
    with crooked_cloud.cloud(Worse()) as (_, cloud):
        made = plan(cloud)
        whole = fuse(Fuse())
        assert start(cloud, folder(), made)
    assert whole.count > 40
    for cut in range(1, whole.count + 1):
        crooked, where = Worse(), folder()
        with crooked_cloud.cloud(crooked) as (_, cloud):
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, where, made)
            fuse(Fuse())
            assert start(cloud, where, made), cut
            check(crooked, cloud, cut)
