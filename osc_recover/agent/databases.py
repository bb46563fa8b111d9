# SPDX-License-Identifier: Apache-2.0
"""Where the databases of nova and cinder are, as their services know it.

Of the configuration only the options that are asked for leave the host.
"""

import contextlib
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

from osc_recover.agent import errors, novaconf, services

Tell = Callable[[Dict[str, Any]], None]

# The services that have a database.  nova-conductor is the last: that of a
# cell may not know of the API's.
_PROGRAMS = {
    'nova': ('nova-api', 'nova-scheduler', 'nova-conductor'),
    'cinder': ('cinder-scheduler', 'cinder-volume', 'cinder-api'),
}
_FOLDERS = ('/etc/{0}', '/etc')
_DIST = '/usr/share/{0}/{0}-dist.conf'
_KOLLA = '/etc/kolla/{1}/{0}.conf'


class Source(NamedTuple):
    """A configuration, and what it is called."""

    where: str
    conf: novaconf.Conf


def read(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Some options of nova's or cinder's configuration.

    :param args: ``project``, nova or cinder; ``path`` of its configuration
        file, empty: its usual ones; ``options``: group and name of each
    :returns: ``values``: those of the options that are given, by
        "group.name"; ``where``: what was read
    :raises Refused: when there is nothing to read, or it is not understood
    """
    wanted = [(str(group), str(name)) for group, name in args['options']]
    sources = _sources(args['project'], args['path'])
    read_ones = [(_values(one.conf, wanted), one.where) for one in sources]
    values, where = max(read_ones, key=lambda one: len(one[0]))
    if not values:
        where = ' and '.join(where for _, where in read_ones)
    return {'values': values, 'where': where}


def _values(
    conf: novaconf.Conf, wanted: List[Tuple[str, str]]
) -> Dict[str, str]:
    found = {}
    for group, name in wanted:
        value = conf.get(group, name)
        if value:
            found[f'{group}.{name}'] = value
    return found


def _sources(project: str, path: str) -> List[Source]:
    if path:
        told = services.Files('', [path, *services.inside(path + '.d')])
        return [Source(path, services.conf(project, None, told))]
    programs = _PROGRAMS[project]
    found = [one for name in programs for one in _running(project, name)]
    try:
        told = services.files(_kind(project, programs[0]), None)
    except errors.Refused as exc:
        if found:
            return found
        raise errors.Refused(
            f'no-{project}-conf',
            f'there is no {" or ".join(programs)}, and no configuration of '
            f'{project} in the usual places',
            advice=f'name the file as recover: database: {project}_config in '
            'clouds.yaml, or another controller',
        ) from exc
    usual = Source(', '.join(told.paths), services.conf(project, None, told))
    return [*found, usual]


def _running(project: str, program: str) -> Iterator[Source]:
    for pid, words in services.running(program):
        # It ends meanwhile, or is of another account, whose files count then.
        with contextlib.suppress(OSError, errors.Refused):
            one = services.process(pid, words)
            told = services.files(_kind(project, program), one)
            conf = services.conf(project, one, told)
            yield Source(f'the configuration of {program}, {pid}', conf)


def _kind(project: str, program: str) -> services.Kind:
    return services.Kind(
        project,
        program,
        [folder.format(project) for folder in _FOLDERS],
        _DIST.format(project),
        [_KOLLA.format(project, name) for name in _PROGRAMS[project]],
    )
