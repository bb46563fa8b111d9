# SPDX-License-Identifier: Apache-2.0
"""What an operation on a host says when it says no."""

from typing import Any


class Refused(Exception):
    """An operation was not carried out, or not to its end.

    :param code: a word for programs, such as read-only
    :param text: a sentence for people, without the host's name
    :param fields: more facts, as JSON has them
    """

    def __init__(self, code: str, text: str, **fields: Any) -> None:
        super().__init__(text)
        self.code, self.text, self.fields = code, text, fields
