# SPDX-License-Identifier: Apache-2.0
"""Bring the Debian packages and the services' virtual environment."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import sysconfig

from tests import packages as debian
from tests.cloud import commands, errors, paths


def packages() -> None:
    """Install what is missing; raises errors.CloudError for anybody else."""
    debian.install(_missing_packages())


def venv() -> None:
    """Make the environment aside and move it in place when it is whole."""
    home = paths.venv()
    if (home / 'whole').exists():
        return
    if not _has_compiler():
        # Building uwsgi needs it, and apt may still be bringing it.
        packages()
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    commands.run('pip', [sys.executable, '-m', 'venv', str(home)])
    commands.run(
        'pip',
        [
            str(home / 'bin/pip'),
            'install',
            '-c',
            str(paths.CONSTRAINTS),
            '-r',
            str(paths.REQUIREMENTS),
        ],
    )
    (home / 'whole').touch()


def mariadbd() -> str:
    return _program('mariadbd', '/usr/sbin')


def epmd() -> str:
    return _program('epmd', '/usr/bin')


def rabbitmq() -> str:
    # Not the script on PATH: as root, it turns into another account.
    return _program('rabbitmq-server', '/usr/lib/rabbitmq/bin')


def _missing_packages() -> list[str]:
    wanted = {
        'mariadb-server': pathlib.Path('/usr/sbin/mariadbd').exists(),
        'rabbitmq-server': pathlib.Path('/usr/lib/rabbitmq/bin').exists(),
    }
    if not (paths.venv() / 'whole').exists():
        wanted['gcc'] = wanted['libc6-dev'] = _has_compiler()
        wanted['python3-venv'] = _has_ensurepip()
        wanted['python3-dev'] = _has_headers()
    return [name for name, there in wanted.items() if not there]


def _has_compiler() -> bool:
    return bool(shutil.which('gcc')) and _has_headers()


def _has_headers() -> bool:
    return pathlib.Path(sysconfig.get_path('include'), 'Python.h').exists()


def _has_ensurepip() -> bool:
    probe = [sys.executable, '-c', 'import ensurepip']
    return subprocess.run(probe, check=False).returncode == 0


def _program(name: str, folder: str) -> str:
    found = shutil.which(name, path=folder)
    if found is None:
        raise errors.CloudError(
            f'{name} is not in {folder}; run "up", which installs it'
        )
    return found
