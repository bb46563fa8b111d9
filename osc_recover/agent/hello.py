# SPDX-License-Identifier: Apache-2.0
"""Who this program is on a host."""

import os
import sys
from typing import Any, Dict

from osc_recover.agent import border, errors, registry

_BOOT_ID = '/proc/sys/kernel/random/boot_id'


def hello(args: Dict[str, Any], tell: registry.Tell) -> Dict[str, Any]:
    """The protocol's version, Python's, the user's number, the host's name."""
    return {
        'version': border.VERSION,
        'python': _python(),
        'uid': os.geteuid(),
        'hostname': os.uname().nodename,
    }


def probe(args: Dict[str, Any], tell: registry.Tell) -> Dict[str, Any]:
    """What a check of the setup tells of a host.

    ``sudo`` is whether sudo started this program, as it says itself;
    ``boot_id`` is new after each boot (random(4)).

    :raises errors.Refused: when /proc does not tell the boot
    """
    return {
        'python': _python(),
        'uid': os.geteuid(),
        'sudo': 'SUDO_UID' in os.environ,
        'boot_id': boot_id(),
    }


def _python() -> str:
    return '.'.join(str(part) for part in sys.version_info[:3])


def boot_id() -> str:
    """What the kernel calls this boot.

    :raises errors.Refused: when /proc does not tell
    """
    try:
        with open(_BOOT_ID) as file:
            return file.read().strip()
    except OSError as exc:
        raise errors.Refused('no-boot-id', str(exc)) from exc
