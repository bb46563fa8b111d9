# SPDX-License-Identifier: Apache-2.0
"""A host that returns, asked for what only it knows."""

from collections.abc import Collection, Iterable, Sequence

from osc_recover import errors
from osc_recover.facts import (
    HostAccounts,
    HostDomains,
    HostSessions,
    HostStorage,
    Returned,
)
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.iscsi import Sessions
from osc_recover.gateways.storage import TIMEOUT, Storage
from osc_recover.observe.gathering import gathering
from osc_recover.observe.servers import one
from osc_recover.settings import SshSettings


def returned(
    compute: Compute,
    settings: SshSettings,
    host: str,
    here: Collection[str],
    others: Sequence[str],
    accounts: tuple[Sequence[str], Sequence[str]],
) -> Returned:
    """Ask a host for its domains, directories, sessions and numbers.

    A host that cannot be asked is asked once; every part then says why.  Of
    guests that run there nova is asked where it has them, one by one.

    :param here: the servers that nova has there, which it is not asked for
    :param others: hosts whose numbers are compared with its own
    :param accounts: names of users, and of groups
    :raises errors.ApiError: when nova does not tell of a server
    """
    with Hosts(settings) as asked:
        try:
            asked.ask(host, 'hello', {}, timeout=TIMEOUT)
        except errors.HostError as exc:
            return silent(host, exc)
        told = Accounts(asked, TIMEOUT).show([host, *others], *accounts)
        [domains] = Domains(asked).list([host])
        [storage] = Storage(asked).every([host])
        [sessions] = Sessions(asked).list([host])
    running = {domain.uuid for domain in domains.domains if domain.runs}
    homes = _homes(compute, sorted(running - set(here)))
    return Returned(domains, storage, sessions, told, homes)


def silent(host: str, exc: errors.HostError) -> Returned:
    """What is known of a host that cannot be asked: why not."""
    why, way_out = exc.sentence, exc.way_out
    return Returned(
        HostDomains(host, problem=why, way_out=way_out),
        HostStorage(host, problem=why, way_out=way_out),
        HostSessions(host, problem=why, way_out=way_out),
        (HostAccounts(host, problem=why, way_out=way_out),),
    )


def _homes(compute: Compute, servers: Iterable[str]) -> dict[str, str | None]:
    with gathering(8) as crowd:
        asked = {s: crowd.ask(one, compute, s) for s in servers}
        found = {server: answer.result() for server, answer in asked.items()}
    return {s: each[0].host if each else None for s, each in found.items()}
