# SPDX-License-Identifier: Apache-2.0
"""The fstab of machines, changed."""

from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts.mounts import Fstab
from osc_recover.gateways.fstabs import Fstabs
from osc_recover.operations.telling import told
from osc_recover.plan import Step


def verbs(
    hosts: Fstabs, guests: Fstabs, grace: float
) -> Mapping[str, Operation]:
    """The operations on fstab, by their verbs."""
    return {'fstab.change': Change(hosts, guests, grace)}


class Change:
    """Change entries of an fstab; twice does no harm."""

    writes = True

    def __init__(self, hosts: Fstabs, guests: Fstabs, grace: float) -> None:
        self._hosts = hosts
        self._guests = guests
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether every entry is as it is to be."""
        [fstab] = self._of(step).show([step.target])
        if fstab.problem:
            raise errors.StepFailed(fstab.problem, fstab.way_out)
        return all(_is_so(fstab, edit) for edit in step.args['edits'])

    def apply(self, step: Step) -> Result:
        """Have it changed, if no new error comes of it."""
        with told(step.target, 'a change of fstab'):
            kept = self._of(step).change(step.target, step.args['edits'])
        return Result(f'what was there is kept: {kept}' if kept else '')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is so."""
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{step.target}: its fstab is not as it was written',
                'see who else writes it: a configuration tool, perhaps',
            )
        return Result()

    def _of(self, step: Step) -> Fstabs:
        return self._guests if step.args['guest'] else self._hosts


def _is_so(fstab: Fstab, edit: Mapping[str, Any]) -> bool:
    """Whether one entry is; one that is not there any more is not."""
    key = edit['spec'], edit['point']
    kept = [e for e in fstab.recorded if (e.spec, e.point) == key]
    found = [e for e in fstab.entries if (e.spec, e.point) == key]
    if edit['comment']:
        return bool(kept) and not found
    return bool(found) and set(edit['add']) <= set(found[0].options)
