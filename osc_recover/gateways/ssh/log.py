# SPDX-License-Identifier: Apache-2.0
"""paramiko's log, which is for --debug only."""

import logging
from typing import Any

_NAME = 'osc_recover.ssh'


def set_up(transport: Any) -> None:
    """Have a transport log what it does where nobody is disturbed by it."""
    logging.getLogger(_NAME).addFilter(_quietly)
    transport.set_log_channel(_NAME)


def _quietly(record: logging.LogRecord) -> bool:
    # It logs a traceback for what its caller is told anyway.
    record.levelno, record.levelname = logging.DEBUG, 'DEBUG'
    return True
