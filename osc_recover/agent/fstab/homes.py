# SPDX-License-Identifier: Apache-2.0
"""Who could log in if /home were not mounted."""

from osc_recover.agent import errors, run

# In a mount namespace of its own, which goes when it ends: what is mounted
# over a directory cannot be seen past otherwise.
_LOOK = """
mount --bind / /mnt
for keys in /mnt/home/*/.ssh/authorized_keys; do
    if test -s "$keys"; then echo yes; exit; fi
done
echo no
"""


def keys_below() -> bool:
    """Whether a home on the root disk itself has authorized_keys.

    :raises Refused: when nobody can look there, as without root
    """
    words = ['unshare', '--mount', '--propagation', 'private']
    done = run.run([*words, 'sh', '-euc', _LOOK], timeout=30.0, expect=[0])
    said = done.text.strip()
    if said not in ('yes', 'no'):
        raise errors.Refused(
            'not-understood', f'a look below /home says {said[:200]!r}'
        )
    return said == 'yes'
