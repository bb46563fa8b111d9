# SPDX-License-Identifier: Apache-2.0
"""Domains and network filters as XML: read, and changed in few places.

libvirt's formats are those of formatdomain and formatnwfilter.  Comments and
the prefixes of name spaces stay; a document type is refused, as its entities
could be anything.
"""

import contextlib
import xml.etree.ElementTree as Tree
from typing import Any, Dict, Iterator, List, Optional, Tuple

from osc_recover.agent import errors
from osc_recover.agent.domains.host import CONSOLES

_DHCP = 'DHCPSERVER'


def parse(text: str, root: str) -> Tree.Element:
    """The root element.

    :param root: what it must be called
    :raises Refused: bad-xml
    """
    if '<!DOCTYPE' in text:
        raise _bad('it has a document type')
    # Without a document type there are no entities that could do harm.
    parser = Tree.XMLParser(target=_Builder(insert_comments=True))  # noqa: S314
    try:
        found = Tree.fromstring(text, parser)  # noqa: S314
    except (Tree.ParseError, UnicodeEncodeError, ValueError) as exc:
        raise _bad(str(exc)) from exc
    if found.tag != root:
        raise _bad(f'it is a {found.tag}, not a {root}')
    return found


def text_of(element: Tree.Element) -> str:
    """An element as text, with the prefixes that were read last."""
    return Tree.tostring(element, encoding='unicode') + '\n'


class _Builder(Tree.TreeBuilder):
    """Has name spaces keep their prefixes."""

    def start_ns(self, prefix: str, uri: str) -> None:
        # A default one would put every name into it.  Some prefixes are
        # ElementTree's own; those it makes up.
        with contextlib.suppress(ValueError):
            if prefix:
                Tree.register_namespace(prefix, uri)


def facts(text: str) -> Dict[str, Any]:
    """What a domain's XML says of consoles and network filters.

    :returns: ``graphics``, each with its ``type`` and the addresses that it
        is to ``listen`` at; ``filters`` that its interfaces refer to, and
        ``dhcp``, the DHCPSERVER parameters of those references
    :raises Refused: bad-xml
    """
    domain = parse(text, 'domain')
    return {
        'graphics': [
            {'type': one.get('type', ''), 'listen': _listens(one)}
            for one in _graphics(domain)
        ],
        'filters': _unique(domain.iterfind(_REFERENCES), 'filter'),
        'dhcp': _unique(_servers(domain), 'value'),
    }


def changed(
    text: str, listen: str = '', dhcp: str = ''
) -> Tuple[str, List[str]]:
    """A domain's XML with other addresses, and what was changed, in words.

    :param listen: where its consoles are to listen; empty: as they do
    :param dhcp: the DHCPSERVER of its filter references; empty: as it is
    :raises Refused: bad-xml
    """
    domain = parse(text, 'domain')
    found: List[str] = []
    for one in _graphics(domain) if listen else ():
        found += _listening(one, listen)
    for parameter in _servers(domain) if dhcp else ():
        if parameter.get('value') != dhcp:
            found.append(f'{_DHCP} {parameter.get("value")} -> {dhcp}')
            parameter.set('value', dhcp)
    return (text_of(domain) if found else text), found


def filter_name(text: str) -> str:
    """What a network filter is called.

    :raises Refused: bad-xml
    """
    name = parse(text, 'filter').get('name', '')
    if not name:
        raise _bad('it is a filter without a name')
    return name


def filter_uuid(text: str) -> str:
    """The UUID of a network filter, or an empty text."""
    return (parse(text, 'filter').findtext('uuid') or '').strip()


def filter_references(text: str) -> List[str]:
    """The filters that a network filter is made of."""
    return _unique(parse(text, 'filter').iterfind('filterref'), 'filter')


def with_uuid(text: str, uuid: Optional[str]) -> str:
    """A network filter with that UUID, or without any.

    :raises Refused: bad-xml
    """
    made = parse(text, 'filter')
    for old in made.findall('uuid'):
        made.remove(old)
    if uuid:
        element = Tree.Element('uuid')
        element.text = uuid
        made.insert(0, element)
    return text_of(made)


_REFERENCES = 'devices/interface/filterref'


def _graphics(domain: Tree.Element) -> Iterator[Tree.Element]:
    for one in domain.iterfind('devices/graphics'):
        if one.get('type') in CONSOLES:
            yield one


def _servers(domain: Tree.Element) -> Iterator[Tree.Element]:
    for parameter in domain.iterfind(f'{_REFERENCES}/parameter'):
        if parameter.get('name') == _DHCP:
            yield parameter


def _listens(graphics: Tree.Element) -> List[str]:
    addresses = [one.get('address', '') for one in _addressed(graphics)]
    own = graphics.get('listen', '')
    return list(dict.fromkeys(a for a in (own, *addresses) if a))


def _addressed(graphics: Tree.Element) -> List[Tree.Element]:
    found = graphics.findall('listen')
    return [one for one in found if one.get('type') == 'address']


def _listening(graphics: Tree.Element, address: str) -> List[str]:
    """Have a console listen elsewhere; what was changed.

    One on a socket, or on the address of a network, is left as it is.
    """
    others = graphics.findall('listen')
    mine = _addressed(graphics)
    was = _listens(graphics)
    if (others and not mine) or was == [address]:
        return []
    for one in mine:
        one.set('address', address)
    if not mine or 'listen' in graphics.attrib:
        graphics.set('listen', address)
    kind = graphics.get('type')
    return [f'{kind} listen {" ".join(was) or "(none)"} -> {address}']


def _unique(elements: Iterator[Tree.Element], key: str) -> List[str]:
    found = (element.get(key, '') for element in elements)
    return list(dict.fromkeys(value for value in found if value))


def _bad(problem: str) -> errors.Refused:
    return errors.Refused(
        'bad-xml', f'an XML of libvirt cannot be used: {problem}'
    )
