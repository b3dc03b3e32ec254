"""The results of a study: episodes of many policies, as a file, a table and a picture."""
