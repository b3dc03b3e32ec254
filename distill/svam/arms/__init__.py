"""The controlled comparison: policies that differ from S-VAM in one thing each, trained from one finished run."""
