# SPDX-License-Identifier: Apache-2.0
"""All that a check of domains wants to know of a host, at once."""

from typing import Any, Callable, Dict, Iterable, List, Optional

from osc_recover.agent import errors
from osc_recover.agent.domains import (
    filters,
    host,
    legacy,
    listing,
    virsh,
    xml,
)

Tell = Callable[[Dict[str, Any]], None]


def look(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """The domains of the host, and more of some of them.

    :param args: ``uuids``, the domains of which the XML is read
    :returns: ``domains`` as domains.list has them; ``details``: uuid ->
        ``live``, ``kept`` (what xml.facts tells, or null), ``legacy`` (path
        -> the same) and ``problem``; ``filters``: name -> names that it
        refers to, of those that the domains need and that are there;
        ``addresses`` of the host; ``settings`` of its nova.conf
    :raises Refused: no-libvirt or libvirt-stopped; not-understood
    """
    shell = virsh.find()
    domains = listing.current(shell)
    settings = host.settings()
    instances = settings['values']['instances_path']['value']
    details = {}
    for uuid in args['uuids']:
        if uuid in domains:
            tell({'looking': uuid})
            found = _detail(shell, uuid, domains[uuid], instances)
            if found:
                details[uuid] = found
    return {
        'domains': domains,
        'details': details,
        'filters': _filters(shell, details.values()),
        'addresses': host.addresses(),
        'settings': settings,
    }


def _detail(
    shell: virsh.Virsh, uuid: str, domain: Dict[str, Any], instances: str
) -> Optional[Dict[str, Any]]:
    problems: List[str] = []
    try:
        live = kept = None
        if domain['state'] != 'shut off':
            live = _read(shell.call('dumpxml', uuid), problems)
        if domain['persistent']:
            text = shell.call('dumpxml', '--inactive', uuid)
            kept = _read(text, problems)
    except errors.Refused as exc:
        if exc.code == 'virsh-failed' and uuid not in listing.current(shell):
            return None  # it went while we looked
        raise
    names = legacy.folders(instances, uuid, domain['name'])
    return {
        'live': live,
        'kept': kept,
        'legacy': _legacy(instances, names, problems),
        'problem': '; '.join(problems),
    }


def _read(text: str, problems: List[str]) -> Optional[Dict[str, Any]]:
    try:
        return xml.facts(text)
    except errors.Refused as exc:
        problems.append(exc.text)
        return None


def _legacy(
    instances: str, names: List[str], problems: List[str]
) -> Dict[str, Any]:
    found = {}
    for name in names:
        path = f'{instances}/{name}/{legacy.NAME}'
        try:
            found[path] = xml.facts(legacy.read(instances, name))
        except errors.Refused as exc:
            problems.append(exc.text)
    return found


def _filters(
    shell: virsh.Virsh, details: Iterable[Dict[str, Any]]
) -> Dict[str, List[str]]:
    wanted = {
        name
        for detail in details
        for part in (detail['live'], detail['kept'])
        if part
        for name in part['filters']
    }
    if not wanted:
        return {}
    found = filters.reached(shell, sorted(wanted))
    return {name: xml.filter_references(text) for name, text in found.items()}
