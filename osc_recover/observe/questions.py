# SPDX-License-Identifier: Apache-2.0
"""Questions to all services of a cloud, and the gaps where none answers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from osc_recover import errors
from osc_recover.facts import Allocation, Service
from osc_recover.facts.audit import Gap
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.placement import Placement
from osc_recover.observe.gathering import Future, Gathering

T = TypeVar('T')
D = TypeVar('D')


class Questions:
    """Asks side by side; what is not answered is a gap, told once.

    :ivar gaps: what is not known, and why
    :ivar unseen: the lists among it, so that nothing is concluded from them
    """

    def __init__(self, cloud: Cloud, crowd: Gathering) -> None:
        self.cloud = cloud
        self.gaps: list[Gap] = []
        self.unseen: list[str] = []
        self._crowd = crowd
        # Not side by side with the rest: it brings the token, and every read
        # of nova needs it.
        cloud.compute_max()

    def ask(self, question: Callable[..., T], *args: Any) -> 'Future[T]':
        """Ask without waiting for the answer."""
        return self._crowd.ask(question, *args)

    def may(self, what: str, answer: 'Future[T]', default: D) -> T | D:
        """Wait for a list that we can do without.

        :raises errors.AuthFailed: as without a token nothing is answered
        """
        try:
            return answer.result()
        except errors.AuthFailed:
            raise
        except errors.RecoverError as exc:
            self.lack(what, exc.sentence, exc.way_out)
            return default

    def lack(self, what: str, problem: str, way_out: str) -> None:
        """Note a list that was not read."""
        if what not in self.unseen:
            self.unseen.append(what)
            self.gap(what, problem, way_out)

    def gap(self, what: str, problem: str, way_out: str) -> None:
        """Note what is not known."""
        if all(gap.what != what for gap in self.gaps):
            self.gaps.append(Gap(what, problem, way_out))

    def held(self, providers: Sequence[str]) -> tuple[Allocation, ...]:
        """What is held of providers: all of it, or a gap."""
        placement = Placement(self.cloud.placement)
        answers = [
            self.ask(_allocations, placement, provider)
            for provider in providers
        ]
        told = [self.may('allocations', answer, ()) for answer in answers]
        return tuple(one for held in told for one in held)

    def lost_cells(self, services: Iterable[Service]) -> None:
        """Note the hosts of cells whose databases nova cannot reach."""
        lost = sorted({s.host for s in services if not s.id})
        if lost:
            self.lack(
                f'cell of {", ".join(lost)}',
                'nova cannot reach its database, so that nothing is known '
                'about its servers',
                "bring the cell's database back: nova-manage cell_v2 "
                'list_cells names it',
            )


def _allocations(
    placement: Placement, provider: str
) -> tuple[Allocation, ...]:
    try:
        return placement.allocations_of(provider)
    except errors.Gone:
        return ()
