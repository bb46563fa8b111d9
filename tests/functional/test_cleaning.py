# SPDX-License-Identifier: Apache-2.0
"""The guide's own steps after a power loss: data volumes are cleaned, servers
rebooted once, and their volumes attached again; no root is touched.
"""

import collections
import json
import pathlib
import uuid

import pytest

from tests import practice as lib
from tests.cloud import keys, lab
from tests.functional import powerless
from tests.functional.losing import Servers

pytestmark = pytest.mark.functional

COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)
STORAGE = 'practice'  # the host of its cinder-volume
ONE, TWO = lab.HOSTS[:2]
ASKS = {
    'username': 'service', 'password': keys.PASSWORD,
    'user_domain_id': 'default', 'project_name': 'service',
    'project_domain_id': 'default',
}  # fmt: skip
ROOTS = ('root',)


class Bed(Servers):
    """Servers with data volumes on two hosts; one volume is shared."""

    def __init__(self, cloud, folder, machines):
        super().__init__(cloud, folder, machines)
        self.storage = cloud.sdk.block_storage
        self.boot(ONE, 'web', 'db', 'off')
        self.boot(ONE, 'root', volume=True)
        self.boot(TWO, 'far')
        self.disks = {}
        for name, *volumes in (
            ('db', 'logs', 'mail', 'web'), ('root', 'more'), ('off', 'cold'),
        ):  # fmt: skip
            for volume in volumes:
                self.attach(name, volume, tag=f'the-{volume}')
        self.disks['shared'] = self.volume('shared', self.shared_type())
        for name in ('db', 'far'):
            self.attach(name, 'shared')
        self.stop('off')
        self.boot(TWO, 'spare')
        self.stop('spare')

    def shared_type(self):
        """A type of volumes that several servers may have."""
        found = [
            kind
            for kind in self.storage.types()
            if kind.name == 'practice-shared'
        ]
        specs = {'volume_backend_name': 'lab', 'multiattach': '<is> True'}
        if not found:
            self.storage.create_type(name='practice-shared', extra_specs=specs)
        return 'practice-shared'

    def volume(self, name, kind='practice-lvm'):
        made = self.storage.create_volume(size=1, name=name, volume_type=kind)
        self.storage.wait_for_status(made, 'available', interval=0.3)
        return made.id

    def attach(self, server, volume, **more):
        if volume not in self.disks:
            self.disks[volume] = self.volume(volume)
        made = self.disks[volume]
        body = {'volumeId': made, 'delete_on_termination': False, **more}
        path = f'/servers/{self.ids[server]}/os-volume_attachments'
        self.cloud.call('POST', path, {'volumeAttachment': body})
        self.cloud.until(
            lambda: (
                self.ids[server] in self.holders(made)
                and self.status(volume) == 'in-use'
            ),
            f'{volume} on {server}',
        )

    def reserve(self, volume, server):
        """An attachment of cinder's alone."""
        body = {'volume_uuid': self.disks[volume], 'instance_uuid': server}
        answer = self.storage.post(
            '/attachments', json={'attachment': body}, microversion='3.44'
        )
        assert answer.status_code == 200, answer.text
        return answer.json()['attachment']['id']

    def reset(self, *words, clouds=None):
        return lib.recover(
            clouds or self.clouds, 'volume', 'reset', *words, '--yes'
        )

    def refused(self, *words, **how):
        done = self.reset(*words, **how)
        assert done.status == 3, done
        return [row['Verdict'] for row in done.rows]

    def status(self, name):
        return self.storage.get_volume(self.disks[name]).status

    def holding(self, server):
        """The volumes that cinder gives a server."""
        return {
            volume.id
            for volume in self.storage.volumes(all_projects=True)
            if any(a['server_id'] == server for a in volume.attachments)
        }

    def holders(self, volume):
        found = self.storage.get_volume(volume).attachments
        return {one['server_id'] for one in found}

    def given(self):
        """Server -> volume, device, tag, fate, in the order of devices."""
        return {
            name: [
                (one['volumeId'], one['device'], one['tag'],
                 one['delete_on_termination'])
                for one in told
            ]
            for name, told in self.listed()
        }  # fmt: skip

    def attachments(self, *names):
        return {
            (name, one['volumeId']): one['attachment_id']
            for name, told in self.listed()
            for one in told
            if not names or name in names
        }

    def boots(self):
        """Server -> the attachment of the volume that it boots from."""
        return {
            name: one
            for (name, volume), one in self.attachments(*ROOTS).items()
            if volume not in self.disks.values()
        }

    def clean(self, *words, clouds=None):
        return lib.recover(
            clouds or self.clouds, 'cloud', '--mode', 'clean', *words
        )


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    if lack := powerless.lacks():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp('cleaning')
    names = [*lab.HOSTS, STORAGE]
    with powerless.machines(folder / 'hosts', names) as machines:
        yield Bed(clean, folder, machines)


