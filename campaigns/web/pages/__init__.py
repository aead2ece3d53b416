"""Pages for people: server-rendered, with htmx for the live parts."""
