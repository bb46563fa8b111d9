# SPDX-License-Identifier: Apache-2.0
"""Rows made and read by nova's own objects; run by nova's own Python.

``nova_side.py <nova.conf> make|look <server>``: JSON on stdout.
"""

import json
import sys
import uuid

from nova import config, context, objects


def make(ctx, kind):
    """A server as nova makes one; with what belongs to a host, or not."""
    flavor = objects.Flavor(
        ctx, name='m1', memory_mb=64, vcpus=1, root_gb=1, ephemeral_gb=0,
        flavorid='1', swap=0, rxtx_factor=1.0, disabled=False, is_public=True,
        vcpu_weight=0, description=None, extra_specs={'hw:a': 'b'},
    )  # fmt: skip
    server = str(uuid.uuid4())
    requests, topology = [], None
    if kind == 'claims':
        requests = [
            objects.InstancePCIRequest(
                count=1, spec=[{'vendor_id': '8086'}], alias_name='a',
                request_id=str(uuid.uuid4()), numa_policy='legacy',
            )
        ]  # fmt: skip
        cell = objects.InstanceNUMACell(
            id=0, cpuset={0}, pcpuset=set(), memory=64
        )
        topology = objects.InstanceNUMATopology(cells=[cell])
    instance = objects.Instance(
        ctx, uuid=server, user_id='u', project_id='p', flavor=flavor,
        old_flavor=None, new_flavor=None, host='cmp1', node='cmp1.node',
        compute_id=1, vm_state='active', power_state=1, task_state=None,
        availability_zone='az1', display_name='web', image_ref='',
        system_metadata={'image_hw_disk_bus': 'virtio'},
        numa_topology=topology,
        pci_requests=objects.InstancePCIRequests(
            requests=requests, instance_uuid=server
        ),
    )  # fmt: skip
    instance.create()
    if kind == 'evacuated':
        # As nova/compute/api.py evacuate does.
        objects.Migration(
            ctx, source_compute=instance.host, source_node=instance.node,
            instance_uuid=server, status='accepted',
            migration_type='evacuation',
        ).create()  # fmt: skip
    return {'server': server}


def look(ctx, server):
    """What nova sees of it."""
    instance = objects.Instance.get_by_uuid(ctx, server)
    actions = objects.InstanceActionList.get_by_instance_uuid(ctx, server)
    # As nova/compute/manager.py _destroy_evacuated_instances asks.
    evacuations = objects.MigrationList.get_by_filters(
        ctx,
        {
            'source_compute': 'cmp1',
            'status': ['accepted', 'pre-migrating', 'done'],
            'migration_type': 'evacuation',
        },
    )
    return {
        'instance': [
            instance.host, instance.node, instance.compute_id,
            instance.vm_state, instance.power_state, instance.task_state,
            instance.availability_zone,
        ],
        'evacuations': [
            [found.dest_compute, found.status, found.dest_compute_id]
            for found in evacuations
            if found.instance_uuid == server
        ],
        'actions': [
            [
                action.action, action.message,
                [
                    [event.event, event.result]
                    for event in
                    objects.InstanceActionEventList.get_by_action(
                        ctx, action.id
                    )
                ],
            ]
            for action in actions
        ],
    }  # fmt: skip


def main():
    conf, verb, about = sys.argv[1:]
    config.parse_args([sys.argv[0]], default_config_files=[conf])
    objects.register_all()
    ctx = context.get_admin_context()
    json.dump({'make': make, 'look': look}[verb](ctx, about), sys.stdout)


if __name__ == '__main__':
    main()
