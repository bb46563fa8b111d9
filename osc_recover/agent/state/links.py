# SPDX-License-Identifier: Apache-2.0
"""What leads a host to its storage: sessions, records, mounts.

A part of what state.show tells, in the same form and much sooner.
"""

from typing import Any, Callable, Dict

from osc_recover.agent import errors, hello
from osc_recover.agent.fstab import operations as fstab
from osc_recover.agent.state import nodes, sessions, show

Tell = Callable[[Dict[str, Any]], None]


def links(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """The sessions, open-iscsi's records and the mounts of this host.

    :returns: what ``state.show`` does, without domains and rules; and
        ``recorded``, mounts that fstab keeps for later
    :raises Refused: when /proc does not tell the boot
    """
    problems: Dict[str, str] = {}
    found: Dict[str, Any] = {}
    asked = (
        ('sessions', sessions.show),
        ('nodes', nodes.show),
        ('mounts', show.mounted),
        ('recorded', fstab.recorded),
    )
    for part, ask in asked:
        try:
            found[part] = ask()
        except errors.Refused as exc:
            found[part], problems[part] = [], exc.text
    return {
        **found,
        'boot_id': hello.boot_id(),
        'domains': {},
        'firewalls': [],
        'absent': [],
        'problems': problems,
    }
