# SPDX-License-Identifier: Apache-2.0
"""Is all as it was?  Asked right before a record is set right."""

from osc_recover import errors
from osc_recover.facts import Server
from osc_recover.gateways.compute import Compute
from osc_recover.operations.look import find

AGAIN = 'openstack recover audit tells how it is now'


def at_rest(compute: Compute, name: str, host: str = '') -> Server:
    """A server, if it is where it was, and nova is not at it.

    :raises errors.StepFailed: when it is not
    """
    server = find(compute, name)
    if host and server.host != host:
        raise moved(f'nova has server {name} on {server.host or "no host"}')
    if server.task_state or server.vm_state in ('building', 'resized'):
        doing = server.task_state or server.vm_state
        raise moved(f'nova is at server {name} ({doing})')
    return server


def exists(compute: Compute, name: str) -> bool:
    try:
        compute.server(name)
    except errors.Gone:
        return False
    return True


def moved(what: str) -> errors.StepFailed:
    return errors.StepFailed(f'{what} now: it was left as it is', AGAIN)
