# SPDX-License-Identifier: Apache-2.0
"""What the bed needs on this machine: Debian packages, and what it lacks."""

from __future__ import annotations

import os
import pathlib
import shutil

from tests import packages as debian
from tests.hosts import calls

PROGRAMS = {
    'ip': 'iproute2',
    'mmdebstrap': 'mmdebstrap',
    'nsenter': 'util-linux',
    'ssh-keygen': 'openssh-client',
    'systemd-nspawn': 'systemd-container',
}
# Without its keys, apt trusts nothing that a mirror says.
KEYRING = pathlib.Path('/usr/share/keyrings/debian-archive-keyring.gpg')
KNOWN = pathlib.Path('/proc/filesystems')


def packages() -> None:
    """Install what is missing; raises errors.CloudError when that fails."""
    keyring = [] if KEYRING.exists() else ['debian-archive-keyring']
    debian.install([*debian.missing(PROGRAMS), *keyring])


def lacks() -> str:
    """What this machine cannot give the bed, or nothing.

    Packages are not asked for: root can install them.
    """
    if os.geteuid():
        return 'the bed of hosts needs root'
    if not _has_overlay():
        return 'the bed of hosts needs a kernel with overlayfs'
    if not shutil.which('apt-get'):
        return 'the bed of hosts needs apt, for a Debian mirror'
    return ''


def _has_overlay() -> bool:
    if 'overlay' not in KNOWN.read_text().split() and shutil.which('modprobe'):
        calls.run(['modprobe', 'overlay'])
    return 'overlay' in KNOWN.read_text().split()
