# SPDX-License-Identifier: Apache-2.0
"""The hypervisor: nova's own fake, with a memory, disks and a journal.

Guests and their disks are files, so they outlive nova-compute as those of a
real hypervisor do, and a guest that two hosts hold can be seen.
"""

from __future__ import annotations

import time
import uuid

from nova import exception
from nova.compute import power_state
from nova.virt import fake, hardware

from tests.cloud import files, paths
from tests.cloud.doubles import knobs

SIZE = {'vcpus': 64, 'memory_mb': 65536, 'disk_gb': 1000}


# Before nodes had identities, nova's fake had one kind.
_FAKE = getattr(fake, 'FakeDriverWithoutFakeNodes', fake.FakeDriver)


class Hypervisor(_FAKE):
    def init_host(self, host):
        super().init_host(host)
        self._home = paths.host(host)

    # What it knows

    @property
    def instances(self):
        """As nova's fake keeps them; a copy, what we change we write."""
        return {
            key: fake.FakeInstance(guest['domain'], guest['power'], key)
            for key, guest in self._guests().items()
        }

    @instances.setter
    def instances(self, _):
        """The fake starts with none; ours may have some from before."""

    def get_info(self, instance, use_cache=True):
        return hardware.InstanceInfo(state=self._guest(instance)['power'])

    def instance_on_disk(self, instance):
        return self._disk(instance).exists()

    def check_instance_shared_storage_local(self, context, instance):
        return {'folder': str(self._disks())}

    def check_instance_shared_storage_remote(self, context, data):
        return data['folder'] == str(self._disks())

    def check_instance_shared_storage_cleanup(self, context, data):
        """Nothing was made that would have to go."""

    # Room

    vcpus = property(lambda self: self._size('vcpus'))
    memory_mb = property(lambda self: self._size('memory_mb'))
    local_gb = property(lambda self: self._size('disk_gb'))

    def _size(self, name):
        # The fake asks before it is told which host it is on.
        if self._home is None:
            return SIZE[name]
        return {**SIZE, **knobs.get(self._home, 'inventory', {})}[name]

    _home = None

    def get_available_resource(self, nodename):
        return {
            **super().get_available_resource(nodename),
            'vcpus': self.vcpus,
            'memory_mb': self.memory_mb,
            'local_gb': self.local_gb,
        }

    def is_node_deleted(self, nodename):
        """A second node that a test has written down stays."""
        return False

    # What it does

    def spawn(
        self,
        context,
        instance,
        image_meta,
        injected_files,
        admin_password,
        allocations,
        network_info=None,
        block_device_info=None,
        power_on=True,
        accel_info=None,
    ):
        time.sleep(knobs.get(self._home, 'spawn_delay', 0))
        if knobs.fails(
            self._home, 'spawn_fail', instance.uuid, instance.display_name
        ):
            self._did('spawn-failed', instance)
            raise exception.InstanceDeployFailure(
                'the knob spawn_fail is set on this host'
            )
        volumes = self._connected(block_device_info)
        disk = self._have_disk(instance)
        self._set(
            instance, power_state.RUNNING if power_on else power_state.SHUTDOWN
        )
        self._did(
            'spawn', instance, disk=disk, volumes=volumes, running=power_on
        )

    def destroy(
        self,
        context,
        instance,
        network_info,
        block_device_info=None,
        destroy_disks=True,
        destroy_secrets=True,
    ):
        files.update(
            self._file(), {}, lambda guests: guests.pop(instance.uuid, None)
        )
        self._did(
            'destroy', instance, disk='removed' if destroy_disks else 'kept'
        )
        if destroy_disks:
            self._disk(instance).unlink(missing_ok=True)

    def cleanup(
        self,
        context,
        instance,
        network_info,
        block_device_info=None,
        destroy_disks=True,
        migrate_data=None,
        destroy_vifs=True,
        destroy_secrets=True,
    ):
        super().cleanup(context, instance, network_info)
        if destroy_disks:
            self._disk(instance).unlink(missing_ok=True)

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._guest(instance)
        self._set(instance, power_state.SHUTDOWN)
        self._did('power_off', instance)

    def power_on(
        self,
        context,
        instance,
        network_info,
        block_device_info=None,
        accel_info=None,
        share_info=None,
    ):
        volumes = self._connected(block_device_info)
        # As libvirt's, which makes the guest anew from what nova has of it.
        self._have_disk(instance)
        self._set(instance, power_state.RUNNING)
        self._did('power_on', instance, volumes=volumes)

    def reboot(
        self,
        context,
        instance,
        network_info,
        reboot_type,
        block_device_info=None,
        bad_volumes_callback=None,
        accel_info=None,
        share_info=None,
    ):
        volumes = self._connected(block_device_info)
        # Like libvirt's, a hard reboot makes the guest where it is missing.
        self._have_disk(instance)
        self._set(instance, power_state.RUNNING)
        self._did('reboot', instance, kind=reboot_type, volumes=volumes)

    def pause(self, instance):
        self._set(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        self._set(instance, power_state.SUSPENDED)

    def resume(
        self,
        context,
        instance,
        network_info,
        block_device_info=None,
        share_info=None,
    ):
        self._set(instance, power_state.RUNNING)

    def unrescue(self, context, instance):
        self._set(instance, power_state.RUNNING)

    def migrate_disk_and_power_off(self, context, instance, *more, **named):
        self._set(instance, power_state.SHUTDOWN)
        return ''

    def finish_revert_migration(self, context, instance, *more, **named):
        self._set(instance, power_state.RUNNING)

    def attach_volume(
        self,
        context,
        connection_info,
        instance,
        mountpoint,
        disk_bus=None,
        device_type=None,
        encryption=None,
    ):
        volume = self._check_access(connection_info)
        super().attach_volume(context, connection_info, instance, mountpoint)
        self._did('attach_volume', instance, volumes=[volume])

    def detach_volume(
        self, context, connection_info, instance, mountpoint, encryption=None
    ):
        super().detach_volume(context, connection_info, instance, mountpoint)
        self._did(
            'detach_volume',
            instance,
            volumes=[connection_info['data'].get('volume_id')],
        )

    # Guests

    def _file(self):
        return self._home / 'guests.json'

    def _guests(self):
        return files.read(self._file(), {})

    def _guest(self, instance):
        try:
            return self._guests()[instance.uuid]
        except KeyError:
            raise exception.InstanceNotFound(
                instance_id=instance.uuid
            ) from None

    def _set(self, instance, power):
        files.update(
            self._file(),
            {},
            lambda guests: guests.update(
                {
                    instance.uuid: {
                        'name': instance.display_name,
                        'domain': instance.name,
                        'power': power,
                    }
                }
            ),
        )

    def _did(self, what, instance, **more):
        files.append(
            self._home / 'journal.jsonl',
            what=what,
            uuid=instance.uuid,
            name=instance.display_name,
            **more,
        )

    # Disks and volumes

    def _disks(self):
        shared = knobs.get(self._home, 'shared_storage', False)
        return (paths.state() / 'shared' if shared else self._home) / 'disks'

    def _disk(self, instance):
        return self._disks() / instance.uuid

    def _have_disk(self, instance):
        """Make the disk unless it is there; say which it was.

        A new disk holds an id of its own, so that a test can tell whether
        the data of a server survived.
        """
        if not instance.image_ref:
            return 'volume'
        if self._disk(instance).exists():
            return 'reused'
        files.write_text(self._disk(instance), str(uuid.uuid4()))
        return 'image'

    def _connected(self, block_device_info):
        mapping = (block_device_info or {}).get('block_device_mapping') or []
        return [
            self._check_access(device['connection_info']) for device in mapping
        ]

    def _check_access(self, connection_info):
        """The volume, if the storage lets this host have it."""
        data = connection_info['data']
        volume = data['volume_id']
        access = files.read(paths.volumes() / 'access.json', {})
        if data['host'] != self._host or self._host not in access.get(
            volume, []
        ):
            raise exception.VolumeAttachFailed(
                volume_id=volume,
                reason=f'its target was made for {data["host"]} and lets in '
                f'{access.get(volume, [])}, not {self._host}',
            )
        return volume
