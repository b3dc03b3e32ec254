"""Inside the policy process: what sees, foresees and acts."""
