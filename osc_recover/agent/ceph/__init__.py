# SPDX-License-Identifier: Apache-2.0
"""What Ceph has locked and shut out, as its own programs tell; read only."""
