# SPDX-License-Identifier: Apache-2.0
"""Debian's own packages, unpacked into a folder and not installed.

Debian 12 has nova 26 (Zed). Its programs run from there with Debian's own
Python; no service of theirs is started, and dpkg never hears of it.
"""

from __future__ import annotations

import os
import pathlib
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from tests import packages
from tests.cloud import commands, errors, files, paths

PYTHON = '/usr/bin/python3'
NOVA = ('nova-common', 'python3-nova', 'python3-pymysql')
_MODULES = 'usr/lib/python3/dist-packages'
_LIBRARIES = f'usr/lib/{platform.machine()}-linux-gnu'
_LOG = 'debian'


def unpacked(names: Sequence[str] = NOVA) -> pathlib.Path:
    """A folder with these packages and what they need, made once.

    What they need and this machine has installed is not in it.

    :raises errors.CloudError: when apt cannot bring them
    """
    root = paths.cache() / f'debian-{paths.digest(*sorted(names))}'
    with files.locked(root):
        if not (root / 'whole').exists():
            shutil.rmtree(root, ignore_errors=True)
            _unpack(_downloaded(names, root), root)
            (root / 'whole').touch()
    return root


def environment(root: pathlib.Path) -> Mapping[str, str]:
    """What Debian's Python needs to find the modules of such a folder."""
    return {
        'PYTHONPATH': f'{paths.REPOSITORY}:{root / _MODULES}',
        'PYTHONNOUSERSITE': '1',
        'LD_LIBRARY_PATH': str(root / _LIBRARIES),
        'PATH': f'{root}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    }


def version(root: pathlib.Path, name: str) -> str:
    """The version of a Python distribution in such a folder.

    :param name: the distribution's, such as ``nova``
    """
    ask = 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))'
    return subprocess.run(
        [PYTHON, '-c', ask, name],
        env={**os.environ, **environment(root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def _downloaded(
    names: Sequence[str], root: pathlib.Path
) -> list[pathlib.Path]:
    if not pathlib.Path(PYTHON).exists() or not shutil.which('apt-get'):
        raise errors.CloudError(
            f"{' '.join(names)} are to run with Debian's own Python, and "
            'this is no Debian'
        )
    folder = root / 'archives'
    # apt makes neither of them.
    (folder / 'partial').mkdir(parents=True)
    try:
        _download(names, folder)
    except errors.CloudError:
        # The lists may be old or were never fetched.
        packages.update()
        _download(names, folder)
    return sorted(folder.glob('*.deb'))


def _download(names: Sequence[str], folder: pathlib.Path) -> None:
    words = ['apt-get', 'install', '--download-only', '--yes']
    words += ['--no-install-recommends', '--reinstall']
    # Nothing is installed, so nobody has to be kept out meanwhile.
    for option in (
        f'Dir::Cache::archives={folder}',
        'Debug::NoLocking=true',
        'APT::Sandbox::User=root',
    ):
        words += ['-o', option]
    commands.run(_LOG, [*words, *names])


def _unpack(archives: Sequence[pathlib.Path], root: pathlib.Path) -> None:
    for archive in archives:
        commands.run(_LOG, ['dpkg', '-x', str(archive), str(root)])
        archive.unlink()