@pytest.fixture
def kept(bed):
    """All is as it is to be, and kept so; and is so again afterwards."""
    bed.save()
    yield bed
    bed.heal()


def rows(done):
    return {row['Name']: row for row in done.rows}


def codes(done):
    return {
        name: row['Verdict']
        for name, row in rows(done).items()
        if row['Verdict'] != 'await'
    }


def test_the_guides_steps_with_a_service_token(kept):
    given, before = kept.given(), kept.attachments()
    starts, roots = kept.starts(), kept.boots()
    kept.lose(ONE, TWO)
    kept.power_up(ONE, TWO)
    done = kept.clean('--yes', clouds=kept.with_section(service_auth=ASKS))
    assert done.status == 0, done
    assert codes(done) == {
        'db': 'clean', 'root': 'clean', 'far': 'clean', 'web': 'reboot',
        'off': 'ok', 'spare': 'ok',
    }  # fmt: skip
    assert 'potential for data loss' in done.stderr
    assert 'reboot these guests from inside' in done.stderr
    assert kept.power() == kept.ran
    assert kept.given() == given
    assert kept.boots() == roots
    assert kept.starts() - starts == collections.Counter(kept.ran)
    after = kept.attachments()
    same = {pair for pair, one in after.items() if one == before[pair]}
    assert {name for name, _ in same} == {'root', 'off'}
    assert len(same) == 2
    diff = kept.recover('snapshot', 'diff', kept.newest)
    # This machine plays the hosts, and others mount on it, too.
    told = {
        row['Kind']
        for row in diff.rows
        if row['Code'] not in ('mount-new', 'mount-gone')
    }
    assert told == {'id', 'time'}, diff.stdout


def test_without_one_a_reset_where_that_takes_nothing_else(kept):
    """And where it would, the database; the shared one stays on the other."""
    given, before = kept.given(), kept.attachments('far', 'root', 'off')
    starts, roots = kept.starts(), kept.boots()
    kept.lose(ONE)
    kept.power_up(ONE)
    # nova stops it in its records; a start would drop no mapping.
    kept.cloud.wait(kept.ids['db'], 'SHUTOFF')
    done = kept.clean('--server', 'db', '--yes')
    assert done.status == 3, done
    assert codes(done) == {'db': 'no-way'}
    assert 'service_auth' in done.rows[0]['Way out']
    whole = kept.with_section(database=lib.database_urls())
    done = kept.clean('--yes', clouds=whole)
    assert done.status == 0, done
    told = rows(done)['db']
    assert 'a reset' in told['Reason'], told
    assert "cinder's database" in told['Reason'], told
    assert kept.given() == given
    assert kept.boots() == roots
    others = kept.attachments('far', 'off')
    assert others == {k: v for k, v in before.items() if k[0] != 'root'}
    assert kept.starts() - starts == collections.Counter(
        kept.ran - {'far'}
    )  # fmt: skip
    assert kept.power() == kept.ran


def test_what_cinder_is_at_keeps_its_server_as_it_is(kept):
    kept.lose(ONE)
    kept.power_up(ONE)
    starts, before = kept.starts(), kept.attachments('root')
    more = kept.disks['more']
    kept.storage.reset_volume_status(more, status='maintenance')
    try:
        clouds = kept.with_section(service_auth=ASKS)
        done = kept.clean('--server', 'root', '--yes', clouds=clouds)
    finally:
        kept.storage.reset_volume_status(more, status='in-use')
    assert done.status == 3, done
    assert codes(done) == {'root': 'not-cleanable'}
    assert 'maintenance' in done.rows[0]['Reason']
    assert (kept.starts(), kept.attachments('root')) == (starts, before)
    # What is intact needs no cleaning.
    done = kept.run('--yes')
    assert done.status == 0, done
    assert kept.attachments('root') == before


