# SPDX-License-Identifier: Apache-2.0
"""From the name of a host to where, how and as whom SSH goes there.

Our settings go before ~/.ssh/config, as options of ssh do (ssh_config(5)).
Nothing here dials.
"""

import dataclasses
import functools
import getpass
import os
import pathlib
import re
import shlex
from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.gateways.ssh import include, known_hosts
from osc_recover.settings import HostAddress, SshSettings

_PORT = 22
_MOST_JUMPS = 8
_GLOBAL_KNOWN_HOSTS = '/etc/ssh/ssh_known_hosts'
_USER_KNOWN_HOSTS = '~/.ssh/known_hosts'
_IDENTITIES = ('~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa')
# A name, an IPv4 address or an IPv6 address with its zone; nothing that a
# shell, a file of known hosts or an option parser could take for more.
_NAME = re.compile(r'[A-Za-z0-9_:][A-Za-z0-9_.:%-]*')
_USER = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.@+$-]*')
_JUMP = re.compile(
    r'(?:ssh://)?(?:(?P<user>[^@]*)@)?'
    r'(?:\[(?P<v6>[^]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d{1,5}))?/?'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where SSH goes; ``via`` is the host before it, if there is one."""

    host: str  # what the errors call it
    address: str
    port: int
    user: str
    identities: tuple[str, ...] = ()
    identities_only: bool = False
    known_as: str = ''
    known_hosts: tuple[str, ...] = ()
    proxy_command: str = ''
    via: 'Target | None' = None
    is_jump: bool = False

    @property
    def at(self) -> str:
        """Where it goes, for people."""
        jump = 'jump host ' if self.is_jump else ''
        port = f' port {self.port}' if self.port != _PORT else ''
        how = ' through its ProxyCommand' if self.proxy_command else ''
        return f'{jump}{self.address}{port}{how}'


class SshConfig:
    """The settings and the operator's SSH configuration, read once.

    :raises errors.BadSshConfig: from ``target``, when it cannot be used
    """

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._hosts = {host.name: host for host in settings.hosts}

    def sudo(self, host: str) -> bool:
        """Whether a host's program is to be started by sudo."""
        asked = self._entry(host).sudo
        return self._settings.sudo if asked is None else asked

    def target(self, host: str) -> Target:
        """Where to go for a host.

        :raises errors.BadHostName: when no host can be called that
        :raises errors.BadSshConfig: when the configuration cannot be used
        """
        check_name(host, host)
        entry = self._entry(host)
        return self._resolve(host, entry, (), is_jump=False)

    def _entry(self, host: str) -> HostAddress:
        entry = self._hosts.get(host) or HostAddress(host)
        address = entry.address or host
        user = entry.user or self._settings.user
        return dataclasses.replace(entry, address=address, user=user)

    def _resolve(
        self, host: str, entry: HostAddress, seen: tuple[str, ...], *,
        is_jump: bool,
    ) -> Target:  # fmt: skip
        check_name(host, entry.address)
        options = self._lookup(host, entry.address)
        address = options['hostname']
        port = entry.port or self._port(host, options)
        user = entry.user or options.get('user') or getpass.getuser()
        check_name(host, address)
        self._check_user(host, user)
        via = self._via(host, options, (*seen, entry.address))
        alias = options.get('hostkeyalias')
        command = '' if via else options.get('proxycommand') or ''
        return Target(
            host, address, port, user,
            self._identities(options, is_jump=is_jump),
            options.get('identitiesonly', '').lower() == 'yes',
            alias or known_hosts.name_of(address, port),
            self._known_hosts(options), command, via, is_jump,
        )  # fmt: skip

    def _via(
        self, host: str, options: Mapping[str, Any], seen: tuple[str, ...]
    ) -> Target | None:
        jumps = options.get('proxyjump') or 'none'
        via = None
        if jumps.lower() == 'none':
            return via
        for spec in jumps.split(','):
            entry = self._jump(host, spec.strip())
            # `Host *` with a ProxyJump is for the jump host, too.
            if entry.address == seen[-1]:
                return None
            if entry.address in seen or len(seen) > _MOST_JUMPS:
                raise self._bad(host, f'ProxyJump goes in a circle: {jumps}')
            hop = self._resolve(host, entry, (*seen,), is_jump=True)
            # Only the first of a list is reached in a way of its own.
            via = dataclasses.replace(hop, via=via) if via else hop
        return via

    def _jump(self, host: str, spec: str) -> HostAddress:
        found = _JUMP.fullmatch(spec)
        name = found and (found['v6'] or found['name'])
        if not found or not name:
            raise self._bad(host, f'ProxyJump is not understood: {spec!r}')
        port = int(found['port']) if found['port'] else None
        return HostAddress(name, name, port, found['user'] or '')

    def _port(self, host: str, options: Mapping[str, Any]) -> int:
        text = options.get('port', str(_PORT))
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise self._bad(host, f'Port is not understood: {text!r}')
        return int(text)

    def _identities(
        self, options: Mapping[str, Any], *, is_jump: bool
    ) -> tuple[str, ...]:
        theirs = [f for f in options.get('identityfile', ()) if f != 'none']
        ours = [f for f in [self._settings.identity_file] if f]
        named = theirs + ours if is_jump else ours + theirs
        files = [os.path.expanduser(f) for f in named or _IDENTITIES]
        # Those that nobody has named need not be there.
        there = (f for f in files if named or os.path.exists(f))
        return tuple(dict.fromkeys(there))

    def _known_hosts(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        if self._settings.known_hosts:
            return (str(self._settings.known_hosts.expanduser()),)
        ours = options.get('userknownhostsfile', _USER_KNOWN_HOSTS)
        all_users = options.get('globalknownhostsfile', _GLOBAL_KNOWN_HOSTS)
        files = [*shlex.split(ours), *shlex.split(all_users)]
        return tuple(os.path.expanduser(f) for f in files if f != 'none')

    def _lookup(self, host: str, name: str) -> Mapping[str, Any]:
        # paramiko raises what it likes about a file it does not understand.
        try:
            found: Mapping[str, Any] = self._parsed.lookup(name)
        except errors.RecoverError:
            raise
        except Exception as exc:
            raise self._bad(host, f'{exc}') from exc
        return found

    @functools.cached_property
    def _parsed(self) -> Any:
        import paramiko

        path = self._settings.config_file.expanduser()
        text = include.read(path) if path.exists() else ''
        return paramiko.SSHConfig.from_text(text)

    def _check_user(self, host: str, user: str) -> None:
        if not _USER.fullmatch(user):
            raise self._bad(host, f'{user!r} is no name of a user')

    def _bad(self, host: str, problem: str) -> errors.BadSshConfig:
        path = pathlib.Path(self._settings.config_file)
        return errors.BadSshConfig(host, str(path), problem)


def check_name(host: str, name: str) -> None:
    """Refuse what is no name or address of a host.

    :param host: the host that the error is about
    :raises errors.BadHostName: when it is none
    """
    labels = name.removesuffix('.').split('.')
    if not _NAME.fullmatch(name):
        problem = 'it has characters that no host name has'
    elif ':' not in name and not all(0 < len(part) < 64 for part in labels):
        problem = 'a part of it is empty or longer than 63 characters'
    else:
        return
    raise errors.BadHostName(host, name, problem)
