# SPDX-License-Identifier: Apache-2.0
"""A service of OpenStack on a host: as whom it runs, and its configuration.

One that runs tells which files are its own and, as it may be in a container,
where they are.  Where none runs, the files of Debian and RDO count, and then
kolla's.
"""

import glob
import os
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from osc_recover.agent import errors, novaconf

# So many words of a command line may come before the program's options.
_LEADING = 4

# What cotyledon, which oslo.service starts workers with, writes over the
# command line of the process that was started.
_TITLE = re.compile(r'\S+: master process \[(.*)\]')

Words = Tuple[str, ...]


class Kind(NamedTuple):
    """A service, by where its files usually are.

    :param project: its configuration file without .conf
    :param program: what it is called in a command line
    :param folders: where oslo.config looks, after the homes of users
        (find_config_files)
    :param dist: what RDO names on the command line, before the others
    :param kolla: files that kolla makes for a container, the best one first
    """

    project: str
    program: str
    folders: Sequence[str]
    dist: str
    kolla: Sequence[str]


class Process(NamedTuple):
    """One that runs; below ``root`` are the files that it sees."""

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


def running(program: str) -> List[Tuple[int, Words]]:
    """The processes of a program with different command lines, by number."""
    found: Dict[Words, int] = {}
    for name in sorted(filter(str.isdigit, os.listdir('/proc')), key=int):
        words = _words(name)
        # The workers of one come after it, and are called the same.
        if is_of(words, program):
            found.setdefault(words, int(name))
    return [(pid, words) for words, pid in found.items()]


def process(pid: int, words: Words) -> Process:
    """More about a process.

    :raises OSError: when it has ended, or may not be looked at
    """
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


def files(kind: Kind, one: Optional[Process]) -> Files:
    """The files that make its configuration; of the host where none runs.

    :raises errors.Refused: when there are none
    """
    if one is not None:
        return Files(one.root, _its(kind, one.words, one.root))
    mine = _usual(kind, '')
    if mine:
        dist = [kind.dist] if os.path.exists(kind.dist) else []
        return Files('', [*dist, *mine, *_folders(kind, '')])
    for path in kind.kolla:
        if os.path.exists(path):
            return Files('', [path], kolla=True)
    usual = f'{kind.folders[0]}/{kind.project}.conf'
    raise errors.Refused(
        f'no-{kind.project}-conf',
        f'there is no {kind.program} and no {usual}',
        advice=f'see how {kind.program} is run there, and start it',
    )


def conf(project: str, one: Optional[Process], told: Files) -> novaconf.Conf:
    """What the files say, and before them the environment.

    :raises errors.Refused: for what cannot be read or is not understood
    """
    values: novaconf.Values = {}
    for path in told.paths:
        text = _text(project, told.root + path)
        values.update(novaconf.parse(text, path))
    if one is not None:
        values.update(_environment(one.pid))
    return novaconf.Conf(values)


def is_of(words: Words, program: str) -> bool:
    """Whether a command line is a program's, by itself or by Python."""
    names = [os.path.basename(word) for word in words[:_LEADING]]
    by_python = bool(names) and names[0].startswith('python')
    return program in names if by_python else names[:1] == [program]


def inside(folder: str, root: str = '') -> List[str]:
    """The files of a folder that oslo.config reads, in its order."""
    paths = glob.glob(glob.escape(root + folder) + '/*.conf')
    return [path[len(root) :] for path in sorted(paths)]


def _words(pid: str) -> Words:
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            words = os.fsdecode(file.read()).split('\0')[:-1]
    # Processes end at any time.
    except OSError:
        return ()
    title = _TITLE.match(words[0]) if words else None
    return tuple(title[1].split(' ') if title else words)


def _its(kind: Kind, words: Words, root: str) -> List[str]:
    """As oslo.config orders them: what it finds, then what it is told."""
    named = list(_named(words))
    kinds = {option for option, _ in named}
    found = [] if '--config-file' in kinds else _usual(kind, root)
    if '--config-dir' not in kinds:
        found += _folders(kind, root)
    for option, path in named:
        found += inside(path, root) if option == '--config-dir' else [path]
    return found


def _named(words: Words) -> Iterator[Tuple[str, str]]:
    for word, following in zip(words, (*words[1:], '')):
        kind, sign, path = word.partition('=')
        if kind in ('--config-file', '--config-dir'):
            yield kind, path if sign else following


def _usual(kind: Kind, root: str) -> List[str]:
    found = []
    for name in (kind.project, kind.program):
        paths = [f'{folder}/{name}.conf' for folder in kind.folders]
        found += [path for path in paths if os.path.exists(root + path)][:1]
    return found


def _folders(kind: Kind, root: str) -> List[str]:
    found = []
    for name in (kind.project, kind.program):
        paths = [f'{folder}/{name}.conf.d' for folder in kind.folders]
        there = [path for path in paths if os.path.isdir(root + path)][:1]
        found += [file for path in there for file in inside(path, root)]
    return found


def _text(project: str, path: str) -> str:
    try:
        with open(path, 'rb') as file:
            return os.fsdecode(file.read())
    except OSError as exc:
        raise errors.Refused(
            f'no-{project}-conf', f'{path} cannot be read: {exc.strerror}'
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
