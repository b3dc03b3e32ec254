"""The records of one robot: kept with their history, shown, moved from one computer to another."""
