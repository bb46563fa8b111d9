# SPDX-License-Identifier: Apache-2.0
"""Of each check of moves in the database: where it fires, and where not."""

import dataclasses
from typing import Any

from osc_recover import facts
from osc_recover.facts import moving
from tests.unit import by_hand_facts as given

Case = tuple[facts.Situation, Any]


def case(one: given.Given, hand: Any = None, **asked: Any) -> Case:
    return given.cloud(one, hand=hand), given.asked(**asked)


def holding(**changes: Any) -> Case:
    """What s1 holds in placement; with None, it is not known."""
    one = given.of_image()
    held = facts.Holdings('s1', changes, 'p', 'u', 1)
    found = (held,) if changes else ()
    return case(one, given.by_hand(one, holdings=found))


def movable(**changes: Any) -> Case:
    return case(dataclasses.replace(given.of_image(), movable=changes))


def port(**changes: Any) -> Case:
    one = given.of_image(ports=('p1',))
    bound = dataclasses.replace(one.ports[0], **changes)
    return case(dataclasses.replace(one, ports=(bound,)))


IMAGE = given.of_image()
PORTS = given.of_image(ports=('p1',))
VOLUME = given.of_volumes('s1', 'v1')
PLAIN = case(IMAGE)
LEFT = moving.EvacuationRow(8, 'm-8', 'accepted', given.FAILED)
A, B, C = (f'node-{host}' for host in (given.FAILED, 'cmp-2', 'cmp-3'))
HELD = given.HELD


def one_of_two(**held: Any) -> Case:
    found, _ = holding(**held)
    return found, given.asked(target='cmp-2')


CASES: dict[tuple[str, str], tuple[Case, Case]] = {
    ('by-hand', 'records-unread'): (
        case(IMAGE, given.by_hand(IMAGE, movables=())),
        PLAIN,
    ),
    ('by-hand', 'rescued'): (
        case(given.of_image(vm_state='rescued')),
        PLAIN,
    ),
    ('by-hand', 'host-claims'): (
        movable(claims=(facts.Claim(moving.NUMA, 'x'),)),
        movable(claims=(facts.Claim(moving.MIGRATION, 'x'),)),
    ),
    ('by-hand', 'in-flight'): (
        movable(claims=(facts.Claim(moving.MIGRATION, 'x'),)),
        movable(claims=(facts.Claim(moving.NUMA, 'x'),)),
    ),
    ('by-hand', 'host-flavor'): (
        movable(extra_specs={'resources:VGPU': '1'}),
        movable(extra_specs={'aggregate:ssd': 'true'}),
    ),
    ('by-hand', 'ports-unread'): (
        case(PORTS, given.by_hand(PORTS, ports=())),
        case(PORTS),
    ),
    ('by-hand', 'host-port'): (port(profile=('pci_slot',)), port()),
    ('by-hand', 'port-elsewhere'): (port(host='cmp-9'), port(host='cmp-2')),
    ('by-hand', 'no-allocation'): (holding(), PLAIN),
    ('by-hand', 'nested-allocation'): (
        holding(**{A: HELD, 'gpu': HELD}),
        PLAIN,
    ),
    ('by-hand', 'room-elsewhere'): (
        one_of_two(**{A: HELD, C: HELD}),
        one_of_two(**{A: HELD, B: HELD}),
    ),
    ('by-hand', 'lost-attachment'): (
        case(VOLUME, given.by_hand(VOLUME, attachments=())),
        case(VOLUME),
    ),
    ('by-hand', 'adopted'): (movable(evacuations=(LEFT,)), PLAIN),
    ('by-hand', 'memory-lost'): (
        case(given.of_image(vm_state='suspended')),
        PLAIN,
    ),
    ('by-hand', 'by-hand-unproven'): (PLAIN, case(IMAGE, agent=True)),
    ('fleet-by-hand', 'no-place'): (
        case(given.of_image(pinned_zone='elsewhere')),
        PLAIN,
    ),
}
