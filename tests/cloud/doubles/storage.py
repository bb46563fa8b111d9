# SPDX-License-Identifier: Apache-2.0
"""The storage: volumes are sparse files, with a list of who may connect."""

from __future__ import annotations

import os
import shutil

from cinder import exception
from cinder.volume import driver

from tests.cloud import files, paths
from tests.cloud.doubles import knobs

GIB = 1024**3


class FileDriver(driver.VolumeDriver):
    VERSION = '1.0.0'

    def check_for_setup_error(self):
        self._path('').mkdir(parents=True, exist_ok=True)

    def _update_volume_stats(self):
        self._stats = {
            'volume_backend_name': 'lab',
            'vendor_name': 'practice',
            'driver_version': self.VERSION,
            'storage_protocol': 'iSCSI',
            'total_capacity_gb': 'infinite',
            'free_capacity_gb': 'infinite',
            'reserved_percentage': 0,
            'multiattach': True,
            'thin_provisioning_support': True,
        }

    # Files

    def create_volume(self, volume):
        self._resize(volume, volume.size)

    def delete_volume(self, volume):
        self._path(volume.id).unlink(missing_ok=True)
        self._let_in(volume.id, lambda hosts: [])

    def extend_volume(self, volume, new_size):
        self._resize(volume, new_size)

    def clone_image(
        self, context, volume, image_location, image_meta, image_service
    ):
        """Written straight to the file: no qemu-img, no sudo."""
        with open(self._path(volume.id), 'wb') as out:
            image_service.download(context, image_meta['id'], out)
        self._resize(volume, volume.size)
        return {}, True

    def create_snapshot(self, snapshot):
        self._duplicate(snapshot.volume_id, snapshot.id)

    def delete_snapshot(self, snapshot):
        self._path(snapshot.id).unlink(missing_ok=True)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._duplicate(snapshot.id, volume.id)
        self._resize(volume, volume.size)

    def create_cloned_volume(self, volume, src_vref):
        self._duplicate(src_vref.id, volume.id)
        self._resize(volume, volume.size)

    # Exports and connections

    def ensure_export(self, context, volume):
        """The list of who may connect is on the disk already."""

    def create_export(self, context, volume, connector):
        """There is no target to make."""

    def remove_export(self, context, volume):
        """There is no target to remove."""

    def initialize_connection(self, volume, connector):
        host = connector['host']
        if knobs.fails(paths.volumes(), 'connect_fail', host):
            self._did('connect-failed', volume, host)
            raise exception.VolumeBackendAPIException(
                data='the knob connect_fail is set'
            )
        self._let_in(volume.id, lambda hosts: sorted({*hosts, host}))
        self._did('connect', volume, host)
        return {
            'driver_volume_type': 'iscsi',
            'data': {
                'volume_id': volume.id,
                'host': host,
                'access_mode': 'rw',
                'target_discovered': False,
                # At LUN 0 is what the target itself is asked at (tgtadm(8)).
                'target_lun': 1,
                'target_portal': '127.0.0.1:3260',
                'target_iqn': f'iqn.2010-10.org.practice:{volume.id}:{host}',
            },
        }

    def terminate_connection(self, volume, connector, **kwargs):
        # Without a connector, everybody is to go.
        host = connector['host'] if connector else None
        self._let_in(
            volume.id,
            lambda hosts: [
                other for other in hosts if host not in (None, other)
            ],
        )
        self._did('disconnect', volume, host)

    def _let_in(self, volume_id, change):
        def update(access):
            access[volume_id] = change(access.get(volume_id, []))
            if not access[volume_id]:
                del access[volume_id]

        files.update(paths.volumes() / 'access.json', {}, update)

    def _did(self, what, volume, host):
        files.append(
            paths.volumes() / 'journal.jsonl',
            what=what,
            volume=volume.id,
            host=host,
        )

    def _path(self, name):
        return paths.volumes() / 'files' / name

    def _resize(self, volume, size):
        with open(self._path(volume.id), 'ab'):
            os.truncate(self._path(volume.id), size * GIB)

    def _duplicate(self, source, target):
        shutil.copyfile(self._path(source), self._path(target))
