# SPDX-License-Identifier: Apache-2.0
"""What is mended of a server's volumes before it is started.  Pure.

That is what ``volume repair`` would do, which is planned from an audit: a
volume that is wrong and of which the audit has no remedy keeps its server off.
"""

import dataclasses
from collections.abc import Iterable

from osc_recover.checks import volume_mending
from osc_recover.checks.disaster import servers
from osc_recover.checks.disaster.view import View
from osc_recover.checks.finding import Finding
from osc_recover.checks.volume_rows import VERDICTS
from osc_recover.facts import Server

# What is made in-use again is still not exported, until cinder-volume starts
# anew; a server that is started before that has its one start wasted.
_NOT_YET = ('volume-error',)
_ENDS = 'attachment.delete'  # of an attachment that cinder alone has


@dataclasses.dataclass(frozen=True, slots=True)
class Repair:
    """What is mended of one server: its mappings, and single records.

    ``stops`` are what keeps it from being mended as a whole.
    """

    by_mapping: tuple[Finding, ...] = ()
    by_record: tuple[Finding, ...] = ()
    stops: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that is mended; nothing, where something keeps it from that."""
        return () if self.stops else (*self.by_record, *self.by_mapping)

    @property
    def volumes(self) -> tuple[str, ...]:
        """The volumes of these."""
        return tuple(_volumes(self.findings))

    @property
    def is_of_mappings(self) -> bool:
        """Whether nova has the server stopped meanwhile."""
        return bool(self.by_mapping) and not self.stops


def of(view: View, server: Server) -> Repair:
    """What is mended of a server; nothing where nothing is wrong."""
    mine = [f for f in view.findings(server) if f.code in VERDICTS]
    by_mapping = [f for f in mine if f.code in volume_mending.BY_MAPPING]
    by_record = [f for f in mine if f.remedy and f.code not in _NOT_YET]
    left = [f for f in mine if f not in by_mapping and f not in by_record]
    needed = {volume for volume, _ in view.mapped(server).wrong()}
    open_ = needed - _volumes([*by_mapping, *by_record]).keys()
    stops = [f for f in left if needed.intersection(_volumes([f]))]
    if by_mapping:
        stops += volume_mending.of_server(
            view.wrong.known, server.id, [*_volumes(by_mapping)], by_mapping
        )
    if open_ and not stops:
        # The audit has seen less of it, or something that passes by.
        return Repair()
    return Repair(tuple(by_mapping), tuple(by_record), tuple(stops))


def way(view: View, server: Server) -> str:
    """What is asked for, once it is mended: start or reboot."""
    if of(view, server).is_of_mappings:
        return 'start'
    return servers.way(view, server)


def state(view: View, server: Server) -> str:
    """Its vm_state, once it is mended."""
    if of(view, server).is_of_mappings:
        return 'stopped'
    return servers.state(view, server)


def volumes(view: View, server: Server) -> list[str]:
    """Its volumes in their order, once it is mended."""
    done = of(view, server).findings
    ended = {f.about for f in done if f.remedy and f.remedy.verb == _ENDS}
    mine = view.attachments(server.id)
    has = [one.volume for one in mine if one.id not in ended]
    back = [f for f in done if f.code in volume_mending.BY_MAPPING]
    return list(dict.fromkeys([*has, *_volumes(back)]))


def _volumes(findings: Iterable[Finding]) -> dict[str, None]:
    return {
        volume: None
        for finding in findings
        if finding.subject
        for volume in finding.subject.volumes
    }
