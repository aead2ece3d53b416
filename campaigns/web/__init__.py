"""The campaign in the browser and for the lab's programs: one FastAPI application over any number of campaigns.

Nothing here is imported by `campaigns` itself; `spinscreen serve` loads it when it is asked for.
"""
