# SPDX-License-Identifier: Apache-2.0
"""Start a service that is to find our doubles: run.py SERVICE ARGUMENTS…"""

from __future__ import annotations

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
MAINS = {
    'nova-compute': 'nova.cmd.compute',
    'cinder-volume': 'cinder.cmd.volume',
    'cinder-scheduler': 'cinder.cmd.scheduler',
    'l2-agent': 'tests.cloud.doubles.l2_agent',
}


def main() -> object:
    name = pathlib.Path(sys.argv[1]).name
    sys.path.insert(0, str(HERE.parents[2]))
    # The services take their own name from argv.
    sys.argv[:2] = [name]
    module = importlib.import_module(MAINS[name])
    if name == 'nova-compute':
        # nova loads drivers from nova.virt only.
        importlib.import_module('nova.virt').__path__.append(str(HERE))
    return module.main()


if __name__ == '__main__':
    sys.exit(main())
