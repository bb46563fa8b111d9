# SPDX-License-Identifier: Apache-2.0
"""What an id of a server may mean.  Pure.

nova has four: the UUID, the name, the EC2 id ``i-%08x`` of a row of
instance_id_mappings, and ``instance-%08x`` of instances.id, which is what
libvirt calls the domain (nova/conf/compute.py, instance_name_template).  The
two numbers are of different sequences, and both begin anew in every cell.
"""

import re
import shlex

from osc_recover import errors
from osc_recover.facts import Found, Placed, Reading

# Both columns are INT.
LARGEST = 2**31 - 1
_UUID = re.compile(r'[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}')
_PREFIXES = {'i-': ('ec2',), 'instance-': ('id',), '': ('ec2', 'id')}
_HEX = re.compile(r'(i-|instance-|)([0-9a-f]+)')

WORDS = {
    'uuid': 'UUID',
    'ec2': 'EC2 id',
    'id': 'instances.id',
    'name': 'name',
}


def readings(text: str) -> tuple[Reading, ...]:
    """All that an id may mean; a name is always one of it.

    >>> [one.kind for one in readings('15b9')]
    ['ec2', 'id', 'name']

    :raises errors.Refused: for nothing, and for what no text can be
    """
    _check(text)
    lower = text.lower()
    if _UUID.fullmatch(lower):
        return (Reading('uuid', _dashed(lower)), Reading('name', text))
    number = _number(lower)
    kinds = _kinds(lower) if number is not None and number <= LARGEST else ()
    return (
        *(Reading(kind, number or 0) for kind in kinds),
        Reading('name', text),
    )


def _check(text: str) -> None:
    if not text.strip():
        raise errors.Refused(
            'no server was named',
            "give a server's UUID, name, i-000015b9 or instance-000015b9",
            'nothing-named',
        )
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        shown = text.encode(errors='backslashreplace').decode()
        raise errors.UnknownServer(shown) from exc


def _dashed(text: str) -> str:
    plain = text.replace('-', '')
    parts = plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]
    return '-'.join(parts)


def _number(lower: str) -> int | None:
    match = _HEX.fullmatch(lower)
    return int(match.group(2), 16) if match else None


def _kinds(lower: str) -> tuple[str, ...]:
    match = _HEX.fullmatch(lower)
    return _PREFIXES[match.group(1)] if match else ()


def meant(text: str, found: Found) -> tuple[Placed, ...]:
    """The servers that an id means: one, unless it is ambiguous.

    Deleted ones count only where no other is there.  None: a cell that did
    not answer may have it.

    :raises errors.Refused: when there is none, although every cell answered
    """
    here = tuple(one for one in found.placed if not one.deleted)
    if not found.placed and not found.gaps:
        raise _elsewhere(text, found) if found.mapped else _unknown(text)
    return here or found.placed


def the_one(text: str, found: Found) -> Placed:
    """The one server that an id means, for what changes it.

    :raises errors.Refused: when there is none or may be another one
    """
    hits = meant(text, found)
    if len(hits) > 1:
        ids = ', '.join(dict.fromkeys(one.uuid for one in hits))
        raise errors.Refused(
            f'{text!r} may be any of {len(hits)} servers: {ids}',
            'give the UUID; openstack recover instance show '
            f'{shlex.quote(text)} tells which is which',
            'several',
        )
    if not hits or (found.gaps and 'uuid' not in hits[0].readings):
        gap = found.gaps[0]
        raise errors.Refused(
            f'whether {text!r} is a server of cell {gap.cell} as well is not '
            f'known: {gap.problem}',
            f'{gap.way_out}; or give the UUID',
            'cell-silent',
        )
    return hits[0]


def said(text: str, one: Placed, found: Found) -> str:
    """What an id has turned out to be, where that is not plain."""
    read = [r.kind for r in readings(text) if r.kind in ('ec2', 'id')]
    if not read and one.readings in (('uuid',), ('name',)):
        return ''
    told = f'{text} is the {how(one)} of server {one.uuid}'
    missed = [WORDS[kind] for kind in read if kind not in one.readings]
    if missed:
        told += f'; no other server has it as {" or ".join(missed)}'
    return told + _beyond(found)


def _beyond(found: Found) -> str:
    if not found.gaps:
        return ''
    return '; cells that did not answer were not asked'


def how(one: Placed) -> str:
    """What the id is of a server, in words."""
    return ' and '.join(WORDS[kind] for kind in one.readings)


def _elsewhere(text: str, found: Found) -> errors.Refused:
    return errors.Refused(
        f'nova_api has server {text} in cell {found.mapped}, and no enabled '
        'cell that is searched has a row of it',
        'one that never got a host is in cell0, which is not searched: '
        f'openstack server show {text}; nova-manage cell_v2 list_cells tells '
        'which cells are disabled',
        'other-cell',
    )


def _unknown(text: str) -> errors.Refused:
    number = _number(text.lower())
    if number is not None and number > LARGEST:
        return errors.Refused(
            f'{text!r} is the hexadecimal number {number}, and no id of nova '
            f'is larger than {LARGEST} ({LARGEST:x}); no server has that name '
            'either',
            'see whether there is a digit too many; '
            'openstack server list --all-projects names the servers',
            'id-overflow',
        )
    read = ', '.join(WORDS[one.kind] for one in readings(text))
    what = f' ({number})' if number is not None else ''
    return errors.Refused(
        f'no enabled cell has a server {text!r}{what}; it was looked for as '
        f'{read}',
        'openstack server list --all-projects names the servers; one that '
        'never got a host is in cell0, which is not searched, and what was '
        'archived is in shadow_instances',
        'unknown-server',
    )
