# SPDX-License-Identifier: Apache-2.0
"""What is to be tried when a server could not be evacuated."""

from osc_recover.facts import Migration, Server

_AGAIN = 'openstack recover run resume tries it again once the cause is gone'
# Where nova's scheduler, or its own record of the request, is in the way.
_BY_HAND = (
    'or, if it is nova that finds no host: openstack recover server {server} '
    '--method database moves it in the database (with --dry-run it tells '
    'whether it can)'
)


def of_failed(record: Migration, server: Server) -> str:
    """The way out of an evacuation that ended badly.

    nova sets a server to error that its destination could not start, and
    leaves one as it is that did not fit there (nova/compute/manager.py,
    rebuild_instance).  What is in the way of a start is a matter of domains,
    consoles and network filters, as the guide has it ("if problems persist").
    """
    if record.status == 'error':
        # The conductor's word for it (nova/conductor/manager.py,
        # rebuild_instance): no destination was ever asked.
        return f'{_AGAIN}; {_BY_HAND.format(server=server.id)}'
    if record.status != 'failed' or server.vm_state != 'error':
        return _AGAIN
    return (
        f'{_AGAIN}; if problems persist: openstack recover domain check '
        f'{server.id} tells what keeps it from starting, or was left of it, '
        f'on {record.destination or "its destination"} and on other hosts'
    )
