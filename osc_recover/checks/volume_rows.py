# SPDX-License-Identifier: Apache-2.0
"""What is wrong with volumes, in a word each, as an audit has it.  Pure."""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from osc_recover.checks import ceph
from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.audit.volume_states import ALONE
from osc_recover.checks.finding import Finding
from osc_recover.facts.audit import Gap, ListedAttachment, ListedVolume

INTACT, UNUSED, BUSY, UNKNOWN = 'intact', 'unused', 'busy', 'unknown'
STALE, IN_NOVA, IN_CINDER = 'stale-target', 'dangling-nova', 'dangling-cinder'
DROPPED, WEDGED = 'dropped-mapping', 'wedged'
GOOD = (INTACT, UNUSED)

# Code of the audit's finding -> what it means for a volume.
VERDICTS: Mapping[str, str] = {
    'rootless': DROPPED,
    'mapping-dropped': DROPPED,
    'volume-gone': IN_NOVA,
    'attachment-missing': IN_NOVA,
    'attachment-differs': IN_NOVA,
    'volume-error': STALE,
    'volume-unknown-host': STALE,
    'attachment-of-nobody': IN_CINDER,
    'attachment-reserved': IN_CINDER,
    'attachment-failed': IN_CINDER,
    'attachment-unknown': IN_CINDER,
    'attachment-twice': IN_CINDER,
    'attachment-elsewhere': STALE,
    'volume-wedged': WEDGED,
    'volume-status': WEDGED,
}
_AT_REST = ('in-use', 'available')


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A volume, who has it, and what is wrong with that.

    ``servers`` are all that nova or cinder gives it; ``code`` is that of the
    audit's finding, '' for none.
    """

    volume: str
    name: str
    status: str
    servers: str
    state: str
    code: str = ''
    reason: str = ''
    way_out: str = ''


def rows(
    view: AuditView,
    findings: Iterable[Finding],
    volumes: Collection[str],
    gaps: Iterable[Gap] = (),
    servers: Collection[str] | None = None,
) -> list[Row]:
    """A row for each of these volumes, and for what is not known.

    :param findings: of an audit, the most serious first
    :param servers: of which a row is told, too, that have lost a volume of
        which nobody knows the ID; None for all
    """
    mine = [one for one in findings if one.code in VERDICTS and one.subject]
    found: dict[str, list[Finding]] = {}
    for finding in mine:
        for volume in finding.subject.volumes if finding.subject else ():
            found.setdefault(volume, []).append(finding)
    return [
        *(_row(view, name, found.get(name, ())) for name in volumes),
        *(_nameless(one) for one in mine if _is_nameless(one, servers)),
        *(
            Row('', gap.what, '', '', UNKNOWN, '', gap.problem, gap.way_out)
            for gap in gaps
        ),
    ]


def hinted(row: Row, hints: Sequence[ceph.Hint]) -> Row:
    """A row with what Ceph keeps its servers from the volume by."""
    if not hints:
        return row
    good = row.state in GOOD
    reasons = ('' if good else row.reason, *(hint.text for hint in hints))
    ways = ('' if good else row.way_out, *(hint.way_out for hint in hints))
    return dataclasses.replace(
        row,
        state=STALE if good else row.state,
        code=row.code or hints[0].code,
        reason='; '.join(filter(None, reasons)),
        way_out='; '.join(dict.fromkeys(filter(None, ways))),
    )


def _is_nameless(finding: Finding, servers: Collection[str] | None) -> bool:
    subject = finding.subject
    assert subject is not None
    return not subject.volumes and (servers is None or subject.id in servers)


def _nameless(finding: Finding) -> Row:
    """Without nova's database it is not known which volume it was."""
    subject = finding.subject
    assert subject is not None
    return Row(
        '', subject.name, '', subject.id, VERDICTS[finding.code],
        finding.code, finding.text, finding.way_out,
    )  # fmt: skip


def concerned(view: AuditView, servers: Collection[str] = ()) -> list[str]:
    """The volumes that have to do with servers: their own, and dropped ones.

    :param servers: these; none for every server
    """
    pairs: Iterator[tuple[str, str]] = iter(
        (
            *((v, s.id) for s in view.seen.servers for v in s.volumes),
            *((a.volume, a.server) for a in view.seen.attachments),
            *((m.volume, m.server) for m in view.seen.mappings),
        )
    )
    mine = [v for v, server in pairs if not servers or server in servers]
    if not servers:
        # Those that no server has may be wedged all the same.
        mine += [
            volume.id
            for volume in view.seen.volumes
            if volume.status not in _AT_REST
        ]
    return list(dict.fromkeys(mine))


