"""forerun beside the runtimes that users would otherwise pick, in one run on one machine: `python -m bench.peers --help`."""
