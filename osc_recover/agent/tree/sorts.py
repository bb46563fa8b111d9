# SPDX-License-Identifier: Apache-2.0
"""What is done with an object, decided once for all of its sort.

There are millions of objects and a few hundred sorts of them.
"""

import operator
import stat
from typing import Callable, Dict, Tuple

EVERY, OWNED, NONE = 'every', 'owned', 'none'
# To be done with an object: ask it for attributes, keep it for its owner,
# go into it, make sure by its path that it is ours to look at.
ASK, WANTED, ENTER, AWAY = 1, 2, 4, 8

Sort = Tuple[int, int, int, int]
_Wanted = Callable[[int, int], bool]

# Taken in one call: each field of a stat_result costs as much as a sort does.
of = operator.itemgetter(stat.ST_MODE, stat.ST_DEV, stat.ST_UID, stat.ST_GID)


class Sorts(Dict[Sort, int]):
    """What is to be done, by ``of(lstat)``.

    :param dev: the file system that is looked at
    :param wanted: whether an object of this uid and gid is
    :param attributes: whose attributes are asked for: those of EVERY object;
        or of what is OWNED, that is wanted by its owner, and of directories;
        or NONE
    """

    def __init__(self, dev: int, wanted: _Wanted, attributes: str) -> None:
        super().__init__()
        self._dev, self._wanted, self._attributes = dev, wanted, attributes

    def __missing__(self, sort: Sort) -> int:
        mode, dev, uid, gid = sort
        todo = WANTED if self._wanted(uid, gid) else 0
        if self._is_asked(mode, bool(todo)):
            todo |= ASK
        if stat.S_ISDIR(mode):
            todo |= ENTER
        if dev != self._dev:
            todo |= AWAY
        self[sort] = todo
        return todo

    def _is_asked(self, mode: int, wanted: bool) -> bool:
        # A symbolic link has no attributes with numbers in them.
        if self._attributes == NONE or stat.S_ISLNK(mode):
            return False
        return self._attributes == EVERY or wanted or stat.S_ISDIR(mode)
