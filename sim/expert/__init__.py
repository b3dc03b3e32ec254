"""The scripted expert, which shows the policy how."""
