# SPDX-License-Identifier: Apache-2.0
"""What is mounted at boot: /etc/fstab, read and changed in place."""
