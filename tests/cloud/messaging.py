# SPDX-License-Identifier: Apache-2.0
"""The private RabbitMQ and its Erlang port mapper."""

from __future__ import annotations

import os
import pathlib
import socket

from tests.cloud import commands, install, paths, ports, processes, waiting

MAPPER = 'epmd'
BROKER = 'rabbitmq'
_LOOPBACK = '-kernel inet_dist_use_interface {127,0,0,1}'


def start() -> None:
    # Erlang would start a mapper by itself, detached, where we do not own it.
    if not processes.running(MAPPER):
        ports.claim(MAPPER)
        processes.start(MAPPER, _epmd(), os.environ)
    waiting.until(
        lambda: ports.answers(MAPPER),
        'the Erlang port mapper is to listen',
        MAPPER,
        20,
    )
    if not processes.running(BROKER):
        ports.claim(BROKER)
        ports.claim('rabbitmq_dist')
        (_home() / 'mnesia').mkdir(parents=True, exist_ok=True)
        processes.start(BROKER, [install.rabbitmq()], _env())
    waiting.until(answers, 'RabbitMQ is to take connections', BROKER, 120)


def answers() -> bool:
    """Whether the broker answers our protocol header with a method frame."""
    try:
        with socket.create_connection(
            ('127.0.0.1', ports.port(BROKER)), timeout=2
        ) as client:
            client.sendall(b'AMQP\x00\x00\x09\x01')
            return client.recv(1) == b'\x01'
    except OSError:
        return False


def control(*words: str) -> None:
    """Run rabbitmqctl on the broker, which must run."""
    # Not the script on PATH either: see install.rabbitmq.
    program = pathlib.Path(install.rabbitmq()).with_name('rabbitmqctl')
    commands.run('rabbitmqctl', [str(program), *words], env=_env())


def _home() -> pathlib.Path:
    return paths.state() / 'rabbitmq'


def _epmd() -> list[str]:
    return [
        install.epmd(),
        '-address',
        '127.0.0.1',
        '-port',
        str(ports.port('epmd')),
    ]


def _env() -> dict[str, str]:
    home = _home()
    return {
        **os.environ,
        # The Erlang cookie is kept in the home folder.
        'HOME': f'{home}',
        'ERL_EPMD_ADDRESS': '127.0.0.1',
        'ERL_EPMD_PORT': str(ports.port('epmd')),
        # Makes the script become the VM, which then leads the session.
        'RUNNING_UNDER_SYSTEMD': 'true',
        'RABBITMQ_NODENAME': 'practice@localhost',
        'RABBITMQ_DIST_PORT': str(ports.port('rabbitmq_dist')),
        'RABBITMQ_CONF_ENV_FILE': os.devnull,
        'RABBITMQ_CONFIG_FILE': f'{paths.state()}/conf/rabbitmq.conf',
        'RABBITMQ_ENABLED_PLUGINS_FILE': f'{home}/enabled_plugins',
        'RABBITMQ_MNESIA_BASE': f'{home}/mnesia',
        'RABBITMQ_LOG_BASE': f'{home}/log',
        'RABBITMQ_PID_FILE': f'{home}/pid',
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': _LOOPBACK,
    }
