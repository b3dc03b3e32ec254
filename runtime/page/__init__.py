"""The status page and the metrics of one robot, on loopback, and read-only: no request changes anything."""
