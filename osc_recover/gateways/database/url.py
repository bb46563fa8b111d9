# SPDX-License-Identifier: Apache-2.0
"""Database URLs, read as SQLAlchemy and oslo.db read them.

SQLAlchemy: engine/url.py (_parse_url), dialects/mysql/mysqldb.py
(create_connect_args); oslo.db: sqlalchemy/engines.py.
"""

import dataclasses
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from osc_recover import errors

# The parts of a URL, one after the other; all but the first may be missing.
_DIALECT = re.compile(r'([\w+]+)://')
_ACCOUNT = re.compile(r'(?:([^:/]*)(?::([^@]*))?@)?')
_SERVER = re.compile(r'(?:\[([^/?]+)\]|([^/:?]+))?(?::([^/?]*))?')
_DATABASE = re.compile(r'(?:/([^?]*))?')
_QUERY = re.compile(r'(?:\?(.*))?')
_KINDS = ('mysql', 'mariadb')
# As oslo.db does.  With utf8mb4, what is compared with a column of nova would
# be of another character set, and no index of it would be used.
_CHARSET = 'utf8'


@dataclasses.dataclass(frozen=True, slots=True)
class Url:
    """Where a database is, and who we are there.

    An empty host and port 0 are PyMySQL's own, or those of a file that the
    options name.

    :param options: what PyMySQL takes beside the rest
    """

    host: str
    port: int
    user: str
    password: str = dataclasses.field(repr=False)
    database: str
    options: Mapping[str, Any] = dataclasses.field(
        default_factory=dict, repr=False
    )

    @property
    def server(self) -> str:
        """The server, for messages."""
        if path := self.options.get('unix_socket'):
            return str(path)
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host or "localhost"}:{self.port or 3306}'


def parse(name: str, text: str) -> Url:
    """Read a URL; what it says is in no message, only what is wrong with it.

    :param name: the database's, for messages
    :raises errors.BadDatabaseUrl: for what is none, and for other kinds of
        servers than MySQL's and MariaDB's
    """
    found = _DIALECT.match(text)
    if found is None:
        raise _bad(name, 'its URL is not one of SQLAlchemy')
    kind = found[1].partition('+')[0]
    if kind not in _KINDS:
        raise _bad(
            name,
            f'its URL is of {kind}: this tool knows MySQL and MariaDB only',
        )
    account, server, database, query = _after(text, found.end())
    options = _options(name, query[1] or '')
    if not database[1] and 'read_default_file' not in options:
        raise _bad(name, 'its URL names no database')
    return Url(
        host=server[1] or server[2] or '',
        port=_port(name, server[3]),
        user=_plain(account[1]),
        password=_plain(account[2]),
        database=_plain(database[1]),
        options=options,
    )


def _after(text: str, at: int) -> list[re.Match[str]]:
    found = []
    for part in (_ACCOUNT, _SERVER, _DATABASE, _QUERY):
        match = part.match(text, at)
        assert match is not None  # even of nothing
        found.append(match)
        at = match.end()
    return found


def _plain(text: str | None) -> str:
    # A plus sign stays one, as in SQLAlchemy.
    return urllib.parse.unquote(text or '')


def _port(name: str, text: str | None) -> int:
    if text is None:
        return 0
    try:
        port = int(text)
    except ValueError as exc:
        # It may be the end of a password with an @ in it, so it is not told.
        raise _bad(name, 'its URL has a port that is no number') from exc
    if not 0 <= port < 65536:
        raise _bad(name, 'its URL has a port that there is not')
    return port


def _flag(text: str) -> bool:
    """As sqlalchemy.util.asbool; anything else is an error here as there."""
    words = {
        **dict.fromkeys(('true', 'yes', 'on', 'y', 't', '1'), True),
        **dict.fromkeys(('false', 'no', 'off', 'n', 'f', '0'), False),
    }
    return words[text.strip().lower()]


_Reader = Callable[[str], Any]
# The option of a URL -> what it is called in PyMySQL's map of TLS settings.
# PyMySQL would forget ssl_ca beside an ssl_verify_cert, so that those which
# SQLAlchemy leaves alone are put into the map as well.
_TLS_NAMES = {
    'ssl_ca': 'ca',
    'ssl_capath': 'capath',
    'ssl_cert': 'cert',
    'ssl_key': 'key',
    'ssl_key_password': 'password',
    'ssl_cipher': 'cipher',
    'ssl_check_hostname': 'check_hostname',
    'ssl_verify_cert': 'verify_mode',
    'ssl_verify_identity': 'identity',
}
_TLS: Mapping[str, _Reader] = {
    **dict.fromkeys(_TLS_NAMES, str),
    'ssl_check_hostname': _flag,
    'ssl_verify_cert': _flag,
    'ssl_verify_identity': _flag,
}
# What PyMySQL takes, and is of use here.
_PASSED: Mapping[str, _Reader] = {
    'connect_timeout': int,
    'read_timeout': int,
    'write_timeout': int,
    'charset': str,
    'unix_socket': str,
    'bind_address': str,
    'read_default_file': str,
    'read_default_group': str,
    'ssl_disabled': _flag,
}
# oslo.db's own, and what this tool decides by itself.
_DROPPED = {
    'plugin', 'autocommit', 'client_flag', 'compress', 'local_infile',
    'program_name', 'sql_mode', 'use_unicode',
}  # fmt: skip


def _options(name: str, query: str) -> dict[str, Any]:
    given = dict(urllib.parse.parse_qsl(query))
    for number, key in enumerate(given, 1):
        if key not in {*_TLS, *_PASSED, *_DROPPED}:
            # Not told: after an @ and a ?, it is a piece of the password.
            problem = f'option {number} of its URL is not one of PyMySQL'
            raise _bad(name, problem)
    tls = _tls(_read(name, given, _TLS))
    return {
        'charset': _CHARSET,
        **_read(name, given, _PASSED),
        **({'ssl': tls} if tls else {}),
    }


def _tls(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {_TLS_NAMES[key]: value for key, value in given.items()}
    if found.pop('identity', False):
        found.update(check_hostname=True, verify_mode=True)
    return found


def _read(
    name: str, given: Mapping[str, str], readers: Mapping[str, _Reader]
) -> dict[str, Any]:
    found = {}
    for key in given:
        if key in readers:
            try:
                found[key] = readers[key](given[key])
            except (ValueError, KeyError) as exc:
                problem = f'its URL has a value for {key} that means nothing'
                raise _bad(name, problem) from exc
    return found


def _bad(name: str, problem: str) -> errors.BadDatabaseUrl:
    return errors.BadDatabaseUrl(name, problem)
