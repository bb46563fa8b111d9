# SPDX-License-Identifier: Apache-2.0
"""Which cinder-volumes of a host are to come up again.  Pure."""

from osc_recover.facts.audit import StorageService
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import Snapshot


def awaited(
    seen: SessionsSeen, before: Snapshot | None, host: str
) -> tuple[list[str], list[str]]:
    """The backends of a host that are awaited, and those that are not.

    cinder keeps the row of a backend that has another name by now, or has
    gone for good.  One that is down, and was before, with no volume on it,
    does no harm by staying down.
    """
    ours = [one for one in seen.storage if _is_of(one, host)]
    stale = [one.host for one in ours if _is_stale(seen, before, one)]
    expected = [one.host for one in ours if one.host not in stale]
    return (expected, stale) if expected else (stale, [])


def _is_stale(
    seen: SessionsSeen, before: Snapshot | None, service: StorageService
) -> bool:
    known = before.storage if before else ()
    # A cluster has volumes in common, on whichever of its hosts.
    if service.up or service.cluster or 'volumes' in seen.unseen:
        return False
    if any(one.host == service.host and one.up for one in known):
        return False
    homes = {volume.host.partition('#')[0] for volume in seen.volumes}
    return homes != {''} and service.host not in homes


def _is_of(service: StorageService, host: str) -> bool:
    return (
        service.binary == 'cinder-volume'
        and service.host.partition('@')[0] == host
    )
