# SPDX-License-Identifier: Apache-2.0
"""Who this program is on a host."""

import datetime
import os
import sys
from typing import Any, Dict

from osc_recover.agent import border, errors, registry

_BOOT_ID = '/proc/sys/kernel/random/boot_id'
_STAT = '/proc/stat'


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


def booted_at() -> str:
    """When this boot was, as nova writes times; '' where /proc does not tell.

    The kernel counts back from its clock of now, so that a clock that was set
    after the boot does not count (proc(5), btime).
    """
    try:
        with open(_STAT) as file:
            lines = file.read().splitlines()
        told = [line.split()[1] for line in lines if line.startswith('btime ')]
        when = datetime.datetime.fromtimestamp(
            int(told[0]), datetime.timezone.utc
        )
    except (OSError, IndexError, ValueError, OverflowError):
        return ''
    return when.strftime('%Y-%m-%dT%H:%M:%S')
