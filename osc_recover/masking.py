# SPDX-License-Identifier: Apache-2.0
"""Our section of clouds.yaml, kept out of the client's own log.

With --debug, the client logs the configuration of the cloud as it has read
it, secure.yaml included.  It masks the passwords that it knows of, and knows
neither URLs of databases nor the options of fence agents.
"""

import logging
import re

# Where the client logs it: osc_lib/shell.py and osc_lib/cli/client_config.py.
_LOGGERS = ('osc_lib.shell', 'osc_lib.cli.client_config')
_SECTION = re.compile(r"""(["'])recover\1: *""")
# A text in quotes, or a bracket; what is between them does not matter.
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[{(]|[\]})]""", re.DOTALL
)


def set_up() -> None:
    """Have the client log no more of the section than that it is there."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_masked)


def without_section(text: str) -> str:
    """A map as Python writes it, without what is in its recover section.

    >>> without_section("{'recover': {'a': ['}']}, 'b': 1}")
    "{'recover': '***', 'b': 1}"
    """
    found = _SECTION.search(text)
    if found is None:
        return text
    rest = without_section(text[_end(text, found.end()) :])
    return f"{text[: found.end()]}'***'{rest}"


def _end(text: str, start: int) -> int:
    """Where the value that begins there ends; the text's end if it does not.

    A value that is no map, list or text is taken for all that follows.
    """
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in '[{(':
            depth += 1
        elif token[0] in ')}]':
            depth -= 1
        if depth <= 0:
            return token.end()
    return len(text)


def _masked(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            without_section(arg) if isinstance(arg, str) else arg
            for arg in record.args
        )
    return True
