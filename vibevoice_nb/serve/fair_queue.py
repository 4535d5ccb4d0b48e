"""Queue that serves its users in turn, however many requests each has in it."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class FairQueue(Generic[_Item]):
    """Queue that takes one item of each user in turn; those of one user in their order.

    Examples
    --------
    >>> queue = FairQueue()
    >>> for user, item in [("anna", "a1"), ("anna", "a2"), ("anna", "a3"), ("ben", "b1")]:
    ...     queue.push(user, item)
    >>> queue.position("b1"), queue.count("anna"), len(queue)
    (2, 3, 4)
    >>> [queue.pop() for _ in range(4)]
    ['a1', 'b1', 'a2', 'a3']
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[_Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __bool__(self) -> bool:
        return bool(self._lines)

    def count(self, user: str) -> int:
        """Return the number of items of a user."""
        return len(self._lines.get(user, ()))

    def push(self, user: str, item: _Item) -> None:
        """Append an item; a user who had none comes after the others."""
        self._lines.setdefault(user, deque()).append(item)

    def peek(self) -> _Item:
        """Return the next item, which stays."""
        return next(iter(self._lines.values()))[0]

    def pop(self) -> _Item:
        """Take the next item; its user comes after all others then."""
        user, line = next(iter(self._lines.items()))
        item = line.popleft()
        if line:
            self._lines.move_to_end(user)
        else:
            del self._lines[user]
        return item

    def remove(self, item: _Item) -> bool:
        """Remove an item, wherever it is; return False if it is not there."""
        for user, line in self._lines.items():
            if item in line:
                line.remove(item)
                if not line:
                    del self._lines[user]
                return True
        return False

    def position(self, item: _Item) -> int:
        """Return the place of an item, from 1, if nothing is added; 0 if it is not there."""
        return {id(other): place for place, other in enumerate(self.order(), 1)}.get(id(item), 0)

    def order(self) -> list[_Item]:
        """Return all items in the order in which they would be taken."""
        lines = [list(line) for line in self._lines.values()]
        longest = max(map(len, lines), default=0)
        return [line[round_] for round_ in range(longest) for line in lines if round_ < len(line)]
