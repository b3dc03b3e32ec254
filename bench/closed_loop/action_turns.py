"""The action's turns on a virtual clock: on a new foresight at once, otherwise at its rate, as runtime/policy/action_loop.py does."""

from __future__ import annotations

from collections.abc import Callable

from bench.closed_loop.events import Events
from interfaces.messages import ActionChunk, Foresight
from runtime.policy.action_pacer import ActionPacer

Act = Callable[[Foresight | None, int], ActionChunk | None]  # (foresight, now)


class ActionTurns:
    """Acts, and hands over each chunk `action_ns` later."""

    def __init__(
        self,
        events: Events,
        pacer: ActionPacer,
        action_ns: int,
        act: Act,
        hand_over: Callable[[ActionChunk, int], None],
    ) -> None:
        self._events, self._pacer, self._action_ns = events, pacer, action_ns
        self._act, self._hand_over = act, hand_over
        self._foresight: Foresight | None = None
        self._is_fresh = False  # no chunk was made from the foresight
        self._t_free_ns = 0
        self._turn = 0
        self.t_foresight_due_ns = 0  # when the next one is expected, which is then waited for

    def put(self, foresight: Foresight) -> None:
        """Take a new foresight, as it is done."""
        self._foresight, self._is_fresh = foresight, True
        self.look(foresight.t_done_ns)

    def look(self, t_ns: int) -> None:
        """Act now, or look again when it is time."""
        if t_ns < self._t_free_ns:
            return  # there is a look for when it is free
        fresh, turn = self._is_fresh, self._turn
        wait_ns = 0 if fresh else self._pacer.wait_ns(t_ns, self.t_foresight_due_ns)
        if wait_ns > 0:
            self._events.at(t_ns + wait_ns, lambda t_then_ns: self._look_again(turn, t_then_ns))
            return
        self._pacer.begin(t_ns, fresh=fresh)
        self._begin(t_ns)

    def _look_again(self, turn: int, t_ns: int) -> None:
        if turn == self._turn:  # nobody has acted meanwhile
            self.look(t_ns)

    def _begin(self, t_ns: int) -> None:
        self._turn += 1
        turn, self._is_fresh = self._turn, False
        self._t_free_ns = t_ns + self._action_ns
        self._events.at(self._t_free_ns, lambda t_then_ns: self._look_again(turn, t_then_ns))
        chunk = self._act(self._foresight, t_ns)
        if chunk is not None:
            self._events.at(t_ns + self._action_ns, lambda t_now_ns: self._hand_over(chunk, t_now_ns))
