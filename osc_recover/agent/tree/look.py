# SPDX-License-Identifier: Apache-2.0
"""Which objects have which numbers; nothing is changed."""

import functools
import grp
import pwd
from typing import Any, Callable, Dict, Iterator

from osc_recover.agent.tree import acl, carry, labels, manifest, objects
from osc_recover.agent.tree import args as tree_args
from osc_recover.agent.tree import place as manifest_place
from osc_recover.agent.tree.args import Maps, Pace, Tell
from osc_recover.agent.tree.objects import Direction
from osc_recover.agent.tree.sorts import EVERY, NONE
from osc_recover.agent.tree.sweep import Sweep, Tally
from osc_recover.agent.tree.walk import CAPABILITY, Found


def scan(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """What a change would find, and what belongs to nobody.

    :param args: ``roots``, ``uids`` and ``gids`` (old -> new), ``skip``,
        ``attributes``, as for ``change``; without numbers only what
        belongs to nobody is told
    :returns: ``entries`` seen; ``found``: ``uid 108``, ``gid 120``, ``acl``,
        ``label``, ``capability``, ``set-id`` -> count and samples;
        ``taken``: new numbers that objects already have, where they are not
        old ones too; ``nobody``: numbers without an account; ``left_out``,
        ``trouble``
    """
    maps = tree_args.maps(args, empty=True)
    new = maps.news()
    _has.cache_clear()  # accounts may have changed since the last scan

    def wanted(uid: int, gid: int) -> bool:
        return (
            maps.wanted(uid, gid)
            or new.wanted(uid, gid)
            or not _has_user(uid)
            or not _has_group(gid)
        )

    def count(tally: Tally, path: str, one: Found) -> None:
        tally.add('found', _matches(one, maps), path)
        tally.add('taken', _numbers(one, new), path)
        tally.add('nobody', _of_nobody(one), path)

    sweep = Sweep(wanted, count, tree_args.attributes(args, EVERY))
    result = sweep.run(args, tree_args.pace(tell))
    return {'found': {}, 'taken': {}, 'nobody': {}, **result}


def verify(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Which objects still have an old number: the guide's final find.

    Of a number that is old and new at once only the manifest can tell.

    :param args: as for ``change``; ``manifest`` may be left out;
        ``attributes``: as for ``change``, by default ``none``; ``nobody``:
        whether to look for numbers without an account, too
    :returns: ``entries`` seen; ``left``: ``uid 108``, ``acl`` … -> count and
        samples; ``nobody``, as for ``scan``; ``unsure``: the numbers that
        were not looked for; ``manifest``: what stands of it; ``left_out``,
        ``trouble``
    """
    maps = tree_args.maps(args)
    rest, overlap = maps.rest(), maps.overlap()
    nobody = bool(args.get('nobody'))
    _has.cache_clear()

    def wanted(uid: int, gid: int) -> bool:
        return rest.wanted(uid, gid) or (
            nobody and not (_has_user(uid) and _has_group(gid))
        )

    def count(tally: Tally, path: str, one: Found) -> None:
        tally.add('left', _matches(one, rest), path)
        if nobody:
            tally.add('nobody', _of_nobody(one), path)

    pace = tree_args.pace(tell)
    sweep = Sweep(wanted, count, tree_args.attributes(args, NONE))
    return {
        'left': {},
        'nobody': {},
        **sweep.run(args, pace),
        'unsure': {
            'uids': sorted(overlap.uids),
            'gids': sorted(overlap.gids),
        },
        'manifest': _standing(args.get('manifest'), pace),
    }


def _standing(name: Any, pace: Pace) -> Any:
    if name is None:
        return None
    with manifest.Manifest(manifest_place.place(name)) as found:
        carry.check_host(found)
        return carry.carry_out(found, Direction(), objects.standing, pace)


def _matches(one: Found, maps: Maps) -> Iterator[str]:
    """Why a change concerns an object."""
    owned = list(_numbers(one, maps))
    yield from owned
    if owned and CAPABILITY in one.values:
        yield 'capability'
    if owned and one.status.st_mode & 0o6000:
        yield 'set-id'
    if any(_is_rewritten(one, name, maps) for name in acl.NAMES):
        yield 'acl'
    if _is_rewritten(one, labels.NAME, maps):
        yield 'label'


def _is_rewritten(one: Found, name: str, maps: Maps) -> bool:
    value = one.values.get(name)
    if value is None:
        return False
    rewritten = labels.rewritten if name == labels.NAME else acl.rewritten
    return rewritten(value, maps.uids, maps.gids) != value


def _numbers(one: Found, maps: Maps) -> Iterator[str]:
    if one.status.st_uid in maps.uids:
        yield f'uid {one.status.st_uid}'
    if one.status.st_gid in maps.gids:
        yield f'gid {one.status.st_gid}'


def _of_nobody(one: Found) -> Iterator[str]:
    if not _has_user(one.status.st_uid):
        yield f'uid {one.status.st_uid}'
    if not _has_group(one.status.st_gid):
        yield f'gid {one.status.st_gid}'


def _has_user(uid: int) -> bool:
    return _has(pwd.getpwuid, uid)


def _has_group(gid: int) -> bool:
    return _has(grp.getgrgid, gid)


@functools.lru_cache(maxsize=None)
def _has(look_up: Callable[[int], object], number: int) -> bool:
    try:
        look_up(number)
    except KeyError:
        return False
    return True
