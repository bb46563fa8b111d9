# SPDX-License-Identifier: Apache-2.0
"""A guest of the cloud, from inside: its boot, and its reboot."""

import os
from typing import Any, Dict, Optional

from osc_recover.agent import errors, hello, registry, run

_UPTIME = '/proc/uptime'
_FIRST = '/proc/1/stat'


def boot(args: Dict[str, Any], tell: registry.Tell) -> Dict[str, Any]:
    """What the kernel calls this boot, and for how many seconds it runs.

    ``up_for`` is None where /proc does not tell.

    :raises errors.Refused: when /proc does not tell the boot
    """
    return {'boot_id': hello.boot_id(), 'up_for': up_for()}


def reboot(args: Dict[str, Any], tell: registry.Tell) -> Dict[str, Any]:
    """Begin a reboot, if this is still the boot that is meant.

    So however often it is asked for, one boot is ended by it and no other.

    :raises errors.Refused: booted-anew, when it is another boot; or when
        shutdown is not there, or says no
    """
    now = hello.boot_id()
    if now != args['boot']:
        raise errors.Refused('booted-anew', f'it has booted anew: {now}')
    run.run(['shutdown', '-r', 'now'], expect={0})
    return {}


def up_for() -> Optional[int]:
    """Seconds since its first process began; None where /proc does not tell.

    In a container that is not what the kernel has run for (proc(5)).
    """
    try:
        with open(_UPTIME) as file:
            seconds = float(file.read().split()[0])
        with open(_FIRST) as file:
            began = int(file.read().rpartition(')')[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
    return max(int(seconds - began / os.sysconf('SC_CLK_TCK')), 0)
