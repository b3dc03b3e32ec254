"""The state machine of an emulated drive: controlwords in, states out. Pure.

Source: CiA 402-2 / IEC 61800-7-201, "state machine", transitions 0 to 16, numbered as there.
"""

from __future__ import annotations

from drivers.cia402.protocol import PowerState

S = PowerState
_ENABLED = {S.READY_TO_SWITCH_ON, S.SWITCHED_ON, S.OPERATION_ENABLED}
DISABLE_VOLTAGE, QUICK_STOP, SHUTDOWN, SWITCH_ON, ENABLE_OPERATION = range(5)
_TRANSITIONS = {
    (S.SWITCH_ON_DISABLED, SHUTDOWN): S.READY_TO_SWITCH_ON,  # 2
    (S.READY_TO_SWITCH_ON, SWITCH_ON): S.SWITCHED_ON,  # 3
    (S.SWITCHED_ON, ENABLE_OPERATION): S.OPERATION_ENABLED,  # 4
    (S.OPERATION_ENABLED, SWITCH_ON): S.SWITCHED_ON,  # 5
    (S.SWITCHED_ON, SHUTDOWN): S.READY_TO_SWITCH_ON,  # 6
    (S.READY_TO_SWITCH_ON, DISABLE_VOLTAGE): S.SWITCH_ON_DISABLED,  # 7
    (S.READY_TO_SWITCH_ON, QUICK_STOP): S.SWITCH_ON_DISABLED,  # 7
    (S.OPERATION_ENABLED, SHUTDOWN): S.READY_TO_SWITCH_ON,  # 8
    (S.OPERATION_ENABLED, DISABLE_VOLTAGE): S.SWITCH_ON_DISABLED,  # 9
    (S.SWITCHED_ON, DISABLE_VOLTAGE): S.SWITCH_ON_DISABLED,  # 10
    (S.SWITCHED_ON, QUICK_STOP): S.SWITCH_ON_DISABLED,  # 10
    (S.OPERATION_ENABLED, QUICK_STOP): S.QUICK_STOP_ACTIVE,  # 11
    (S.QUICK_STOP_ACTIVE, DISABLE_VOLTAGE): S.SWITCH_ON_DISABLED,  # 12
    (S.QUICK_STOP_ACTIVE, ENABLE_OPERATION): S.OPERATION_ENABLED,  # 16
}

_BY_ITSELF = {S.NOT_READY_TO_SWITCH_ON: S.SWITCH_ON_DISABLED, S.FAULT_REACTION_ACTIVE: S.FAULT}


def command(controlword: int) -> int:
    """Return the command in bits 0 to 3 of a controlword."""
    if not controlword & 0x02:
        return DISABLE_VOLTAGE
    if not controlword & 0x04:
        return QUICK_STOP
    if not controlword & 0x01:
        return SHUTDOWN
    return ENABLE_OPERATION if controlword & 0x08 else SWITCH_ON


def next_state(state: PowerState, before: int, controlword: int, *, fault_lasts: bool) -> PowerState:
    """Return the state after a controlword, `before` being the one before it: its bit 7 counts when it rises."""
    if state == S.FAULT:
        rises = controlword & 0x80 and not before & 0x80
        return S.SWITCH_ON_DISABLED if rises and not fault_lasts else S.FAULT  # 15
    if controlword & 0x80:
        return state
    return _TRANSITIONS.get((state, command(controlword)), state)


def by_itself(state: PowerState) -> PowerState:
    """Return the state after what needs no command: 1, after power on, and 14, after the reaction to a fault."""
    return _BY_ITSELF.get(state, state)
