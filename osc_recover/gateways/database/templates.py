# SPDX-License-Identifier: Apache-2.0
"""Cell mappings that are templates, filled in as nova does.

nova/objects/cell_mapping.py, _format_url: values come from nova's own
[database]connection, still percent-encoded; a host name is in lower case, and
a port that is not there becomes the text None.  What cannot be filled in
stays as it is.
"""

import urllib.parse
from collections.abc import Iterator


def is_template(url: str) -> bool:
    """Whether nova would fill something in."""
    return '{' in url


def filled(template: str, local: str) -> str:
    """The URL of a cell.

    :param template: as cell_mappings has it
    :param local: nova's own [database]connection
    """
    try:
        return template.format(**_values(local))
    # As nova does: a brace may belong to a password.
    except (ValueError, LookupError, AttributeError):
        return template


def _values(local: str) -> dict[str, object]:
    url = urllib.parse.urlparse(local)
    found: dict[str, object] = {
        'username': url.username,
        'password': url.password,
        'hostname': url.hostname,
        'port': url.port,
        'scheme': url.scheme,
        'query': url.query,
        'fragment': url.fragment,
        'path': url.path.lstrip('/'),
    }
    if ',' in url.netloc:
        for number, part in enumerate(url.netloc.split(','), 1):
            found.update(
                (f'{key}{number}', value) for key, value in _parts(part)
            )
    return found


def _parts(netloc: str) -> Iterator[tuple[str, object]]:
    """user:password@host:port, one of several."""
    account, sign, server = netloc.partition('@')
    if not sign:
        account, server = '', netloc
    user, sign, password = account.partition(':')
    yield 'username', user
    yield 'password', password if sign else None
    host, port = _host_port(server)
    yield 'hostname', host
    yield 'port', port


def _host_port(server: str) -> tuple[str, int | None]:
    """As parse_host_port of oslo_utils.netutils."""
    if server.startswith('['):
        host, _, rest = server[1:].partition(']')
        return host, int(rest[1:]) if rest.startswith(':') else None
    if server.count(':') == 1:
        host, _, port = server.partition(':')
        return host, int(port)
    return server, None
