# SPDX-License-Identifier: Apache-2.0
"""All of it in one answer: a part that cannot be told says why."""

from typing import Any, Callable, Dict, List

from osc_recover.agent import errors, hello, mounts
from osc_recover.agent.domains import listing, virsh
from osc_recover.agent.state import firewall, nodes, sessions

Tell = Callable[[Dict[str, Any]], None]


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """What a host is in the middle of; nothing is changed.

    :returns: ``boot_id``, ``booted_at``, ``sessions``, ``nodes``, ``mounts``,
        ``domains`` (as domains.list has them) and ``firewalls``; ``absent``,
        the tools and services that are not there; ``problems``: part -> why
        it is not known
    :raises Refused: when /proc does not tell the boot
    """
    problems: Dict[str, str] = {}
    absent: List[str] = []

    def part(name: str, ask: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return ask()
        except errors.Refused as exc:
            if exc.code == 'no-libvirt':
                absent.append('libvirt')
            else:
                problems[name] = exc.text
            return otherwise

    rules, without, mute = firewall.show()
    problems.update(mute)
    return {
        'boot_id': hello.boot_id(),
        'booted_at': hello.booted_at(),
        'sessions': part('sessions', sessions.show, []),
        'nodes': part('nodes', nodes.show, []),
        'mounts': part('mounts', mounted, []),
        'domains': part('domains', _domains, {}),
        'firewalls': rules,
        'absent': absent + without,
        'problems': problems,
    }


def mounted() -> List[Dict[str, Any]]:
    """What is mounted.

    Containers and logins come and go, and the kernel has its own.
    """
    left = (mounts.PSEUDO, mounts.CONTAINER)
    shown = mounts.shown(mounts.current())
    return [
        {
            'point': point,
            'type': shown[point].kind,
            'source': shown[point].source,
            'options': list(dict.fromkeys(shown[point].options)),
        }
        for point in sorted(shown)
        if mounts.class_of(shown[point]) not in left
        and not point.startswith(mounts.LOGINS)
    ]


def _domains() -> Dict[str, Dict[str, Any]]:
    return listing.current(virsh.find())
