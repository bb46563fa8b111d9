# SPDX-License-Identifier: Apache-2.0
"""Attachments that nobody is at, ended: each by itself, and none of a root.

Everything that a plan was made for is asked again right before the request:
a volume that is taken from a guest that runs is lost data.
"""

from collections.abc import Callable, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts import Volume
from osc_recover.facts.cleaning import DATABASE, RESET, may_be_cleaned
from osc_recover.gateways import kept_lists
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases, ending
from osc_recover.gateways.server_rows import ServerRows
from osc_recover.gateways.volume import Volumes
from osc_recover.gateways.volume_actions import VolumeActions
from osc_recover.operations.at_rest import exists
from osc_recover.operations.rows import asked, told
from osc_recover.operations.standing import Standing
from osc_recover.plan import Step

_AGAIN = (
    'openstack recover volume check tells how it is now; then resume, or plan '
    'again'
)


def verbs(
    cloud: Cloud,
    databases: Callable[[], Databases],
    standing: Standing,
    grace: float,
) -> Mapping[str, Operation]:
    """The operations that clean volumes, by their verbs.

    :param databases: of the cloud; asked only for what acts on them
    """
    return {
        'volume.clean': Clean(cloud, databases, standing, grace),
        'volume.free': Free(cloud, grace),
        'mapping.drop': DropMapping(ServerRows(databases), standing, grace),
    }


class Clean:
    """End one attachment of a volume, in the way that the plan has."""

    writes = True

    def __init__(
        self,
        cloud: Cloud,
        databases: Callable[[], Databases],
        standing: Standing,
        grace: float,
    ) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._volumes = Volumes(cloud.volume)
        self._attachments = Attachments(cloud.volume)
        self._actions = VolumeActions(cloud.volume)
        self._databases = databases
        self._standing = standing
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether cinder has it no more."""
        try:
            self._attachments.attachment(step.args['attachment'])
        except errors.Gone:
            return True
        return False

    def apply(self, step: Step) -> Result:
        """One request, or one transaction, if all is as it was.

        :raises errors.StepFailed: when it is not
        """
        args = step.args
        now = self._attachments.attachment(args['attachment'])
        if (now.volume, now.server) != (args['volume'], args['server']):
            raise _left(f'it is of volume {now.volume} to {now.server}')
        volume = _cleanable(self._volumes, step)
        self._check_server(step)
        if args['way'] == DATABASE:
            return self._in_database(step, volume)
        if args['way'] == RESET:
            self._check_only(step)
            reply = self._actions.reset(args['volume'])
        else:
            reply = self._attachments.delete(args['attachment'])
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is gone."""
        if not self.in_effect(step):
            raise errors.StepFailed('cinder has it still', _AGAIN)
        return Result(f'volume {step.args["volume"]} is cleaned')

    def _check_server(self, step: Step) -> None:
        server = step.args['server']
        if step.args['gone']:
            self._check_deleted(step)
            return
        if problem := self._standing.not_off(server, step.args):
            raise _left(problem)
        root = step.args['root']
        given = kept_lists.of_server(self._cloud.compute, server)
        mine = [one for one in given if one.volume == step.args['volume']]
        if step.args['volume'] == root or (
            root and root not in {one.volume for one in given}
        ):
            raise _left('which volume is its root is not known any more')
        if any(one.id == step.args['attachment'] for one in mine) != bool(
            step.args['in_nova']
        ):
            raise _left('nova has it by another attachment')

    def _check_deleted(self, step: Step) -> None:
        server, args = step.args['server'], step.args
        if exists(self._compute, server):
            raise _left(f'nova knows server {server}')
        # A plan of an older release names no host.
        if args.get('host') and self._standing.runs(server, args):
            raise _left(f'its guest runs on {args["host"]}')

    def _check_only(self, step: Step) -> None:
        """A reset takes all attachments of a volume away."""
        found = self._actions.attachments(step.args['volume'])
        if set(found) != {step.args['attachment']}:
            raise _left(f'its volume has {len(found)} attachments')

    def _in_database(self, step: Step, volume: Volume) -> Result:
        cinder = self._databases().cinder
        if cinder is None:
            raise errors.StepFailed(
                "nothing says any more where cinder's database is",
                'recover: database in clouds.yaml says it; then resume',
            )
        with told('ending an attachment'):
            ending.end(
                cinder,
                ending.Ending(
                    step.args['attachment'],
                    volume.id,
                    step.args['server'],
                    volume.status,
                ),
            )
        return Result("in cinder's database")


class Free:
    """Have a volume be available that has no attachment."""

    writes = True

    def __init__(self, cloud: Cloud, grace: float) -> None:
        self._volumes = Volumes(cloud.volume)
        self._actions = VolumeActions(cloud.volume)
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is."""
        volume = _volume(self._volumes, step)
        return volume.status == 'available'

    def apply(self, step: Step) -> Result:
        """One request, if nobody has it.

        :raises errors.StepFailed: when all is not as it was
        """
        _cleanable(self._volumes, step)
        if found := self._actions.attachments(step.args['volume']):
            raise _left(f'it has attachment {found[0]}')
        reply = self._actions.reset(step.args['volume'])
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is so."""
        if not self.in_effect(step):
            raise errors.StepFailed('it is not available', _AGAIN)
        return Result(f'volume {step.args["volume"]} is available')


class DropMapping:
    """Have nova forget a data volume, as its own reboot does from nova 28."""

    writes = True

    def __init__(
        self, rows: ServerRows, standing: Standing, grace: float
    ) -> None:
        self._rows = rows
        self._standing = standing
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether nova has no such mapping that is alive."""
        with asked('whether it has dropped a mapping'):
            return not self._rows.has(step.args['cell'], step.args['mapping'])

    def apply(self, step: Step) -> Result:
        """One transaction.

        :raises errors.StepFailed: when all is not as it was
        """
        args = step.args
        if problem := self._standing.not_off(step.target, args):
            raise _left(problem)
        with told('dropping a mapping'):
            self._rows.drop(
                args['cell'],
                args['mapping'],
                server=step.target,
                volume=args['volume'],
                attachment=args['attachment'],
            )
        return Result(f'nova has no mapping of volume {args["volume"]}')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over at the COMMIT."""
        return Result()


def _cleanable(volumes: Volumes, step: Step) -> Volume:
    volume = _volume(volumes, step)
    named = bool(step.args.get('named'))
    if not may_be_cleaned(volume.status, volume.migration, named):
        told = volume.migration or volume.status
        raise _left(f'volume {volume.id} is {told}')
    return volume


def _volume(volumes: Volumes, step: Step) -> Volume:
    try:
        return volumes.volume(step.args['volume'])
    except errors.Gone as exc:
        raise errors.StepFailed(
            f'volume {step.args["volume"]} was deleted meanwhile',
            'there is nothing left to do for it; plan again',
        ) from exc


def _left(what: str) -> errors.StepFailed:
    return errors.StepFailed(
        f'{what} now: the volume was left as it is', _AGAIN
    )
