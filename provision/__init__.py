"""What install.sh does on a robot: shell for the machine, and Python for what follows from the robot file."""
