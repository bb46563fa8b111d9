# SPDX-License-Identifier: Apache-2.0
"""Start a program of Debian's nova: run.py PROGRAM ARGUMENTS…"""

from __future__ import annotations

import importlib
import pathlib
import sys

DOUBLES = pathlib.Path(__file__).resolve().parents[1] / 'cloud/doubles'
MAINS = {
    'nova-api': 'nova.cmd.api_os_compute',
    'nova-compute': 'nova.cmd.compute',
    'nova-conductor': 'nova.cmd.conductor',
    'nova-manage': 'nova.cmd.manage',
    'nova-scheduler': 'nova.cmd.scheduler',
}


def main() -> object:
    # The programs take their own name from argv.
    sys.argv[:2] = [sys.argv[1]]
    module = importlib.import_module(MAINS[sys.argv[0]])
    if sys.argv[0] == 'nova-compute':
        # nova loads drivers from nova.virt only.
        importlib.import_module('nova.virt').__path__.append(str(DOUBLES))
    return module.main()


if __name__ == '__main__':
    sys.exit(main())
