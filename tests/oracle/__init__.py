# SPDX-License-Identifier: Apache-2.0
"""Nova as the oracle: what two moves of the same server left behind.

A *world* is every row of the databases of nova, placement, neutron and
cinder.  The *share* of a server is what of it is the server's, written so
that two servers that fared alike have equal shares.  What still differs is
in a closed list, each entry with the source that makes it so.
"""
