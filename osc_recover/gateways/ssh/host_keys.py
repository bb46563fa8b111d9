# SPDX-License-Identifier: Apache-2.0
"""Is the host the one that it was?  Unknown and changed keys are errors."""

import functools
from collections.abc import Iterable

from osc_recover import errors
from osc_recover.gateways.ssh import known_hosts
from osc_recover.gateways.ssh.config import Target
from osc_recover.gateways.ssh.known_hosts import KnownKey

# A key's kind -> the algorithms that it can sign with (RFC 8332 for RSA).
_ALGORITHMS = {'ssh-rsa': ('rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa')}


class KnownHosts:
    """The files of known hosts, each set of them read once."""

    def __init__(self) -> None:
        self._read = functools.cache(known_hosts.read)

    def of(self, target: Target) -> tuple[KnownKey, ...]:
        """What is known of a target.

        :raises errors.BadSshConfig: when a file cannot be read
        """
        try:
            keys = self._read(target.known_hosts)
        except OSError as exc:
            raise errors.BadSshConfig(
                target.host, str(exc.filename), exc.strerror or str(exc)
            ) from exc
        return known_hosts.of(keys, target.known_as)


def algorithms(known: Iterable[KnownKey]) -> tuple[str, ...]:
    """The algorithms whose keys are known, to be asked for first."""
    kinds = dict.fromkeys(key.kind for key in known if not key.marker)
    return tuple(a for kind in kinds for a in _ALGORITHMS.get(kind, (kind,)))


def check(
    target: Target, known: Iterable[KnownKey], kind: str, blob: bytes
) -> None:
    """Refuse a host's key, unless it is a known one.

    :param kind: the key's type, such as ssh-ed25519
    :param blob: the public key, as the host has sent it
    :raises errors.HostKeyRevoked: when it is marked so
    :raises errors.HostKeyChanged: when another one of that kind is known
    :raises errors.HostKeyUnknown: when none of that kind is
    """
    known = list(known)
    now = known_hosts.fingerprint(blob)
    for key in known:
        if key.marker == '@revoked' and key.blob == blob:
            raise errors.HostKeyRevoked(
                target.host, target.at, kind, now, key.file, key.line
            )
    of_kind = [k for k in known if not k.marker and k.kind == kind]
    if any(key.blob == blob for key in of_kind):
        return
    if of_kind:
        raise _changed(target, of_kind[0], now)
    raise _unknown(target, kind, now)


def _changed(target: Target, old: KnownKey, now: str) -> errors.HostKeyChanged:
    return errors.HostKeyChanged(
        target.host, target.at, target.known_as, old.kind, now,
        known_hosts.fingerprint(old.blob), old.file, old.line,
    )  # fmt: skip


def _unknown(target: Target, kind: str, now: str) -> errors.HostKeyUnknown:
    port = f'-p {target.port} ' if target.port != 22 else ''
    return errors.HostKeyUnknown(
        target.host, target.at, kind, now, f'{port}{target.address}',
        (*target.known_hosts, '~/.ssh/known_hosts')[0],
    )  # fmt: skip
