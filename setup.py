# SPDX-License-Identifier: Apache-2.0
"""Everything is in setup.cfg; the version is git's, by way of pbr."""

import os
import subprocess

import setuptools


def version_is_known() -> bool:
    """Whether this is an sdist, or a checkout with a commit in it."""
    if os.path.exists('PKG-INFO'):
        return True
    head = ['git', 'rev-parse', '--quiet', '--verify', 'HEAD']
    try:
        return subprocess.run(head, capture_output=True).returncode == 0
    except OSError:
        return False


# An archive of the tree has no git; pbr would refuse to build it.
if not version_is_known():
    os.environ.setdefault('PBR_VERSION', '0.0.0')

setuptools.setup(setup_requires=['pbr>=6.0.0'], pbr=True)
