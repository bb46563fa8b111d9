# SPDX-License-Identifier: Apache-2.0
"""A guest as a folder, and an sshd that takes the folder for its machine.

Its boot is a file, and its shutdown a script: it keeps how it was called, and
the guest has another boot then.
"""

import pathlib
import uuid

from tests.unit import sshd

BOOT_ID = '/proc/sys/kernel/random/boot_id'
UPTIME = '/proc/uptime'
_SHUTDOWN = """#!/bin/sh
echo "$@" >> {folder}/shutdowns
[ -e {folder}/stuck ] && exit 0
echo boot-$(wc -l < {folder}/shutdowns) > {folder}/boot_id
echo 1.0 1.0 > {folder}/uptime
[ -e {folder}/cuts ] && kill -9 $PPID
exit 0
"""


class Guest:
    """One guest; with the file ``cuts`` its reboot ends who asked for it,
    with ``stuck`` it does not go down.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        (folder / 'bin').mkdir(parents=True)
        script = folder / 'bin' / 'shutdown'
        script.write_text(_SHUTDOWN.format(folder=folder))
        script.chmod(0o755)
        self.boot(3600)

    def boot(self, up_for: float) -> None:
        """Another boot; the files stay the same ones, as they are mounted."""
        (self.folder / 'boot_id').write_text(f'{uuid.uuid4()}\n')
        (self.folder / 'uptime').write_text(f'{up_for:.2f} 1.0\n')

    @property
    def boot_id(self) -> str:
        return (self.folder / 'boot_id').read_text().strip()

    def shutdowns(self) -> list[str]:
        """How shutdown was called."""
        path = self.folder / 'shutdowns'
        return path.read_text().splitlines() if path.exists() else []

    def program(self) -> str:
        """An sshd in a mount namespace, where the folder is the machine."""
        path = self.folder / 'sshd'
        path.write_text(
            "#!/bin/sh\nexec unshare -m --propagation private sh -c '"
            f'mount --bind {self.folder}/boot_id {BOOT_ID} && '
            f'mount --bind {self.folder}/uptime {UPTIME} && '
            f'mount -t overlay -o lowerdir={self.folder}/bin:/usr/sbin '
            f'overlay /usr/sbin && exec {sshd.PROGRAM} "$@"\' sshd "$@"\n'
        )
        path.chmod(0o755)
        return str(path)
