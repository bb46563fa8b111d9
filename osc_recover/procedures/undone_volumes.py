# SPDX-License-Identifier: Apache-2.0
"""Take back what a run has done to the volumes of one server.  Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from osc_recover.facts import BlockDevice, Moved
from osc_recover.plan import Step
from osc_recover.procedures.by_hand import Renewal

_ATTACHING = 'attaching'

# A step to come: its word, verb and arguments, and the part of the server.
Back = tuple[str, str, Mapping[str, Any], str]


class Volumes:
    """The volumes of a server that a run has begun to attach anew.

    :param facts: as it is now
    :param server: its id
    :param steps: those of the run with this server
    :param begun: the names of those that were begun
    """

    def __init__(
        self,
        facts: Moved,
        server: str,
        steps: Iterable[Step],
        begun: Collection[str],
    ) -> None:
        self._facts, self._server = facts, server
        # Of each volume the step that changes its mapping, which need not
        # have been begun: a volume's first is its attachment.
        self.steps = [
            step
            for step in steps
            if step.verb == 'mapping.point'
            and f'attach:{server}:{step.args["volume"]}' in begun
        ]

    def mapping(self, step: Step) -> BlockDevice | None:
        """Its mapping as it is now; None where somebody has detached it."""
        return self._facts.mapping(step.args['mapping']['id'])

    def is_kept(self, step: Step) -> bool:
        """Whether the attachment of before is still there."""
        return step.args['old'] in self._known(step)

    def back(self, cell: str, source: str, place: str) -> Iterator[Back]:
        """What takes them back, the last one first.

        :param cell: of the server
        :param source: the host that it was taken from
        :param place: the host that the run has it on
        """
        for step in reversed(self.steps):
            if self.is_kept(step):
                yield from self._as_before(step, place)
            else:
                yield from self._anew(step, cell, source, place)

    def _as_before(self, step: Step, place: str) -> Iterator[Back]:
        volume, now = step.args['volume'], self._there(step)
        if now.attachment != step.args['old'] or not now.driver:
            args = {**step.args, 'at': place}
            yield 'remap', 'mapping.restore', args, volume
        yield from self._let_go(step, step.args['known'])

    def _anew(
        self, step: Step, cell: str, source: str, place: str
    ) -> Iterator[Back]:
        volume, now = step.args['volume'], self._there(step)
        # Of several that were left behind, nova names one.
        yield from self._let_go(step, [now.attachment])
        yield from self._settle(step, now.attachment)
        renewal = Renewal(
            now,
            [now.attachment or ''],
            self._facts.connector(source),
            cell,
            place,
        )
        for word, verb, args in renewal.steps():
            yield word, verb, args, volume

    def _let_go(
        self, step: Step, kept: Collection[str | None]
    ) -> Iterator[Back]:
        volume, found = step.args['volume'], self._known(step)
        for one in found:
            if one not in kept:
                args = {'volume': volume, 'old': one, 'known': found}
                yield 'let-go', 'attachment.delete', args, one

    def _settle(self, step: Step, attachment: str | None) -> Iterator[Back]:
        """cinder makes no further attachment while one is being made.

        The volume's status is attaching from the export to the word that the
        host is connected (cinder/volume/api.py, _attachment_reserve).
        """
        volume, known = step.args['volume'], self._known(step)
        for one in self._facts.attachments:
            if one.id == attachment and one.status == _ATTACHING:
                others = [other for other in known if other != attachment]
                args = {'volume': volume, 'old': attachment, 'known': others}
                yield 'settle', 'attachment.complete', args, volume

    def _known(self, step: Step) -> Sequence[str]:
        return self._facts.attached(self._server, step.args['volume'])

    def _there(self, step: Step) -> BlockDevice:
        now = self.mapping(step)
        assert now is not None  # or it is refused
        return now
