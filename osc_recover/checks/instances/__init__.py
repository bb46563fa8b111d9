# SPDX-License-Identifier: Apache-2.0
"""What is right and wrong about one server, and what may be changed."""
