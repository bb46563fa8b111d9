# SPDX-License-Identifier: Apache-2.0
"""The files of hosts: listed, re-owned, given back, looked over."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways import side_by_side
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.ssh.link import Tell

# It tells of its progress; a disk that is all but dead, or the one moment in
# which everything is made durable, may silence it for long.
SILENCE = 900.0
TIMEOUT = 60.0

# What became of an object, where that is not as it should be: what is gone,
# or another one by now, is nobody's concern.
_WRONG = ('failed', 'touched')


@dataclasses.dataclass(frozen=True, slots=True)
class Walk:
    """What is walked, and which numbers become which.

    :param manifest: its name on the host; '' where there is none
    :param merge: whether two old numbers may become one
    :param attributes: of which objects the ACLs are looked at, ``every``,
        ``owned`` or ``none``; '' as is usual for what is done
    """

    roots: tuple[str, ...]
    skip: tuple[str, ...] = ()
    uids: Mapping[str, int] = dataclasses.field(default_factory=dict)
    gids: Mapping[str, int] = dataclasses.field(default_factory=dict)
    manifest: str = ''
    merge: bool = False
    attributes: str = ''

    @property
    def args(self) -> dict[str, Any]:
        """As the operations on the host want them."""
        asked = {'attributes': self.attributes} if self.attributes else {}
        return {
            **asked,
            'roots': list(self.roots),
            'skip': list(self.skip),
            'uids': dict(self.uids),
            'gids': dict(self.gids),
            'manifest': self.manifest or None,
            'merge': self.merge,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a change ended: of how many objects, and what is not as it should.

    ``counts`` are the objects by what became of them; ``wrong`` are sentences
    about the first that could not be changed, or that somebody else has.
    ``taken`` is how many had a new number before; None: not known.
    """

    listed: int
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    taken: int | None = None


class Trees:
    """Trees of files on hosts."""

    def __init__(self, hosts: Hosts, workers: int = 32) -> None:
        self._hosts = hosts
        self._workers = workers

    def state(self, host: str, manifest: str) -> str:
        """How far a change is: absent, busy, listed, done or undone.

        :raises errors.HostError: when the host cannot be asked
        """
        told = self._hosts.ask(
            host, 'tree.show', {'manifest': manifest}, timeout=TIMEOUT
        )
        return Foreign.of(host, 'its manifest', told).text('state')

    def manifests(
        self, wanted: Sequence[tuple[str, str]]
    ) -> tuple[facts.Manifest, ...]:
        """How far changes are.

        :param wanted: hosts, and names of manifests
        """
        return side_by_side.in_order(
            lambda pair: self._manifest(*pair), wanted, self._workers
        )

    def carry_out(
        self, host: str, verb: str, walk: Walk, tell: Tell | None = None
    ) -> Ended:
        """Prepare a change, make it, or undo it.

        :param verb: prepare, change or undo
        :param tell: is told of the progress
        :raises errors.OperationRefused: when the host says no
        :raises errors.HostError: when it cannot be asked
        """
        told = self._hosts.ask(
            host, f'tree.{verb}', walk.args, timeout=SILENCE, tell=tell
        )
        found = Foreign.of(host, 'its files', told)
        return Ended(
            found.number('listed'),
            found.numbers('counts') if 'counts' in found.data else {},
            tuple(_wrong(found.objects('samples', ()))),
            None if found.data.get('taken') is None else found.number('taken'),
        )

    def look(
        self,
        walks: Mapping[str, Walk],
        tell: Any = None,
    ) -> tuple[facts.Looked, ...]:
        """What has numbers that it should not have, hosts in their order.

        :param walks: without maps only numbers without an account are looked
            for
        :param tell: is told of the progress, with the host's name
        """
        return side_by_side.in_order(
            lambda pair: self._safely(*pair, tell),
            walks.items(),
            self._workers,
        )

    def verify(
        self,
        host: str,
        walk: Walk,
        tell: Tell | None = None,
        *,
        nobody: bool = False,
    ) -> facts.Looked:
        """The guide's last find on one host, with the word of the manifest.

        :raises errors.HostError: when it cannot be asked, or says no
        """
        args = {**walk.args, 'nobody': nobody}
        told = self._hosts.ask(
            host, 'tree.verify', args, timeout=SILENCE, tell=tell
        )
        return looked_from(host, told)

    def _safely(self, host: str, walk: Walk, tell: Any) -> facts.Looked:
        def told(event: dict[str, Any]) -> None:
            if tell is not None:
                tell(host, event)

        try:
            if walk.uids or walk.gids:
                return self.verify(host, walk, told, nobody=True)
            args = {**walk.args, 'attributes': 'none'}
            found = self._hosts.ask(
                host, 'tree.scan', args, timeout=SILENCE, tell=told
            )
            return looked_from(host, found)
        except (errors.HostError, errors.ApiError) as exc:
            return facts.Looked(
                host, problem=exc.sentence, way_out=exc.way_out
            )

    def _manifest(self, host: str, name: str) -> facts.Manifest:
        try:
            return facts.Manifest(host, name, self.state(host, name))
        except (errors.HostError, errors.ApiError) as exc:
            return facts.Manifest(host, name, '', exc.sentence, exc.way_out)


def looked_from(host: str, data: Any) -> facts.Looked:
    """Read what tree.verify or tree.scan tells of a host."""
    told = Foreign.of(host, 'its files', data)
    unsure = told.inner('unsure', {})
    return facts.Looked(
        host,
        told.number('entries'),
        (
            *_leftovers('left', told.inner('left', {})),
            *_changed(told.inner('manifest', {})),
            *_leftovers('nobody', told.inner('nobody', {})),
        ),
        tuple(
            f'{kind[:-1]} {number}'
            for kind in unsure.data
            for number in unsure.integers(kind)
        ),
        tuple(
            f'{one.text("path")}: {one.text("error")}'
            for one in told.objects('trouble')
        ),
    )


def _leftovers(state: str, told: Foreign) -> Iterator[facts.Leftover]:
    for what in sorted(told.data):
        one = told.inner(what)
        yield facts.Leftover(
            state, what, one.number('count'), one.texts('samples')
        )


def _changed(told: Foreign) -> Iterator[facts.Leftover]:
    """What of a manifest is not as it was left."""
    counts = told.numbers('counts') if told.data else {}
    for what in _WRONG:
        if counts.get(what):
            paths = [
                one.text('path')
                for one in told.objects('samples')
                if one.text('what') == what
            ]
            yield facts.Leftover('changed', what, counts[what], tuple(paths))


def _wrong(samples: Sequence[Foreign]) -> Iterator[str]:
    for one in samples:
        if one.text('what') in _WRONG:
            error = one.text('error', '')
            yield ': '.join(
                word for word in (one.text('path'), one.text('what'), error)
                if word
            )  # fmt: skip
