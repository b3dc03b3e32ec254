"""What every room may import: messages, configuration, manifests and errors; imports nothing of ours."""
