# SPDX-License-Identifier: Apache-2.0
"""The program for hosts as bytes, and the command that starts it there.

The first stage reads a known number of bytes from its stdin into memory and
runs them from there.  What follows on stdin are requests.  Nothing is written
to the host's disk: not even byte code (-B).
"""

import functools
import io
import pathlib
from collections.abc import Iterator

from osc_recover.agent import border

_AGENT = pathlib.Path(border.__file__).parent
# Any date; the same program is the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)

# One line without single quotes, backslashes and exclamation marks, so that
# every login shell takes it.  It must be understood by any Python 3, so that
# an old one can tell its version.
BOOT = (
    'import os,sys;'
    'v=sys.version_info[:3];'
    f'v<{border.OLDEST!r} and (print('
    f'"""{{"magic":"{border.MAGIC}","version":{border.VERSION},'
    '"python":[%d,%d,%d]}"""%v,flush=True),os._exit(0));'
    'n=int(sys.argv[1]);'
    'd=sys.stdin.buffer.read(n);'
    'len(d)==n or os._exit(3);'
    f'f=os.memfd_create("{border.MAGIC}");'
    'os.write(f,d);'
    'sys.path.insert(0,"/proc/self/fd/%d"%f);'
    'from osc_recover.agent import serve;'
    'serve.main()'
)


@functools.cache
def payload() -> bytes:
    """A zip of the program, the same bytes each time."""
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files():
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return content.getvalue()


def command(size: int, *, sudo: bool = False) -> str:
    """The command line that starts it; nothing in it is anybody's input.

    :param size: bytes of the payload
    """
    # UTF-8 whatever the locale: names of files are then the same everywhere.
    python = f"python3 -I -B -S -X utf8 -c '{BOOT}' {size}"
    # sudo must not say in another language that it needs a password.
    return f'exec {"env LC_ALL=C sudo -n -- " if sudo else ""}{python}'


def _files() -> Iterator[tuple[str, bytes]]:
    yield 'osc_recover/__init__.py', b''
    for path in sorted(_AGENT.rglob('*.py')):
        name = path.relative_to(_AGENT).as_posix()
        yield f'osc_recover/agent/{name}', path.read_bytes()
