# SPDX-License-Identifier: Apache-2.0
"""Network filters of libvirt: which there are, and defined where missing."""

from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Tuple,
)

from osc_recover.agent import errors
from osc_recover.agent.domains import keep, listing, virsh, xml

Tell = Callable[[Dict[str, Any]], None]

# libvirt's own set, as packages bring it, and as it is put in place.
_SHIPPED = ('/usr/share/libvirt/nwfilter', '/etc/libvirt/nwfilter')


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Filters, and all that they are made of, as XML.

    :param args: ``names``; ``shipped``: those of libvirt's own set, and not
        those that are defined
    :returns: ``filters``: name -> ``xml`` and ``refers``, the names that it
        is made of; those that are not there are left out
    """
    shell = virsh.find()
    found = reached(shell, args['names'], args['shipped'])
    return {
        'filters': {
            name: {'xml': text, 'refers': xml.filter_references(text)}
            for name, text in found.items()
        }
    }


def define(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Define filters, or define them anew in place.

    One that is there keeps its UUID, and so never has to be undefined, which
    libvirt refuses while a guest uses it.

    :param args: ``filters``: name -> XML, together with what they refer to;
        ``anew``: those that are there, too
    :returns: ``defined``, names in the order in which they were; ``kept``,
        files with what was there before
    :raises Refused: bad-xml, before anything is changed; virsh-failed
    """
    shell = virsh.find()
    given = args['filters']
    known = uuids(shell)
    order = [n for n in ordered(given) if args['anew'] or n not in known]
    kept = [
        keep.keep(f'filter-{known[name]}', _dumped(shell, known[name]))
        for name in order
        if name in known
    ]
    for name in order:
        text = xml.with_uuid(given[name], _uuid(name, given[name], known))
        with keep.handed(text) as path:
            shell.call('nwfilter-define', path)
    return {'defined': order, 'kept': kept}


def uuids(shell: virsh.Virsh) -> Dict[str, str]:
    """The filters that are defined: name -> UUID."""
    return parse(shell.call('nwfilter-list'))


def parse(text: str) -> Dict[str, str]:
    """What ``virsh nwfilter-list`` says: name -> UUID.

    :raises Refused: for a line that is not understood
    """
    found = {}
    for line in text.split('\n'):
        uuid, _, name = line.strip(' ').partition(' ')
        name = name.strip(' ')
        if uuid and (not name or not listing.UUID.fullmatch(uuid)):
            raise listing.odd('nwfilter-list', line)
        if uuid:
            found[name] = uuid
    return found


def reached(
    shell: virsh.Virsh, names: Iterable[str], shipped: bool = False
) -> Dict[str, str]:
    """Filters and all that they refer to, as far as they are there."""
    known = {} if shipped else uuids(shell)
    found: Dict[str, str] = {}
    ahead = list(names)
    seen = set()
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        text = (
            _shipped(shell, name) if shipped else _defined(shell, known, name)
        )
        if text is not None:
            found[name] = text
            ahead += xml.filter_references(text)
    return found


def ordered(given: Mapping[str, str]) -> List[str]:
    """Names of filters, each after those that it refers to.

    :raises Refused: bad-xml for one that is called otherwise
    """
    found: Dict[str, None] = {}
    for name in given:
        _order(given, name, found, ())
    return list(found)


def _order(
    given: Mapping[str, str],
    name: str,
    found: Dict[str, None],
    above: Tuple[str, ...],
) -> None:
    if name in found or name in above or name not in given:
        return
    if xml.filter_name(given[name]) != name:
        raise errors.Refused(
            'bad-xml', f'what should be the filter {name} is another one'
        )
    for inner in xml.filter_references(given[name]):
        _order(given, inner, found, (*above, name))
    found[name] = None


def _uuid(name: str, text: str, known: Mapping[str, str]) -> Optional[str]:
    """The UUID to define it with; None: libvirt is to make one."""
    if name in known:
        return known[name]
    own = xml.filter_uuid(text)
    return own if own and own not in known.values() else None


def _defined(
    shell: virsh.Virsh, known: Mapping[str, str], name: str
) -> Optional[str]:
    return _dumped(shell, known[name]) if name in known else None


def _dumped(shell: virsh.Virsh, uuid: str) -> str:
    return shell.call('nwfilter-dumpxml', uuid)


def _shipped(shell: virsh.Virsh, name: str) -> Optional[str]:
    if '/' in name or '\0' in name:
        return None
    for folder in _SHIPPED:
        text = shell.content(f'{folder}/{name}.xml')
        # A file may be called otherwise than its filter.
        if text is not None and xml.filter_name(text) == name:
            return text
    return None
