# SPDX-License-Identifier: Apache-2.0
"""The nova-compute of a host: as whom it runs, and its configuration.

One that runs tells which files are its own and, as it may be in a container,
where they are.  Where none runs, the files of Debian and RDO count, and then
kolla's.
"""

import glob
import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from osc_recover.agent import errors, novaconf

PROGRAM = 'nova-compute'
KOLLA = '/etc/kolla/nova-compute/nova.conf'
# oslo.config looks in these, after the homes of users (find_config_files).
_FOLDERS = ('/etc/nova', '/etc')
# RDO has it named on the command line, before the others.
_DIST = '/usr/share/nova/nova-dist.conf'
# So many words of a command line may come before the program's options.
_LEADING = 4

Words = Tuple[str, ...]


class Process(NamedTuple):
    """A nova-compute that runs; below ``root`` are the files that it sees."""

    pid: int
    uid: int
    gid: int
    words: Words
    root: str


class Files(NamedTuple):
    """Configuration files, in the order in which they count, the last most.

    :param kolla: that they are kolla's, which names paths in a container
    """

    root: str
    paths: List[str]
    kolla: bool = False


def running() -> Optional[Process]:
    """The nova-compute that runs on this host, or None.

    :raises errors.Refused: when there are several that differ
    """
    found: Dict[Words, int] = {}
    for name in sorted(filter(str.isdigit, os.listdir('/proc')), key=int):
        words = _words(name)
        # The workers of one come after it, and are called the same.
        if is_compute(words):
            found.setdefault(words, int(name))
    if len(found) > 1:
        pids = ', '.join(map(str, found.values()))
        raise errors.Refused(
            'several-computes', f'several nova-compute run here: {pids}'
        )
    for words, pid in found.items():
        return _process(pid, words)
    return None


def files(process: Optional[Process]) -> Files:
    """The files that make its configuration; of the host where none runs.

    :raises errors.Refused: when there are none
    """
    if process is not None:
        return Files(process.root, _its(process.words, process.root))
    mine = _usual('')
    if mine:
        dist = [_DIST] if os.path.exists(_DIST) else []
        return Files('', [*dist, *mine, *_folders('')])
    if os.path.exists(KOLLA):
        return Files('', [KOLLA], kolla=True)
    raise errors.Refused(
        'no-nova-conf',
        'there is no nova-compute and no /etc/nova/nova.conf',
        advice='see how nova-compute is run there, and start it',
    )


def conf(process: Optional[Process], told: Files) -> novaconf.Conf:
    """What the files say, and before them the environment.

    :raises errors.Refused: for what cannot be read or is not understood
    """
    values: novaconf.Values = {}
    for path in told.paths:
        values.update(novaconf.parse(_text(told.root + path), path))
    if process is not None:
        values.update(_environment(process.pid))
    return novaconf.Conf(values)


def is_compute(words: Words) -> bool:
    """Whether a command line is nova-compute's, by itself or by Python."""
    names = [os.path.basename(word) for word in words[:_LEADING]]
    by_python = bool(names) and names[0].startswith('python')
    return PROGRAM in names if by_python else names[:1] == [PROGRAM]


def _process(pid: int, words: Words) -> Process:
    numbers = {}
    with open(f'/proc/{pid}/status') as status:
        for line in status:
            name, _, rest = line.partition(':')
            if name in ('Uid', 'Gid'):
                # Real, effective, saved, file system.
                numbers[name] = int(rest.split()[1])
    ours, theirs = (os.readlink(f'/proc/{p}/ns/mnt') for p in ('self', pid))
    # An absolute link would lead out of a root that is not ours.
    root = '' if ours == theirs else f'/proc/{pid}/root'
    return Process(pid, numbers['Uid'], numbers['Gid'], words, root)


def _words(pid: str) -> Words:
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            return tuple(os.fsdecode(file.read()).split('\0')[:-1])
    # Processes end at any time.
    except OSError:
        return ()


def _its(words: Words, root: str) -> List[str]:
    """As oslo.config orders them: what it finds, then what it is told."""
    named = list(_named(words))
    kinds = {kind for kind, _ in named}
    found = [] if '--config-file' in kinds else _usual(root)
    if '--config-dir' not in kinds:
        found += _folders(root)
    for kind, path in named:
        found += _inside(path, root) if kind == '--config-dir' else [path]
    return found


def _named(words: Words) -> Iterator[Tuple[str, str]]:
    for word, following in zip(words, (*words[1:], '')):
        kind, sign, path = word.partition('=')
        if kind in ('--config-file', '--config-dir'):
            yield kind, path if sign else following


def _usual(root: str) -> List[str]:
    found = []
    for name in ('nova', PROGRAM):
        paths = [f'{folder}/{name}.conf' for folder in _FOLDERS]
        found += [path for path in paths if os.path.exists(root + path)][:1]
    return found


def _folders(root: str) -> List[str]:
    found = []
    for name in ('nova', PROGRAM):
        paths = [f'{folder}/{name}.conf.d' for folder in _FOLDERS]
        there = [path for path in paths if os.path.isdir(root + path)][:1]
        found += [file for path in there for file in _inside(path, root)]
    return found


def _inside(folder: str, root: str) -> List[str]:
    paths = glob.glob(glob.escape(root + folder) + '/*.conf')
    return [path[len(root) :] for path in sorted(paths)]


def _text(path: str) -> str:
    try:
        with open(path, 'rb') as file:
            return os.fsdecode(file.read())
    except OSError as exc:
        raise errors.Refused(
            'no-nova-conf', f'{path} cannot be read: {exc.strerror}'
        ) from exc


def _environment(pid: int) -> novaconf.Values:
    """OS_<GROUP>__<OPTION>."""
    with open(f'/proc/{pid}/environ', 'rb') as file:
        pairs = os.fsdecode(file.read()).split('\0')
    found = {}
    for pair in pairs:
        name, _, value = pair.partition('=')
        group, sign, option = name.partition('__')
        if sign and group.startswith('OS_'):
            found[novaconf.group_name(group[3:]), option.lower()] = value
    return found
