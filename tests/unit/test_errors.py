# SPDX-License-Identifier: Apache-2.0
"""Every error says what happened, and what to do now."""

import pytest

from osc_recover import errors

# (an error, its sentence, a part of its way out, its exit status)
KNOWN = [
    (
        errors.Refused('cmp1 is up', 'use --fence', 'host-up'),
        'cmp1 is up',
        'use --fence',
        3,
    ),
    (
        errors.UnknownHost('cpm1', ('cmp1', 'cmp2')),
        "nova has no compute service on host 'cpm1'",
        'did you mean cmp1 or cmp2?',
        3,
    ),
    (
        errors.UnknownHost('x'),
        "nova has no compute service on host 'x'",
        'openstack compute service list',
        3,
    ),
    (
        errors.UnknownServer('web'),
        "there is no server 'web'",
        'openstack server list --all-projects',
        3,
    ),
    (
        errors.UnknownServer('web', ('id-1', 'id-2')),
        "2 servers are called 'web'",
        'give the ID, one of id-1, id-2',
        3,
    ),
    (
        errors.BadSettings('workers', 'is no number'),
        'recover: workers in the configuration of the cloud is no number',
        'clouds.yaml',
        3,
    ),
    (
        errors.NotApproved('4f2a', 'no answer'),
        'the plan was not approved: no answer',
        'openstack recover run start 4f2a',
        3,
    ),
    (
        errors.FactsMoved('4f2a', ('web has come', 'db is gone')),
        'the cloud has changed since plan 4f2a was made: '
        'web has come; db is gone',
        'make and read a new plan',
        3,
    ),
    (
        errors.HostLocked('cmp1', 'run 4f2a, process 7'),
        'another recovery of cmp1 is being carried out here: '
        'run 4f2a, process 7',
        'openstack recover run list',
        3,
    ),
    (
        errors.OtherRun('cmp1', '4f2a'),
        'cmp1 is being recovered by run 4f2a, perhaps on another machine',
        '--take-over 4f2a',
        3,
    ),
    (
        errors.JournalUnusable('/j', 'disk full'),
        'the journal /j cannot be used: disk full',
        'recover: journal',
        3,
    ),
    (
        errors.UnknownRun('4f', '/j'),
        "there is no run '4f' in the journal /j",
        'openstack recover run list',
        3,
    ),
    (
        errors.UnknownStep('4f2a', 'x'),
        "run 4f2a has no step 'x'",
        'openstack recover run show 4f2a',
        3,
    ),
    (
        errors.WrongCloud('4f2a', 'east', 'west'),
        'run 4f2a belongs to the cloud east, and this is west',
        '--os-cloud',
        3,
    ),
    (
        errors.SnapshotsUnusable('/s', 'disk full'),
        'the folder of snapshots /s cannot be used: disk full',
        'recover: snapshots',
        3,
    ),
    (
        errors.UnknownSnapshot('4f', '/s'),
        "no snapshot in /s, or more than one, is called '4f'",
        'openstack recover snapshot list',
        3,
    ),
    (
        errors.SnapshotDamaged('4f2a', 'volumes.json is missing'),
        'snapshot 4f2a is damaged: volumes.json is missing',
        'openstack recover snapshot delete 4f2a',
        3,
    ),
    (
        errors.ForeignSnapshot('4f2a', 'east', 'west'),
        'snapshot 4f2a is of the cloud east, and this is west',
        '--os-cloud',
        3,
    ),
    (
        errors.ApiError('nova', 'GET /', 'odd'),
        'nova: GET /: odd',
        'the log of nova',
        3,
    ),
    (
        errors.ApiUnreachable('nova', 'GET /', 'connection refused'),
        'nova: GET /: connection refused',
        'check that nova is up',
        3,
    ),
    (
        errors.ApiRefused('nova', 'PUT /', '400 no'),
        'nova: PUT /: 400 no',
        'the log of nova',
        3,
    ),
    (
        errors.Gone('nova', 'GET /x', '404 no'),
        'nova: GET /x: 404 no',
        'make a new plan',
        3,
    ),
    (
        errors.Forbidden('nova', 'GET /x', 'policy p does not allow it'),
        'nova: GET /x: policy p does not allow it',
        'admin role in a project',
        3,
    ),
    (
        errors.Unauthorized('nova', 'GET /x', '401 no'),
        'nova: GET /x: 401 no',
        'credentials of the cloud in clouds.yaml',
        3,
    ),
    (
        errors.ChangedMeanwhile('neutron', 'PUT /ports/1', '412 no'),
        'neutron: PUT /ports/1: 412 no',
        'openstack recover run resume',
        3,
    ),
    (
        errors.NoRoom('placement', 'PUT /allocations/1', '409 full'),
        'placement: PUT /allocations/1: 409 full',
        'plan again with --target',
        3,
    ),
    (
        errors.StillUsed('cinder', 'DELETE /attachments/1', '409 in use'),
        'cinder: DELETE /attachments/1: 409 in use',
        'recover: service_auth',
        3,
    ),
    (
        errors.Uncertain('nova', 'POST /x', 'cut off'),
        'nova: POST /x: cut off',
        'looks for its traces',
        3,
    ),
    (
        errors.AuthFailed('it cannot be reached'),
        'no token from keystone: it cannot be reached',
        'openstack token issue',
        3,
    ),
    (
        errors.Bug("KeyError: 'x'"),
        "a bug in this tool: KeyError: 'x'",
        'openstack recover run list',
        1,
    ),
    (
        errors.DatabaseError('nova_api', 'odd'),
        'database nova_api: odd',
        'openstack recover setup check',
        3,
    ),
    (
        errors.DatabaseUnset('cinder', 'nobody said'),
        'database cinder: nobody said',
        'recover: database',
        3,
    ),
    (
        errors.DumpFailed('cinder', 'access denied'),
        'database cinder: access denied',
        'SHOW VIEW',
        3,
    ),
    (
        errors.DumpFailed('cinder', 'no mysqldump', 'install it'),
        'database cinder: no mysqldump',
        'install it',
        3,
    ),
    (
        errors.BadDatabaseUrl('cinder', 'it is of sqlite'),
        'database cinder: it is of sqlite',
        'mysql+pymysql://',
        3,
    ),
    (
        errors.DatabaseUnreachable('nova_api', 'refused'),
        'database nova_api: refused',
        'reachable from here',
        3,
    ),
    (
        errors.DatabaseLogin('nova_api', 'access denied'),
        'database nova_api: access denied',
        'user and password',
        3,
    ),
    (
        errors.DatabaseDenied('nova_api', 'command denied'),
        'database nova_api: command denied',
        'GRANT',
        3,
    ),
    (
        errors.DatabaseVersion('nova_api', 'no such table'),
        'database nova_api: no such table',
        'release',
        3,
    ),
    (
        errors.DatabaseBusy('nova_api', 'deadlock'),
        'database nova_api: deadlock',
        'nothing was changed',
        3,
    ),
    (
        errors.DatabaseNotWritable('nova_api', 'read-only'),
        'database nova_api: read-only',
        'primary',
        3,
    ),
    (
        errors.CommitUnknown('nova_api', 'at COMMIT: lost'),
        'database nova_api: at COMMIT: lost',
        'looks for its traces',
        1,
    ),
    (
        errors.HostError('cmp1'),
        'cmp1: it could not be asked',
        'openstack recover setup check',
        3,
    ),
    (
        errors.HostSilent('cmp1', 'cmp1: it is full', 'make room'),
        'cmp1: it is full',
        'make room',
        3,
    ),
    (
        errors.BadHostName('-oX', '-oX', 'odd'),
        "'-oX': no host is called '-oX': odd",
        'openstack compute service list',
        3,
    ),
    (
        errors.BadSshConfig('cmp1', '~/.ssh/config', 'line 3'),
        'cmp1: ~/.ssh/config cannot be used: line 3',
        'ssh -G cmp1',
        3,
    ),
    (
        errors.NameUnresolved('cmp1', 'c1.example', 'not known'),
        'cmp1: c1.example has no address: not known',
        'give the address of cmp1 as recover: hosts',
        3,
    ),
    (
        errors.ConnectFailed('cmp1', '10.0.0.1', 'no route'),
        'cmp1: no connection to 10.0.0.1: no route',
        'ssh -v',
        3,
    ),
    (
        errors.ConnectRefused('cmp1', '10.0.0.1 port 2222'),
        'cmp1: 10.0.0.1 port 2222 refuses the connection',
        'see that sshd runs there',
        3,
    ),
    (
        errors.ConnectTimedOut('cmp1', '10.0.0.1', 'TCP', 10.0),
        'cmp1: 10.0.0.1 gave no answer within 10 s (TCP)',
        'connect_timeout',
        3,
    ),
    (
        errors.HostKeyUnknown(
            'cmp1',
            '10.0.0.1 port 2222',
            'ssh-ed25519',
            'SHA256:x',
            '-p 2222 10.0.0.1',
            '/k',
        ),
        'cmp1: the ssh-ed25519 key of 10.0.0.1 port 2222 is not known: '
        'SHA256:x',
        'ssh-keyscan -p 2222 10.0.0.1 >> /k',
        3,
    ),
    (
        errors.HostKeyChanged(
            'cmp1',
            '10.0.0.1 port 2222',
            '[10.0.0.1]:2222',
            'ssh-rsa',
            'SHA256:x',
            'SHA256:y',
            '/k',
            7,
        ),
        'cmp1: the ssh-rsa key of 10.0.0.1 port 2222 HAS CHANGED: it is '
        'SHA256:x, and /k line 7 has SHA256:y',
        "ssh-keygen -f /k -R '[10.0.0.1]:2222'",
        3,
    ),
    (
        errors.HostKeyRevoked(
            'cmp1', '10.0.0.1', 'ssh-rsa', 'SHA256:x', '/k', 7
        ),
        'cmp1: the ssh-rsa key of 10.0.0.1 is @revoked in /k line 7: SHA256:x',
        'ssh-keygen -A',
        3,
    ),
    (
        errors.LoginFailed(
            'cmp1', '10.0.0.1', 'nova', 'no key was accepted', ('/a', '/b')
        ),
        'cmp1: 10.0.0.1 does not let user nova in: no key was accepted; '
        'tried: /a, /b',
        'authorized_keys',
        3,
    ),
    (
        errors.SudoPassword('cmp1', 'ops'),
        'cmp1: sudo asks user ops for a password',
        'NOPASSWD',
        3,
    ),
    (
        errors.SudoFailed('cmp1', 'ops', 'there is no sudo'),
        'cmp1: sudo does not start python3 for user ops: there is no sudo',
        'sudoers',
        3,
    ),
    (
        errors.PythonMissing('cmp1', 'ops'),
        'cmp1: there is no python3 on the PATH of user ops',
        'install python3',
        3,
    ),
    (
        errors.PythonTooOld('cmp1', '3.6.15'),
        'cmp1: its python3 is 3.6.15',
        '3.8 or newer',
        3,
    ),
    (
        errors.NotOurAgent('cmp1', "no JSON: 'Welcome'"),
        "cmp1: what answers is not our program: no JSON: 'Welcome'",
        'ssh cmp1 true',
        1,
    ),
    (
        errors.RequestTimedOut('cmp1', 'hello', 30.0),
        'cmp1: no word of hello for 30 s',
        'not known',
        1,
    ),
    (
        errors.AgentCut('cmp1', 'hello', 'exit status 1'),
        'cmp1: our program there ended during hello: exit status 1',
        'not known',
        1,
    ),
    (
        errors.AgentDied('cmp1', 'hello', 'Trace\n  x\nKeyError: 1\n'),
        'cmp1: a bug in hello: KeyError: 1',
        '--debug',
        1,
    ),
    (
        errors.OperationRefused('cmp1', 'fix', 'read-only', '/ is', {}),
        'cmp1: / is',
        'try again',
        1,
    ),
    (
        errors.OperationRefused(
            'cmp1', 'fix', 'no-room', 'full', {'advice': 'make room'}
        ),
        'cmp1: full',
        'make room',
        1,
    ),
    (
        errors.RowsDiffer('id-1', 'instances', 'host', 'cmp1', None),
        "server id-1: instances.host is NULL, not 'cmp1': somebody has moved "
        'it meanwhile',
        'make a new plan',
        1,
    ),
    (
        errors.RowGone('id-1', 'instances'),
        'server id-1: its row of instances is gone: somebody has deleted it',
        'openstack server show id-1',
        1,
    ),
    (
        errors.AlreadyStarted('id-1', 'cmp2', 'active'),
        'server id-1 is active on cmp2: it has been started since it was '
        'moved, and is not moved back',
        'openstack server migrate id-1',
        1,
    ),
    (
        errors.StepFailed('no valid host'),
        'no valid host',
        'openstack recover run resume',
        1,
    ),
    (
        errors.FenceFailed('still on', 'switch it off by hand'),
        'still on',
        'switch it off by hand',
        1,
    ),
    (
        errors.RunStopped('cmp1 is alive', 'see that it is off'),
        'cmp1 is alive',
        'see that it is off',
        1,
    ),
    (
        errors.Interrupted('4f2a'),
        'interrupted; run 4f2a is cut off, not lost',
        'openstack recover run resume 4f2a',
        130,
    ),
]


