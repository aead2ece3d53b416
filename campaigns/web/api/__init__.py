"""REST under /api: the same campaigns for the lab's programs."""
