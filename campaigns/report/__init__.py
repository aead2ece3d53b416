"""The campaign as one self-contained HTML file."""
