# SPDX-License-Identifier: Apache-2.0
"""Private keys: those in files, read once, and those of the SSH agent."""

import base64
import binascii
import dataclasses
import pathlib
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from osc_recover.gateways.ssh import known_hosts

# Asks for the passphrase of a file; None: there is none to be had.
Passphrase = Callable[[str], str | None]

_MAGIC = b'openssh-key-v1\0'  # OpenSSH, PROTOCOL.key
_BEGIN, _END = '-----BEGIN ', '-----END '


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """A key to try, or why it cannot be tried; ``label`` is for people."""

    label: str
    key: Any = dataclasses.field(default=None, repr=False)
    problem: str = ''

    def __str__(self) -> str:
        return f'{self.label} ({self.problem})' if self.problem else self.label


class Keys:
    """The keys of files, each read (and its passphrase asked for) once.

    :param passphrase: asks the operator; called in one thread at a time
    """

    def __init__(self, passphrase: Passphrase | None = None) -> None:
        self._passphrase = passphrase or (lambda path: None)
        self._read: dict[str, Identity] = {}
        self._lock = threading.Lock()

    def of(
        self, files: Iterable[str], agent: Iterable[Any], *, only: bool
    ) -> Iterator[Identity]:
        """The keys to try, in their order.

        A file's key that the SSH agent holds is the agent's to use, so that
        nobody is asked for a passphrase.  A file is read when its turn comes.

        :param agent: the keys of the agent, as paramiko has them
        :param only: whether other keys of the agent are left out
        """
        held = {key.asbytes(): key for key in agent}
        for file in files:
            key = held.pop(public_blob(file), None)
            if key is not None:
                yield Identity(f'{file} of the SSH agent', key)
            else:
                yield self._from_file(file)
        if not only:
            for blob, key in held.items():
                label = f'{known_hosts.fingerprint(blob)} of the SSH agent'
                yield Identity(label, key)

    def _from_file(self, file: str) -> Identity:
        with self._lock:
            if file not in self._read:
                self._read[file] = self._load(file)
            return self._read[file]

    def _load(self, file: str) -> Identity:
        import paramiko

        try:
            return Identity(file, _key(file, None))
        except paramiko.PasswordRequiredException:
            return self._unlock(file)
        except _unreadable() as exc:
            return Identity(file, problem=_why(exc))

    def _unlock(self, file: str) -> Identity:
        passphrase = self._passphrase(file)
        if not passphrase:
            return Identity(file, problem='it needs a passphrase')
        try:
            return Identity(file, _key(file, passphrase))
        except _unreadable():
            # What was raised may quote what was given.
            problem = 'that passphrase does not open it'
            return Identity(file, problem=problem)


def public_blob(file: str) -> bytes:
    """The public key of a private key's file, or nothing.

    OpenSSH's own format has it in the clear; beside others it lies in
    ``file.pub``.
    """
    data = _decoded(_text(file))
    if data.startswith(_MAGIC):
        return _public_part(data[len(_MAGIC) :])
    fields = _text(f'{file}.pub').split()
    try:
        return base64.b64decode(fields[1]) if len(fields) > 1 else b''
    except binascii.Error:
        return b''


def _public_part(data: bytes) -> bytes:
    try:
        for _ in range(3):  # the cipher, the derivation, its options
            data = _string(data)[1]
        return _string(data[4:])[0]  # behind the number of keys
    except struct.error:
        return b''


def _string(data: bytes) -> tuple[bytes, bytes]:
    (size,) = struct.unpack_from('>I', data)
    return data[4 : 4 + size], data[4 + size :]


def _decoded(text: str) -> bytes:
    lines = [line for line in text.splitlines() if ':' not in line]
    body = [each for each in lines if not each.startswith((_BEGIN, _END))]
    try:
        return base64.b64decode(''.join(body))
    except (binascii.Error, ValueError):
        return b''


def _key(file: str, passphrase: str | None) -> Any:
    """Read a private key.

    :raises Exception: one of ``_unreadable``
    """
    return _class_of(file).from_private_key_file(file, passphrase)


def _class_of(file: str) -> Any:
    # paramiko 2.12 has no reader that finds this out itself, and trying one
    # after another would derive the passphrase's key each time.
    import paramiko

    text = pathlib.Path(file).read_text(errors='replace')
    blob = public_blob(file)
    kind = _string(blob)[0].decode() if blob else ''
    if kind == 'ssh-ed25519':
        return paramiko.Ed25519Key
    if kind.startswith('ecdsa-sha2-') or f'{_BEGIN}EC PRIVATE' in text:
        return paramiko.ECDSAKey
    if kind == 'ssh-rsa' or f'{_BEGIN}RSA PRIVATE' in text:
        return paramiko.RSAKey
    raise ValueError(f'its format or kind {kind} is not supported')


def _unreadable() -> tuple[type[Exception], ...]:
    import paramiko

    # struct.error and IndexError: what is cut short, or is no key at all.
    return (
        paramiko.SSHException, OSError, ValueError, struct.error, IndexError,
    )  # fmt: skip


def _why(exc: Exception) -> str:
    if isinstance(exc, OSError):
        return exc.strerror or type(exc).__name__
    return str(exc) or type(exc).__name__


def _text(file: str) -> str:
    try:
        return pathlib.Path(file).read_text(errors='replace')
    except OSError:
        return ''
