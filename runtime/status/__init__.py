"""How a robot is, gathered from its processes, systemd and the machine, each of which may be missing; judged, and put into words."""
