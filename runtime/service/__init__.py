"""What a process of ours is to systemd: ready, alive by its progress, and told of in the journal. Without systemd, nothing of it."""
