"""A result that is changed is a copy; whoever drops it is told."""

from __future__ import annotations

import dis
import logging
import sys

_logger = logging.getLogger(__name__)


def warn_if_dropped(method: str) -> None:
    """Warn where the caller's caller throws the result away: a statement of its own.

    By the next instruction of the code that is running; where that cannot be read, nothing is said.
    """
    try:
        frame = sys._getframe(2)
        following = (
            step.opname
            for step in dis.get_instructions(frame.f_code)
            if step.offset > frame.f_lasti and step.opname != "CACHE"
        )
        is_dropped = next(following, "") == "POP_TOP"
    except (AttributeError, ValueError):
        return
    if is_dropped:
        _logger.warning(
            "%s returns a copy and leaves the result as it is. Keep the copy: u = u.%s(...)",
            method,
            method,
        )
