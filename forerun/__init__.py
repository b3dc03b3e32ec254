"""The front door: the forerun command, one sub-command a file, no logic."""
