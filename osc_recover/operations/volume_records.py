# SPDX-License-Identifier: Apache-2.0
"""What cinder has of volumes and attachments that nobody is at, set right."""

from collections.abc import Callable, Collection

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.volume import Volumes
from osc_recover.gateways.volume_actions import VolumeActions
from osc_recover.operations.at_rest import AGAIN, at_rest, exists, moved
from osc_recover.plan import Step


class DeleteAttachment:
    """Delete an attachment that nova does not know.

    :param known: server -> the attachments that nova has of it now
    """

    writes = True

    def __init__(
        self,
        compute: Compute,
        attachments: Attachments,
        known: Callable[[str], Collection[str]],
        grace: float,
    ) -> None:
        self._compute = compute
        self._attachments = attachments
        self._known = known
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether cinder has it no more."""
        try:
            self._attachments.attachment(step.target)
        except errors.Gone:
            return True
        return False

    def apply(self, step: Step) -> Result:
        """Delete it, if all is as it was."""
        args = step.args
        now = self._attachments.attachment(step.target)
        if (now.volume, now.server) != (args['volume'], args['server']):
            raise moved(f'it is of volume {now.volume} to {now.server}')
        if now.status != args['status']:
            raise moved(f'it is {now.status}')
        self._check_server(step)
        reply = self._attachments.delete(step.target)
        return Result('deleted', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is gone."""
        if not self.in_effect(step):
            raise errors.StepFailed('cinder has it still', AGAIN)
        return Result()

    def _check_server(self, step: Step) -> None:
        name = step.args['server']
        if step.args['gone']:
            if exists(self._compute, name):
                raise moved(f'nova knows server {name}')
            return
        server = at_rest(self._compute, name)
        has = step.args['volume'] in server.volumes
        if has and not step.args.get('second'):
            raise moved(f'server {name} has the volume')
        known = self._known(name) if has else ()
        if step.target in known:
            raise moved(f'it is the one that nova has of server {name}')
        if '' in known:
            raise moved('nova does not tell which attachments it has')


class SettleVolume:
    """Have a volume be in-use or available that nobody is at."""

    writes = True

    def __init__(
        self,
        compute: Compute,
        volumes: Volumes,
        actions: VolumeActions,
        grace: float,
    ) -> None:
        self._compute = compute
        self._volumes = volumes
        self._actions = actions
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it has the status that it is to have."""
        return self._status(step) == str(step.args['to'])

    def apply(self, step: Step) -> Result:
        """Ask cinder for it, if all is as it was."""
        status, args = self._status(step), step.args
        if status != args['was']:
            raise moved(f'it is {status}')
        for name in args['servers']:
            server = at_rest(self._compute, name)
            if step.target not in server.volumes:
                raise moved(f'server {name} has it no more')
        if args['to'] == 'in-use' and status == 'detaching':
            reply = self._actions.roll_detaching(step.target)
        elif args['to'] == 'in-use':
            reply = self._actions.use(step.target)
        else:
            if self._actions.attachments(step.target):
                raise moved('it has an attachment')
            reply = self._actions.free(step.target)
        return Result(f'{args["to"]} again', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is so."""
        if not self.in_effect(step):
            raise errors.StepFailed(f'it is {self._status(step)}', AGAIN)
        return Result()

    def _status(self, step: Step) -> str:
        try:
            return self._volumes.volume(step.target).status
        except errors.Gone as exc:
            raise errors.StepFailed(
                'the volume was deleted meanwhile',
                'there is nothing left to do',
            ) from exc
