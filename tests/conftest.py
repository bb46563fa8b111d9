# SPDX-License-Identifier: Apache-2.0
"""A test that needs what the machine lacks is skipped; never so in CI."""

import os
import signal

import pytest

# A shell has its background jobs ignore ^C, and what they start with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def skips(config: pytest.Config) -> list[pytest.TestReport]:
    """Every report of a test, or of a whole file, that was skipped."""
    reporter = config.pluginmanager.get_plugin('terminalreporter')
    return reporter.stats.get('skipped', []) if reporter else []


def in_ci() -> bool:
    return os.environ.get('CI', '').lower() not in ('', '0', 'false')


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    # pytest's own code for "nothing ran" and for a failure stay as they are.
    ok = session.exitstatus == pytest.ExitCode.OK
    if ok and in_ci() and skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skipped = skips(config)
    if not skipped:
        return
    verdict = ', which is a failure in CI' if in_ci() else ''
    terminalreporter.section(f'{len(skipped)} skipped{verdict}')
    for report in skipped:
        # A skip's longrepr is (file, line, reason).
        reason = report.longrepr[2] if report.longrepr else ''
        terminalreporter.line(f'{report.nodeid}: {reason}')
