"""The YAM arm in MuJoCo."""