# volume reset


@pytest.fixture
def spare(bed):
    """A volume of a server that is stopped, and whatever becomes of it."""
    name = f'spare-{uuid.uuid4().hex[:6]}'
    bed.attach('spare', name)
    yield name
    server = bed.ids['spare']
    bed.cloud.action(server, reboot={'type': 'HARD'})
    bed.cloud.wait(server, 'ACTIVE')
    given = {volume for volume, *_ in bed.given()['spare']}
    assert given <= bed.holding(server)
    bed.cloud.stop(server)


def test_a_volume_of_a_stopped_server_is_available_again(bed, spare):
    dry = lib.recover(bed.clouds, 'volume', 'reset', spare, '--dry-run')
    assert dry.status == 0, dry
    assert bed.status(spare) == 'in-use'
    done = bed.reset(spare)
    assert done.status == 0, done
    assert list(done.rows[0]) == COLUMNS['volume reset']
    [row] = done.rows
    assert (row['Verdict'], row['State']) == ('reset', 'done')
    assert bed.status(spare) == 'available'
    again = bed.reset(spare)
    assert again.status == 0, again
    assert again.rows[0]['Verdict'] == 'ok'


def test_one_in_error_and_one_with_a_token(bed, spare):
    bed.storage.reset_volume_status(bed.disks[spare], status='error')
    done = bed.reset(spare, clouds=bed.with_section(service_auth=ASKS))
    assert done.status == 0, done
    assert bed.status(spare) == 'available'


def test_one_of_a_guest_that_runs_or_a_root_is_refused(bed, spare):
    before = bed.attachments()
    [root] = [v for _, v in bed.attachments('root') if v not in
              bed.disks.values()]  # fmt: skip
    assert bed.refused('logs') == ['guest-runs']
    assert bed.refused(root) == ['root-volume']
    assert bed.refused(spare, '--no-agent') == ['not-proven-off']
    assert bed.refused('no-such') == ['no-volume']
    said = ('--no-agent', '--guest-off', 'it is burnt')
    assert bed.refused(root, *said) == ['root-volume']
    bed.storage.reset_volume_status(bed.disks[spare], status='maintenance')
    assert bed.refused(spare) == ['not-cleanable']
    bed.storage.reset_volume_status(bed.disks[spare], status='in-use')
    assert bed.attachments() == before
    done = bed.reset(spare, *said)
    assert done.status == 0, done


def test_a_shared_one_is_taken_from_one_server_alone(bed):
    before = bed.attachments('db')
    bed.disks['both'] = bed.volume('both', bed.shared_type())
    for name in ('db', 'spare'):
        bed.attach(name, 'both')
    held = bed.attachments('db')
    assert bed.refused('both') == ['guest-runs']
    assert bed.refused('both', '--server', 'spare') == ['no-way']
    whole = bed.with_section(database=lib.database_urls())
    done = bed.reset('both', '--server', 'spare', clouds=whole)
    assert done.status == 0, done
    assert bed.attachments('db') == held != before
    assert bed.holders(bed.disks['both']) == {bed.ids['db']}
    assert bed.status('both') == 'in-use'


def test_what_nova_has_no_server_for(bed):
    """Of a deleted server it is ended; of one that nova never knew, not."""
    [gone] = bed.cloud.boot(['gone'], TWO, port=False)
    bed.cloud.call('DELETE', f'/servers/{gone}')
    bed.cloud.until(
        lambda: gone not in {s['id'] for s in bed.cloud.servers()}, 'deleted'
    )
    bed.disks['orphan'] = bed.volume('orphan')
    bed.reserve('orphan', gone)
    done = bed.reset('orphan')
    assert done.status == 0, done
    assert bed.status('orphan') == 'available'
    bed.disks['odd'] = bed.volume('odd')
    made = bed.reserve('odd', str(uuid.uuid4()))
    try:
        assert bed.refused('odd') == ['not-of-nova']
        assert bed.status('odd') == 'reserved'
    finally:
        bed.storage.delete(f'/attachments/{made}', microversion='3.44')


def test_a_status_that_nothing_holds_is_reset(bed):
    bed.disks['loose'] = bed.volume('loose')
    bed.storage.reset_volume_status(bed.disks['loose'], status='attaching')
    done = bed.reset('loose')
    assert done.status == 0, done
    assert bed.status('loose') == 'available'
