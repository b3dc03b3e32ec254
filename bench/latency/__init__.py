"""How long the graphs of a policy take on this machine, one engine against another, and what memory they take."""
