# SPDX-License-Identifier: Apache-2.0
"""Can our program be run on the compute hosts?  Tried, and nothing changed."""

from collections.abc import Iterator, Sequence

from osc_recover import errors
from osc_recover.facts import Probe
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, Outcome
from osc_recover.settings import SshSettings

TIMEOUT = 30.0


def probes(settings: SshSettings, hosts: Sequence[str]) -> Iterator[Probe]:
    """A record for each compute host, in the order of their names.

    Recoveries do without, so nobody is dialled where nothing is said about
    SSH.
    """
    if settings == SshSettings():
        yield Probe(
            'ssh',
            'unused',
            'hosts are not asked; what only they know stays unknown',
            'say recover: ssh in clouds.yaml to have them asked',
        )
        return
    with Hosts(settings) as asked:
        found = dict(asked.each(hosts, 'probe', {}, timeout=TIMEOUT))
    for host in sorted(found):
        yield told(host, found[host])


def told(host: str, outcome: Outcome) -> Probe:
    """What a host's answer says of the setup."""
    check = f'ssh {host}'
    if isinstance(outcome, errors.HostError):
        return Probe(check, 'broken', outcome.sentence, outcome.way_out)
    record = Foreign.of(host, 'its probe', outcome)
    if uid := record.number('uid'):
        return Probe(
            check,
            'broken',
            f'{host}: our program runs there as uid {uid}, not as root',
            'set recover: ssh: sudo: true in clouds.yaml, or user: root',
        )
    by = 'by sudo' if record.flag('sudo') else 'as root'
    return Probe(check, 'ok', f'python {record.text("python")} {by}')
