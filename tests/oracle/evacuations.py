# SPDX-License-Identifier: Apache-2.0
"""In what a move in the database may differ from an evacuation by nova.

Nothing that a server runs by is in these lists: only what nova, neutron and
placement keep of how they came there.
"""

from typing import Any

from tests.oracle.allowed import Allowed
from tests.oracle.comparing import ABSENT, WHOLE

_OURS = 'osc_recover/procedures/by_hand.py'
_ROWS = 'osc_recover/gateways/database/moving.py'
_ACTIONS = 'nova.instance_actions'
_EVENTS = 'nova.instance_actions_events'


def _only(side: str, table: str, column: str, value: Any, **more: Any) -> Any:
    """A row that only nova leaves (left), or only ours (right)."""
    absent = {'right' if side == 'left' else 'left': ABSENT}
    return Allowed(table, WHOLE, where={column: value}, **absent, **more)


_POWER_UNKNOWN = Allowed(
    'nova.instances', 'power_state',
    why='nova starts a stopped server and stops it again, which leaves a '
    'guest that is off; after ours there is no guest until it is started, '
    'and nova notes that when it looks at power states, every ten minutes',
    source='nova/compute/manager.py:10853', says='power_state.NOSTATE',
    left=4, right=0, where={'vm_state': 'stopped'}, by_chance=True,
)  # fmt: skip

# Of both: after the failed host is back, these are left.
_HISTORY = (
    *(
        _only(
            'right', _ACTIONS, 'action', action,
            why='ours locks, starts and unlocks through the API',
            source=_OURS, says=f"'server.{action}'",
        )
        for action in ('lock', 'start', 'unlock')
    ),
    *(
        _only(
            'right', _EVENTS, 'event', event,
            why='likewise; nova notes what each of them did',
            source=_OURS, says=f"'server.{verb}'",
        )
        for event, verb in (
            ('api_lock', 'lock'),
            ('compute_start_instance', 'start'),
            ('api_unlock', 'unlock'),
        )
    ),
    _only(
        'right', _EVENTS, 'event', 'osc_recover_move',
        why='our audit trail: who reads the events sees what was done',
        source=_ROWS, says='osc_recover_move',
    ),
    _only(
        'left', _EVENTS, 'event', 'rebuild_server',
        why="no conductor took part in ours",
        source='nova/conductor/manager.py:1248', says="'rebuild_server'",
    ),
    _only(
        'left', _EVENTS, 'event', 'compute_rebuild_instance',
        why='no nova-compute took part in ours',
        source='nova/compute/manager.py:3892', says='wrap_instance_event',
    ),
    _only(
        'left', _EVENTS, 'event', 'compute_stop_instance',
        why='nova starts a stopped server, and stops it again',
        source='nova/compute/manager.py:4296', says='self.stop_instance(',
    ),
    Allowed(
        _ACTIONS, 'message',
        why='our audit trail', source=_ROWS, says='moved in the database',
        left=None, where={'action': 'evacuate'},
    ),
    Allowed(
        _ACTIONS, 'finish_time',
        why='nova ends no action of its own accord; ours is over at once',
        source='osc_recover/gateways/database/moving_sql.py',
        says='finish_time', left=None, right='<time>',
        where={'action': 'evacuate'},
    ),
    Allowed(
        'nova.migrations', 'dest_host',
        why="the address of a host is a constant of nova's fake driver; "
        'ours is what its compute node has',
        source='nova/virt/fake.py:239', says="'192.168.0.1'",
        left='192.168.0.1', where={'migration_type': 'evacuation'},
    ),
    Allowed(
        'neutron.ml2_port_bindings', 'profile',
        why='nova notes migrating_to there, and takes it out again; an '
        'empty text and an empty mapping are the same to neutron',
        source='nova/network/neutron.py:3810', says='MIGRATING_ATTR',
        left={}, right='',
    ),
    Allowed(
        'neutron.standardattributes', 'revision_number',
        why='how often a port was written: that note takes two more',
        source='neutron/services/revisions/revision_plugin.py:209',
        says='revision_number + 1',
    ),
    _POWER_UNKNOWN,
)  # fmt: skip

