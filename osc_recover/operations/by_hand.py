# SPDX-License-Identifier: Apache-2.0
"""The verbs of moves by hand, and of taking them back."""

import dataclasses
from collections.abc import Mapping

from osc_recover.effects import Operation
from osc_recover.gateways.allocations import Allocations
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.port_bindings import PortBindings
from osc_recover.operations import allocation, attachment, lock, port, rows
from osc_recover.operations.start import Start, Unstarted


@dataclasses.dataclass(frozen=True, slots=True)
class Holders:
    """Who has what a server holds on a host, beside nova's API."""

    allocations: Allocations
    bindings: PortBindings
    attachments: Attachments
    rows: rows.Rows


def verbs(
    compute: Compute,
    holders: Holders,
    run: str,
    *,
    tick: float,
    grace: float,
    timeout: float,
) -> Mapping[str, Operation]:
    """The operations, by their verbs.

    :param run: its id, which servers are locked with
    :param timeout: seconds that a start may take
    """
    held, of = holders.rows, holders.attachments
    return {
        'server.lock': lock.Lock(compute, run, grace),
        'server.unlock': lock.Unlock(compute, grace),
        'placement.double': allocation.Double(holders.allocations, grace),
        'placement.drop': allocation.Drop(holders.allocations, grace),
        'port.bind': port.Bind(holders.bindings, grace),
        'server.move': rows.MoveRow(held, grace),
        'server.take-back': rows.TakeBack(held, grace),
        'mapping.point': rows.Point(held, of, grace),
        'mapping.revive': rows.Revive(held, of, grace),
        'mapping.connect': rows.Connect(held, of, grace),
        'mapping.restore': rows.Restore(held, of, grace),
        'attachment.create': attachment.Create(of, grace),
        'attachment.delete': attachment.Delete(of, grace),
        'attachment.update': attachment.Update(of, grace),
        'attachment.complete': attachment.Complete(of, grace),
        'server.start': Start(
            compute, tick=tick, grace=grace, timeout=timeout
        ),
        'server.unstarted': Unstarted(compute),
    }
