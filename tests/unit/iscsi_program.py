# SPDX-License-Identifier: Apache-2.0
"""An iscsiadm, pvscan, … whose kernel is a folder; run as a program.

``iscsi_program.py FOLDER NAME ARGUMENTS…``.  In the folder: ``sys`` as sysfs
is; ``nodes`` as /etc/iscsi/nodes; ``targets.json``: target -> its ``portals``,
``luns`` and, with a ``password``, the one that its records need; ``count``,
the number of the last session; ``groups.json``: volume group -> ``target``
and whether it is ``active``; ``calls``, what was asked for.  Codes and words
are those of open-iscsi 2.1.8.
"""

import json
import os
import pathlib
import shutil
import sys

EXISTS, NONE, TIMED_OUT, DENIED = 15, 21, 8, 24


def main(folder, name, words):
    top = pathlib.Path(folder)
    with open(top / 'calls', 'a') as calls:
        calls.write(' '.join([name, *words]) + '\n')
    if name == 'iscsiadm':
        return iscsiadm(top, words)
    return LVM[name](top, words)


def iscsiadm(top, words):
    mode = words[words.index('-m') + 1]
    given = dict(zip(words, [*words[1:], ''], strict=True))
    if mode == 'session':
        return log_out(top, int(given['-r']) if '-r' in given else None)
    if mode == 'discovery':
        return discover(top, given['-p'])
    target, portal = given['-T'], given['-p']
    if given.get('-o') == 'new':
        (record(top, target, portal).parent).mkdir(parents=True, exist_ok=True)
        record(top, target, portal).write_text('node.startup = manual\n')
        print(f'New iSCSI node [{portal},-1 {target}] added')
        return 0
    if '--login' not in words:
        return 0 if record(top, target, portal).exists() else NONE
    return log_in(top, target, portal)


def discover(top, portal):
    targets = json.loads((top / 'targets.json').read_text())
    found = [name for name, t in targets.items() if portal in t['portals']]
    if not any(portal in t['portals'] for t in targets.values()):
        print('iscsiadm: cannot make connection', file=sys.stderr)
        return TIMED_OUT
    for name in found:
        print(f'{portal},1 {name}')
    return 0


def log_in(top, target, portal):
    known = json.loads((top / 'targets.json').read_text())
    if not record(top, target, portal).exists():
        print('iscsiadm: No records found', file=sys.stderr)
        return NONE
    if target not in known or portal not in known[target]['portals']:
        print('iscsiadm: Could not login', file=sys.stderr)
        return TIMED_OUT
    if sessions(top, target, portal):
        return EXISTS
    needed = known[target].get('password', '')
    if needed not in record(top, target, portal).read_text():
        print('iscsiadm: initiator reported error (24)', file=sys.stderr)
        return DENIED
    add(top, target, portal, known[target]['luns'])
    return 0


def log_out(top, number):
    found = [n for n in every(top) if number in (None, n)]
    for one in found:
        shutil.rmtree(top / f'sys/class/iscsi_session/session{one}')
        shutil.rmtree(top / f'sys/class/iscsi_connection/connection{one}:0')
    return 0 if found else NONE


def add(top, target, portal, luns):
    number = int((top / 'count').read_text()) + 1
    (top / 'count').write_text(str(number))
    address, _, port = portal.rpartition(':')
    write(
        top / f'sys/class/iscsi_connection/connection{number}:0',
        persistent_address=address, persistent_port=port,
    )  # fmt: skip
    for lun in luns:
        folder = f'device/target{number}:0:0/{number}:0:0:{lun}'
        disk = f'sdz{chr(96 + number)}' + (chr(96 + lun) if lun > 1 else '')
        where = top / f'sys/class/iscsi_session/session{number}' / folder
        write(where, state='running', wwid=f'naa.{target[-8:]}{lun}')
        (where / 'block' / disk / 'holders').mkdir(parents=True)
    # Last, as a session without its target's name is none yet.
    write(
        top / f'sys/class/iscsi_session/session{number}',
        targetname=target, ifacename='default', state='LOGGED_IN',
        password='chap-secret',
    )  # fmt: skip


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + '\n')


def every(top):
    folder = top / 'sys/class/iscsi_session'
    return sorted(int(p.name[7:]) for p in folder.glob('session*'))


def sessions(top, target, portal):
    found = []
    for number in every(top):
        path = top / f'sys/class/iscsi_session/session{number}/targetname'
        way = top / f'sys/class/iscsi_connection/connection{number}:0'
        address = (way / 'persistent_address').read_text().strip()
        port = (way / 'persistent_port').read_text().strip()
        if (path.read_text().strip(), f'{address}:{port}') == (target, portal):
            found.append(number)
    return found


def record(top, target, portal):
    address, _, port = portal.rpartition(':')
    return top / 'nodes' / target / f'{address},{port},1' / 'default'


def groups(top):
    found = json.loads((top / 'groups.json').read_text())
    there = {
        (top / f'sys/class/iscsi_session/session{n}/targetname')
        .read_text()
        .strip(): n
        for n in every(top)
    }
    return {
        name: {**group, 'disk': f'sdz{chr(96 + there[group["target"]])}'}
        for name, group in found.items()
        if group['target'] in there
    }


def pvs(top, words):
    rows = [
        {'pv_name': f'/dev/{g["disk"]}', 'vg_name': name,
         'vg_missing_pv_count': g.get('missing', '0')}
        for name, g in groups(top).items()
        if '--devicesfile' in words or not g.get('unlisted')
    ]  # fmt: skip
    print(json.dumps({'report': [{'pv': rows}]}))
    return 0


def lvs(top, words):
    rows = [
        {'vg_name': name, 'lv_name': 'data',
         'lv_active': 'active' if g['active'] else '',
         'lv_skip_activation': ''}
        for name, g in groups(top).items()
        if name in words
    ]  # fmt: skip
    print(json.dumps({'report': [{'lv': rows}]}))
    return 0


def vgchange(top, words):
    found = json.loads((top / 'groups.json').read_text())
    if words[-1] not in groups(top):
        print(f'Volume group "{words[-1]}" not found', file=sys.stderr)
        return 5
    found[words[-1]]['active'] = True
    aside = top / 'groups.aside'
    aside.write_text(json.dumps(found))
    os.replace(aside, top / 'groups.json')
    return 0


LVM = {
    'pvs': pvs,
    'lvs': lvs,
    'vgchange': vgchange,
    'pvscan': lambda top, words: 0,
    'udevadm': lambda top, words: 0,
}

if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