def users(view: AuditView, volume: str) -> list[str]:
    """The servers that nova or cinder gives a volume, or nova gave it."""
    of_nova = [server.id for server in view.users[volume]]
    of_cinder = [a.server for a in view.attachments[volume] if a.server]
    dropped = [
        m.server
        for m in view.seen.mappings
        if m.volume == volume and m.dropped
    ]
    return list(dict.fromkeys([*of_nova, *of_cinder, *dropped]))


def _row(view: AuditView, name: str, found: Sequence[Finding]) -> Row:
    volume = view.volumes.get(name)
    made = Row(
        name,
        volume.name if volume else '',
        volume.status if volume else '',
        ', '.join(users(view, name)),
        INTACT,
    )
    if volume and volume.status in ALONE:
        return _judged(made, BUSY, *_alone(volume))
    if found:
        first = found[0]
        return dataclasses.replace(
            made,
            state=VERDICTS[first.code],
            code=first.code,
            reason='; '.join(finding.text for finding in found),
            way_out='; '.join(dict.fromkeys(f.way_out for f in found)),
        )
    if volume is None:
        return _judged(made, UNKNOWN, *_no_volume(view))
    return _unsaid(view, volume, made)


def _unsaid(view: AuditView, volume: ListedVolume, made: Row) -> Row:
    """A volume of which no check says anything."""
    using = view.users[volume.id]
    moving = [server for server in using if not view.steady(server)]
    if moving:
        server = moving[0]
        doing = server.task_state or server.vm_state
        return _judged(
            made, UNKNOWN,
            f'nova is at its server {server.id} ({doing}), or was just now',
            'wait until openstack server show has no task state, then check '
            'again',
        )  # fmt: skip
    if not view.told('attachments'):
        return _judged(
            made, UNKNOWN, 'cinder does not tell its attachments',
            'see the row of the attachments',
        )  # fmt: skip
    if not using and not view.attachments[volume.id]:
        if volume.status == 'error':
            return _judged(made, BUSY, *_alone(volume))
        return _judged(made, UNUSED, 'no server has it', '')
    if others := [a for a in view.attachments[volume.id] if not a.server]:
        return _judged(made, BUSY, *_not_of_nova(others[0]))
    if odd := _odd(view, volume):
        return _judged(made, IN_CINDER, *odd)
    if volume.status != 'in-use':
        return _judged(
            made, BUSY, f'it is {volume.status}, or was just now',
            'check again in some minutes; openstack volume show tells how it '
            'is',
        )  # fmt: skip
    return made


def _odd(view: AuditView, volume: ListedVolume) -> tuple[str, str] | None:
    """What cinder has of it that is neither attached nor on its way."""
    using = {server.id: server for server in view.users[volume.id]}
    for one in view.attachments[volume.id]:
        server = using.get(one.server)
        # An offloaded server has its volumes reserved.
        wanted = 'attached' if server is None or server.host else 'reserved'
        if server is not None and one.status == wanted:
            continue
        return (
            f'cinder has attachment {one.id} to {one.server} as {one.status}',
            'when that stays so and no guest has the disk: openstack '
            '--os-volume-api-version 3.44 volume attachment delete '
            f'{one.id}',
        )
    return None


def _not_of_nova(one: ListedAttachment) -> tuple[str, str]:
    return (
        f'its attachment {one.id} ({one.status}) is to no server: others than '
        'nova attach volumes, too, and cinder itself does for images',
        f'openstack --os-volume-api-version 3.44 volume attachment show '
        f'{one.id} tells whose it may be; it is left alone',
    )


def _judged(made: Row, state: str, reason: str, way_out: str) -> Row:
    return dataclasses.replace(
        made, state=state, reason=reason, way_out=way_out
    )


def _alone(volume: ListedVolume) -> tuple[str, str]:
    return (
        f'it is {volume.status}: what cinder does itself, or has failed to, '
        'is left alone',
        f'openstack volume show {volume.id}; when it stays so, see the log of '
        'cinder-volume and cinder-manage',
    )


def _no_volume(view: AuditView) -> tuple[str, str]:
    if not view.told('volumes'):
        return 'cinder does not tell its volumes', 'see the row of the volumes'
    return (
        'cinder has no such volume, and nova gives it to no server',
        'openstack volume list --all-projects names all',
    )
