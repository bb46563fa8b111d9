# SPDX-License-Identifier: Apache-2.0
"""Domains changed where they are kept, or removed when they are stale."""

from typing import Any, Callable, Dict, List

from osc_recover.agent import errors
from osc_recover.agent.domains import host, keep, legacy, listing, virsh, xml

Tell = Callable[[Dict[str, Any]], None]

OFF = 'shut off'
# Both are clear of storage; what a domain kept of itself stays, too.
_KEEPING = ('--keep-nvram', '--keep-tpm')


def define(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Have the consoles and filters of a domain use other addresses.

    Through libvirt, which replaces what it keeps at once, and in each
    libvirt.xml that is left of old.  A running guest is not touched.

    :param args: ``uuid``; ``listen`` and ``dhcp``, addresses or empty
    :returns: ``changed``, in words; ``kept``, files with what was before
    :raises Refused: no-domain, transient, bad-xml, no-room, virsh-failed
    """
    shell, uuid = virsh.find(), args['uuid']
    domain = _domain(shell, uuid)
    if not domain['persistent']:
        raise errors.Refused(
            'transient',
            f'{domain["name"]} is kept nowhere: it is gone when it stops',
            advice='a hard reboot by nova defines it',
        )
    kept: List[str] = []
    told = _define(shell, args, kept)
    instances = host.settings()['values']['instances_path']['value']
    for name in legacy.folders(instances, uuid, domain['name']):
        told += _replace(instances, name, args, kept)
    return {'changed': told, 'kept': kept}


def _define(
    shell: virsh.Virsh, args: Dict[str, Any], kept: List[str]
) -> List[str]:
    text = _dumped(shell, args['uuid'])
    new, changes = xml.changed(text, args['listen'], args['dhcp'])
    if changes:
        kept.append(keep.keep(f'domain-{args["uuid"]}', text))
        with keep.handed(new) as path:
            shell.call('define', path)
    return changes


def _replace(
    instances: str, name: str, args: Dict[str, Any], kept: List[str]
) -> List[str]:
    text = legacy.read(instances, name)
    new, changes = xml.changed(text, args['listen'], args['dhcp'])
    if not changes:
        return []
    kept.append(keep.keep(f'libvirt-xml-{args["uuid"]}', text))
    path = legacy.write(instances, name, new)
    return [f'{path}: {change}' for change in changes]


def remove(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Forget a domain that does not run; no storage is removed.

    :param args: ``uuid``
    :returns: ``kept``, files with what libvirt knew of it
    :raises Refused: no-domain; running; virsh-failed, for one with a saved
        state or snapshots, among others
    """
    shell, uuid = virsh.find(), args['uuid']
    domain = _domain(shell, uuid)
    if domain['state'] != OFF:
        raise errors.Refused(
            'running',
            f'{domain["name"]} is {domain["state"]}: it is not removed',
            advice='see which of its guests is the right one; the other is '
            f'ended with: virsh destroy {domain["name"]}',
        )
    kept = keep.keep(f'domain-{uuid}', _dumped(shell, uuid))
    known = shell.call('help', 'undefine')
    options = [option for option in _KEEPING if option in known]
    shell.call('undefine', *options, uuid)
    return {'kept': [kept]}


def _domain(shell: virsh.Virsh, uuid: str) -> Dict[str, Any]:
    if not listing.UUID.fullmatch(uuid):
        raise errors.Refused('bad-uuid', f'{uuid!r} is no UUID of a domain')
    found = listing.current(shell).get(uuid)
    if found is None:
        raise errors.Refused('no-domain', f'there is no domain {uuid}')
    return found


def _dumped(shell: virsh.Virsh, uuid: str) -> str:
    # With its passwords, which would be lost otherwise.
    return shell.call('dumpxml', '--inactive', '--security-info', uuid)
