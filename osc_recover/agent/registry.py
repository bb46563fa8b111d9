# SPDX-License-Identifier: Apache-2.0
"""Which operations there are, and where.

A module is imported when its first operation is asked for: what is not
needed costs no time to start.
"""

import importlib
from typing import Any, Callable, Dict

from osc_recover.agent import errors

Tell = Callable[[Dict[str, Any]], None]
Operation = Callable[[Dict[str, Any], Tell], Dict[str, Any]]

# The name of an operation -> its module in this package, and its function.
OPERATIONS: Dict[str, str] = {
    'hello': 'hello:hello',
    'probe': 'hello:probe',
    'accounts.change': 'accounts.operations:change',
    'accounts.show': 'accounts.operations:show',
    'ceph.look': 'ceph.look:look',
    'connector.show': 'connector:show',
    'containers.show': 'containers:show',
    'containers.start': 'containers:start',
    'containers.stop': 'containers:stop',
    'databases.read': 'databases:read',
    'domains.define': 'domains.change:define',
    'domains.list': 'domains.listing:show',
    'domains.look': 'domains.look:look',
    'domains.remove': 'domains.change:remove',
    'filters.define': 'domains.filters:define',
    'filters.show': 'domains.filters:show',
    'fstab.change': 'fstab.operations:change',
    'fstab.show': 'fstab.operations:show',
    'groups.activate': 'links.groups:activate',
    'groups.show': 'links.groups:show',
    'guest.boot': 'guest:boot',
    'guest.reboot': 'guest:reboot',
    'ids.elsewhere': 'ids:elsewhere',
    'mounts.list': 'mounts:show',
    'mounts.look': 'links.mount:look',
    'mounts.mount': 'links.mount:mount',
    'processes.of': 'processes:of',
    'sessions.close': 'links.close:close',
    'sessions.list': 'iscsi:sessions',
    'sessions.open': 'links.login:login',
    'state.links': 'state.links:links',
    'state.show': 'state.show:show',
    'storage.every': 'storage:every',
    'storage.look': 'storage:look',
    'tree.change': 'tree.operations:change',
    'tree.prepare': 'tree.operations:prepare',
    'tree.room': 'tree.operations:room',
    'tree.scan': 'tree.operations:scan',
    'tree.show': 'tree.operations:show',
    'tree.undo': 'tree.operations:undo',
    'tree.verify': 'tree.operations:verify',
    'units.show': 'units:show',
    'units.start': 'units:start',
    'units.stop': 'units:stop',
}


def find(name: str) -> Operation:
    """The function of an operation.

    :raises errors.Refused: when there is none of that name
    """
    if name not in OPERATIONS:
        raise errors.Refused(
            'unknown-operation', f'there is no operation {name!r}'
        )
    module, _, function = OPERATIONS[name].partition(':')
    found = importlib.import_module('osc_recover.agent.' + module)
    operation: Operation = getattr(found, function)
    return operation
