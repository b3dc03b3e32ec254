"""The program on the robot: the policy process and the command process."""
