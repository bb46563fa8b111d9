# SPDX-License-Identifier: Apache-2.0
"""placement, as facts; all at 1.29 (Rocky), whose summaries name the root."""

from collections.abc import Mapping, Sequence
from typing import Any

from osc_recover import facts
from osc_recover.gateways.api import Api
from osc_recover.gateways.foreign import Foreign

MICROVERSION = '1.29'
# What nova's scheduler asks for ([scheduler]max_placement_results).
CANDIDATES = 1000


class Placement:
    """placement's API over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def providers(self) -> dict[str, str]:
        """Every provider: name to uuid."""
        page = self._get('/resource_providers')
        records = page.objects('resource_providers')
        return {p.text('name'): p.text('uuid') for p in records}

    def allocations_of(self, provider: str) -> tuple[facts.Allocation, ...]:
        """What consumers hold of a provider.

        :raises errors.Gone: when there is no such provider
        """
        page = self._get(f'/resource_providers/{provider}/allocations')
        return tuple(
            facts.Allocation(consumer, provider, held.numbers('resources'))
            for consumer, held in page.members('allocations')
        )

    def allocations_for(self, consumer: str) -> tuple[facts.Allocation, ...]:
        """What a consumer holds, of each provider."""
        page = self._get(f'/allocations/{consumer}')
        return tuple(
            facts.Allocation(consumer, provider, held.numbers('resources'))
            for provider, held in page.members('allocations')
        )

    def candidates(
        self, resources: facts.Resources
    ) -> tuple[facts.Candidate, ...]:
        """Who could hold these resources now; hosts are not told."""
        page = self._get(
            '/allocation_candidates',
            resources=facts.request_key(resources),
            limit=CANDIDATES,
        )
        return candidates_from(page.data)

    def _get(self, path: str, **params: Any) -> Foreign:
        page = self.api.get(path, microversion=MICROVERSION, params=params)
        return _of(f'GET {path}', page)


def candidates_from(data: Any) -> tuple[facts.Candidate, ...]:
    """Read GET /allocation_candidates (1.29 or newer), one for each tree.

    Where a tree is offered together with a sharing provider (common storage),
    the free resources are those of both, and the provider is the one that
    offers the processors.
    """
    page = _of('allocation candidates', data)
    summaries = dict(page.members('provider_summaries'))
    found: dict[str, facts.Candidate] = {}
    for request in page.objects('allocation_requests'):
        parts = [
            (summaries[name], name, held.numbers('resources'))
            for name, held in request.members('allocations')
            if name in summaries
        ]
        if parts:
            candidate = _candidate(parts)
            found.setdefault(candidate.provider, candidate)
    return tuple(found.values())


def _candidate(
    parts: Sequence[tuple[Foreign, str, Mapping[str, int]]],
) -> facts.Candidate:
    free: dict[str, int] = {}
    for summary, _, wanted in parts:
        free |= {k: v for k, v in _free(summary).items() if k in wanted}
    # No processors: a bare-metal node, which offers one thing of its own.
    main = next((part for part in parts if 'VCPU' in part[2]), parts[0])
    root = main[0].text('root_provider_uuid', main[1])
    return facts.Candidate(provider=root, host='', free=free)


def _free(summary: Foreign) -> dict[str, int]:
    return {
        name: amount.number('capacity') - amount.number('used')
        for name, amount in summary.members('resources')
    }


def _of(what: str, data: Any) -> Foreign:
    return Foreign.of('placement', what, data)
