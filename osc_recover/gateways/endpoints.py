# SPDX-License-Identifier: Apache-2.0
"""From a catalog's URL to the one to ask, without a discovery request.

A catalog may hold a service's root or a versioned URL, with or without a
project.  What is missing is appended, as every release we support serves it.
Nothing here does I/O.
"""

import re
import urllib.parse

_VERSION = re.compile(r'/v(\d+)(?:\.\d+)?(?=/|$)')


def versioned(url: str, wanted: str) -> str:
    """The URL with the wanted version, unless it has one of that major.

    nova's /v2 takes no microversion, so that compute's v2 becomes v2.1.

    >>> versioned('http://192.0.2.1:9696/', 'v2.0')
    'http://192.0.2.1:9696/v2.0'
    >>> versioned('http://192.0.2.1/compute/v2/p', 'v2.1')
    'http://192.0.2.1/compute/v2.1/p'
    """
    parts = urllib.parse.urlsplit(url)
    path = parts.path.rstrip('/')
    if wanted:
        path = _with_version(path, wanted)
    return parts._replace(path=path).geturl()


def _with_version(path: str, wanted: str) -> str:
    found = _VERSION.search(path)
    if not found:
        return f'{path}/{wanted}'
    major = f'v{found.group(1)}'
    same = wanted.split('.')[0] == major and wanted != 'v2.1'
    return path if same else _VERSION.sub(f'/{wanted}', path, count=1)


def root(url: str) -> str:
    """The URL up to and with its version: no project, no user, no password.

    >>> root('http://u:p@192.0.2.1:8774/v2.1/0123abc')
    'http://192.0.2.1:8774/v2.1'
    """
    parts = urllib.parse.urlsplit(url)
    found = _VERSION.search(parts.path)
    path = parts.path[: found.end()] if found else parts.path.rstrip('/')
    netloc = parts.netloc.rpartition('@')[2]
    return urllib.parse.urlunsplit((parts.scheme, netloc, path, '', ''))


def unversioned(url: str) -> str:
    """The URL before its version: no user, no password either.

    >>> unversioned('http://u:p@192.0.2.1/identity/v3/')
    'http://192.0.2.1/identity'
    """
    return _VERSION.sub('', root(url)).rstrip('/')


def query_of(href: str) -> dict[str, str | list[str]]:
    """The query of a "next" link, as parameters of a request.

    The link's own host and scheme are those the service believes to have,
    often wrong behind a proxy, and so are not used.
    """
    query = urllib.parse.urlsplit(href).query
    many = urllib.parse.parse_qs(query, keep_blank_values=True)
    return {k: v[0] if len(v) == 1 else v for k, v in many.items()}
