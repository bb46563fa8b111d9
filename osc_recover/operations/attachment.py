# SPDX-License-Identifier: Apache-2.0
"""A volume's attachment to a server, made anew for another host.

A plan cannot know the id of what is made later: the fresh attachment is the
one of that server and volume which was not there when the plan was made.
"""

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.facts import VolumeAttachment
from osc_recover.gateways.attachments import Attachments
from osc_recover.plan import Step

_ATTACHED = 'attached'


class _OfAttachment:
    writes = True

    def __init__(self, attachments: Attachments, grace: float) -> None:
        self._attachments = attachments
        self.grace = grace

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when cinder answers."""
        return Result()


class Create(_OfAttachment):
    """A second attachment, which is for no host yet."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether there is one that the plan had not seen."""
        return bool(_made_since(self._attachments, step))

    def apply(self, step: Step) -> Result:
        """One POST."""
        made, reply = self._attachments.create(
            step.args['volume'], step.target
        )
        return Result('', reply.request_id, {'attachment': made.id})


class Delete(_OfAttachment):
    """The attachment of before, with the export to its host."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is gone."""
        found = _of_volume(self._attachments, step)
        return step.args['old'] not in {one.id for one in found}

    def apply(self, step: Step) -> Result:
        """One DELETE."""
        try:
            reply = self._attachments.delete(step.args['old'])
        except errors.Gone:
            return Result('already gone')
        return Result('', reply.request_id)


class Update(_OfAttachment):
    """The export of the fresh attachment to the host."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether cinder knows how it connects."""
        return fresh(self._attachments, step).driver != ''

    def apply(self, step: Step) -> Result:
        """One PUT, with the host's connector; the answer may hold passwords
        and is kept nowhere.
        """
        connector = dict(step.args['connector'])
        if step.args['device']:
            connector['mountpoint'] = step.args['device']
        new = fresh(self._attachments, step)
        _, reply = self._attachments.update(new.id, connector)
        return Result('', reply.request_id)


class Complete(_OfAttachment):
    """The word that the host is connected."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether cinder has it as attached."""
        return fresh(self._attachments, step).status == _ATTACHED

    def apply(self, step: Step) -> Result:
        """One os-complete."""
        new = fresh(self._attachments, step)
        reply = self._attachments.complete(new.id)
        return Result('', reply.request_id)


def fresh(attachments: Attachments, step: Step) -> VolumeAttachment:
    """The attachment that was made since the plan.

    :raises errors.StepFailed: when there is none, or several
    """
    made = _made_since(attachments, step)
    if len(made) == 1:
        return made[0]
    found = ', '.join(one.id for one in made) or 'none'
    raise errors.StepFailed(
        f'volume {step.args["volume"]} has {len(made)} new attachments '
        f'({found}), not one: somebody attaches or detaches it',
        'see openstack --os-volume-api-version 3.27 volume attachment list '
        '--all-projects --volume-id '
        f'{step.args["volume"]}',
    )


def _made_since(
    attachments: Attachments, step: Step
) -> list[VolumeAttachment]:
    known = set(step.args['known'])
    found = _of_volume(attachments, step)
    return [one for one in found if one.id not in known]


def _of_volume(
    attachments: Attachments, step: Step
) -> tuple[VolumeAttachment, ...]:
    return attachments.of_volume(step.target, step.args['volume'])
