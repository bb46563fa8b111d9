# SPDX-License-Identifier: Apache-2.0
"""Files of known host keys, as OpenSSH writes them (sshd(8)).

Not paramiko's reader: that one forgets @revoked, knows no patterns, and
takes seconds for a few hundred hashed names.
"""

import base64
import binascii
import dataclasses
import fnmatch
import hashlib
import hmac
import pathlib
from collections.abc import Iterable, Iterator


@dataclasses.dataclass(frozen=True, slots=True)
class KnownKey:
    """A line: whose key it is, and where that is written."""

    marker: str
    names: str
    kind: str
    blob: bytes
    file: str
    line: int


def read(files: Iterable[str]) -> tuple[KnownKey, ...]:
    """The keys in these files; one that is not there has none.

    :raises OSError: when a file cannot be read
    """
    return tuple(key for file in files for key in _keys(file))


def of(keys: Iterable[KnownKey], name: str) -> tuple[KnownKey, ...]:
    """The keys of a host.

    :param name: its name or address, ``[name]:port`` unless the port is 22
    """
    lower = name.lower()
    return tuple(key for key in keys if _names(key.names, lower))


def name_of(address: str, port: int) -> str:
    """What a host is called in these files."""
    return address if port == 22 else f'[{address}]:{port}'


def fingerprint(blob: bytes) -> str:
    """A public key's fingerprint, as OpenSSH prints it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest())
    return f'SHA256:{digest.decode().rstrip("=")}'


def _keys(file: str) -> Iterator[KnownKey]:
    try:
        text = pathlib.Path(file).read_text(errors='replace')
    except FileNotFoundError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith('#'):
            continue
        marker = fields.pop(0) if fields[0].startswith('@') else ''
        # OpenSSH leaves out what it does not understand, too; an unknown key
        # is then an error.
        if len(fields) >= 3 and (blob := _decoded(fields[2])):
            yield KnownKey(marker, fields[0], fields[1], blob, file, number)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b''


def _names(patterns: str, name: str) -> bool:
    if patterns.startswith('|1|'):
        return _is_hash_of(patterns, name)
    found = False
    for pattern in patterns.lower().split(','):
        negated = pattern.startswith('!')
        if _matches(pattern[negated:], name):
            if negated:
                return False
            found = True
    return found


def _matches(pattern: str, name: str) -> bool:
    # Brackets mean a port here, and not a set of characters.
    return fnmatch.fnmatchcase(name, pattern.replace('[', '[[]'))


def _is_hash_of(hashed: str, name: str) -> bool:
    parts = hashed.split('|')
    if len(parts) != 4:
        return False
    salt, digest = _decoded(parts[2]), _decoded(parts[3])
    # SHA-1 is what the format has.
    found = hmac.digest(salt, name.encode(), 'sha1')
    return bool(digest) and hmac.compare_digest(digest, found)