# Before the failed host is back, and after.
MOVED: tuple[Allowed, ...] = (
    *_HISTORY,
    Allowed(
        'placement.allocations', WHOLE,
        why='nova gives the room on the failed host back when that returns; '
        'ours does so at once, as nova-compute may never come back',
        source='nova/compute/manager.py:925',
        says='remove_provider_tree_from_instance_allocation', right=ABSENT,
    ),
    Allowed(
        'placement.consumers', 'generation',
        why='how often the allocations of a server were written: nova is '
        'to do so once more',
        source='placement/objects/consumer.py:231', says='generation',
    ),
)  # fmt: skip
RETURNED = _HISTORY

# Times that only nova changes; what is in the row is the same.
TOUCHED: tuple[Allowed, ...] = (
    Allowed(
        'nova.instance_info_caches', 'updated_at',
        why='nova asks neutron for the same network again',
        source='nova/compute/manager.py:4212', says='get_instance_nw_info(',
    ),
    Allowed(
        'nova.instance_extra', 'updated_at',
        why='nova drops the migration context of its claim',
        source='nova/compute/resource_tracker.py:2162',
        says='drop_migration_context',
    ),
    _POWER_UNKNOWN,
)  # fmt: skip

# Tables that change by themselves: whoever is alive says so in them.
PASSING = frozenset(
    {
        'nova.services',
        'nova.compute_nodes',
        'neutron.agents',
        'cinder.services',
    }
)

_NO_AGENT = {
    'why': 'neutron binds no port to a host whose agent is dead, so that '
    'those that were bound elsewhere are unbound now; the next evacuation '
    'binds them (nova/network/neutron.py, FAILED_VIF_TYPES)',
    'source': 'neutron/plugins/ml2/drivers/mech_agent.py:147',
    'says': 'Refusing to bind port %(pid)s to dead agent',
}

# A move that was cut off and taken back: the server before, and after.
UNDONE: tuple[Allowed, ...] = (
    *(
        _only(
            'right', _ACTIONS, 'action', action,
            why='what was done, and taken back, stays noted',
            source=_OURS, says=f"'server.{verb}'",
        )
        for action, verb in (
            ('lock', 'lock'), ('evacuate', 'move'), ('unlock', 'unlock'),
        )
    ),
    *(
        _only(
            'right', _EVENTS, 'event', event,
            why='likewise', source=source, says=says,
        )
        for event, source, says in (
            ('api_lock', _OURS, "'server.lock'"),
            ('osc_recover_move', _ROWS, 'osc_recover_move'),
            ('api_unlock', _OURS, "'server.unlock'"),
        )
    ),
    _only(
        'right', 'nova.migrations', 'status', 'failed',
        why='the record of the move ends, or a nova-compute that starts on '
        'the host would destroy the guest',
        source='osc_recover/gateways/database/moving_sql.py',
        says="UPDATE migrations m SET m.status = 'failed'",
    ),
    _only(
        'right', 'cinder.volume_attachment', 'deleted', 1,
        why='cinder forgets no attachment, neither the one of before nor '
        'the one that was for the other host',
        source='cinder/db/api.py:2627', says="'deleted': True",
    ),
    Allowed(
        'neutron.ml2_port_binding_levels', WHOLE, right=ABSENT, **_NO_AGENT
    ),
    Allowed('neutron.ml2_port_bindings', 'vif_details*', **_NO_AGENT),
    Allowed(
        'neutron.ml2_port_bindings', 'vif_type', right='binding_failed',
        **_NO_AGENT,
    ),
    Allowed('neutron.ports', 'status', right='DOWN', **_NO_AGENT),
    Allowed(
        'neutron.provisioningblocks', WHOLE, left=ABSENT, **_NO_AGENT
    ),
    Allowed(
        'neutron.standardattributes', 'revision_number',
        why='how often a port was written',
        source='neutron/services/revisions/revision_plugin.py:209',
        says='revision_number + 1',
    ),
    Allowed(
        'placement.consumers', 'generation',
        why='how often the allocations of a server were written',
        source='placement/objects/consumer.py:231', says='generation',
    ),
)  # fmt: skip
