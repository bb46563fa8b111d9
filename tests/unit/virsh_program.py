# SPDX-License-Identifier: Apache-2.0
"""A virsh that knows the domains and filters of a folder, and no daemon.

It prints what virsh 9.0 of Debian 12 prints with -q and LC_ALL=C; the
functional tests have the real one.  Its first word is the folder.
"""

import json
import pathlib
import sys
import uuid as uuids
from typing import Any
from xml.etree import ElementTree

_STATES = {'running': 1, 'paused': 3, 'shut off': 5}


def filter_xml(name: str, *refers: str, uuid: str = '') -> str:
    """A network filter made of others."""
    inner = ''.join(f"  <filterref filter='{other}'/>\n" for other in refers)
    own = f'  <uuid>{uuid}</uuid>\n' if uuid else ''
    return f"<filter name='{name}' chain='root'>\n{own}{inner}</filter>\n"


def main(folder: str, words: list[str]) -> int:
    """The program itself."""
    if words == ['--version']:
        print('9.0.0')
        return 0
    says = pathlib.Path(folder) / 'says'
    if says.exists():
        print(says.read_text(), file=sys.stderr)
        return 1
    assert words[:3] == ['-q', '-c', 'qemu:///system'], words
    command, *rest = words[3:]
    call: Any = globals()['_' + command.replace('-', '_')]
    try:
        print(call(pathlib.Path(folder), *rest))
    except FileNotFoundError:
        print(f'error: failed to get {rest[-1]!r}', file=sys.stderr)
        return 1
    return 0


def _domains(folder: pathlib.Path) -> dict[str, dict[str, str]]:
    found = sorted((folder / 'domains').iterdir())
    return {path.name: json.loads(path.read_text()) for path in found}


def _list(folder: pathlib.Path, *options: str) -> str:
    if options == ('--all', '--uuid', '--name'):
        known = _domains(folder).items()
        return ''.join(f'{u} {told["name"]}\n' for u, told in known)
    assert options == ('--all', '--uuid', '--persistent'), options
    kept = [u for u, told in _domains(folder).items() if told['kept']]
    return ''.join(f'{uuid}\n' for uuid in kept)


def _domstats(folder: pathlib.Path, option: str) -> str:
    assert option == '--state'
    return ''.join(
        f"Domain: '{told['name']}'\n  state.state={_STATES[told['state']]}\n"
        '  state.reason=1\n\n'
        for told in _domains(folder).values()
    )


def _dumpxml(folder: pathlib.Path, *words: str) -> str:
    told = json.loads((folder / 'domains' / words[-1]).read_text())
    text = str(told['kept' if '--inactive' in words else 'live'])
    if '--security-info' not in words:
        text = text.replace(" passwd='p'", '')
    return text


def _define(folder: pathlib.Path, path: str) -> str:
    text = pathlib.Path(path).read_text()
    name = ElementTree.fromstring(text).findtext('name')
    for uuid, told in _domains(folder).items():
        if told['name'] == name:
            told['kept'] = text
            (folder / 'domains' / uuid).write_text(json.dumps(told))
    return f"Domain '{name}' defined from {path}\n"


def _undefine(folder: pathlib.Path, *words: str) -> str:
    assert words[:-1] == ('--keep-nvram', '--keep-tpm'), words
    (folder / 'domains' / words[-1]).unlink()
    return f"Domain '{words[-1]}' has been undefined\n"


def _help(folder: pathlib.Path, command: str) -> str:
    return '  SYNOPSIS\n    undefine <domain> [--keep-nvram] [--keep-tpm]\n'


def _filters(folder: pathlib.Path) -> dict[str, str]:
    return {
        str(ElementTree.parse(path).getroot().findtext('uuid')): path.name
        for path in sorted((folder / 'filters').iterdir())
    }


def _nwfilter_list(folder: pathlib.Path) -> str:
    rows = _filters(folder).items()
    return ''.join(f' {uuid}   {name}\n' for uuid, name in rows)


def _nwfilter_dumpxml(folder: pathlib.Path, uuid: str) -> str:
    return (folder / 'filters' / _filters(folder)[uuid]).read_text()


def _nwfilter_define(folder: pathlib.Path, path: str) -> str:
    root = ElementTree.parse(path).getroot()
    name, known = root.get('name', ''), _filters(folder)
    own = root.findtext('uuid') or str(uuids.uuid4())
    # As libvirt has it: a name keeps its UUID, and a UUID its name.
    assert known.get(own, name) == name
    assert name not in known.values() or known.get(own) == name
    for one in root.findall('filterref'):
        assert one.get('filter') in known.values(), one.get('filter')
    refers = [one.get('filter', '') for one in root.findall('filterref')]
    text = filter_xml(name, *refers, uuid=own)
    (folder / 'filters' / name).write_text(text)
    return f'Network filter {name} defined from {path}\n'


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
