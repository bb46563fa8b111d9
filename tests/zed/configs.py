# SPDX-License-Identifier: Apache-2.0
"""Its configuration: the practice cloud's, and what is other here."""

from __future__ import annotations

import os
import pathlib

from tests.cloud import configs, files, paths
from tests.zed import where

_HERE = pathlib.Path(__file__).resolve().parent / 'conf'
_SAME = ('nova.conf', 'neutron.conf')


def write(root: pathlib.Path) -> None:
    """Write every file, and make the folders that are to be there.

    :param root: where Debian's nova has been unpacked
    """
    for name in _SAME:
        _write(name, configs.fill(name))
    _write('placement.conf', _placement())
    _write('nova-all.conf', configs.fill('nova-all.conf', _HERE))
    _write(
        'nova-control.conf',
        configs.fill(
            'nova-control.conf',
            _HERE,
            root=str(root),
            nova_port=str(where.port('nova')),
        ),
    )
    for host in where.HOSTS:
        text = configs.fill(configs.PER_HOST, host=host)
        _write(f'nova-{host}.conf', text)
        (paths.host(host) / 'nova').mkdir(parents=True, exist_ok=True)
    _clouds()
    _storage()


def _write(name: str, text: str) -> None:
    files.write_text(pathlib.Path(where.conf(name)), text)


def _placement() -> str:
    text = configs.fill('placement.conf')
    ours = text.replace('/placement\n', '/placement_zed\n')
    assert ours != text
    return ours


def _clouds() -> None:
    both = configs.fill(configs.CLOUDS) + configs.fill(configs.CLOUDS, _HERE)
    files.write_text(paths.clouds_yaml(), both)


def _storage() -> None:
    """The storage is the practice cloud's; so is who may connect to it."""
    shared = where.PRACTICE / 'volumes'
    shared.mkdir(exist_ok=True)
    link = paths.volumes()
    if not link.is_symlink() or link.readlink() != shared:
        link.unlink(missing_ok=True)
        os.symlink(shared, link)
