"""The flight record: fed by the processes, written by the recorder, read back, replayed."""
