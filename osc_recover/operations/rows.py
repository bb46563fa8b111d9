# SPDX-License-Identifier: Apache-2.0
"""A server's rows in nova's own database: where it is, and its volumes."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from osc_recover import errors, records
from osc_recover.effects import Control, Result
from osc_recover.facts import BlockDevice, Move, VolumeAttachment
from osc_recover.gateways.attachments import Attachments
from osc_recover.operations.attachment import fresh
from osc_recover.plan import Step


class Rows(Protocol):
    """nova's databases, by the uuids of their cells.

    Each call raises errors.DatabaseError as the database says; each change
    errors.RowsDiffer and errors.RowGone, too.
    """

    def move(self, cell: str, what: Move) -> None:
        """Give a server to its destination, all of it or nothing."""

    def moved(self, cell: str, what: Move) -> bool | None:
        """Whether it is given; None: nobody can tell."""

    def take_back(self, cell: str, what: Move) -> None:
        """Give it back; raises errors.AlreadyStarted."""

    def taken_back(self, cell: str, what: Move) -> bool:
        """Whether it is given back, or never was given."""

    def mapping(self, cell: str, planned: BlockDevice) -> BlockDevice:
        """A mapping of a volume as it is now."""

    def renew(
        self, cell: str, planned: BlockDevice, attachment: str, host: str
    ) -> None:
        """Name another attachment, without a connection yet."""

    def fill(
        self,
        cell: str,
        planned: BlockDevice,
        host: str,
        attachment: VolumeAttachment,
    ) -> None:
        """Give the attachment that it names its connection."""

    def revive(
        self, cell: str, planned: BlockDevice, attachment: str, host: str
    ) -> None:
        """Bring a dropped mapping back, without a connection yet."""

    def restore(
        self,
        cell: str,
        planned: BlockDevice,
        host: str,
        attachment: VolumeAttachment,
    ) -> None:
        """Name the planned attachment again, with its connection."""


class MoveRow:
    """Give a server to its destination: the point of no return.

    One transaction, so that there is no half of it to be found.
    """

    writes = True

    def __init__(self, rows: Rows, grace: float) -> None:
        self._rows = rows
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether the record of the move is there."""
        with asked('whether it is moved'):
            return self._rows.moved(step.args['cell'], _move(step))

    def apply(self, step: Step) -> Result:
        """One transaction; each of its guards reads anew.

        :raises errors.StepFailed: when the rows are not as planned
        """
        what = _move(step)
        with told('moving it'):
            self._rows.move(step.args['cell'], what)
        return Result('moved in the database')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over at the COMMIT."""
        return Result(data={'destination': _move(step).to.host})


class TakeBack:
    """Give a server back to the failed host, if it was never started."""

    writes = True

    def __init__(self, rows: Rows, grace: float) -> None:
        self._rows = rows
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is there, and the record of its move ended."""
        with asked('whether it is taken back'):
            return self._rows.taken_back(step.args['cell'], _move(step))

    def apply(self, step: Step) -> Result:
        """One transaction: the record ends before the server is back.

        :raises errors.StepFailed: when it was started, or changed since
        """
        with told('taking it back'):
            self._rows.take_back(step.args['cell'], _move(step))
        return Result('taken back in the database')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over at the COMMIT."""
        return Result(data={'destination': _move(step).before.host})


class _OfMapping:
    """What acts on the mapping of a volume."""

    writes = True

    def __init__(
        self, rows: Rows, attachments: Attachments, grace: float
    ) -> None:
        self._rows = rows
        self._attachments = attachments
        self.grace = grace

    def follow(self, step: Step, control: Control) -> Result:
        """It is over at the COMMIT."""
        return Result()

    def _now(self, step: Step) -> BlockDevice:
        with asked('for its volumes'):
            return self._rows.mapping(step.args['cell'], _mapping(step))


class Point(_OfMapping):
    """Have nova's mapping name the fresh attachment."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it does."""
        new = fresh(self._attachments, step)
        return self._now(step).attachment == new.id

    def apply(self, step: Step) -> Result:
        """One transaction; the old connection goes with it."""
        new = fresh(self._attachments, step)
        args = step.args
        with told('naming the new attachment'):
            self._rows.renew(args['cell'], _mapping(step), new.id, args['at'])
        return Result()


class Revive(_OfMapping):
    """Bring back a mapping that nova has dropped, for the fresh attachment."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is back, and names that attachment."""
        new = fresh(self._attachments, step)
        with asked('for its volumes'):
            try:
                now = self._rows.mapping(step.args['cell'], _mapping(step))
            except errors.RowGone:
                return False
        return now.attachment == new.id

    def apply(self, step: Step) -> Result:
        """One transaction, if nova gives the server the volume by no other."""
        new = fresh(self._attachments, step)
        args = step.args
        with told('bringing the mapping back'):
            self._rows.revive(args['cell'], _mapping(step), new.id, args['at'])
        return Result()


class Connect(_OfMapping):
    """Have nova's mapping say how the fresh attachment connects."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it says so."""
        new, now = fresh(self._attachments, step), self._now(step)
        return now.attachment == new.id and now.driver == new.driver != ''

    def apply(self, step: Step) -> Result:
        """One transaction, with what cinder says of the attachment."""
        new = fresh(self._attachments, step)
        args = step.args
        with told('keeping the new connection'):
            self._rows.fill(args['cell'], _mapping(step), args['at'], new)
        return Result()


class Restore(_OfMapping):
    """Have nova's mapping name the attachment of before, which is there."""

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it does, with a connection."""
        now = self._now(step)
        return now.attachment == step.args['old'] and now.driver != ''

    def apply(self, step: Step) -> Result:
        """One transaction, with what cinder says of that attachment."""
        old = self._attachments.attachment(step.args['old'])
        args = step.args
        with told('naming the old attachment'):
            self._rows.restore(args['cell'], _mapping(step), args['at'], old)
        return Result()


def _move(step: Step) -> Move:
    made: Move = records.from_data(Move, dict(step.args['move']))
    return made


def _mapping(step: Step) -> BlockDevice:
    made: BlockDevice = records.from_data(
        BlockDevice, dict(step.args['mapping'])
    )
    return made


@contextlib.contextmanager
def asked(what: str) -> Iterator[None]:
    """A database that does not answer is a service that does not."""
    try:
        yield
    except errors.DatabaseError as exc:
        raise errors.ApiUnreachable(
            f'database {exc.database}', what, exc.problem
        ) from exc
    except errors.RowGone as exc:
        raise errors.StepFailed(exc.sentence, exc.way_out) from exc


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """What a database says to a change, as what becomes of a step."""
    try:
        yield
    except errors.CommitUnknown as exc:
        name = f'database {exc.database}'
        raise errors.Uncertain(name, what, exc.problem) from exc
    except (
        errors.DatabaseError,
        errors.RowsDiffer,
        errors.RowGone,
        errors.AlreadyStarted,
    ) as exc:
        raise errors.StepFailed(exc.sentence, exc.way_out) from exc
