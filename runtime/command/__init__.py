"""Inside the command process: what decides, limits and sends."""
