# SPDX-License-Identifier: Apache-2.0
"""Servers, with what nova tells about each only when asked for it."""

import dataclasses
from collections.abc import Iterable

from osc_recover import errors, facts
from osc_recover.gateways import microversions
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import SHARES, Compute
from osc_recover.observe.gathering import Future, Gathering

Servers = tuple[facts.Server, ...]


def one(nova: Compute, server: str) -> Servers:
    """The server, or nothing when it was deleted meanwhile."""
    try:
        return (nova.server(server),)
    except errors.Gone:
        return ()


def distinct(answers: 'Iterable[Future[Servers]]') -> Servers:
    """The servers of all answers, each once, by ID."""
    found = {s.id: s for answer in answers for s in answer.result()}
    return tuple(found[server] for server in sorted(found))


def ask_evacuations(
    nova: Compute, servers: Iterable[facts.Server], crowd: Gathering
) -> 'dict[str, Future[tuple[str, ...]]]':
    """Ask for the evacuations of each server."""
    return {s.id: crowd.ask(_evacuations, nova, s.id) for s in servers}


def _evacuations(nova: Compute, server: str) -> tuple[str, ...]:
    try:
        return nova.evacuate_actions(server)
    except errors.Gone:
        return ()


def ask_shares(
    cloud: Cloud,
    newest: str,
    servers: Iterable[facts.Server],
    crowd: Gathering,
) -> 'dict[str, Future[int]]':
    """Ask how many shares each has, where there can be any."""
    offered = microversions.offers(newest, SHARES)
    if not (offered and cloud.share.present()):
        return {}
    nova = Compute(cloud.compute)
    return {s.id: crowd.ask(nova.share_count, s.id) for s in servers}


def detailed(
    servers: Servers,
    evacuations: 'dict[str, Future[tuple[str, ...]]]',
    shares: 'dict[str, Future[int]]',
    crowd: Gathering,
) -> Servers:
    """Put the answers into the servers."""
    seen = {server: answer.result() for server, answer in evacuations.items()}
    counts = {s: crowd.may('shares', a, 0) for s, a in shares.items()}
    return tuple(
        dataclasses.replace(
            s, evacuations=seen.get(s.id, ()), shares=counts.get(s.id, 0)
        )
        for s in servers
    )
