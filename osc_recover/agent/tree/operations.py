# SPDX-License-Identifier: Apache-2.0
"""Files and their owners: change, take back. ``look`` has the rest.

File names in what comes in and goes out are text as ``os.fsdecode`` makes it.
"""

import os
from typing import Any, Dict, List

from osc_recover.agent.errors import Refused
from osc_recover.agent.tree import args as tree_args
from osc_recover.agent.tree import carry, listing, manifest
from osc_recover.agent.tree import place as manifest_place
from osc_recover.agent.tree.args import Maps, Tell
from osc_recover.agent.tree.look import scan, verify
from osc_recover.agent.tree.manifest import Manifest
from osc_recover.agent.tree.objects import Direction, bring
from osc_recover.agent.tree.standing import room, show

__all__ = ['change', 'prepare', 'room', 'scan', 'show', 'undo', 'verify']


def prepare(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Write the manifest of a change, and change nothing yet.

    One that is there already stays as it is.

    :param args: as for ``change``
    :returns: ``manifest``, ``listed`` objects, ``left_out``, and how many
        objects have a new number already (``taken``; null where the manifest
        was there before)
    :raises Refused: when anything is in the way; no manifest is there then
    """
    maps = tree_args.maps(args)
    roots = tree_args.roots(args, writable=True)
    path = manifest_place.place(args['manifest'])
    made = listing.Listed()
    known = os.path.lexists(path)
    if not known:
        pace = tree_args.pace(tell)
        made = listing.write(args, maps, roots, path, pace)
    with Manifest(path) as found:
        _check(found, roots, maps)
        count = found.count
    return {
        'manifest': path,
        'listed': count,
        'left_out': made.left_out,
        'taken': None if known else made.taken,
    }


def change(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Give every object its new numbers, in one pass.

    First a manifest is written, and then carried out.  Where it is there
    already it is carried on with, and nothing is looked for again.

    :param args: ``roots``, ``uids`` and ``gids`` (old -> new), ``manifest``
        (a name, or an absolute path), ``skip`` (paths not to enter),
        ``attributes``: of which objects the ACLs and labels are renumbered,
        ``every`` (default) or ``owned``, see ``Walk``
    :returns: ``manifest``, ``listed`` objects, ``counts`` of what became of
        them, ``samples`` of those not changed, ``left_out`` and ``continued``
    :raises Refused: when anything is in the way; nothing is changed then
    """
    maps = tree_args.maps(args)
    roots = tree_args.roots(args, writable=True)
    path = manifest_place.place(args['manifest'])
    left_out: List[Dict[str, str]] = []
    pace = tree_args.pace(tell)
    continued = os.path.lexists(path)
    if not continued:
        left_out = listing.write(args, maps, roots, path, pace).left_out
    with Manifest(path) as found:
        _check(found, roots, maps)
        way = Direction(unsure=maps.overlap() if continued else Maps({}, {}))
        result = carry.carry_out(found, way, bring, pace)
        _finish(found, manifest.DONE, result)
    return {**result, 'left_out': left_out, 'continued': continued}


def undo(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Give every object of a manifest back what it had.

    :param args: ``manifest``
    :returns: as ``change`` does; an object that somebody else has changed
        since is counted as touched and left alone
    :raises Refused: when the manifest cannot be used
    """
    with Manifest(manifest_place.place(args['manifest'])) as found:
        carry.check_host(found)
        way = Direction(back=True)
        pace = tree_args.pace(tell)
        result = carry.carry_out(found, way, bring, pace)
        _finish(found, manifest.UNDONE, result)
    return result


def _check(found: Manifest, roots: List[str], maps: Maps) -> None:
    carry.check_host(found)
    wanted = listing.header(roots, maps)
    ours = [root['path'] for root in found.header['roots']]
    if ours != roots or any(
        found.header[key] != wanted[key] for key in ('uids', 'gids')
    ):
        raise Refused(
            'other-change',
            f'the manifest {found.path} is that of another change',
            manifest=found.path,
            roots=ours,
            uids=found.header['uids'],
            gids=found.header['gids'],
        )
    if found.state == manifest.UNDONE:
        raise Refused(
            'undone',
            f'the manifest {found.path} was undone; a new change needs a '
            'new one',
            manifest=found.path,
        )


def _finish(found: Manifest, state: str, result: Dict[str, Any]) -> None:
    if found.state != state and carry.FAILED not in result['counts']:
        # What the state says must be true after a power loss, too.
        os.sync()
        found.state = state
