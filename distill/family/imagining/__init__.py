"""What a policy that is also a model of the world expects for given actions, and which actions it reads out of a video."""
