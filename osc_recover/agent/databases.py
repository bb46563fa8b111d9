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
    """A configuration, and what it is called.

    :param runs: that it is one of a service that runs
    """

    where: str
    conf: novaconf.Conf
    runs: bool = False


Found = Tuple[Dict[str, str], Source]


def read(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Some options of nova's or cinder's configuration.

    :param args: ``project``, nova or cinder; ``path`` of its configuration
        file, empty: its usual ones; ``options``: group and name of each, the
        one that matters most first
    :returns: ``values``: those of the options that are given, by
        "group.name"; ``where``: what was read
    :raises Refused: when there is nothing to read, it is not understood, or
        services that run differ in the first option
    """
    wanted = ['.'.join(map(str, option)) for option in args['options']]
    sources = _sources(args['project'], args['path'])
    found = [(_values(one.conf, wanted), one) for one in sources]
    those = [one for one in found if wanted[0] in one[0]]
    _agree(args['project'], wanted[0], those)
    for values, source in (*those, *found):
        if values:
            return {'values': values, 'where': source.where}
    where = ' and '.join(source.where for source in sources)
    return {'values': {}, 'where': where}


def _agree(project: str, option: str, found: List[Found]) -> None:
    """See that a host with several clouds is not taken for one of them."""
    wheres: Dict[str, str] = {}
    for values, source in found:
        if source.runs:
            wheres.setdefault(values[option], source.where)
    if len(wheres) > 1:
        raise errors.Refused(
            'several-databases',
            f'{" and ".join(wheres.values())} name different databases',
            advice=f'name the file of the right one as recover: database: '
            f'{project}_config in clouds.yaml',
        )


def _values(conf: novaconf.Conf, wanted: List[str]) -> Dict[str, str]:
    found = {}
    for option in wanted:
        value = conf.get(*option.split('.'))
        if value:
            found[option] = value
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
            where = f'the configuration of {program}, process {pid},'
            yield Source(where, conf, runs=True)


def _kind(project: str, program: str) -> services.Kind:
    return services.Kind(
        project,
        program,
        [folder.format(project) for folder in _FOLDERS],
        _DIST.format(project),
        [_KOLLA.format(project, name) for name in _PROGRAMS[project]],
    )
