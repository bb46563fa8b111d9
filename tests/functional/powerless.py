# SPDX-License-Identifier: Apache-2.0
"""SSH hosts that lose their power with the practice cloud's computes.

Each is an sshd in a mount namespace of its own, where the kernel's boot id
and the time of the boot are files of ours, and virsh tells what the host's
fake hypervisor has.
"""

import contextlib
import os
import pathlib
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.cloud import hosts, lab
from tests.unit import sshd

_BOOT_ID = '/proc/sys/kernel/random/boot_id'
_STAT = '/proc/stat'
VIRSH = str(pathlib.Path(__file__).with_name('guests_virsh.py'))


class Host:
    """One of them; what it tells are files in ``folder``."""

    def __init__(
        self,
        name: str,
        folder: pathlib.Path,
        programs: Mapping[str, str],
        revive: Callable[[str], None],
    ) -> None:
        self.name, self.folder, self._revive = name, folder, revive
        (folder / 'bin').mkdir(parents=True)
        words = [sys.executable, '-I', '-S', VIRSH]
        virsh = (
            f'exec {shlex.join(words)} '
            f'{shlex.quote(str(hosts.guests_file(name)))} "$@"'
        )
        for program, text in {'virsh': virsh, **programs}.items():
            script = folder / 'bin' / program
            script.write_text(f'#!/bin/sh\n{text}\n')
            script.chmod(0o755)
        self.boot(time.time() - 86400)
        self.program = folder / 'sshd'
        self.program.write_text(
            "#!/bin/sh\nexec unshare -m --propagation private sh -c '"
            f'mount --bind {folder}/boot_id {_BOOT_ID} && '
            f'mount --bind {folder}/stat {_STAT} && '
            f'mount -t overlay -o lowerdir={folder}/bin:/usr/sbin overlay '
            f'/usr/sbin && exec {sshd.PROGRAM} "$@"\' sshd "$@"\n'
        )
        self.program.chmod(0o755)

    def boot(self, at: float) -> None:
        """A new boot; its files stay the same ones, as they are mounted."""
        (self.folder / 'boot_id').write_text(f'{uuid.uuid4()}\n')
        (self.folder / 'stat').write_text(f'cpu 0\nbtime {int(at)}\n')

    def lose_power(self) -> None:
        """Its guests stop, and nothing is told to anybody."""
        lab.fail(self.name)

    def power_up(self) -> None:
        """It boots, and its nova-compute starts."""
        self.boot(time.time())
        self._revive(self.name)


class Machines:
    """All of them, and how they are reached."""

    def __init__(self, found: dict[str, tuple[Host, sshd.Sshd]]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> Host:
        return self._found[name][0]

    def section(self) -> dict[str, object]:
        """What recover: in clouds.yaml says of them."""
        first, *others = (one for _, one in self._found.values())
        told = first.section([])
        for other in others:
            with (first.folder / 'known_hosts').open('a') as known:
                known.write((other.folder / 'known_hosts').read_text())
        told['hosts'] = [
            {'name': name, 'address': '127.0.0.1', 'port': one.port}
            for name, (_, one) in self._found.items()
        ]
        return told


@contextlib.contextmanager
def machines(
    folder: pathlib.Path,
    names: Sequence[str],
    programs: Mapping[str, str] | None = None,
    revive: Callable[[str], None] = lab.revive,
) -> Iterator[Machines]:
    """Hosts of these names; one key opens all.

    :param programs: what they have besides: name -> a shell's script
    :param revive: what starts a host's nova-compute
    """
    found: dict[str, tuple[Host, sshd.Sshd]] = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            host = Host(name, folder / name, programs or {}, revive)
            where = folder / name / 'ssh'
            running = sshd.running(where, program=str(host.program))
            found[name] = host, stack.enter_context(running)
        keys = [
            (one.folder / 'key.pub').read_text() for _, one in found.values()
        ]
        for _, one in found.values():
            (one.folder / 'authorized_keys').write_text(''.join(keys))
        yield Machines(found)


def lacks() -> str:
    """Why this machine cannot have such hosts, or ''."""
    if os.geteuid() != 0:
        return 'mount namespaces need root'
    tried = subprocess.run(
        ['unshare', '-m', 'true'], capture_output=True, check=False
    )
    return '' if tried.returncode == 0 else 'there are no mount namespaces'
