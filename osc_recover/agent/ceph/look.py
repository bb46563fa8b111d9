# SPDX-License-Identifier: Apache-2.0
"""Locks and watchers of images, and the clients that are shut out.

Nothing is changed, and nothing here can be: no lock is removed by us.
"""

import os
import re
import time
from typing import Any, Callable, Dict, List

from osc_recover.agent import containers, errors, run
from osc_recover.agent.ceph import said

Tell = Callable[[Dict[str, Any]], None]

_CONFIG = '/etc/ceph'
_CONTAINERS = ('cinder_volume', 'nova_compute')  # as kolla calls them
_KEYRING = re.compile(r'ceph\.client\.([A-Za-z0-9._-]+)\.keyring')
_FIRST = ('admin', 'cinder', 'nova')
_IMAGE = re.compile(
    r'[A-Za-z0-9_.][^\s@/\x00-\x1f]*(?:/[^\s@/\x00-\x1f]+){1,2}'
)
_SECONDS = 20.0  # a cluster without a quorum answers nobody
_MOST = 200.0
_TRIES = 4
_UNKNOWN_COMMAND = 22  # EINVAL, of a ceph that calls it blacklist


def look(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """What Ceph says of images.

    :param args: ``images``, as pool/image or pool/namespace/image
    :returns: ``images``: name -> ``locks`` (those without a watcher are
        looked at twice) and ``watchers``; ``problems``: name -> why it is not
        among them; ``blocked``: the entries of the blocklist
    :raises Refused: no-rbd, no-keyring, or when Ceph does not answer
    """
    cluster = _Cluster()
    blocked = cluster.blocked()
    found: Dict[str, Any] = {}
    problems: Dict[str, str] = {}
    end = time.monotonic() + _MOST
    for image in args['images']:
        try:
            if time.monotonic() > end:
                raise errors.Refused('late', 'there was no time left for it')
            found[image] = _image(cluster, image)
        except errors.Refused as exc:
            problems[image] = str(exc)
    return {'images': found, 'problems': problems, 'blocked': blocked}


def _image(cluster: '_Cluster', image: str) -> Dict[str, Any]:
    if not _IMAGE.fullmatch(image):
        raise errors.Refused('bad-name', f'no image is called {image!r}')
    locks = cluster.locks(image)
    watchers = cluster.watchers(image)
    clients = {one['client'] for one in watchers}
    if any(one['locker'] not in clients for one in locks):
        # Its owner may have left between the two looks.
        again = cluster.locks(image)
        locks = [one for one in locks if one in again]
    return {'locks': locks, 'watchers': watchers}


class _Cluster:
    """How this host asks Ceph: with which program, as whom."""

    def __init__(self) -> None:
        self._before = _before()
        self._user = ''

    def blocked(self) -> List[Dict[str, str]]:
        """The blocklist, by the first user that may read it.

        :raises Refused: when none may, or Ceph does not answer
        """
        last = ''
        for user in self._users()[:_TRIES]:
            done = self._ceph(user, 'blocklist')
            if done.code == _UNKNOWN_COMMAND:
                done = self._ceph(user, 'blacklist')
            if done.code == 0:
                self._user = user
                return said.blocked(done.text)
            last = f'ceph --id {user} ended with {done.code}: {done.words}'
        raise errors.Refused('no-answer', last)

    def locks(self, image: str) -> List[Dict[str, str]]:
        """Those of an image."""
        return said.locks(self._rbd('lock', 'ls', image))

    def watchers(self, image: str) -> List[Dict[str, str]]:
        """Who has an image open."""
        return said.watchers(self._rbd('status', image))

    def _users(self) -> List[str]:
        argv = [*self._before, 'ls', '-1', _CONFIG]
        names = run.run(argv, timeout=_SECONDS, expect=[0]).text.split('\n')
        matches = [_KEYRING.fullmatch(name) for name in names]
        found = sorted(match.group(1) for match in matches if match)
        if not found:
            raise errors.Refused(
                'no-keyring',
                f'{_CONFIG} has no keyring of a client',
                advice='let it have one that may read, such as '
                'ceph.client.cinder.keyring',
            )
        first = [name for name in _FIRST if name in found]
        return first + [name for name in found if name not in first]

    def _ceph(self, user: str, name: str) -> run.Done:
        argv = [*self._before, 'ceph', '--id', user, '--connect-timeout', '10',
                'osd', name, 'ls']  # fmt: skip
        return run.run(argv, timeout=_SECONDS)

    def _rbd(self, *words: str) -> str:
        argv = [*self._before, 'rbd', '--id', self._user, *words, '--format',
                'json']  # fmt: skip
        return run.run(argv, timeout=_SECONDS, expect=[0]).text


def _before() -> List[str]:
    """What comes before rbd and ceph: nothing, or kolla's container."""
    if all(_is_here(program) for program in ('rbd', 'ceph')):
        return []
    engine = containers.engine()
    if engine:
        there = containers.show({'containers': _CONTAINERS}, _mute)
        for name in _CONTAINERS:
            if there['containers'].get(name, {}).get('state') == 'running':
                return [engine, 'exec', name]
    raise errors.Refused(
        'no-rbd',
        'there is no rbd and ceph here',
        advice='install ceph-common there, or look where it is',
    )


def _is_here(program: str) -> bool:
    folders = run.PATH.split(':')
    return any(os.access(f'{folder}/{program}', os.X_OK) for folder in folders)


def _mute(event: Dict[str, Any]) -> None:
    """Nobody is told."""
