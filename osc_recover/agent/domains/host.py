# SPDX-License-Identifier: Apache-2.0
"""A host's own addresses, and what its nova.conf says of consoles."""

import contextlib
import ipaddress
import json
import os
import re
import socket
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from osc_recover.agent import compute, errors, novaconf, run

CONSOLES = ('vnc', 'spice')
ENVIRONMENT = 'the environment of nova-compute'
_OPTIONS = ('server_listen', 'server_proxyclient_address')
# Of nova (conf/vnc.py, spice.py, compute.py); the state's place is that of
# packages and of kolla.
_DEFAULTS = {
    ('DEFAULT', 'state_path'): '/var/lib/nova',
    ('DEFAULT', 'instances_path'): '$state_path/instances',
    ('DEFAULT', 'my_block_storage_ip'): '$my_ip',
    **{(console, option): '127.0.0.1'
       for console in CONSOLES for option in _OPTIONS},
}  # fmt: skip
_WANTED = [
    ('DEFAULT', 'my_ip'), ('DEFAULT', 'instances_path'),
    *((console, option) for console in CONSOLES for option in _OPTIONS),
]  # fmt: skip

Key = Tuple[str, str]


class Place(NamedTuple):
    """Where a value is given; a default of nova is given in no file."""

    file: str = ''
    line: int = 0


def addresses() -> List[str]:
    """Every address of the host, as text that can be compared.

    :raises Refused: when ip does not tell
    """
    said = run.run(['ip', '-json', 'address', 'show'], expect=[0]).text
    try:
        found = [
            address['local']
            for link in json.loads(said)
            for address in link.get('addr_info', ())
            if 'local' in address
        ]
        return [str(ipaddress.ip_address(address)) for address in found]
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise errors.Refused(
            'not-understood', f'ip address says {said[:200]!r}'
        ) from exc


def settings() -> Dict[str, Any]:
    """What nova.conf says of consoles and of where instances are.

    :returns: ``values``: my_ip, vnc.server_listen and the like -> ``value``,
        ``addresses`` that it stands for, ``file`` and ``line`` ('' and 0 for
        a default of nova); ``problem``, why the files could not be read
    """
    told: Dict[Key, str] = {}
    files: List[Tuple[str, str]] = []
    problem = ''
    try:
        process = compute.running()
        found = compute.files(process)
        told = compute.conf(process, found).values
        files = [(found.root + path, path) for path in found.paths]
        # What its container has is a copy of this.
        if found.root and os.path.exists(compute.KOLLA):
            files.append((compute.KOLLA, compute.KOLLA))
    except errors.Refused as exc:
        problem = exc.text
    conf = novaconf.Conf({**_defaults(), **told})
    return {
        'values': {
            _name(key): _setting(conf, key, place(key, told, files))
            for key in _WANTED
        },
        'problem': problem,
    }


def place(
    key: Key, told: Dict[Key, str], files: List[Tuple[str, str]]
) -> Place:
    """The file and line that give a value what it is.

    :param told: what all files and the environment say together
    :param files: paths to read, and how they are called; the last wins
    """
    if key not in told:
        return Place()
    for path, name in reversed(files):
        with open(path, encoding='utf-8', errors='surrogateescape') as file:
            text = file.read()
        if novaconf.parse(text, name).get(key) == told[key]:
            return Place(name, line_of(text, key))
    return Place(ENVIRONMENT)


def line_of(text: str, key: Key) -> int:
    """The number of the last line of a file that gives a value; 0: none."""
    group, found = 'DEFAULT', 0
    for number, line in enumerate(text.split('\n'), 1):
        if line.startswith('['):
            group = novaconf.group_name(line.strip()[1:-1])
        name = re.match(r'([^#;\s:=][^:=]*)[:=]', line)
        if name and (group, name.group(1).strip()) == key:
            found = number
    return found


def _name(key: Key) -> str:
    return key[1] if key[0] == 'DEFAULT' else '.'.join(key)


def _setting(conf: novaconf.Conf, key: Key, found: Place) -> Dict[str, Any]:
    try:
        value = conf.get(*key)
    except errors.Refused:
        value = conf.values[key]
    return {
        'value': value,
        'addresses': list(_resolved(value)),
        'file': found.file,
        'line': found.line,
    }


def _resolved(text: str) -> Iterator[str]:
    """The addresses that a host name or an address stands for, here."""
    with contextlib.suppress(ValueError):
        yield str(ipaddress.ip_address(text))
        return
    # A path is no name to look for.
    if re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9.-]*', text):
        with contextlib.suppress(OSError, UnicodeError):
            found = {row[4][0] for row in socket.getaddrinfo(text, None)}
            yield from sorted(str(address) for address in found)


def _defaults() -> Dict[Key, str]:
    mine = {
        ('DEFAULT', 'my_ip'): _my_ip(),
        ('DEFAULT', 'host'): socket.gethostname(),
    }
    return {**_DEFAULTS, **mine}


def _my_ip() -> str:
    """The address towards the world, as nova takes it (oslo.utils)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            # Nothing is sent.
            asked.connect(('8.8.8.8', 80))
        except OSError:
            return '127.0.0.1'
        return str(asked.getsockname()[0])
