# SPDX-License-Identifier: Apache-2.0
"""End the attachments of volumes, so that they are available again.  Pure.

The cleaning step of a recovery (procedures/cleaning.py) by itself, of volumes
that the operator names.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import resetting as checks
from osc_recover.checks.cleaning import drops_by_itself, in_words
from osc_recover.checks.disaster import View, proof
from osc_recover.checks.disaster.cleaned import root
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import CloudRecovery
from osc_recover.checks.request import VolumeReset as VolumeReset
from osc_recover.checks.resetting import ResetView
from osc_recover.facts.resetting import ResetSeen
from osc_recover.facts.snapshot import KeptAttachment, KeptVolume
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures import disaster as keeping
from osc_recover.procedures import ending

PROCEDURE = 'volume-reset'
# The operator says how the guest is known to be off; or has no host asked.
_SAID, _UNASKED = 'said', 'unasked'


def reset(facts: ResetSeen, request: VolumeReset) -> Plan:
    """Plan to end attachments of volumes; a refusal is a verdict."""
    view = View(facts.seen, CloudRecovery(request.snapshot))
    whole = ResetView(view, facts, request)
    # One may be given by its name and by its ID.
    names = dict.fromkeys(request.volumes)
    cases = [_Case(whole, view.volumes[name]) for name in names]
    lanes = tuple(one.lane() for one in cases if one.acts)
    hosts = {host for one in cases for host in one.hosts()}
    return Plan(
        procedure=PROCEDURE,
        hosts=tuple(sorted(hosts)) or ('-',),
        phases=(Phase('reset', lanes),) if lanes else (),
        verdicts=tuple(one.verdict() for one in cases),
        notes=tuple(_notes(whole)),
        request=records.to_data(request),
    )


def _notes(whole: ResetView) -> Iterator[str]:
    now = whole.view.seen.now
    for gap in now.gaps:
        yield f'{gap.what}: {gap.problem}'
    if why := now.left_out.get('hosts'):
        yield f'{why}: nothing shows that a guest is off'


class _Case:
    """One volume, and its attachments that are to end."""

    def __init__(self, whole: ResetView, volume: KeptVolume) -> None:
        self._whole = whole
        self._volume = volume
        self._held = whole.view.held(volume.id)
        self._meant = whole.meant(volume.id)
        self._stops = checks.of_volume(whole, volume)

    @property
    def _is_free(self) -> bool:
        return not self._meant and (
            bool(self._held) or self._volume.status == 'available'
        )

    @property
    def acts(self) -> bool:
        """Whether anything is done with it."""
        return not self._stops and not self._is_free

    def hosts(self) -> Iterator[str]:
        """Where its servers are."""
        for one in self._meant if self.acts else ():
            server = self._whole.servers.get(one.server)
            if server and server.host:
                yield server.host

    def verdict(self) -> Verdict:
        """What is done with it, or why not."""
        kind = f'{len(self._meant)} of {len(self._held)} attachments'
        name = self._volume.name
        if self._stops:
            return _left(self._volume, kind, self._stops)
        if self._is_free:
            reason = f'it is {self._volume.status}, and no such server has it'
            return Verdict(
                self._volume.id, name, kind, 'ok', False, reason=reason
            )
        return Verdict(
            self._volume.id, name, kind, 'reset', True,
            reason='; '.join(self._texts()),
            way_out=self._then(),
        )  # fmt: skip

    def _texts(self) -> Iterator[str]:
        ways = {self._whole.way(one) for one in self._meant}
        yield in_words(ways) if ways else 'no attachment: its status is reset'
        gone = [o.server for o in self._meant if self._whole.is_deleted(o)]
        if gone:
            yield f'server {", ".join(gone)} was deleted'

    def _then(self) -> str:
        """nova's own mapping is not ended by this."""
        mapped = checks.left_mapped(self._whole, self._meant)
        means = self._whole.view.seen.means
        if not mapped or not drops_by_itself(means):
            return ''
        return (
            f'nova has it on server {", ".join(mapped)} until that is '
            'rebooted hard (openstack server reboot --hard); then openstack '
            'recover volume attach gives it back'
        )

    def lane(self) -> Lane:
        """Its steps, in order; the last one looks."""
        return Lane(self._volume.id, tuple(self._steps()))

    def _steps(self) -> Iterator[Step]:
        whole, volume = self._whole, self._volume.id
        means = whole.view.seen.means
        for one in self._meant:
            yield self._end(one)
            row = whole.mapping(one) if 'nova' in one.sides else None
            if row and not drops_by_itself(means):
                yield ending.drop(row, self._once(one))
        if not self._held:
            yield ending.free(volume, volume)
        ended = {one.id for one in self._meant}
        others = [one.id for one in self._held if one.id not in ended]
        args = {'volumes': {volume: others}}
        yield Step(f'list:{volume}', 'disaster.listed', volume, args)

    def _end(self, one: KeptAttachment) -> Step:
        whole = self._whole
        server = whole.servers.get(one.server)
        boots_from = root(whole.view, server) if server else ''
        return ending.end(
            one,
            whole.way(one),
            self._once(one),
            root=boots_from,
            gone=whole.is_deleted(one),
            named=True,
        )

    def _once(self, one: KeptAttachment) -> dict[str, Any]:
        view = self._whole.view
        said = _UNASKED if 'hosts' in view.seen.now.left_out else _SAID
        server = self._whole.servers.get(one.server)
        if server is None:
            silent = not one.host or proof.why_silent(view, one.host)
            return {
                'host': one.host,
                'proof': said if silent else proof.DOMAIN,
            }
        once = keeping.once(view, server)
        return {**once, 'proof': once['proof'] or said}


def _left(volume: KeptVolume, kind: str, stops: Sequence[Finding]) -> Verdict:
    return Verdict(
        volume.id, volume.name, kind, stops[0].code, False,
        reason='; '.join(found.text for found in stops),
        way_out='; '.join(dict.fromkeys(found.way_out for found in stops)),
    )  # fmt: skip