def tree(root=errors.RecoverError):
    for kind in root.__subclasses__():
        yield kind
        yield from tree(kind)


def named(case):
    return type(case[0]).__name__


def test_every_error_of_the_tree_is_known_here():
    assert {type(case[0]) for case in KNOWN} == set(tree())


@pytest.mark.parametrize('case', KNOWN, ids=named)
def test_an_error_says_what_happened_and_what_to_do(case):
    error, sentence, way_out, status = case
    assert error.sentence == sentence
    assert way_out in error.way_out
    assert str(error) == f'{error.sentence}; {error.way_out}'
    assert error.exit_status == status


def test_each_kind_of_error_has_a_code_of_its_own():
    codes = {}
    for error, *_ in KNOWN:
        codes.setdefault(error.code, set()).add(type(error))
    assert [kinds for kinds in codes.values() if len(kinds) > 1] == []


@pytest.mark.parametrize('case', KNOWN, ids=named)
def test_no_text_has_a_hole_in_it(case):
    error = case[0]
    for text in (error.sentence, error.way_out):
        assert text.strip() == text != ''
        assert '{' not in text


def test_braces_in_what_others_said_are_left_as_they_are():
    error = errors.ApiRefused('nova', 'PUT /', '400 {"a": 1}')
    assert error.sentence == 'nova: PUT /: 400 {"a": 1}'
