# SPDX-License-Identifier: Apache-2.0
"""LVM's volume groups on the disks of sessions."""

import contextlib
import json
import os
import threading
from typing import Any, Callable, Container, Dict, Iterator, List, Set

from osc_recover.agent import errors, run
from osc_recover.agent.links import login
from osc_recover.agent.state import sessions

Tell = Callable[[Dict[str, Any]], None]
_SECONDS = 120.0
_LONGEST = 3600.0  # thousands of thin volumes; one that is ended leaves a mess
_BEAT = 30.0  # seconds between two signs of life
_JSON = ['--reportformat', 'json']
# Where it is there, LVM sees no disk that is not in it (lvmdevices(8)).
_DEVICES = '/etc/lvm/devices/system.devices'


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """The volume groups that lie on the disks of targets.

    :param args: ``targets``
    :returns: ``groups``: name -> ``missing``, how many of its disks are, and
        ``inactive``, logical volumes that are to be active and are not;
        ``absent``, targets without a session; ``unlisted``, groups whose
        disks LVM is not to see
    :raises Refused: what LVM says, and what nobody understands
    """
    there = {one['target'] for one in sessions.show()}
    groups = _groups(args['targets'])
    return {
        'groups': groups,
        'absent': [t for t in args['targets'] if t not in there],
        'unlisted': _unlisted(args['targets'], groups),
    }


def activate(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Activate the volume groups that lie on the disks of targets.

    Those that can be are, before it is refused for others.

    :param args: ``targets``
    :returns: as ``show``
    :raises Refused: no-session, incomplete, unlisted, or what LVM says
    """
    login.settle()
    run.run(['pvscan', '--cache'], timeout=_SECONDS, expect=[0])
    seen = show(args, tell)
    for name, group in seen['groups'].items():
        if not group['missing']:
            with _alive(tell, name):
                words = ['vgchange', '-ay', name]
                run.run(words, timeout=_LONGEST, expect=[0])
    _see_all(seen)
    return show(args, tell)


def _see_all(seen: Dict[str, Any]) -> None:
    """Refuse to say that it is all there, when it is not."""
    if seen['absent']:
        raise errors.Refused(
            'no-session',
            f'there is no session to {", ".join(seen["absent"])}',
            advice='openstack recover session open',
        )
    partly = [name for name, g in seen['groups'].items() if g['missing']]
    if partly:
        raise errors.Refused(
            'incomplete',
            f'disks of the volume group {", ".join(partly)} are missing',
            advice='bring them back: pvs on the host names them',
        )
    if seen['unlisted']:
        names = ' '.join(seen['unlisted'])
        raise errors.Refused(
            'unlisted',
            f'LVM is not to see the volume group {names}: its disks are not '
            f'in {_DEVICES}',
            advice=f"vgimportdevices {names} there, if it is the host's own",
        )


@contextlib.contextmanager
def _alive(tell: Tell, name: str) -> Iterator[None]:
    """Tell again and again that a group is being activated."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            tell({'activating': name})

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def disks(targets: List[str], without: str = '') -> Set[str]:
    """The kernel's names of the disks of targets, and of what is on them.

    :param without: a kind of layer that is left out
    """
    found = set()
    for one in sessions.show():
        if one['target'] in targets:
            for device in one['devices']:
                found.add(device['name'])
                found |= {
                    layer['kernel']
                    for layer in device['over']
                    if layer['kind'] != without
                }
    return found


def report(text: str, key: str, fields: List[str]) -> List[Dict[str, str]]:
    """The rows of what LVM's programs print as JSON (lvmreport(7)).

    :raises Refused: when it is of another form
    """
    try:
        [told] = json.loads(text)['report']
        rows = [{f: row[f] for f in fields} for row in told[key]]
    except (ValueError, KeyError, TypeError) as exc:
        raise errors.Refused(
            'not-understood', f'LVM reports {text[:200]!r}'
        ) from exc
    if not all(isinstance(v, str) for row in rows for v in row.values()):
        raise errors.Refused('not-understood', f'LVM reports {text[:200]!r}')
    return rows


def _groups(targets: List[str]) -> Dict[str, Dict[str, Any]]:
    found: Dict[str, Dict[str, Any]] = {}
    for row in _on(targets, []):
        missing = row['vg_missing_pv_count'].strip()
        found[row['vg_name']] = {'missing': int(missing or 0)}
    for name, group in found.items():
        group['inactive'] = _inactive(name)
    return found


def _unlisted(targets: List[str], listed: Container[str]) -> List[str]:
    if not os.path.exists(_DEVICES):
        return []
    # An empty name is that of no file: only for this one look.
    rows = _on(targets, ['--devicesfile', ''])
    found = dict.fromkeys(row['vg_name'] for row in rows)
    return [name for name in found if name not in listed]


def _on(targets: List[str], more: List[str]) -> List[Dict[str, str]]:
    """The physical volumes with a group, on the disks of targets."""
    fields = ['pv_name', 'vg_name', 'vg_missing_pv_count']
    rows = _asked('pvs', 'pv', fields, more)
    # A group inside a logical volume is a guest's (scan_lvs of lvm.conf).
    ours = disks(targets, without='lvm')
    return [
        row
        for row in rows
        if row['vg_name']
        and os.path.basename(os.path.realpath(row['pv_name'])) in ours
    ]


def _inactive(group: str) -> List[str]:
    fields = ['lv_name', 'lv_active', 'lv_skip_activation']
    rows = _asked('lvs', 'lv', fields, [group])
    # Snapshots of thin volumes are skipped on purpose (lvmthin(7)).
    return [
        row['lv_name']
        for row in rows
        if not row['lv_active'] and not row['lv_skip_activation']
    ]


def _asked(
    program: str, key: str, fields: List[str], more: List[str]
) -> List[Dict[str, str]]:
    argv = [program, *_JSON, '-o', ','.join(fields), *more]
    return report(
        run.run(argv, timeout=_SECONDS, expect=[0]).text, key, fields
    )
