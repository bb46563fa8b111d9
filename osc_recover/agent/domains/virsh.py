# SPDX-License-Identifier: Apache-2.0
"""The one way to run virsh: on the host, or in kolla's container."""

from typing import List, NamedTuple, Optional

from osc_recover.agent import containers, errors, run

URI = 'qemu:///system'
CONTAINER = 'nova_libvirt'
TIMEOUT = 30.0  # seconds of one call
_START = 'start it there (openstack recover service list tells what runs it)'


class Virsh(NamedTuple):
    """How virsh is begun on this host; made by ``find``.

    :param inside: the words before those of a program that sees what libvirt
        sees; none where that is the host itself
    """

    inside: List[str]

    def call(self, *words: str, timeout: float = TIMEOUT) -> str:
        """What virsh prints.

        :param words: the command and its arguments; none of them is split
        :raises errors.Refused: libvirt-stopped, or virsh-failed with its words
        """
        argv = [*self.inside, 'virsh', '-q', '-c', URI, *words]
        done = run.run(argv, timeout=timeout)
        if done.code and b'failed to connect to the hypervisor' in done.err:
            raise errors.Refused(
                'libvirt-stopped',
                f'libvirt does not answer: {done.words}',
                advice=_START,
            )
        if done.code:
            raise errors.Refused(
                'virsh-failed', f'virsh {words[0]}: {done.words}'
            )
        return done.text

    def content(self, path: str) -> Optional[str]:
        """What is in a file that libvirt sees; None where there is none."""
        argv = [*self.inside, 'cat', '--', path]
        done = run.run(argv, timeout=TIMEOUT)
        return None if done.code else done.text


def find() -> Virsh:
    """The virsh of this host.

    :raises errors.Refused: no-libvirt where there is none, and
        libvirt-stopped where its container does not run
    """
    try:
        run.run(['virsh', '--version'], timeout=TIMEOUT)
    except errors.Refused as exc:
        if exc.code != 'no-program':
            raise
        return _contained()
    return Virsh([])


def _contained() -> Virsh:
    asked = {'containers': [CONTAINER]}
    found = containers.show(asked, lambda event: None)
    state = found['containers'].get(CONTAINER, {}).get('state')
    if state is None:
        raise errors.Refused(
            'no-libvirt',
            f'there is no libvirt: no virsh, and no container {CONTAINER}',
            advice='nothing is to be done there, unless it should be a '
            'hypervisor of libvirt',
        )
    if state != 'running':
        raise errors.Refused(
            'libvirt-stopped',
            f'the container {CONTAINER} is {state}',
            advice=_START,
        )
    # The engine passes no variable of ours on.
    return Virsh([found['engine'], 'exec', CONTAINER, 'env', 'LC_ALL=C'])
