# SPDX-License-Identifier: Apache-2.0
"""What a consumer holds in placement, read and written as a whole.

At 1.28, the first with a generation of the consumer, so that a write never
undoes what somebody else wrote meanwhile; from 1.38 on a write would need the
consumer's type as well.
"""

from typing import Any

from osc_recover import errors, facts
from osc_recover.gateways.api import Api, Reply
from osc_recover.gateways.foreign import Foreign

MICROVERSION = '1.28'
CONFLICT = 409
CONCURRENT = 'placement.concurrent_update'


class Allocations:
    """placement's /allocations over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, consumer: str) -> facts.Holdings:
        """All that a consumer holds; one that is unknown holds nothing."""
        path = f'/allocations/{consumer}'
        page = self.api.get(path, microversion=MICROVERSION)
        return holdings_from(consumer, page)

    def put(self, wanted: facts.Holdings) -> Reply:
        """Have a consumer hold exactly this, if its generation is still so.

        :raises errors.ChangedMeanwhile: somebody else wrote since the reading
        :raises errors.NoRoom: a provider has not so much left
        :raises errors.ApiError: as Api.write() does
        """
        try:
            return self.api.write(
                'PUT',
                f'/allocations/{wanted.consumer}',
                body_of(wanted),
                microversion=MICROVERSION,
            )
        except errors.ApiRefused as exc:
            if exc.status != CONFLICT:
                raise
            raise _conflict(exc) from exc


def holdings_from(consumer: str, data: Any) -> facts.Holdings:
    """Read GET /allocations/{consumer} (1.28 or newer)."""
    page = Foreign.of('placement', f'allocations of {consumer}', data)
    generation = page.number('consumer_generation', -1)
    return facts.Holdings(
        consumer=consumer,
        resources={
            provider: held.numbers('resources')
            for provider, held in page.members('allocations')
        },
        project=page.text('project_id', ''),
        user=page.text('user_id', ''),
        generation=None if generation < 0 else generation,
    )


def body_of(wanted: facts.Holdings) -> dict[str, Any]:
    """What PUT /allocations/{consumer} takes; null: a new consumer."""
    return {
        'allocations': {
            provider: {'resources': dict(resources)}
            for provider, resources in wanted.resources.items()
        },
        'project_id': wanted.project,
        'user_id': wanted.user,
        'consumer_generation': wanted.generation,
    }


def _conflict(exc: errors.ApiRefused) -> errors.ApiRefused:
    # Both are 409 (placement/handlers/allocation.py): the name tells them
    # apart, and an old release that sends none of its own says it in words.
    concurrent = exc.kind == CONCURRENT or 'generation conflict' in exc.problem
    if concurrent:
        return exc.named(errors.ChangedMeanwhile)
    return exc.named(errors.NoRoom)
