# SPDX-License-Identifier: Apache-2.0
"""The nova-compute of a host: as whom it runs, and its configuration."""

from typing import Optional

from osc_recover.agent import errors, novaconf, services
from osc_recover.agent.services import Files, Process, Words

__all__ = ['Files', 'Process', 'conf', 'files', 'is_compute', 'running']

PROGRAM = 'nova-compute'
KOLLA = '/etc/kolla/nova-compute/nova.conf'
_FOLDERS = ('/etc/nova', '/etc')
_DIST = '/usr/share/nova/nova-dist.conf'


def running() -> Optional[Process]:
    """The nova-compute that runs on this host, or None.

    :raises errors.Refused: when there are several that differ
    """
    found = services.running(PROGRAM)
    if len(found) > 1:
        pids = ', '.join(str(pid) for pid, _ in found)
        raise errors.Refused(
            'several-computes', f'several nova-compute run here: {pids}'
        )
    for pid, words in found:
        return services.process(pid, words)
    return None


def files(process: Optional[Process]) -> Files:
    """The files that make its configuration; of the host where none runs.

    :raises errors.Refused: when there are none
    """
    kind = services.Kind('nova', PROGRAM, _FOLDERS, _DIST, (KOLLA,))
    return services.files(kind, process)


def conf(process: Optional[Process], told: Files) -> novaconf.Conf:
    """What the files say, and before them the environment.

    :raises errors.Refused: for what cannot be read or is not understood
    """
    return services.conf('nova', process, told)


def is_compute(words: Words) -> bool:
    """Whether a command line is nova-compute's, by itself or by Python."""
    return services.is_of(words, PROGRAM)
