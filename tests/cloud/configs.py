# SPDX-License-Identifier: Apache-2.0
"""Fill the templates of conf/ in for this machine."""

from __future__ import annotations

import pathlib
import string
from collections.abc import Mapping

from tests.cloud import files, keys, paths, ports

HOSTS = ('cmp1', 'cmp2', 'cmp3', 'cmp4')
TEMPLATES = paths.HERE / 'conf'
PER_HOST = 'nova-compute.conf'
CLOUDS = 'clouds.yaml'


def write() -> None:
    folder = paths.state() / 'conf'
    for template in TEMPLATES.iterdir():
        if template.name not in (PER_HOST, CLOUDS):
            files.write_text(folder / template.name, fill(template.name))
    for host in HOSTS:
        files.write_text(
            folder / f'nova-{host}.conf', fill(PER_HOST, host=host)
        )
        # nova-compute writes its node's identity there, and makes no folder.
        (paths.host(host) / 'nova').mkdir(parents=True, exist_ok=True)
    # MariaDB does not start without it.
    (paths.state() / 'mariadb.tmp').mkdir(exist_ok=True)
    for purpose in ('fernet', 'credential'):
        _write_keys(purpose)
    clouds()


def clouds() -> None:
    files.write_text(paths.clouds_yaml(), fill(CLOUDS))


def everything() -> str:
    """All of it as one text: what a database was made for."""
    names = sorted(template.name for template in TEMPLATES.iterdir())
    return '\n'.join(
        string.Template((TEMPLATES / name).read_text()).safe_substitute(
            {n: str(ports.port(n)) for n in ports.NAMES}
        )
        for name in names
    )


def _write_keys(purpose: str) -> None:
    folder = paths.state() / 'keystone' / purpose
    # 0 is staged and 1 is primary; keystone warns without both.
    for number in ('0', '1'):
        path = folder / number
        files.write_text(path, keys.fernet_key(f'{purpose}:{number}'))
        path.chmod(0o600)
    folder.chmod(0o700)


def fill(name: str, folder: pathlib.Path = TEMPLATES, **more: str) -> str:
    """A template with the values of this machine, and more."""
    text = (folder / name).read_text()
    return string.Template(text).substitute(_values(), **more)


def _values() -> Mapping[str, str]:
    numbers = {name: str(ports.port(name)) for name in ports.NAMES}
    urls = {f'{name}_url': ports.url(name) for name in ports.NAMES}
    return {
        'state': str(paths.state()),
        'venv': str(paths.venv()),
        'password': keys.PASSWORD,
        **numbers,
        **urls,
    }
