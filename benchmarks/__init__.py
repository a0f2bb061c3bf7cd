"""What dispatching costs; see README.md."""
