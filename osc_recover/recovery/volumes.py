# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the volumes of servers."""

import dataclasses
from collections.abc import Collection, Sequence

from osc_recover import errors
from osc_recover.checks import volume_rows
from osc_recover.checks.audit.view import AuditView
from osc_recover.facts.audit import Everything
from osc_recover.recovery.audit import AuditOfCloud


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """Which volumes are meant: IDs or names; none of anything for all."""

    volumes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A row for each volume, and whether the databases were asked."""

    rows: tuple[volume_rows.Row, ...]
    databases: bool

    @property
    def wrong(self) -> tuple[volume_rows.Row, ...]:
        """The rows of what is neither intact nor unused."""
        return tuple(r for r in self.rows if r.state not in volume_rows.GOOD)


class VolumesOfCloud:
    """Looks at volumes as an audit does."""

    def __init__(self, audit: AuditOfCloud) -> None:
        self._audit = audit

    def check(self, min_age: int = 0, **chosen: Sequence[str]) -> Checked:
        """What is wrong with volumes; changes nothing.

        :param chosen: as the fields of Chosen
        :param min_age: seconds that a record must have been unchanged
        :raises errors.UnknownServer: for none, or several
        :raises errors.ApiError: when nova does not tell
        """
        findings, seen = self._audit.found('', min_age)
        view = AuditView(seen, min_age)
        meant = Chosen(**{key: tuple(some) for key, some in chosen.items()})
        servers = _servers(seen, meant)
        gaps = [gap for gap in seen.gaps if _matters(gap.what)]
        rows = volume_rows.rows(
            view, findings, _names(view, meant, servers), gaps, servers
        )
        return Checked(tuple(rows), self._audit.knows_databases)


def _matters(what: str) -> bool:
    return what.startswith(('volumes', 'attachments', 'cell', 'mappings'))


def _names(
    view: AuditView, chosen: Chosen, servers: Collection[str] | None
) -> list[str]:
    if chosen.volumes:
        return [_id(view, name) for name in dict.fromkeys(chosen.volumes)]
    if servers is None:
        return volume_rows.concerned(view)
    return volume_rows.concerned(view, servers) if servers else []


def _id(view: AuditView, name: str) -> str:
    """The ID of a volume; a name that fits none, or several, stays."""
    if name in view.volumes:
        return name
    found = [v.id for v in view.seen.volumes if v.name == name]
    return found[0] if len(found) == 1 else name


def _servers(seen: Everything, chosen: Chosen) -> set[str] | None:
    """The servers that are meant; None for all."""
    if chosen.volumes:
        return set()
    if not (chosen.servers or chosen.hosts or chosen.projects):
        return None
    named = [_server(seen, name) for name in chosen.servers]
    return {
        server.id
        for server in seen.servers
        if (not chosen.servers or server.id in named)
        and (not chosen.hosts or server.host in chosen.hosts)
        and (not chosen.projects or server.project in chosen.projects)
    }


def _server(seen: Everything, name: str) -> str:
    found: Sequence[str] = [
        server.id
        for server in seen.servers
        if name in (server.id, server.name)
    ]
    if len(found) != 1:
        raise errors.UnknownServer(name, tuple(found))
    return found[0]
