# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

CONFTEST = pathlib.Path(__file__).parents[1] / 'conftest.py'
SKIPS = """
import pytest

def test_passes():
    pass

@pytest.mark.skip(reason='no flux here')
def test_skipped():
    pass
"""


def run_pytest(folder, ci):
    environ = {key: os.environ[key] for key in os.environ if key != 'CI'}
    return subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', folder],
        env=environ | ({'CI': ci} if ci is not None else {}),
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize('ci, status', [('true', 1), ('false', 0), (None, 0)])
def test_a_skip_is_a_failure_in_ci_only(tmp_path, ci, status):
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / 'test_flux.py').write_text(SKIPS)
    done = run_pytest(tmp_path, ci)
    assert done.returncode == status
    assert '::test_skipped: Skipped: no flux here' in done.stdout


def test_a_file_skipped_as_a_whole_counts(tmp_path):
    shutil.copy(CONFTEST, tmp_path)
    whole = "import pytest\npytest.skip('no sshd', allow_module_level=True)\n"
    (tmp_path / 'test_whole.py').write_text(whole)
    (tmp_path / 'test_other.py').write_text('def test_it():\n    pass\n')
    done = run_pytest(tmp_path, 'true')
    assert done.returncode == 1
    assert 'no sshd' in done.stdout


def test_nothing_skipped_is_a_success_in_ci(tmp_path):
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / 'test_other.py').write_text('def test_it():\n    pass\n')
    done = run_pytest(tmp_path, 'true')
    assert done.returncode == 0
    assert ' skipped' not in done.stdout
