# SPDX-License-Identifier: Apache-2.0
"""Debian packages that tests need, brought by root or named.

``python -m tests.packages`` brings those of the unit tests.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping

from tests.cloud import commands, errors

UNIT = {
    'iptables': 'iptables',
    'mariadbd': 'mariadb-server',
    'mkfs.xfs': 'xfsprogs',
    'nft': 'nftables',
    'rsync': 'rsync',
    'setfacl': 'acl',
    'sshd': 'openssh-server',
    'ssh-agent': 'openssh-client',
    'ssh-keygen': 'openssh-client',
}
_PATH = f'{os.environ.get("PATH", "")}:/usr/sbin:/sbin'
# Somebody else may be installing.
_APT = ('timeout', '600', 'apt-get', '-o', 'DPkg::Lock::Timeout=300')
_QUIET = {'DEBIAN_FRONTEND': 'noninteractive'}


def missing(programs: Mapping[str, str]) -> list[str]:
    """The packages of those programs that are not there.

    :param programs: name -> package
    """
    wanted = (
        package
        for program, package in programs.items()
        if not shutil.which(program, path=_PATH)
    )
    return sorted(set(wanted))


def install(wanted: Iterable[str]) -> None:
    """Install packages.

    :raises errors.CloudError: naming them, for anybody but root
    """
    names = list(wanted)
    if not names:
        return
    if os.geteuid():
        raise errors.CloudError(
            f'Debian packages are missing: {" ".join(names)}; only root '
            f'can install them: apt-get install {" ".join(names)}'
        )
    words = [*_APT, 'install', '-y', '--no-install-recommends', *names]
    try:
        commands.run('apt', words, env=_QUIET)
    except errors.CloudError:
        # The lists may be old or were never fetched.
        update()
        commands.run('apt', words, env=_QUIET)


def update() -> None:
    """Fetch the lists of packages."""
    commands.run('apt', [*_APT, 'update'], env=_QUIET)


if __name__ == '__main__':
    try:
        install(missing(UNIT))
    except errors.CloudError as exc:
        sys.exit(f'packages: {exc}')
